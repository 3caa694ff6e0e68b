"""A product's picture: made anew from what was sent, small, without what a camera wrote into it."""

import hashlib
import struct
from io import BytesIO
from threading import Lock

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from database import write_transaction
from models import Merchant, Picture
from quanbao.campaigns.image_bombs import is_endless

FORMATS = ("JPEG", "PNG", "WEBP")  # an SVG is a program, and none of these
MOST_PIXELS = 25_000_000
MOST_PIXELS_WEBP = 12_500_000  # its reader holds four copies of all of them
LONGEST_SIDE = 1000  # pixels
QUALITY = 82

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

_one_at_a_time = Lock()  # a photograph unfolds to two hundred megabytes


class Refused(Exception):
    """These bytes are no picture that we take: `code` is `not_a_picture` or `too_many_pixels`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def keep(merchant: Merchant, sent: bytes) -> str:
    """Keep the picture for the merchant's campaigns; returns its digest. Raises Refused."""
    content = made_anew(sent)
    digest = hashlib.sha256(content).hexdigest()[:32]
    write_transaction(
        lambda: Picture.insert(merchant=merchant, digest=digest, content=content).on_conflict_ignore().execute()
    )
    return digest


def is_kept(merchant: Merchant, digest: str) -> bool:
    """Whether this is the digest of one of the merchant's own pictures."""
    return (
        digest.isalnum()
        and Picture.select().where((Picture.merchant == merchant) & (Picture.digest == digest)).exists()
    )


def made_anew(sent: bytes) -> bytes:
    """A JPEG of at most 1000 pixels a side, upright, with nothing of the sender's but what one sees."""
    if is_endless(sent):
        raise Refused("not_a_picture")
    with _one_at_a_time:
        try:
            with Image.open(BytesIO(sent), formats=FORMATS) as opened:
                picture: Image.Image = opened
                most = MOST_PIXELS_WEBP if picture.format == "WEBP" else MOST_PIXELS
                if picture.width * picture.height > most:
                    raise Refused("too_many_pixels")
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                if picture.mode.startswith("I"):  # 16 bits of grey
                    picture = picture.convert("I").point(lambda grey: grey / 256).convert("L")
                if picture.mode in ("1", "P"):  # made smaller as they are, they would lose lines
                    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
                picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))  # first: what follows makes copies
                return _jpeg(ImageOps.exif_transpose(picture))
        except Image.DecompressionBombError:
            raise Refused("too_many_pixels") from None
        except (
            UnidentifiedImageError,
            OSError,
            ValueError,
            SyntaxError,
            EOFError,
            IndexError,
            KeyError,
            TypeError,
            OverflowError,
            struct.error,
        ):  # what Pillow's readers raise on damage
            raise Refused("not_a_picture") from None


def _jpeg(picture: Image.Image) -> bytes:
    """On white where it lets something shine through."""
    layer = _in_srgb(picture).convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer)
    into = BytesIO()
    flat.save(into, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return into.getvalue()


def _in_srgb(picture: Image.Image) -> Image.Image:
    """In the colours that every screen takes a picture for: its own profile does not survive. One that is broken is
    passed over, as browsers do."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    colors = picture.convert({"L": "L", "LA": "L", "CMYK": "CMYK"}.get(picture.mode, "RGB"))
    try:
        made = ImageCms.profileToProfile(colors, ImageCms.ImageCmsProfile(BytesIO(profile)), SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return picture
    assert made is not None, "it is none only where a picture is changed in place"
    if alpha:
        made.putalpha(alpha)
    return made
