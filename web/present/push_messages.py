"""Web push on the web's side: whether it is on, and the sentences of its messages in both languages."""

import time
from collections.abc import Callable
from unicodedata import bidirectional
from urllib.parse import urlsplit

from flask import Flask, current_app
from flask_babel import gettext
from flask_login import current_user

from config import Settings
from models import Campaign, Event, Kind, State
from quanbao.messages.outbox import Notice
from quanbao.messages.push.sender import Postman
from quanbao.messages.push.vapid import Signer, public_key
from quanbao.passwords import attack_alerts
from web.context import now
from web.present.formats import count, first_day, last_day, money
from web.present.languages import language_tag, speaking
from web.present.messages import KINDS
from web.present.states import ENDED_EARLY, STATES

LOCAL = ("localhost", "127.0.0.1", "::1")
TO_THE_LEFT = ("R", "AL")  # what Unicode calls its letters


def init_app(app: Flask) -> None:
    settings = app.extensions["quanbao"]
    app.extensions["push_key"] = public_key(settings.vapid_key) if contact(settings) else ""
    app.jinja_env.globals["push_key"] = push_key


def contact(settings: Settings) -> str | None:
    """Whom push services may write to; none where push is off: no contact is named, and the address is not local."""
    is_local = settings.base_url is None or urlsplit(settings.base_url).hostname in LOCAL
    return settings.contact or ("https://localhost" if is_local else None)


def push_key() -> str:
    """What a signed-in browser subscribes under; empty where push is off or the visitor is signed out."""
    return current_app.extensions["push_key"] if current_user.is_authenticated else ""


def postman(app: Flask) -> Postman | None:
    """What brings the messages out; none where push is off."""
    settings = app.extensions["quanbao"]
    subject = contact(settings)
    if subject is None:
        return None
    return Postman(
        signer=Signer(settings.vapid_key, subject, time.time),
        hosts=settings.push_hosts,
        write=writer(app),
        clock=app.extensions["clock"],
        concerns=attack_alerts.concerns,
    )


def writer(app: Flask) -> Callable[[Notice], tuple[str, str, str]]:
    """What a message says: its title, its body, and the tag of their language."""

    def write(notice: Notice) -> tuple[str, str, str]:
        with app.app_context(), speaking(notice.language):
            return *_sentences(notice), language_tag()

    return write


def apart(words: str) -> str:
    """People's words among ours; written to the left, between isolates, for there is no markup in a message."""
    return f"\u2068{words}\u2069" if any(bidirectional(c) in TO_THE_LEFT for c in words) else words


def _sentences(notice: Notice) -> tuple[str, str]:
    campaign, merchant = notice.campaign, apart(notice.campaign.merchant.name)
    product = apart(campaign.product)
    if notice.event in (Event.REDEEMED, Event.ROLLED_BACK):
        return _of_a_use(notice, product, merchant)
    if notice.event == Event.REVOKED:
        return (
            gettext("%(what)s: %(then)s", what=STATES[State.REVOKED], then=product),
            gettext("%(merchant)s has taken this voucher back.", merchant=merchant),
        )
    if notice.event == Event.PERIOD_CHANGED:
        return _period(campaign, product, merchant)
    if notice.event == Event.TERMS_CHANGED:
        return (
            gettext("New terms: %(product)s", product=product),
            gettext(
                "%(merchant)s has changed what holds for this voucher: open it and read its terms.", merchant=merchant
            ),
        )
    if notice.event == Event.ENDED:
        return (
            gettext("%(what)s: %(then)s", what=ENDED_EARLY, then=product),
            gettext("%(merchant)s has ended this offer.", merchant=merchant),
        )
    if notice.event == Event.UNDER_ATTACK:
        return gettext("Keypads closed: %(product)s", product=product), gettext(
            "%(merchant)s: too many wrong passwords. Change the password and they are open again; until then the till "
            "page takes counter codes.",
            merchant=merchant,
        )
    title = {
        Event.ISSUED: gettext("New: %(product)s", product=product),
        Event.PRICE_CHANGED: gettext("New price: %(product)s", product=product),
        Event.ENDS_SOON: gettext("Ends tomorrow: %(product)s", product=product),
    }[notice.event]
    return title, _worth(campaign)


def _of_a_use(notice: Notice, product: str, merchant: str) -> tuple[str, str]:
    """A redemption, or one that was taken back."""
    assert notice.uses is not None, "it is about a voucher"
    assert notice.uses_left is not None, "it is about a voucher"
    if notice.event == Event.REDEEMED:
        if notice.uses == 1:
            return gettext("Redeemed: %(product)s", product=product), gettext("At %(merchant)s", merchant=merchant)
        return gettext("Redeemed: %(product)s", product=product), gettext(
            "At %(merchant)s; %(left)s of %(uses)s uses left",
            merchant=merchant,
            left=count(notice.uses_left),
            uses=count(notice.uses),
        )
    return gettext("Rolled back: %(product)s", product=product), gettext(
        "By %(merchant)s; %(left)s of %(uses)s uses left",
        merchant=merchant,
        left=count(notice.uses_left),
        uses=count(notice.uses),
    )


def _period(campaign: Campaign, product: str, merchant: str) -> tuple[str, str]:
    """A period that was cut short or begins later."""
    zone = campaign.merchant.zone
    last = last_day(campaign.ends_at, zone)
    if campaign.is_over(now()):
        return gettext("%(what)s: %(then)s", what=ENDED_EARLY, then=product), gettext(
            "%(merchant)s has changed its period: it was good until %(day)s.", merchant=merchant, day=last
        )
    return gettext("New period: %(product)s", product=product), gettext(
        "%(first)s – %(last)s at %(merchant)s", first=first_day(campaign.starts_at, zone), last=last, merchant=merchant
    )


def _worth(campaign: Campaign) -> str:
    merchant = campaign.merchant
    more = {"merchant": apart(merchant.name), "day": last_day(campaign.ends_at, merchant.zone)}
    if campaign.is_exchange:
        return gettext("%(kind)s from %(merchant)s, until %(day)s", kind=str(KINDS[Kind(campaign.kind)]), **more)
    assert campaign.original_price is not None, "a discount has its prices"
    offer = money(campaign.offer_price, merchant) if campaign.offer_price else gettext("Free")
    return gettext(
        "%(offer)s instead of %(original)s at %(merchant)s, until %(day)s",
        offer=offer,
        original=money(campaign.original_price, merchant),
        **more,
    )
