"""The forms that people fill in. What they may hold is judged by the acts; here are names and widths."""

from flask import request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from quanbao.accounts import LONGEST_PASSWORD, Refused
from web.messages import REFUSED_FIELDS

REQUIRED = DataRequired(_("Please fill this in."))


def email_field() -> Field:
    attributes = {"autocomplete": "username", "inputmode": "email", "maxlength": 254}
    return EmailField(_("E-mail"), [REQUIRED, Length(max=254)], render_kw=attributes)


def password_field(autocomplete: str) -> Field:
    attributes = {"autocomplete": autocomplete, "maxlength": LONGEST_PASSWORD}
    return PasswordField(_("Password"), [REQUIRED, Length(max=LONGEST_PASSWORD)], render_kw=attributes)


class Form(FlaskForm):
    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form, formdata):
            """Fields are text: a file that somebody sends under a field's name is not one."""
            return request.form if request.method == "POST" else None


class SignIn(Form):
    email = email_field()
    password = password_field("current-password")


class SignUp(Form):
    email = email_field()
    password = password_field("new-password")


class NewPassword(Form):
    """Signing in by a link, with a new password if wanted."""

    password = PasswordField(
        _("New password"), [Length(max=LONGEST_PASSWORD)],
        description=_("Leave it empty to keep the old one."), render_kw={"autocomplete": "new-password"},
    )


class SetUp(Form):
    """The first owner, merchant and branch of an empty site."""

    email = email_field()
    password = password_field("new-password")
    name = StringField(_("Business"), [REQUIRED], render_kw={"maxlength": 200, "autocomplete": "organization"})
    time_zone = StringField(_("Time zone"), [REQUIRED], render_kw={"list": "time-zones", "autocomplete": "off"})
    currency = StringField(_("Currency"), [REQUIRED], render_kw={"maxlength": 3, "autocapitalize": "characters"})
    branch = StringField(_("Branch"), [REQUIRED], render_kw={"maxlength": 200})
    address = StringField(_("Address"), render_kw={"maxlength": 500, "autocomplete": "street-address"})


def explain(form: FlaskForm, refused: Refused) -> None:
    """Put a refusal of the act beside the field that it names."""
    field = form[refused.field]
    field.errors = [*field.errors, REFUSED_FIELDS[refused.code]]
