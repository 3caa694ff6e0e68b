"""What is said of a shop's passwords: the kinds, and what may be wrong with one."""

from flask_babel import lazy_gettext as _

from web.present.messages import Text

# What may be wrong with one of a shop's passwords, by code.
SHOP_PASSWORDS: dict[str, str] = {
    "kind": _("Choose one of the kinds."),
    "name": _("Enter a name of 1 to 100 characters."),
    "twin": _("There is %(about)s already. Give it another name."),
    "twice": _("Your shop has these digits already. Enter others, or nothing."),
    "branch": _("Choose among your branches."),
    "member": _("Choose among your members."),
    "too_many": _("A shop has at most 50 passwords. End one first."),
    "only_password": _("Nothing was changed: %(about)s accepts no other password. Make another one first."),
    "same": _("These are the digits that it has: nothing was changed."),
    "late": _("That took too long, so nothing was made. Begin once more."),
}
PASSWORD_KINDS: dict[str, Text] = {
    "fixed": (_("Fixed digits"), _("Who sees them can redeem until you change them.")),
    "daily": (_("Daily digits"), _("Who sees them can redeem until the end of that day. The till page shows them.")),
    "authenticator": (
        _("Authenticator"),
        _("A code that was used is worth nothing. Who sees one that was not can redeem once, within 90 seconds."),
    ),
    "one-time": (
        _("One-time digits"),
        _("The till page shows them on a tap. Who sees them can redeem once, within 60 seconds, if not used."),
    ),
}
