"""Products' pictures: sent by owners, seen by all who have the address."""

from flask import Blueprint, Response, abort, render_template, request
from flask_login import login_required
from werkzeug.exceptions import RequestEntityTooLarge

from models import Merchant, Picture
from quanbao.campaigns import pictures
from web.auth.access import merchant_of
from web.present.messages import PICTURES

routes = Blueprint("pictures", __name__)


@routes.post("/merchants/<slug:merchant>/pictures")
@login_required
def keep(merchant: str):
    """Keep a picture as soon as it is chosen, and show it; a wrong one does not lose the one that was there."""
    of, before, fault = merchant_of(merchant), request.args.get("kept", ""), None
    try:
        sent = request.files.get("picture")
        digest = pictures.keep(of, sent.read() if sent else b"")
    except pictures.Refused as refused:
        fault, status = refused.code, 422
    except RequestEntityTooLarge:
        fault, status = "too_large", 413
    if fault:
        return _field(of, before if pictures.is_kept(of, before) else "", PICTURES[fault]), status
    return _field(of, digest)


def _field(merchant: Merchant, digest: str, fault: str | None = None) -> str:
    return render_template("campaigns/_picture.html", merchant=merchant, digest=digest, fault=fault)


@routes.get("/pictures/<digest:digest>")
def show(digest: str):
    """A picture by the digest of what it holds: a public fact of its campaign, which never changes."""
    found = Picture.select(Picture.content).where(Picture.digest == digest).first()
    if found is None:
        abort(404)
    answer = Response(bytes(found.content), mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
