"""Addresses that take a form by POST and have no page of their own.

A refused form's answer stays at such an address, and browsers ask for it again by GET: after a reload in WebKitGTK,
from a bookmark, in a new tab. GET there leads to the page that holds the form, for those who may open that page.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, redirect, request, url_for
from flask_login import login_required
from werkzeug.wrappers import Response

View = Callable[..., Any]
LEADING = "_form"  # at the end of the redirections' endpoints, and of no others


def post_form(routes: Blueprint, rule: str, page: str, right: View | None = None) -> Callable[[View], View]:
    """Register a view for POST, and for GET a redirection to `page`, the endpoint of the page with the form.

    `right` is called with what stands in the address, and aborts for a caller who may not open the page; without it
    the page is open to all. The redirection is an endpoint of its own: the view's name and LEADING.
    """

    def register(view: View) -> View:
        def lead(**address: Any) -> Response:
            if right:
                right(**address)
            (form,) = {frozenset(one.arguments) for one in current_app.url_map.iter_rules(page)}
            target = url_for(page, **{name: value for name, value in address.items() if name in form})
            query = request.query_string.decode("ascii", "replace")
            return redirect(f"{target}?{query}" if query else target, 303)

        routes.post(rule)(view)
        routes.get(rule, endpoint=view.__name__ + LEADING)(login_required(lead) if right else lead)
        return view

    return register


def only_leads(endpoint: str) -> bool:
    """Whether this is one of the redirections, which show nothing themselves."""
    return endpoint.endswith(LEADING)
