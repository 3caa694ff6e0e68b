"""What the demo's first page shows: who one can be, and what to try as each."""

from dataclasses import dataclass

from flask_babel import gettext as _

from quanbao.operations.demo import CAST


@dataclass(frozen=True)
class Role:
    email: str
    merchant: str | None
    title: str
    advice: str
    is_cashier: bool


def cast() -> list[Role]:
    words = {
        "customer": (
            _("A regular customer"),
            _("Open a voucher, press Redeem, and type the redemption password as the cashier would."),
        ),
        "newcomer": (_("A new customer"), _("See what a condition refuses: the birthday cake is for regulars.")),
        "owner": (_("The owner of Lotus Tea"), _("See the figures move after every redemption.")),
        "manager": (_("A manager of Lotus Tea"), _("The same figures, without the owner's rights.")),
        "cashier": (
            _("A cashier of Lotus Tea"),
            _("What was redeemed today, and vouchers redeemed by the code on a customer's phone."),
        ),
    }
    return [Role(person.email, person.merchant, *words[person.role], person.role == "cashier") for person in CAST]
