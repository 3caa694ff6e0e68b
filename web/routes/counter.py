"""Redeeming at the counter, on the holder's phone: a code to show, and what became of it."""

from flask import Blueprint, redirect, render_template, url_for
from flask_login import current_user, login_required

from quanbao.lib import account_lock
from quanbao.redemption import checks, counter_codes
from quanbao.redemption.case import case as case_of
from web.auth.access import opened_voucher, voucher_of
from web.context import base_url, now, settings
from web.form_addresses import post_form

routes = Blueprint("counter", __name__)


@post_form(routes, "/vouchers/<code:code>/counter-code", "vouchers.show", voucher_of)
@login_required
def make(code: str):
    """The code itself, once: it stands in no address, so that none is kept in a history or a log."""
    voucher, moment = opened_voucher(code), now()
    if checks.foreseen(case_of(voucher, moment)):
        return redirect(url_for("vouchers.show", code=code), 303)
    shown = counter_codes.new_code(voucher, current_user.row, current_user.token, now=moment, key=settings().secret_key)
    address = f"{base_url()}{url_for('till.find')}#{shown.code}"  # what stands behind # is sent to no server
    return render_template(
        "counter/page.html",
        voucher=voucher,
        shown=shown,
        address=address,
        seconds=int(counter_codes.LIFETIME.total_seconds()),
    )


@routes.errorhandler(account_lock.Overtaken)
def signed_out(overtaken: account_lock.Overtaken):
    """The browser was signed out, or the account changed, a moment ago."""
    return redirect(url_for("wallet.show"), 303)
