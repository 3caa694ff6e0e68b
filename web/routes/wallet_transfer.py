"""Moving the wallet to the home screen: a one-time code, shown here, typed there."""

from flask import Blueprint, redirect, render_template, url_for
from flask_login import current_user, login_required

from quanbao.lib import account_lock
from quanbao.people import accounts
from quanbao.redemption import counter_codes
from quanbao.vouchers import wallet_transfer
from web.auth import sessions
from web.auth.access import is_fresh, is_me, not_me
from web.auth.limits import code_limit, own_password_limit
from web.auth.sessions import consumer
from web.context import base_url, now
from web.present import forms

routes = Blueprint("wallet_transfer", __name__)


@routes.get("/move")
@login_required
def show():
    return _page(forms.OwnPassword(formdata=None))


def _page(form: forms.OwnPassword, **more) -> str:
    return render_template("wallet_transfer/page.html", form=form, is_asked=_is_asked(), **more)


def _is_asked() -> bool:
    """A member's code opens a shop's pages for as long as they are used: it is not for who picks up an open phone."""
    return any(not member.disabled_at for member in accounts.memberships(consumer())) and not is_fresh()


@routes.post("/move")
@login_required
@own_password_limit
def make():
    """The code itself, once: it stands in no address, so that none is kept in a history or a log."""
    form = forms.OwnPassword()
    if _is_asked() and not is_me(form.password.data):
        form.password.errors = [not_me()]
        return _page(form), 422
    code = wallet_transfer.new_code(consumer(), now(), current_user.token)
    shown = f"{code[:5]}-{code[5:]}"
    address = f"{base_url()}{url_for('wallet_transfer.enter')}#{shown}"  # what stands behind # is sent to no server
    return _page(form, code=shown, address=address)


@routes.errorhandler(account_lock.Overtaken)
def signed_out(overtaken: account_lock.Overtaken):
    """The browser was signed out, or the account changed, a moment ago."""
    return redirect(url_for("wallet_transfer.show"), 303)


@routes.get("/move/code")
def enter():
    return render_template("wallet_transfer/enter.html", form=forms.TransferCode())


@routes.post("/move/code")
@code_limit
def use():
    form = forms.TransferCode()
    account = wallet_transfer.use(form.code.data or "", now()) if form.validate() else None
    if account is None or not sessions.sign_in(account, confirmed_at=wallet_transfer.LONG_AGO):
        unused = counter_codes.unused(form.code.data or "")
        return render_template("wallet_transfer/enter.html", form=form, wrong=not form.errors, unused=unused), 422
    return redirect(url_for("wallet.show"), 303)
