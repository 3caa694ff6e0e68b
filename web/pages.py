"""What every template may use besides the formats."""

from flask import Flask
from flask_login import current_user

from models import Member, Merchant, Role
from web import qr
from web.messages import KINDS, REASONS, ROLES, STATES, WHY_REVOKED, WHY_ROLLED_BACK, sentences
from web.sessions import holder
from web.sharing import facts_in_words


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(kinds=KINDS, states=STATES, role_names=ROLES, reasons=REASONS, qr=qr.svg,
                                 why_rolled_back=WHY_ROLLED_BACK, why_revoked=WHY_REVOKED,
                                 businesses=businesses, sentences=sentences, holder=holder,
                                 facts_in_words=facts_in_words)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def businesses() -> list[Merchant]:
    """The merchants whose pages the signed-in member may open."""
    if not current_user.is_authenticated:
        return []
    mine = (Member.account == current_user.account) & (Member.role != Role.CASHIER) & Member.disabled_at.is_null()
    return list(Merchant.select().join(Member).where(mine).order_by(Merchant.name))
