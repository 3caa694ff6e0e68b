"""The forms that people fill in. What they may hold is judged by the acts; here are names and widths."""

from datetime import timedelta

from flask import request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length

from models import Audience, ClaimedBy
from quanbao.passwords.redemption_passwords import LONGEST_OVERLAP
from quanbao.people.accounts import LONGEST_PASSWORD, Refused
from web.present.messages import REFUSED_FIELDS
from web.present.poster_messages import CLAIMED_BY

REQUIRED = DataRequired(_("Please fill this in."))
AT_LEAST = _("At least 8 characters.")


def email_field() -> Field:
    attributes = {"autocomplete": "username", "inputmode": "email", "maxlength": 254}
    return EmailField(_("E-mail"), [REQUIRED, Length(max=254)], render_kw=attributes)


def password_field(autocomplete: str, description: str = "") -> Field:
    attributes = {"autocomplete": autocomplete, "maxlength": LONGEST_PASSWORD}
    return PasswordField(
        _("Password"), [REQUIRED, Length(max=LONGEST_PASSWORD)], description=description, render_kw=attributes
    )


class Form(FlaskForm):
    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form, formdata):
            """Fields are text: a file that is sent under a field's name is not one."""
            return request.form if request.method == "POST" else None


class SignIn(Form):
    email = email_field()
    password = password_field("current-password")


class SignUp(Form):
    email = email_field()
    password = password_field("new-password", AT_LEAST)


class NewPassword(Form):
    """Signing in by a link, with a new password if wanted."""

    password = PasswordField(
        _("New password"),
        [Length(max=LONGEST_PASSWORD)],
        description=_("Leave it empty to keep the old one."),
        render_kw={"autocomplete": "new-password"},
    )


class RecoveryWords(Form):
    """What opens an anonymous wallet in another browser."""

    words = StringField(
        _("Recovery words"),
        [REQUIRED, Length(max=200)],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "maxlength": 200},
    )
    end_others = BooleanField(_("Sign out the browsers that it is open in"))


class TransferCode(Form):
    """The one-time code of another browser."""

    code = StringField(
        _("Code"),
        [REQUIRED],
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "maxlength": 30,
        },
    )


class SetUp(Form):
    """The first owner, merchant and branch of an empty site."""

    email = email_field()
    password = password_field("new-password", AT_LEAST)
    name = StringField(
        _("Business"),
        [REQUIRED],
        render_kw={"maxlength": 200, "autocomplete": "organization"},
        description=_("As customers know it; it stands on every voucher."),
    )
    time_zone = StringField(_("Time zone"), [REQUIRED], render_kw={"list": "time-zones", "autocomplete": "off"})
    currency = StringField(
        _("Currency"),
        [REQUIRED],
        render_kw={"maxlength": 3, "autocapitalize": "characters"},
        description=_("Three letters, like CNY. All prices are in it."),
    )
    branch = StringField(
        _("Branch"),
        [REQUIRED],
        render_kw={"maxlength": 200},
        description=_("Your first shop or counter, like: Main Street."),
    )
    address = StringField(_("Address"), render_kw={"maxlength": 500, "autocomplete": "street-address"})


WRONG_PASSWORD = _("That is not the password of your account.")
NO_PASSWORD = _(
    "Your account has no password yet. Sign in by a new link; for ten minutes after that you can do this here."
)


def own_password_field(id: str | None = None) -> Field:
    return PasswordField(
        _("Password"), id=id, render_kw={"autocomplete": "current-password", "maxlength": LONGEST_PASSWORD}
    )


class OwnPassword(Form):
    """The person at this browser shows that the account is theirs."""

    password = own_password_field()


class NewEmail(OwnPassword):
    email = EmailField(
        _("New e-mail"),
        [REQUIRED, Length(max=254)],
        render_kw={"autocomplete": "email", "inputmode": "email", "maxlength": 254},
    )


class OtherPassword(OwnPassword):
    new_password = PasswordField(
        _("New password"),
        [REQUIRED, Length(max=LONGEST_PASSWORD)],
        description=AT_LEAST,
        render_kw={"autocomplete": "new-password", "maxlength": LONGEST_PASSWORD},
    )


class Leave(OwnPassword):
    sure = BooleanField(_("I want to delete my account and all my vouchers"))


class NewRedemptionPassword(Form):
    """The digits that cashiers type from now on; who chooses them shows who they are."""

    password = own_password_field("own-password")  # the page has another form with such a field
    redemption_password = StringField(
        _("New redemption password"),
        description=_("6 to 12 digits. Leave it empty to have one made."),
        render_kw={"inputmode": "numeric", "maxlength": 24, "autocomplete": "off"},
    )

    overlap = StringField(
        _("Hours that the old one stays good"),
        default="0",
        description=_("0 to 24. So that no cashier is left without a password while you tell the new one."),
        render_kw={"inputmode": "numeric", "maxlength": 2, "autocomplete": "off"},
    )


def overlap(text: str | None) -> timedelta | None:
    """How long the old digits stay good; nothing typed is not at all. None where it is not 0 to 24 hours."""
    typed = (text or "0").strip()
    usable = typed.isascii() and typed.isdigit() and len(typed) < 3
    return timedelta(hours=int(typed)) if usable and int(typed) <= LONGEST_OVERLAP else None


class Publish(Form):
    """Whom a campaign's vouchers are for."""

    audience = RadioField(
        validate_choice=False,
        choices=[
            (Audience.ALL, _("All customers")),
            (Audience.GROUPS, _("Groups")),
            (Audience.CUSTOMERS, _("Customers you pick")),
            (Audience.ADDRESSES, _("E-mail addresses")),
        ],
    )
    groups = SelectMultipleField(validate_choice=False)
    addresses = TextAreaField(_("Addresses"), render_kw={"rows": 4, "autocomplete": "off"})
    failures: list = []


def number_field(label, **more) -> Field:
    return StringField(label, render_kw={"inputmode": "numeric", "maxlength": 12, "autocomplete": "off"}, **more)


class NewPoster(Form):
    """A poster of a campaign, and its limits."""

    name = StringField(
        _("Name"),
        description=_("For you alone, like: Window, or Leaflet May."),
        render_kw={"maxlength": 100, "autocomplete": "off"},
    )
    quantity = number_field(_("Vouchers in all"))
    per_day = number_field(_("A day"), description=_("Leave it empty for no limit."))
    per_minute = number_field(_("A minute"), default="30", description=_("Slows down who takes many at once."))
    claimed_by = RadioField(
        _("Who may take one"),
        validate_choice=False,
        default=ClaimedBy.ANYBODY,
        choices=list(CLAIMED_BY.items()),
    )
    at_counter = BooleanField(
        _("Only at the counter"),
        description=_("The till shows a code that changes every half minute; the printed one shows the offer alone."),
    )


class Notifications(Form):
    """What a person wants to be told of, and by whom."""

    events = SelectMultipleField(_("Tell me about"), validate_choice=False)
    merchants = SelectMultipleField(_("From these shops"), validate_choice=False)


def explain(form: FlaskForm, refused: Refused) -> None:
    """Put a refusal of the act beside the field that it names."""
    field = form[refused.field]
    field.errors = [*field.errors, REFUSED_FIELDS[refused.code]]
