"""One line a promise: kept, broken, or void, where no control saw the damage; and what was measured."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.proofs import LONG

collect_ignore = [] if LONG else ["test_stalled_neighbour.py"]  # a measurement of some minutes


def pytest_runtest_setup(item: pytest.Item) -> None:
    if mark := item.get_closest_marker("promise"):
        kind = "control" if item.name.startswith("test_control") else "proof"
        item.user_properties += [("promise", mark.args[0]), ("kind", kind)]


@pytest.fixture
def proved(record_property: Callable) -> Callable[[str], None]:
    """`proved("sqlite: 1,000 redemptions of 1,000 vouchers")`: what the promise's line is to say."""
    return lambda fact: record_property("fact", fact)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    promises: dict[str, dict[str, list[str]]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            said = dict(getattr(report, "user_properties", ()))  # a module that cannot be imported has none
            if "promise" in said:
                kept = promises.setdefault(said["promise"], {"fact": [], "proof": [], "control": []})
                kept[said["kind"]].append(outcome)
                kept["fact"] += [value for name, value in report.user_properties if name == "fact"]
    if not promises:
        return
    terminalreporter.section(f"promises, {'long' if LONG else 'short'} form")
    for name, kept in promises.items():
        verdict = _verdict(kept["proof"], kept["control"])
        facts = (f"{times} times {fact}" if times > 1 else fact for fact, times in Counter(kept["fact"]).items())
        terminalreporter.line(f"{verdict:<7} {name}: {'; '.join(facts)}", red=verdict != "kept")


def _verdict(proofs: list[str], controls: list[str]) -> str:
    if "failed" in proofs or "error" in proofs:
        return "BROKEN"
    return "kept" if proofs and controls and set(controls) == {"passed"} else "VOID"
