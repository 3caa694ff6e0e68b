"""The tests' own servers, before anything is built on them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support import programs, services


@pytest.mark.postgresql
def test_a_database_is_made_copied_and_dropped(postgres_server):
    with psycopg.connect(postgres_server.create("first")) as connection:
        connection.execute("CREATE TABLE word AS SELECT '券包' AS text")
    connection = psycopg.connect(postgres_server.create("copy", template="first"))
    assert connection.execute("SELECT text, upper('é') FROM word").fetchone() == ("券包", "É")
    for name in ("copy", "first"):
        postgres_server.drop(name)
    with pytest.raises(psycopg.OperationalError, match="terminating connection"):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgres_server.url("first"))


@pytest.mark.redis
def test_redis_answers_and_keeps(redis_server):
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.set("word", "券包")
        assert client.getdel("word").decode() == "券包"


@pytest.mark.browser
def test_the_browser_can_be_started(browser_path):
    answer = subprocess.run([browser_path, "--version"], capture_output=True, text=True, check=True)
    assert "Chrom" in answer.stdout


@pytest.mark.redis
def test_a_killed_session_leaves_no_server_behind(redis_server):
    code = "from tests.support.servers import Redis; print(Redis().folder, flush=True); input()"
    session = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    folder = Path(session.stdout.readline().decode().strip())
    assert folder.is_dir()
    os.kill(session.pid, signal.SIGKILL)
    session.communicate()
    deadline = time.monotonic() + 10
    while folder.exists():
        assert time.monotonic() < deadline, "the keeper still runs"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("find", "packages"),
    [
        (programs.browser_executable, ["chromium"]),
        (programs.redis_program, ["redis-server"]),
        (programs.pgbouncer_program, ["pgbouncer"]),
        (programs.postgres_program, ["postgresql"]),
        (programs.webkit_programs, ["webkit2gtk-driver", "xvfb"]),
        (programs.firefox_executable, ["firefox-esr"]),
    ],
)
def test_a_missing_program_is_told_with_what_to_install(monkeypatch, find, packages):
    monkeypatch.setattr(programs.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(programs, "BROWSER_APPS", ())
    monkeypatch.setattr(programs, "POSTGRES_FOLDERS", ())
    with pytest.raises(programs.Missing) as told:
        find(*["initdb"] if find is programs.postgres_program else [])
    assert f"apt install {' '.join(packages)}" in str(told.value)
    script = (Path(__file__).parents[1] / "system-packages").read_text()
    assert all(f'$missing {package}"' in script for package in packages)


def test_what_is_missing_is_skipped_for_a_person_and_fails_in_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="left out: no browser: apt install chromium"):
        services.leave_out("browser", "apt install chromium")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt install chromium"):
        services.leave_out("browser", "apt install chromium")
