"""Saving a form that may be older than what is saved: it changes what its sender changed, and undoes nothing else.

Of each field there are three values: what the form showed, what was sent, and what is there now. What was sent as it
was shown stays as it is now. What only the sender changed is saved. Where both changed it, differently, the sender
decides: nothing is saved, and they see the other value beside their own.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


class Conflict(Exception):
    """Another member changed the same fields since the form was shown: `there` has what they are now, by name."""

    def __init__(self, there: Values):
        super().__init__(", ".join(there))
        self.there = dict(there)


@dataclass(frozen=True)
class Merged:
    """`values` has the sender's changes in what is there now; `conflicts` what is there now, where both changed it."""

    values: dict[str, Any]
    conflicts: dict[str, Any]


def alike(one: Any, other: Any) -> bool:
    """Whether these are the same to the last character."""
    return one == other


def on_one_line(one: Any, other: Any) -> bool:
    """Whether these are the same in a browser's field of one line, which drops the ends of lines."""
    first, second = (re.sub(r"[\r\n]", "", text).strip() if isinstance(text, str) else text for text in (one, other))
    return first == second


def merge(shown: Values, sent: Values, there: Values, same: Callable[[Any, Any], bool] = alike) -> Merged:
    """What the fields become. A field that is not in `shown` is one whose sender may have seen any value."""
    values, conflicts = dict(there), {}
    for name, value in sent.items():
        untouched = name in shown and same(value, shown[name])
        if untouched or same(value, there[name]):
            continue
        values[name] = value
        if name not in shown or not same(there[name], shown[name]):
            conflicts[name] = there[name]
    return Merged(values, conflicts)


def settle(
    shown: Values | None, sent: Values, there: Values, same: Callable[[Any, Any], bool] = alike
) -> dict[str, Any]:
    """The merged values; raises Conflict. Where `shown` is None, what is there now was shown."""
    merged = merge(there if shown is None else shown, sent, there, same)
    if merged.conflicts:
        raise Conflict(merged.conflicts)
    return merged.values


def toggled(shown: Collection[str], sent: Collection[str], there: Collection[str]) -> set[str]:
    """Ticks, each a choice of its own: what the sender ticked and unticked, in what is ticked now."""
    return (set(there) | (set(sent) - set(shown))) - (set(shown) - set(sent))
