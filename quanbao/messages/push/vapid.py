"""Who we are to push services (RFC 8292): a token for each, signed with the key that browsers subscribed under."""

import base64
import json
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quanbao.messages.push.subscriptions import base64url

REUSED = 11 * 3600  # seconds
GOOD = 12 * 3600  # seconds; push services take at most a day


class Signer:
    """Signs with a P-256 private key in base64url. `epoch` is the time of the world, which the services go by."""

    def __init__(self, private_key: str, contact: str, epoch: Callable[[], float]):
        self.key, self.contact, self.epoch = _private(private_key), contact, epoch
        self.public_key = public_key(private_key)
        self.made: dict[str, tuple[float, str]] = {}

    def authorization(self, service: str) -> str:
        """The header for messages to a push service, by its origin."""
        now = self.epoch()
        since, header = self.made.get(service, (0, ""))
        if not header or not 0 <= now - since < REUSED:
            header = f"vapid t={self._token(service, int(now))}, k={self.public_key}"
            self.made[service] = now, header
        return header

    def _token(self, service: str, now: int) -> str:
        """A JSON Web Token with ES256 (RFC 7518, section 3.4)."""
        parts = {"typ": "JWT", "alg": "ES256"}, {"aud": service, "exp": now + GOOD, "sub": self.contact}
        text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


def public_key(private_key: str) -> str:
    """What browsers subscribe under, in base64url: it belongs to the private key of the settings."""
    point = _private(private_key).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64url(point)


def _private(text: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return ec.derive_private_key(number, ec.SECP256R1())
