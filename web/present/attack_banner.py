"""What every page of a merchant's says first while a password of theirs is under attack."""

from hashlib import sha256

from flask import Flask, g

from models import Merchant
from quanbao.passwords import attack_alerts, redemption_passwords
from quanbao.passwords.attack_alerts import Alarm
from web.context import now
from web.present.answers import wants_fragment


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        under_attack=under_attack, password_mark=redemption_passwords.mark, wants_fragment=wants_fragment
    )


def under_attack(merchant: Merchant) -> list[Alarm]:
    """The attacks that go on, or what was found of them earlier in this request."""
    return g.alarms if "alarms" in g else attack_alerts.going_on(merchant, now())


def mark(merchant: Merchant) -> str:
    """What changes when `_alarm.html` does; empty while all is quiet. Pages that ask again bring the last one along."""
    shown = [
        (redemption_passwords.mark(alarm.password), [campaign.product for campaign in alarm.campaigns])
        for alarm in under_attack(merchant)
    ]
    return sha256(repr(shown).encode()).hexdigest()[:8] if shown else ""
