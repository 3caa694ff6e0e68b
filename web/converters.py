"""What may stand in an address: anything else is not found before it reaches a database."""

from flask import Flask
from werkzeug.routing import BaseConverter

from quanbao.vouchers.issuing import ALPHABET, LENGTH


class CodeConverter(BaseConverter):
    regex = f"[{ALPHABET}]{{{LENGTH}}}"


class SlugConverter(BaseConverter):
    regex = "[a-z0-9]+(?:-[a-z0-9]+)*"


class TokenConverter(BaseConverter):
    regex = "[A-Za-z0-9_-]{16,64}"


class PosterConverter(BaseConverter):
    """A poster's token, as people type it too."""

    regex = "[0-9A-Za-z]{10,32}"

    def to_python(self, value: str) -> str:
        return value.lower()


class DigestConverter(BaseConverter):
    regex = "[0-9a-f]{32}"


def init_app(app: Flask) -> None:
    app.url_map.converters.update(
        code=CodeConverter, slug=SlugConverter, token=TokenConverter, poster=PosterConverter, digest=DigestConverter
    )
