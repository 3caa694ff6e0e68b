from flask import Blueprint, abort

routes = Blueprint("branches", __name__)


@routes.get("/merchants/<slug:merchant>/branches")
def index(merchant: str):
    abort(404)
