from flask import Blueprint, abort

routes = Blueprint("members", __name__)


@routes.get("/merchants/<slug:merchant>/members")
def index(merchant: str):
    abort(404)
