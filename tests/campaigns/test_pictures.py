"""Pictures: made anew from whatever is sent, with nothing of the sender's in them but what one sees."""

import hashlib
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from models import Picture, Role
from quanbao.campaigns import editing, pictures
from tests.campaigns.test_editing import make
from tests.support.servers import ROOT
from web.request_limits import LARGEST_UPLOAD

CANARY = b"31.2304N-121.4737E"  # where somebody lives
RED, WHITE = (200, 30, 30), (255, 255, 255)


def encoded(picture: Image.Image, kind: str, **more) -> bytes:
    into = BytesIO()
    picture.save(into, kind, **more)
    return into.getvalue()


def red(size: tuple[int, int] = (80, 60), mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", size, RED).convert(mode, palette=Image.Palette.ADAPTIVE)


def seen(sent: bytes) -> Image.Image:
    """The picture that everybody gets for these bytes."""
    content = pictures.made_anew(sent)
    assert content.startswith(b"\xff\xd8\xff")
    assert content.endswith(b"\xff\xd9")
    made = Image.open(BytesIO(content))
    assert (made.format, made.mode) == ("JPEG", "RGB")
    assert max(made.size) <= pictures.LONGEST_SIDE
    made.load()
    return made


def near(color: tuple, wanted: tuple) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(color, wanted, strict=True))


def refusal(sent: bytes) -> str:
    with pytest.raises(pictures.Refused) as caught:
        pictures.made_anew(sent)
    return caught.value.code


# What is taken


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("MPO", "RGB"),
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
    ],
)
def test_what_phones_and_desktops_send_is_taken(kind, mode):
    made = seen(encoded(red(mode=mode), kind))
    assert made.size == (80, 60)
    if mode not in ("L", "1", "LA"):
        assert near(made.getpixel((40, 30)), RED)


def test_sixteen_bits_of_grey_stay_grey():
    made = seen(encoded(Image.new("I;16", (40, 40), 0x8000), "PNG"))
    assert near(made.getpixel((20, 20)), (128, 128, 128))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (1000, 1000), (1001, 1001), (4000, 3000)])
def test_a_picture_is_as_large_as_it_need_be(size):
    made = seen(encoded(red(size), "PNG"))
    factor = min(1, 1000 / max(size))
    assert made.size == (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))])
