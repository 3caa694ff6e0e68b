"""Imports only go down: inside `quanbao/` and `web/` from folder to folder, in the order below."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The one list of allowed directions: a module imports what stands to the right of its own place, and its own place.
ORDER = {
    "quanbao": (
        "operations", "reports", "redemption", "vouchers", "campaigns", "passwords", "merchants", "people", "messages",
        "lib",
    ),
    "web": (
        "__init__", "errors", "form_script", "routes", "template_globals", "auth", "server", "present",
        "form_addresses", "demo", "redirects", "assets", "compression", "converters", "request_limits", "context",
    ),
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Every module, or name of a module, that the file imports, with its dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place(floor: str, name: str) -> str | None:
    """The folder of a module, or the module itself where it stands in the floor; none for another floor."""
    parts = name.split(".")
    if parts[0] != floor:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ORDER[floor] else "__init__"


def upward(root: Path, floor: str) -> list[str]:
    """Every import that goes up, or comes from a place that the list does not have."""
    order, wrong = ORDER[floor], []
    for path in sorted((root / floor).rglob("*.py")):
        inside = path.relative_to(root / floor).with_suffix("")
        here = inside.parts[0]
        if here not in order:
            wrong += [] if floor == "quanbao" and len(inside.parts) == 1 else [f"{path.relative_to(root)} has no place"]
            continue
        for name in sorted(imported(path)):
            there = place(floor, name)
            if there and there != here and order.index(there) < order.index(here):
                wrong.append(f"{path.relative_to(root)} imports {name}")
    return wrong


@pytest.mark.parametrize("floor", ORDER)
def test_imports_go_down_from_folder_to_folder(floor):
    wrong = upward(ROOT, floor)
    assert not wrong, f"move what is needed into a lower folder, or pass it in as an argument: {wrong}"


def test_no_route_imports_a_route():
    routes = (path for path in (ROOT / "web/routes").glob("*.py") if path.name != "__init__.py")
    wrong = [
        f"{path.name} imports {name}" for path in routes for name in imported(path) if name.startswith("web.routes")
    ]
    assert not wrong, f"move what both need into web/present: {wrong}"


def test_control_a_module_in_the_wrong_folder_is_found(tmp_path):
    """A module that reads redemptions and lies among the tools, and one in a folder that the list does not have."""
    for name in ("lib/figures_of_tills.py", "attic/old.py"):
        path = tmp_path / "quanbao" / name
        path.parent.mkdir(parents=True)
        path.write_text("from quanbao.redemption import redeem\n")
    assert upward(tmp_path, "quanbao") == [
        "quanbao/attic/old.py has no place",
        "quanbao/lib/figures_of_tills.py imports quanbao.redemption.redeem",
    ]
