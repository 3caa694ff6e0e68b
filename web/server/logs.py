"""What the server writes to standard error: a line an event, with the moment in UTC, its weight, what and where.

Faults of ours with their traceback, services that are away, what was refused, and who signed in or typed a wrong
password, by the account's number: `web/errors.py`, `web/auth/sessions.py`, `quanbao/messages/push/sender.py`.
"""

import logging
import time

LINE = "%(asctime)sZ %(levelname)s %(message)s"


def write() -> None:
    """From now on, in this process."""
    form = logging.Formatter(LINE, "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    log = logging.getLogger("quanbao")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