def test_a_picture_taken_sideways_stands_upright(orientation, corner):
    """One corner is red: where it is to be seen is told by the camera."""
    taken = Image.new("RGB", (64, 32), "white")
    taken.paste(RED, (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        made = seen(encoded(taken, kind, exif=exif))
        assert made.size == ((32, 64) if orientation > 4 else (64, 32))
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            color = made.getpixel((made.width * (1 + 6 * x) // 8, made.height * (1 + 6 * y) // 8))
            assert near(color, RED if (x, y) == corner else WHITE), (kind, x, y)
        assert not made.getexif()


def test_what_is_transparent_lies_on_white():
    for kind in ("PNG", "WEBP"):
        assert near(seen(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), kind)).getpixel((25, 25)), WHITE)
    palette = Image.new("P", (50, 50), 0)
    assert near(seen(encoded(palette, "PNG", transparency=0)).getpixel((25, 25)), WHITE)


@pytest.fixture(scope="module")
def swapped() -> bytes:
    """The profile of a screen whose red lamps are green and whose green ones are red (ICC.1:2022, 7.3)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    rows = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12)}
    red_row, green_row = (slice(rows[name] + 4, rows[name] + 12) for name in (b"rXYZ", b"gXYZ"))
    profile[red_row], profile[green_row] = profile[green_row], profile[red_row]
    return bytes(profile)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB"), ("WEBP", "RGBA")],
)
def test_colours_are_those_that_the_profile_means(swapped, kind, mode):
    made = seen(encoded(red(mode=mode), kind, icc_profile=swapped))
    seen_color = made.getpixel((40, 30))
    assert seen_color[1] > 150 > seen_color[0]
    assert "icc_profile" not in made.info


def test_what_is_transparent_stays_so_in_the_profiles_colours(swapped):
    half = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    half.paste((*RED, 255), (0, 0, 25, 50))
    made = seen(encoded(half, "PNG", icc_profile=swapped))
    assert near(made.getpixel((40, 25)), WHITE)
    assert made.getpixel((8, 25))[1] > 150


def test_a_profile_that_does_not_fit_is_passed_over(swapped):
    assert near(seen(encoded(red(mode="CMYK"), "JPEG", icc_profile=swapped)).getpixel((40, 30)), RED)
    grey = seen(encoded(red(mode="L"), "JPEG", icc_profile=swapped)).getpixel((40, 30))
    assert max(grey) - min(grey) < 12


# What does not survive


def test_nothing_of_the_senders_survives():
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x010E] = exif[0x9286] = CANARY.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 13.0, 49.4), 29: CANARY.decode()})
    text.add_text("Comment", CANARY.decode())
    text.add_itxt("XML:com.adobe.xmp", CANARY.decode())
    more = {"exif": exif, "icc_profile": CANARY * 9}
    for sent in (
        encoded(red(), "JPEG", comment=CANARY, **more),
        encoded(red(), "PNG", pnginfo=text, **more),
        encoded(red(), "WEBP", xmp=CANARY, **more),
    ):
        assert CANARY in sent
        content = pictures.made_anew(sent + b"<script>" + CANARY)
        made = Image.open(BytesIO(content))
        assert CANARY not in content
        assert b"<script>" not in content
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(made.info)
        plain = encoded(red(), Image.open(BytesIO(sent)).format)
        assert content == pictures.made_anew(plain), "only what one sees"


# What is refused

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def chunk(kind: bytes, content: bytes) -> bytes:
    """One of a PNG's."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def claiming(width: int, height: int) -> bytes:
    """A PNG whose head says so; there is next to nothing behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"x",
        SVG,
        b"<!doctype html><h1>Hello</h1>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + b"\0" * 99,
        b"\xff\xd8\xff",
        encoded(red(), "GIF"),
        encoded(red(), "BMP"),
        encoded(red(), "TIFF"),
        encoded(red(), "ICO"),
        encoded(red(), "PPM"),
        encoded(red((300, 300)), "JPEG")[:-400],
        encoded(red((300, 300)), "PNG")[:-40],
        claiming(80, 60),
        claiming(0, 0),
        b"GIF89a" + SVG,
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_what_is_no_picture_is_refused(sent):
    assert refusal(sent) == "not_a_picture"


@pytest.mark.parametrize("size", [(5_000, 5_001), (12_000, 10_000), (20_000, 10_000), (100_000, 100_000)])
def test_what_unfolds_to_too_much_is_refused_by_its_head(size):
    """A photograph of 200 megapixels is a photograph: who sends one hears that it is too large."""
    assert refusal(claiming(*size)) == "too_many_pixels"


def endless() -> Iterator[bytes]:
    """Each of them took seconds for every megabyte of it, or hours."""
    photo = encoded(red(), "JPEG", progressive=True)
    last_scan = photo[photo.rindex(b"\xff\xda") : -2]
    yield photo[:-2] + last_scan * 100 + photo[-2:]
    yield photo[:-2] + (b"\xff\xfe\0\4\xff\xd9" + last_scan) * 100 + photo[-2:]  # an end in a comment is none
    for segment in (b"\xff\xfe\0\4ab", b"\xff\xe1\0\x10Exif\0\0II*\0\x08\0\0\0", b"\xff" * 2000, b"junk" * 500):
        yield photo[:2] + segment * 1001 + photo[2:]
    drawing = encoded(red(), "PNG")
    for kind in (b"IDAT", b"tEXt", b"aaAa"):
        yield drawing[:33] + chunk(kind, b"") * 10_001 + drawing[33:]


@pytest.mark.parametrize("sent", list(endless()))
def test_what_is_made_to_take_hours_is_refused_unread(sent):
    assert refusal(sent) == "not_a_picture"


def test_what_cameras_and_desktops_add_is_none_of_that():
    """A preview in the head, a profile in parts, a film behind the end."""
    exif, film = Image.Exif(), random.Random(1).randbytes(2**23)
    exif[0x010E] = "\xff\xda" * 400
    photo = encoded(red(), "JPEG", progressive=True, exif=exif, icc_profile=b"x" * 10**6, comment=b"\xff\xda" * 400)
    assert seen(photo + film).size == (80, 60)
    assert seen(encoded(Image.effect_noise((900, 900), 99), "PNG")).size == (900, 900)


# What the largest that is taken costs, with every format's most expensive modes
COSTLY = [
    ("PNG", "RGBA", {}),
    ("PNG", "LA", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    ("JPEG", "CMYK", {"progressive": True, "subsampling": 0}),
    ("WEBP", "RGBA", {"lossless": True, "method": 0}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode", "more"), COSTLY)
def test_no_picture_takes_more_than_a_quarter_of_a_gigabyte(kind, mode, more, tmp_path):
    most = pictures.MOST_PIXELS_WEBP if kind == "WEBP" else pictures.MOST_PIXELS
    path = tmp_path / "large"
    path.write_bytes(encoded(Image.new(mode, (5000, most // 5000)), kind, **more))
    script = "import sys; from quanbao.campaigns import pictures; {}pictures.made_anew(open(sys.argv[1], 'rb').read())"
    megabytes = [memory(script.format(part), str(path)) for part in ("sys.exit();", "")]
    assert megabytes[1] - megabytes[0] < 260


def memory(script: str, argument: str) -> float:
    """Megabytes of a process of its own, at the most; one between keeps the memory of the tests out of the sum."""
    between = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", between, script, argument], check=True, capture_output=True, cwd=ROOT)
    return int(said.stdout) / (2**20 if sys.platform == "darwin" else 2**10)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says what is broken
def test_damaged_pictures_are_refused_or_taken():
    """Bytes turned at random, many of them in what the camera wrote; a damage that was found once is kept."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 40
    seeds = [encoded(red(), kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP")]
    dice = random.Random(7)
    for turn in range(6000):
        damaged = bytearray(seeds[turn % 3])
        for _ in range(dice.choice((1, 2, 8))):
            damaged[dice.randrange(min(len(damaged), dice.choice((60, 200, 10**6))))] = dice.choice((0, 1, 255, 127))
        try:
            pictures.made_anew(bytes(damaged))
        except pictures.Refused:
            pass


# Kept, and shown


def test_a_picture_is_kept_once_for_each_merchant(world):
    other = world.make_merchant(slug="other")
    digests = [pictures.keep(merchant, encoded(red(), "PNG")) for merchant in (world.merchant, world.merchant, other)]
    assert len(set(digests)) == 1
    assert Picture.select().count() == 2
    row = Picture.get()
    assert hashlib.sha256(bytes(row.content)).hexdigest().startswith(row.digest)


def test_another_merchants_picture_is_not_ours_to_use(world):
    theirs = pictures.keep(world.make_merchant(slug="other"), encoded(red(), "PNG"))
    with pytest.raises(editing.Refused) as caught:
        make(world, picture=theirs)
    assert set(caught.value.faults) == {"picture"}
    assert make(world, picture=pictures.keep(world.merchant, encoded(red(), "PNG"))).picture == theirs


@pytest.fixture
def kept(small_world) -> str:
    return "/pictures/" + pictures.keep(small_world.merchant, encoded(red(), "PNG"))


@pytest.mark.parametrize("role", [None, Role.OWNER])
def test_a_picture_is_everybodys_and_nothing_but_a_picture(client, small_world, clock, kept, role):
    if role:
        client.sign_in(small_world.member(role=role))
        clock.forward(hours=2)  # a session that slides takes its cookie along, but not with a shared picture
    answer = client._send("GET", kept, {}, {})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.vary
    assert answer.data == bytes(Picture.get().content)


@pytest.mark.parametrize("path", ["0" * 32, "0" * 31, "0" * 33, "F" * 32, "%00" * 32, "..%2f" + "0" * 27])
def test_an_unknown_picture_is_not_there_and_not_remembered(client, kept, path):
    page = client.get(f"/pictures/{path}", status=404)
    assert page.headers["Cache-Control"] == "no-store"


KEEP = "/merchants/lotus/pictures"
CHOSEN = {"headers": {"HX-Request": "true"}, "content_type": "multipart/form-data"}


def test_a_picture_is_kept_as_soon_as_it_is_chosen(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    fragment = client.post(KEEP, {"picture": (BytesIO(encoded(red(), "PNG")), "a.png")}, status=200, **CHOSEN)
    assert fragment.all("input", name="kept_picture", value=Picture.get().digest)
    for sent, named in ((SVG, "a.svg"), (b"", "a.png"), (SVG, "a.png")):
        fragment = client.post(KEEP, {"picture": (BytesIO(sent), named)}, status=422, **CHOSEN)
        assert "JPEG, PNG or WebP" in fragment.text
    client.post(KEEP, {}, status=422, **CHOSEN)
    assert Picture.select().count() == 1


@pytest.mark.parametrize(
    ("sent", "status", "sentence"),
    [
        (SVG, 422, "JPEG, PNG or WebP"),
        (b"j" * LARGEST_UPLOAD, 413, "at most 12 MB"),
        (claiming(9000, 9000), 422, "at most 25 megapixels"),
    ],
)
def test_a_wrong_file_loses_nothing_and_is_told_at_the_field(client, small_world, sent, status, sentence):
    client.sign_in(small_world.member(role=Role.OWNER))
    first = client.post(KEEP, {"picture": (BytesIO(encoded(red(), "PNG")), "a.png")}, status=200, **CHOSEN)
    (field,) = first.all("input", type="file")
    fragment = client.post(field["hx-post"], {"picture": (BytesIO(sent), "a.png")}, status=status, **CHOSEN)
    assert fragment.all("input", name="kept_picture", value=Picture.get().digest)
    assert fragment.all("input", type="file", **{"aria-invalid": "true", "aria-describedby": "picture-error"})
    assert sentence in fragment.text
    assert not fragment.all("h1")
    assert not fragment.all("a")


def test_another_merchants_picture_is_not_shown_as_ours(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    theirs = pictures.keep(small_world.make_merchant(slug="other"), encoded(red(), "PNG"))
    for kept in (theirs, "\0", "../x", "x" * 900):
        fragment = client.post(KEEP, {}, query_string={"kept": kept}, status=422, **CHOSEN)
        assert fragment.all("input", name="kept_picture", value="")
