"""English and Simplified Chinese: by the switch, else by what the browser prefers. Times follow the region."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, force_locale, get_locale, get_translations
from markupsafe import Markup

LANGUAGES = {"en": "English", "zh": "简体中文"}
TAGS = {"en": "en", "zh": "zh-Hans"}  # BCP 47, for the lang attribute
TAG = re.compile(r"(?P<language>[a-z]{2,3})(-[a-z]{4})?-(?P<territory>[a-z]{2}|\d{3})(-.*)?", re.ASCII | re.IGNORECASE)

# Where the languages spoken most have a clock of 12 hours (CLDR through Babel; a test looks it up again).
TWELVE_HOURS = set(
    re.findall(
        r"\w+",
        """
AE AG AL AR AS AU BB BD BH BM BN BO BS BT CA CL CO CR CU CY DJ DM DO DZ EC EG EH ER ET FJ FM GD GH GM GR GT GU GY HK HN
IN IQ JM JO KH KI KN KP KR KW KY LB LC LR LS LY MH MO MP MR MW MX MY NA NI NZ OM PA PE PG PH PK PR PS PW QA SA SB SD SG
SL SO SS SV SY SZ TC TD TN TO TT TW UM US UY VC VE VG VI VU WS YE ZM
""",
    )
)
# For a territory that CLDR has none for in this language: by whether its clocks go to twelve.
OTHERS = {"en": {True: "en_001", False: "en_150"}, "zh": {True: "zh_Hans_SG", False: "zh_Hans"}}
SCRIPTS = {"zh": "Hans"}


def init_app(app: Flask) -> None:
    Babel(app, default_locale="en", locale_selector=choose)
    app.jinja_env.globals["_"] = text  # Flask-Babel's own looks for the catalogue at each text of a page
    app.jinja_env.globals.update(languages=LANGUAGES, language=language, language_tag=language_tag)


def choose() -> str:
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return chosen
    for tag, quality in request.accept_languages:  # the best first; best_match would put "en" before "zh-CN"
        if quality and (wanted := tag.split("-")[0].lower()) in LANGUAGES:
            return wanted
    return "en"


def language() -> str:
    return locale().language


def locale() -> Locale:
    """The locale of this answer's texts; kept where Flask-Babel has it, so that `force_locale` changes it too."""
    chosen = getattr(g._get_current_object().__dict__.get("_flask_babel"), "babel_locale", None)
    return chosen or get_locale()


def text(source: str, /, **filled: object) -> Markup:
    """A text of a template in the reader's language, with what is filled in escaped."""
    known = _texts[language()]
    if source not in known:
        known[source] = Markup(get_translations().ugettext(source))  # the templates' texts are so many and no more
    return known[source] % filled


_texts: dict[str, dict[str, Markup]] = {tag: {} for tag in LANGUAGES}


def language_tag() -> str:
    return TAGS[language()]


# How times and dates are written


def region() -> Locale:
    """How the reader's region writes dates and times in the language of the texts."""
    spoken = language()
    regions = g.setdefault("regions", {})
    if spoken not in regions:
        regions[spoken] = locale_of(spoken, _territory(spoken) if has_request_context() else None)
    return regions[spoken]


def _territory(spoken: str) -> str | None:
    """The region of this language in what the browser prefers; where it has none there, the first region of all."""
    tags = [found for tag, quality in request.accept_languages if quality and (found := TAG.fullmatch(tag))]
    first = next((tag for tag in tags if tag["language"].lower() == spoken), tags[0] if tags else None)
    return first["territory"].upper() if first else None


@lru_cache(maxsize=1024)
def locale_of(spoken: str, territory: str | None) -> Locale:
    """The locale of a language in a territory, or the nearest that there is."""
    if territory is None:
        return Locale(spoken)
    try:
        return Locale(spoken, territory, SCRIPTS.get(spoken))
    except UnknownLocaleError:
        return Locale.parse(OTHERS[spoken][territory in TWELVE_HOURS])


def goes_to_twelve(locale: Locale) -> bool:
    """Whether clocks have twelve hours there."""
    return "h" in locale.time_formats["short"].pattern


def region_tag() -> str:
    """The region's BCP 47 tag, to be kept for messages."""
    return str(region()).replace("_", "-")


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Texts and times for a reader whose `region_tag` was kept; only in an application context of its own."""
    try:
        spoken = Locale.parse(tag, sep="-")
    except UnknownLocaleError:
        spoken = Locale(tag.partition("-")[0])
    with force_locale(spoken.language):
        g.regions = {spoken.language: spoken}
        yield
