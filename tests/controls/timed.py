"""The real application by a clock that a test moves.

The time is what the file named by CLOCK says (ISO 8601), in all processes at once; see `tell`.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from config import from_environment
from web import create_app
from web.server.gateway import Gateway


def tell(file: Path, moment: datetime) -> None:
    """Set the clock of the site that was started with this file; no process ever sees half of it."""
    draft = file.with_suffix(".new")
    draft.write_text(moment.isoformat())
    draft.replace(file)


def clock() -> datetime:
    return datetime.fromisoformat(Path(os.environ["CLOCK"]).read_text()).astimezone(UTC)


def gateway() -> Gateway:
    """The target of the server's processes."""
    return Gateway(create_app(from_environment(), clock=clock))
