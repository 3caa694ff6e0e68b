"""Products' pictures: sent by owners, seen by everybody who has the address."""

from flask import Blueprint, Response, abort, render_template, request
from flask_login import login_required

from models import Picture
from quanbao import pictures
from web.access import merchant_of
from web.messages import PICTURES

routes = Blueprint("pictures", __name__)


@routes.post("/merchants/<slug:merchant>/pictures")
@login_required
def keep(merchant: str):
    """Keep a picture as soon as it is chosen, and show it."""
    of, sent = merchant_of(merchant), request.files.get("picture")
    try:
        digest = pictures.keep(of, sent.read() if sent else b"")
    except pictures.Refused as refused:
        before = request.form.get("kept_picture", "")  # a wrong file does not lose the picture that was there
        kept = before if pictures.is_kept(of, before) else ""
        return render_template("campaigns/_picture.html", digest=kept, fault=PICTURES[refused.code]), 422
    return render_template("campaigns/_picture.html", digest=digest, fault=None)


@routes.get("/pictures/<digest:digest>")
def show(digest: str):
    """A picture by the digest of what it holds: a public fact of its campaign, which never changes."""
    found = Picture.select(Picture.content).where(Picture.digest == digest).first()
    if found is None:
        abort(404)
    answer = Response(bytes(found.content), mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
