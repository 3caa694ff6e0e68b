#!/usr/bin/env bash
# Flask-Limiter 4.1.1 with in_memory_fallback_enabled, whose storage is lost.
# Expected: every request that notices the loss is counted in memory and answered, as the first one is.
# Happens: of several requests that notice at the same moment one is answered; the others raise StorageError, a 500 each,
#   since the code that falls back looks at a flag that the first of them has set already, and then raises.
# Seen with Flask-Limiter 4.1.1, limits 5.8.0, Flask 3.1.3, Python 3.11, on 2026-11-30. Exit code 1 where that changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip --quiet --disable-pip-version-check install \
  'flask-limiter==4.1.1' 'limits==5.8.0' 'flask==3.1.3'
"$dir/venv/bin/python" - <<'PY'
import logging
from collections import Counter
from threading import Barrier, Thread

from flask import Flask
from flask_limiter import Limiter
from limits.storage import MemoryStorage

logging.disable(logging.CRITICAL)
AT_ONCE = 8
together = Barrier(AT_ONCE)


class Lost(MemoryStorage):
    """A storage that went away: all requests have asked it before any of them hears that it is gone."""

    STORAGE_SCHEME = ["lost"]

    def __init__(self, uri=None, wrap_exceptions=False, **options):
        super().__init__(wrap_exceptions=True)

    def incr(self, *what, **how):
        together.wait(10)
        raise OSError("the storage is away")

    def check(self):
        return False


app = Flask("shop")
Limiter(lambda: "one", app=app, default_limits=["1000 per minute"], storage_uri="lost://", in_memory_fallback_enabled=True)
app.get("/")(lambda: "hello")
statuses = []
threads = [Thread(target=lambda: statuses.append(app.test_client().get("/").status_code)) for _ in range(AT_ONCE)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
seen = Counter(statuses)
print(f"{AT_ONCE} requests that noticed the loss at once: {dict(seen)}")
raise SystemExit(0 if seen == {200: 1, 500: AT_ONCE - 1} else 1)
PY
