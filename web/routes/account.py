from flask import Blueprint, abort

routes = Blueprint("account", __name__)


@routes.get("/account")
def show():
    abort(404)
