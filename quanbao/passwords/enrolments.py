"""The secret of an authenticator between the page that shows it and the code that confirms it.

It goes through the browser with all that was entered, sealed for its merchant: nothing is kept here until it is
confirmed.
"""

import base64
import binascii
import json
from datetime import datetime, timedelta

from models import Merchant
from quanbao.passwords import sealing
from quanbao.passwords.shop_passwords import Entered

LIFETIME = timedelta(minutes=10)  # to scan the secret and type one code


def sealed(merchant: Merchant, entered: Entered, secret: str, *, key: str, now: datetime) -> str:
    """The field that carries it."""
    said = {"name": entered.name, "branch": entered.branch, "member": entered.member, "secret": secret}
    said["until"] = (now + LIFETIME).isoformat()
    return base64.urlsafe_b64encode(sealing.seal(json.dumps(said).encode(), _bound(merchant), key)).decode()


def opened(merchant: Merchant, enrolment: str, *, key: str, now: datetime) -> tuple[Entered, str] | None:
    """What was entered, and the secret; none where it is too old, or not ours."""
    try:
        said = json.loads(sealing.unseal(base64.urlsafe_b64decode(enrolment), _bound(merchant), key))
    except (binascii.Error, ValueError, sealing.WrongKey):
        return None
    if datetime.fromisoformat(said["until"]) <= now:
        return None
    return Entered(said["name"], said["branch"], said["member"]), said["secret"]


def _bound(merchant: Merchant) -> bytes:
    return b"enrolment %d" % merchant.id
