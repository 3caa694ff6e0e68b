"""What static/forms.js needs of an answer: whether it is ours, where to go next, and who is signed in.

The script sends a form without leaving the page, so it must tell our answers from those of a proxy, and a redirection
may not be followed before it is known that the form was taken: some pages show what they have to show once.
"""

from flask import Flask, Response

from web.auth.sessions import holder
from web.present.answers import ANSWER, is_from_script

NEXT, HOLDER = "X-Next", "X-Holder"


def init_app(app: Flask) -> None:
    app.after_request(tell)


def tell(response: Response) -> Response:
    """Mark the answer as ours; to the script, say where to go instead of sending it there."""
    response.headers.setdefault(ANSWER, "ok" if response.status_code < 500 else "failed")
    if is_from_script() and 300 < response.status_code < 400:
        target = response.headers.pop("Location")
        response.status_code, response.data = 204, b""
        response.headers[NEXT], response.headers[HOLDER] = target, holder() or ""
    return response
