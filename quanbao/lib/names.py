"""Names that people type, compared as people mean them."""

import unicodedata
from collections.abc import Iterable

# Characters that show nothing: joiners, and what chooses how an emoji is drawn.
UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f"))


def tidy(name: str) -> str:
    """The name as it is kept: composed letters (NFC), one space between its words, none around them."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def folded(name: str) -> str:
    """The same for names that differ only in case, width, composed letters, spaces or unseen characters.

    Unicode's NFKC_Casefold (section 3.13), with spaces and what is not seen left out of the comparison.
    """
    seen = unicodedata.normalize("NFKC", name).translate(UNSEEN).casefold()
    return " ".join(unicodedata.normalize("NFKC", seen).split())


class Spellings:
    """Names that are there already, the earliest first: another spelling of one of them means that one."""

    def __init__(self, names: Iterable[str]):
        self.first: dict[str, str] = {}
        for name in names:
            self.first.setdefault(folded(name), name)

    def of(self, name: str) -> str:
        """The name as it was first spelled; one that is new is kept as it is spelled here."""
        return self.first.setdefault(folded(name), tidy(name))

    def of_all(self, names: Iterable[str]) -> list[str]:
        """Each once, in the order of their first mention."""
        return list(dict.fromkeys(self.of(name) for name in names))


# Addresses

# What Chinese and Japanese keyboards write for ASCII, and their full stops.
WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "。｡"), ".")
# What is copied along from pages and contact lists: unseen, at either end.
MARKS = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
LONGEST_LABEL = 63  # octets (RFC 1035, section 2.3.4)


def narrow(text: str) -> str:
    """The text with full-width letters, digits and signs as ASCII has them."""
    return text if text.isascii() else text.translate(WIDE)


def address(text: str) -> str:
    """An e-mail address as it is compared and kept, whether it can be one or not.

    Case is folded; a host's name is spelled in letters, not in Punycode (RFC 3492), and keeps ß and ς, which are other
    names there than ss and σ (RFC 5894, section 7.2).
    """
    name, at, host = narrow(text).strip().strip(MARKS).strip().rpartition("@")
    host = ".".join(_label(label) for label in host.split("."))
    return unicodedata.normalize("NFC", f"{unicodedata.normalize('NFC', name).casefold()}{at}{host}")


def _label(text: str) -> str:
    text = unicodedata.normalize("NFC", "".join(c.lower() for c in unicodedata.normalize("NFC", text)))
    if not text.startswith("xn--") or not text.isascii() or len(text) > LONGEST_LABEL:
        return text
    try:
        name = text[4:].encode().decode("punycode")
    except UnicodeError:
        return text
    is_name = all(c == "-" or unicodedata.category(c)[0] in "LMN" for c in name)
    return name if is_name and not name.isascii() and _label(name) == name and _punycode(name) == text else text


def _punycode(name: str) -> str:
    return "xn--" + name.encode("punycode").decode()
