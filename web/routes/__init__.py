"""The routes, one blueprint a noun."""

from flask import Flask

from web.routes import (
    account,
    branches,
    campaigns,
    claims,
    counter,
    counter_signs,
    customers,
    demo,
    figures,
    home,
    keeping,
    members,
    passwords,
    pictures,
    poster_offer,
    posters,
    practice,
    publications,
    push,
    redemptions,
    revoking,
    rollbacks,
    set_up,
    sheets,
    shell,
    shop_passwords,
    sign_in,
    till,
    till_vouchers,
    vouchers,
    wallet,
    wallet_transfer,
)

CONSUMERS = (
    home,
    sign_in,
    wallet,
    vouchers,
    redemptions,
    counter,
    claims,
    account,
    keeping,
    counter_signs,
    poster_offer,
    wallet_transfer,
    push,
)
MERCHANTS = (
    set_up,
    campaigns,
    passwords,
    shop_passwords,
    pictures,
    publications,
    posters,
    figures,
    rollbacks,
    revoking,
    customers,
    branches,
    members,
    till,
    till_vouchers,
    sheets,
    practice,
)


def init_app(app: Flask) -> None:
    for module in (*CONSUMERS, *MERCHANTS, shell):
        app.register_blueprint(module.routes)
    if app.extensions["quanbao"].demo:
        app.register_blueprint(demo.routes)
