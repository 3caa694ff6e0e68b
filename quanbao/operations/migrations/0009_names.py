"""Names and addresses as people mean them, merged where they were spelled in two ways; news of periods and terms."""

import json
import unicodedata

from quanbao.operations.table_changes import allow_events

WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "。｡"), ".")
UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f"))
# Tables with addresses, and what else is in a unique key with them.
ADDRESSES = {
    "account": ("email", ()),
    "member": ("address", None),
    "customer": ("address", None),
    "claim": ("address", ("campaign_id",)),
}


def up(migrator, db):
    on_sqlite = type(migrator).__name__ == "SqliteMigrator"
    ask = _asking(db, on_sqlite)
    allow_events(db, "period_changed", "terms_changed")
    spellings = _spellings(ask)
    _merge_groups(ask, spellings)
    for table in ("campaign", "publication"):
        _spell_lists(ask, table, spellings)
    for table, (column, unique_with) in ADDRESSES.items():
        _fold_addresses(ask, on_sqlite, table, column, unique_with)


def _asking(db, on_sqlite):
    def ask(sql, *values):
        return db.execute_sql(sql if on_sqlite else sql.replace("?", "%s"), values)

    return ask


# Groups


def _folded(name):
    seen = unicodedata.normalize("NFKC", name).translate(UNSEEN).casefold()
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _spellings(ask):
    """By merchant and folded name the earliest spelling: that of the first customer, else of the first campaign."""
    found = {}
    inside = ask(
        "SELECT customer.merchant_id, name, MIN(customer_id) FROM customer_group "
        "JOIN customer ON customer.id = customer_id GROUP BY customer.merchant_id, name ORDER BY 3, 2"
    ).fetchall()
    asked = ask("SELECT merchant_id, groups FROM campaign WHERE groups <> '[]' ORDER BY id").fetchall()
    names = [(merchant, name) for merchant, name, _ in inside]
    names += [(merchant, name) for merchant, groups in asked for name in json.loads(groups)]
    for merchant, name in names:
        found.setdefault((merchant, _folded(name)), " ".join(unicodedata.normalize("NFC", name).split()))
    return found


def _merge_groups(ask, spellings):
    names = ask(
        "SELECT DISTINCT customer.merchant_id, name FROM customer_group JOIN customer ON customer.id = customer_id"
    ).fetchall()
    for merchant, name in names:
        spelling = spellings[merchant, _folded(name)]
        if spelling != name:
            ask(
                "INSERT INTO customer_group (customer_id, name) SELECT customer_id, CAST(? AS TEXT) "
                "FROM customer_group JOIN customer ON customer.id = customer_id "
                "WHERE customer.merchant_id = ? AND name = ? ON CONFLICT DO NOTHING",
                spelling,
                merchant,
                name,
            )
            ask(
                "DELETE FROM customer_group WHERE name = ? AND customer_id IN "
                "(SELECT id FROM customer WHERE merchant_id = ?)",
                name,
                merchant,
            )


def _spell_lists(ask, table, spellings):
    """The groups that a campaign asks for, or that a publication goes to."""
    merchants = (
        "SELECT id, merchant_id, groups FROM campaign WHERE groups <> '[]'"
        if table == "campaign"
        else "SELECT publication.id, merchant_id, publication.groups FROM publication "
        "JOIN campaign ON campaign.id = campaign_id WHERE publication.groups <> '[]'"
    )
    for number, merchant, text in ask(merchants).fetchall():
        names = json.loads(text)
        spelled = list(dict.fromkeys(spellings.get((merchant, _folded(name)), name) for name in names))
        if spelled != names:
            ask(
                f"UPDATE {table} SET groups = ? WHERE id = ?",
                json.dumps(spelled, ensure_ascii=False, separators=(",", ":")),
                number,
            )


# Addresses


def _address(text):
    name, at, host = text.translate(WIDE).rpartition("@")
    host = ".".join(_label(label) for label in host.split("."))
    return unicodedata.normalize("NFC", f"{unicodedata.normalize('NFC', name).casefold()}{at}{host}")


def _label(text):
    text = unicodedata.normalize("NFC", "".join(c.lower() for c in unicodedata.normalize("NFC", text)))
    if not text.startswith("xn--") or not text.isascii() or len(text) > 63:
        return text
    try:
        name = text[4:].encode().decode("punycode")
        back = "xn--" + name.encode("punycode").decode()
    except UnicodeError:
        return text
    is_name = all(c == "-" or unicodedata.category(c)[0] in "LMN" for c in name)
    return name if is_name and not name.isascii() and _label(name) == name and back == text else text


def _fold_addresses(ask, on_sqlite, table, column, unique_with):
    """Where another row has the address already, both stay as they are: they may be two people."""
    odd = f"{column} GLOB '*[^ -~]*'" if on_sqlite else f"{column} ~ '[^ -~]'"
    rows = ask(f"SELECT id, {column} FROM {table} WHERE {column} LIKE ? OR {odd}", "%xn--%").fetchall()
    for number, address in rows:
        folded = _address(address)
        if folded == address:
            continue
        change = f"UPDATE {table} SET {column} = ? WHERE id = ?"
        if unique_with is None:
            ask(change, folded, number)
            continue
        same = "".join(f" AND other.{name} = {table}.{name}" for name in unique_with)
        ask(
            f"{change} AND NOT EXISTS (SELECT 1 FROM {table} AS other WHERE other.{column} = ?{same})",
            folded,
            number,
            folded,
        )
