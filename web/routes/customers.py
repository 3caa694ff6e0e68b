from flask import Blueprint, abort

routes = Blueprint("customers", __name__)


@routes.get("/merchants/<slug:merchant>/customers")
def index(merchant: str):
    abort(404)
