"""English and Simplified Chinese: by the switch, else by what the browser prefers."""

from flask import Flask, request, session
from flask_babel import Babel, get_locale

LANGUAGES = {"en": "English", "zh": "简体中文"}
TAGS = {"en": "en", "zh": "zh-Hans"}  # BCP 47, for the lang attribute


def init_app(app: Flask) -> None:
    Babel(app, default_locale="en", locale_selector=choose)
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
    return str(get_locale())


def language_tag() -> str:
    return TAGS[language()]
