"""What every template may use besides the formats."""

from flask import Flask, g
from flask.templating import Environment
from flask_login import current_user

from models import Member, Merchant
from quanbao.vouchers import wallet
from web import redirects
from web.auth.sessions import ask_nobody, holder
from web.present import attack_banner, qr, states
from web.present.in_app import in_app
from web.present.messages import (
    CHECKS,
    FIGURES,
    KINDS,
    REASONS,
    ROLES,
    WHY_REVOKED,
    WHY_ROLLED_BACK,
    sentences,
)
from web.present.password_messages import PASSWORD_KINDS
from web.present.sharing import facts_in_words, period_in_words, worth_in_words


class OneNamespace(Environment):
    """Jinja gives each template a chain of its own globals and these, and copies that chain, entry by entry, each time
    it renders. No template of ours has globals of its own: a plain dictionary is copied at once."""

    def make_globals(self, d):
        return {**self.globals, **d} if d else self.globals


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        kinds=KINDS,
        state_of=states.word,
        state_since=states.since,
        state_in_full=states.in_full,
        uses_of=states.uses,
        campaign_state=states.of_campaign,
        role_names=ROLES,
        password_kinds=PASSWORD_KINDS,
        reasons=REASONS,
        check_names=CHECKS,
        figure_names=FIGURES,
        qr=qr.svg,
        why_rolled_back=WHY_ROLLED_BACK,
        why_revoked=WHY_REVOKED,
        businesses=businesses,
        sentences=sentences,
        holder=holder,
        in_app=in_app,
        facts_in_words=facts_in_words,
        period_in_words=period_in_words,
        worth_in_words=worth_in_words,
        worth=wallet.worth,
    )
    app.jinja_env.filters.update(
        without_query=redirects.without_query, query=redirects.query, without_scheme=redirects.without_scheme
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def businesses() -> list[Member]:
    """Where the signed-in account is a member, merchants with them: they may open its pages, or its till."""
    if "businesses" in g:
        return g.businesses
    if not current_user.is_authenticated:
        return []
    mine = (Member.account == current_user.account) & Member.disabled_at.is_null()
    return list(Member.select(Member, Merchant).join(Merchant).where(mine).order_by(Merchant.name))


def fetch_frame(merchant: Merchant) -> None:
    """Ask now for what the frame of a merchant's page shows: a page made after a commit then needs no database."""
    g.businesses, g.alarms = businesses(), attack_banner.under_attack(merchant)


def ask_no_database() -> None:
    """From now on the frame of this answer's page is made of what is known: the database may be away."""
    ask_nobody()
    g.businesses = g.get("businesses", [])
