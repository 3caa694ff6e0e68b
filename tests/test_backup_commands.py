"""`quanbao backup` and `quanbao restore` as an operator types them."""

from tests.test_cli import data, document, done, problem, write

__all__ = ["data", "document"]  # fixtures


def test_backup_and_restore(data, document, tmp_path):
    done(data, "load", document)
    file = tmp_path / "backup.sqlite3"
    assert "The keys are not in it" in done(data, "backup", file)
    assert "exists already" in problem(data, "backup", file)
    write(data, "DELETE FROM voucher")
    assert "every figure agrees" in done(data, "restore", file)
    assert done(data, "check") == "All figures agree with the ledger.\n"
    assert "no backup" in problem(data, "restore", document)
    elsewhere = tmp_path / "elsewhere"
    assert "password" in problem(elsewhere, "restore", file), "its passwords open with the keys of the first alone"
