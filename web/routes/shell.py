"""What the browser and the operator's tools ask for besides pages."""

import gzip
import json
from functools import cache

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask_babel import gettext

from database import db
from quanbao.operations import migrate
from web import assets
from web.present.languages import language_tag
from zones import RELEASE

routes = Blueprint("shell", __name__)

SHELL = ("app.css", "app.js", "till.js", "wallet.js", "vendor/htmx.min.js", "icons/icon.svg")

SCREENSHOTS = (("narrow", "780x1688"), ("wide", "1280x800"))  # drawn by `make screenshots`


@routes.get("/healthz")
def healthz():
    return jsonify(status="ok")


@routes.get("/readyz")
def readyz():
    """Whether the database answers and is up to date, and the release of the time zone data; the funnel turns the
    database's absence into 503."""
    db.execute_sql("SELECT 1")
    missing = migrate.pending()
    return jsonify(status="behind" if missing else "ok", missing=missing, tzdata=RELEASE), 503 if missing else 200


@routes.get("/till.webmanifest")
def till_manifest() -> Response:
    """The till as an application of its own: a tablet at the counter starts there."""
    return _manifest(
        id="/till",
        name=gettext("Quanbao till"),
        short_name=gettext("Till"),
        lang=language_tag(),
        start_url="/till",
        scope="/",
        display="standalone",
        background_color="#f6f1e7",
        theme_color="#b3261e",
        description=gettext("Today’s redemptions, and counter codes."),
        categories=["business"],
    )


@routes.get("/manifest.webmanifest")
def manifest() -> Response:
    return _manifest(
        id="/",
        name="Quanbao",
        short_name=gettext("Quanbao"),
        lang=language_tag(),
        start_url="/wallet",
        scope="/",
        display="standalone",
        background_color="#f6f1e7",
        theme_color="#b3261e",
        description=gettext("All your vouchers in one place."),
        categories=["shopping", "lifestyle"],
        shortcuts=[
            {
                "name": gettext("Wallet"),
                "url": "/wallet",
                "icons": [{"src": assets.url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"}],
            },
            {
                "name": gettext("Account"),
                "url": "/account",
                "icons": [{"src": assets.url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"}],
            },
        ],
        screenshots=[
            {
                "src": assets.url(f"screenshots/{form}.png"),
                "sizes": size,
                "type": "image/png",
                "form_factor": form,
                "label": gettext("The wallet"),
            }
            for form, size in SCREENSHOTS
        ],
    )


def _manifest(**members) -> Response:
    answer = jsonify(
        **members,
        icons=[
            {"src": assets.url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": assets.url("icons/icon-512.png"), "sizes": "512x512", "type": "image/png"},
            {
                "src": assets.url("icons/maskable-512.png"),
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            },
        ],
    )
    answer.mimetype = "application/manifest+json"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@routes.get("/sw.js")
def service_worker() -> Response:
    """The worker, with what it keeps written above it."""
    plain, small = _worker(url_for("shell.offline"))
    answer = Response(plain, mimetype="text/javascript")
    if request.accept_encodings["gzip"]:
        answer.data, answer.headers["Content-Encoding"] = small, "gzip"
    answer.headers["Cache-Control"] = "no-cache"
    answer.vary.add("Accept-Encoding")
    return answer


@cache
def _worker(offline: str) -> tuple[bytes, bytes]:
    """The script as it is, and compressed."""
    kept = [offline, *map(assets.url, SHELL)]
    script = f"const SHELL = {json.dumps(kept)};\n" + (assets.STATIC / "sw.js").read_text("utf-8")
    return script.encode(), gzip.compress(script.encode(), mtime=0)


@routes.get("/offline")
def offline():
    return render_template("shell/offline.html")
