"""The confirm sheet: a day's numbers and words to print and to tick off, for a shop without a screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, abort, current_app, render_template, request
from flask_babel import gettext
from flask_login import login_required

from models import Branch
from quanbao.merchants import branches
from quanbao.reports import confirm_sheets
from web.auth.access import merchant_of
from web.context import now
from web.present import formats
from web.present.till_entry import NOWHERE

routes = Blueprint("sheets", __name__)

COUNTS = (50, 100, 200, 500)
A_PAGE = 100  # numbers on a page of A4
PAPERS = ("a4", "roll")


@dataclass(frozen=True)
class Asked:
    """What to print. `at` is a branch's slug, or NOWHERE; `first` is the number that the sheet begins with."""

    at: str
    day: date
    first: int
    count: int
    paper: str


@routes.get("/merchants/<slug:merchant>/sheet")
@login_required
def show(merchant: str):
    of = merchant_of(merchant)
    places, days = (
        [place for place in branches.of_merchant(of) if place.closed_at is None],
        confirm_sheets.days(of.day(now())),
    )
    asked, faults = _read(request.args, places, days)
    branch, key = "" if asked.at == NOWHERE else asked.at, current_app.extensions["keys"].receipts
    numbers = range(0) if faults else range(asked.first, min(asked.first + asked.count, confirm_sheets.HIGHEST + 1))
    rows = confirm_sheets.rows(key, of, branch, asked.day, numbers)
    page = render_template(
        "sheets/page.html",
        merchant=of,
        asked=asked,
        faults=faults,
        choices=_choices(places, days),
        first=request.args.get("first", "1"),
        highest=confirm_sheets.HIGHEST,
        given=confirm_sheets.given(of, branch, asked.day),
        place=next((place.name for place in places if place.slug == asked.at), None),
        pages=[rows[start : start + A_PAGE] for start in range(0, len(rows), A_PAGE)],
    )
    return page, 422 if faults else 200


def _choices(places: list[Branch], days: list[date]) -> dict[str, list[tuple[str, str]]]:
    """What each list of the form offers, with its words. Where one branch is open, all is booked there."""
    none = [(NOWHERE, gettext("No branch named"))]
    return {
        "at": [(place.slug, place.name) for place in places] + ([] if len(places) == 1 else none),
        "day": [(day.isoformat(), formats.day(day, style="full")) for day in days],
        "count": [(str(count), formats.count(count)) for count in COUNTS],
        "paper": [("a4", gettext("A4 sheets")), ("roll", gettext("Receipt printer, 80 mm"))],
    }


def _read(sent: Mapping[str, str], places: list[Branch], days: list[date]) -> tuple[Asked, set[str]]:
    """What was asked for, and the fields that are not what they must be; what was left out is the usual."""
    at, first = sent.get("at") or (places[0].slug if places else NOWHERE), sent.get("first", "1").strip()
    if at != NOWHERE and at not in [place.slug for place in places]:
        abort(404)
    day = {day.isoformat(): day for day in days}.get(sent.get("day", days[0].isoformat()))
    number = int(first) if first.isascii() and first.isdigit() and len(first) < 9 else 0
    count = {str(count): count for count in COUNTS}.get(sent.get("count", "100"))
    paper = sent.get("paper", PAPERS[0])
    faults = {
        name
        for name, good in (
            ("day", day),
            ("first", 1 <= number <= confirm_sheets.HIGHEST),
            ("count", count),
            ("paper", paper in PAPERS),
        )
        if not good
    }
    return Asked(at, day or days[0], number, count or COUNTS[1], paper if paper in PAPERS else PAPERS[0]), faults
