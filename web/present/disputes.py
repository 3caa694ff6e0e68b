"""What another member saved since a form was shown, beside what its sender typed: the sender decides.

The rule is in quanbao/lib/merging.py; the tick is the macro `theirs`.
"""

from typing import Any

from flask import request
from flask_babel import gettext


def taken() -> list[str]:
    """The fields in which the sender takes what another saved, instead of what they typed."""
    return request.form.getlist("theirs")


def decided(typed: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """What was sent: a field that is taken is as the form was filled, which is what another saved."""
    return typed | {name: seen[name] for name in taken() if name in typed and name in seen}


def words(value: str) -> str:
    """What stands at the field; `value` is the other's, in words."""
    return gettext("Save again to replace what was saved meanwhile: %(value)s", value=value or gettext("nothing"))
