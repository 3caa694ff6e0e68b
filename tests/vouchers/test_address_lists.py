"""Addresses that owners type or send as a file: every line is an address or is told apart, none is lost silently."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanbao.people import accounts
from quanbao.vouchers import address_lists
from quanbao.vouchers.address_lists import LONGEST_SHOWN, MOST_FAILURES, Fault, NotText, Source
from tests.support.factories import LIN

MEI = "mei@example.org"


def told(found: address_lists.Found) -> tuple[list[str], list]:
    """The addresses, and the lines that failed: number and text."""
    return list(found.addresses), [(number, text) for _, number, text, _ in found.failures]


def typed(text: str) -> tuple[list[str], list]:
    return told(address_lists.typed(text))


def sent(content: str | bytes) -> tuple[list[str], list]:
    return told(address_lists.in_file(content.encode() if isinstance(content, str) else content))


# Typed


@pytest.mark.parametrize(
    "text",
    [
        f"{MEI}\n{LIN}",
        f"{MEI}\r\n{LIN}\r\n",
        f"{MEI}\r{LIN}",
        f"{MEI} {LIN}",
        f"{MEI}\t{LIN}",
        f"{MEI},{LIN}",
        f"{MEI}, {LIN},",
        f"{MEI};{LIN}",
        f"  {MEI} ;; {LIN}  ",
        f"{MEI}，{LIN}",
        f"{MEI}；{LIN}",
        f"{MEI}、{LIN}",
        f"{MEI}\u3000{LIN}",
        f"\n\n{MEI}\n\n\n{LIN}\n",
        f"{MEI.upper()}\n{LIN}\n{MEI.title()}",
        f"Mei <{MEI}>, Lin <{LIN}>",
        f"李梅 <{MEI}>\n林 <{LIN}>",
        f'"Li, Mei" <{MEI}>; <{LIN}>',
        f"< {MEI} >\n{LIN}",
        f"Li, Mei <{MEI}>, Lin <{LIN}>",
        f"{MEI}, Lin <{LIN}>",
        f"Mei <{MEI}>, {LIN}",
        f"'{MEI}'; '{LIN}'",
        f"mailto:{MEI}\n{LIN}.",
        f"Mei ({MEI}) and Lin ({LIN})",
        f"To: “Li, Mei” <{MEI}>; Lin [{LIN}]",
        f"李，梅 <{MEI}>、林《{LIN}》",
        f"Li\tMei\t{MEI}\t2026-12-01\nLin\t\t{LIN}\t138.5",
    ],
)
def test_what_sets_typed_addresses_apart(text):
    assert typed(text) == ([MEI, LIN], [])


def test_typed_lines_that_hold_none_are_told_by_their_numbers():
    text = f"{MEI}\nnobody\n\n{LIN}, a@b@c\n@example.org\nmei@\nm\0i@example.org\nNobody <nobody>"
    assert typed(text) == (
        [MEI, LIN],
        [
            (2, "nobody"),
            (4, "a@b@c"),
            (5, "@example.org"),
            (6, "mei@"),
            (7, "m\ufffdi@example.org"),
            (8, "Nobody <nobody>"),
        ],
    )


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("mei.example.org, {}", "mei.example.org"),
        ("{}; mei(at)example.org", "mei(at)example.org"),
        ("mei@, {}", "mei@"),
        ("@example.org {}", "@example.org"),
        ("{} a@b@c", "a@b@c"),
        ("{}, not-an-address", "not-an-address"),
        ("nobody; {}", "nobody"),
        ("林，{}", "林"),
        ("<mei@@example.org>, Lin <{}>", "mei@@example.org"),
    ],
)
def test_what_is_no_address_is_told_beside_one_that_is(line, failed):
    assert typed(line.format(LIN)) in [([LIN], [(1, failed)]), ([LIN], [(1, f"<{failed}>")])]


def test_every_word_that_tried_is_told():
    assert typed(f"a@b@c {LIN} @example.org") == ([LIN], [(1, "a@b@c"), (1, "@example.org")])


def test_each_line_that_failed_says_why():
    lines = ["nobody", "mei@", "@example.org", "a@b@c", "m\0i@example.org", "x" * 250 + "@example.org"]
    reasons = [Fault.MISSING, Fault.HALF, Fault.HALF, Fault.SEVERAL, Fault.ODD, Fault.ODD]
    as_typed, as_sent = (
        address_lists.typed("\n".join(lines)),
        address_lists.in_file("\n".join(["", MEI, *lines]).encode()),
    )
    assert [(source, number, fault) for source, number, _, fault in as_typed.failures] == [
        (Source.TYPED, number, fault) for number, fault in enumerate(reasons, 1)
    ]
    assert [(source, number, fault) for source, number, _, fault in as_sent.failures] == [
        (Source.FILE, number, fault) for number, fault in enumerate(reasons, 3)
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\r\n\t", ",;，；、", "\u2028\u2029"])
def test_nothing_typed_is_nobody_and_no_fault(text):
    assert typed(text) == ([], [])


# Files


@pytest.mark.parametrize(
    "content",
    [
        f"{MEI}\n{LIN}\n",
        f"{MEI}\n{LIN}",
        f"{MEI}\r\n{LIN}\r\n",
        f"{MEI}\r{LIN}\r",
        f"\ufeff{MEI}\n{LIN}\n",
        f"\ufeff\r\n{MEI}\r\n\r\n , \r\n{LIN}",
        f"{MEI},Mei\n{LIN},Lin\n",
        f"Mei;{MEI};1\nLin;{LIN};2\n",
        f"Mei\t{MEI}\nLin\t{LIN}\n",
        f'"{MEI}","Li, Mei"\n"{LIN}","Lin"\n',
        f'"Li ""Mei"" Mei",{MEI}\n"Lin",{LIN}\n',
        f"Mei <{MEI}>\nLin <{LIN}>\n",
        f'"Li, Mei <{MEI}>"\n{LIN}\n',
        f" {MEI} \n\t{LIN}\n",
        f"E-mail\n{MEI}\n{LIN}\n",
        f"Name,Address\nMei,{MEI}\nLin,{LIN}\n",
        f"\ufeffName;E-Mail\r\nMei;{MEI}\r\nLin;{LIN}",
        f"邮箱,姓名\n{MEI},李梅\n{LIN},林\n",
        f"{MEI}\n{LIN}\n{MEI.upper()}\n{LIN.title()}\n",
        f"Name,Mail,Other mail\nMei,{MEI},other@example.org\nLin,,{LIN}\n",
        f"{MEI}, {LIN}",
        f"Recipients\n{MEI}; {LIN}\n",
        f'sep=;\r\nName;Mail\r\n"Li, Mei";{MEI}\r\n"Lin";{LIN}\r\n',
        f"Li, Mei <{MEI}>, Wang, Lin <{LIN}>\n",
        f'Name,Mail\n"Li,\nMei",{MEI}\n"Lin","x\n{LIN}"\n',
        f'Mail,Notes\n{MEI},"two\r\nlines, or\nthree"\n{LIN},\n',
        f'"Li, Mei" <{MEI}>\n"Lin ""the"" 2nd" <{LIN}>\n',
        f'Name;Mail\n5" pipe;{MEI}\n"Lin;{LIN}\n',
        f'"{MEI}\n{LIN}\n',
        f"Name|Mail\nMei|{MEI}\nLin|{LIN}\n",
        f"To: Mei <{MEI}>, Lin <{LIN}>",
        f"First,Last,Handle,E-mail\nMei,Li,@mei,{MEI}\nLin,,,{LIN}\n",
        f"BEGIN:VCARD,EMAIL:{MEI}\nX,EMAIL;TYPE=INTERNET:{LIN}\n",
    ],
)
def test_files_as_spreadsheets_and_people_write_them(content):
    assert sent(content) == ([MEI, LIN], [])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_chinese_names_in_either_encoding(newline):
    rows = ["姓名,邮箱,备注", f"李梅,{MEI},老顾客", f"林𠮷龘,{LIN},", "王五,没有,缺邮箱"]
    expected = [MEI, LIN], [(4, "王五, 没有, 缺邮箱")]
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        assert sent(newline.join(rows).encode(encoding)) == expected, encoding
    assert sent(newline.join(rows).replace("𠮷龘", "").encode("gbk")) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_of_the_west(encoding):
    text = f"Prénom\tCourriel\r\nRené\t{MEI}\r\nZoë, Chloé\t{LIN}\r\nJosé\tnone\r\n"
    assert sent(text.encode(encoding)) == ([MEI, LIN], [(4, "José, none")])


def test_a_row_of_several_lines_is_told_by_its_first():
    content = f'Name,"E-\nmail"\n"Mei\nLi",nobody\nLin,{LIN}\n\n"x\n\ny",z@\n'
    assert sent(content) == ([LIN], [(3, "Mei Li, nobody"), (7, "x  y, z@")])


def test_quotes_that_are_none_swallow_no_line():
    content = f'Name,Mail\n"Mei,nobody\nLin,{LIN}\n5" x,none\n'
    assert sent(content) == ([LIN], [(2, "Mei,nobody"), (4, '5" x, none')])


def test_lines_of_a_file_that_hold_none_are_told_by_their_numbers():
    content = f"Name,Mail\nMei,{MEI}\n\nLin,lin(at)example.org\nNobody,\n,{LIN}\nX,a@b@c\nY,y@\0.org\n"
    assert sent(content) == (
        [MEI, LIN],
        [(4, "Lin, lin(at)example.org"), (5, "Nobody"), (7, "X, a@b@c"), (8, "Y, y@\ufffd.org")],
    )


def test_a_first_line_that_tried_to_be_an_address_is_no_heading():
    assert sent(f"mei@\n{LIN}\n") == ([LIN], [(1, "mei@")])
    assert sent(f"\n{MEI}\nnobody\n") == ([MEI], [(3, "nobody")])


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\r\n\r\n", b",,,\n , \n", b'""\n"",""\n'])
def test_an_empty_file_is_nobody_and_no_fault(content):
    assert sent(content) == ([], [])


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfem",
        b"\xfe\xff\xd8\x00",
        b"caf\xe9,\x01",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"PK\x03\x04" + random.Random(1).randbytes(5000),
        b"mei@example.org\n\x81",
    ],
)
def test_what_is_no_text_is_said_to_be_none(content):
    with pytest.raises(NotText):
        address_lists.in_file(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        f"{MEI}\n".encode("utf-16-le"),
        f"{MEI}\n".encode("utf-16-be"),
        bytes(5000),
        b"\0" + MEI.encode(),
        b'"' + MEI.encode() + b"\0",
        "é@".encode() * 3000,
    ],
)
def test_bytes_that_happen_to_be_text_are_lines_that_failed(content):
    found, failures = sent(content)
    assert found == []
    assert all(len(text) <= LONGEST_SHOWN for _, text in failures)


def test_very_long_lines_fail_like_others():
    long = "x" * 200_000  # more than a cell of Python's csv may have
    found, failures = sent(f"{MEI}\n{long}\n{long}@example.org,y\n{'<' * 200_000}\n{LIN}\n")
    assert found == [MEI, LIN]
    assert [(number, len(text)) for number, text in failures] == [(2, 100), (3, 100), (4, 100)]


@pytest.mark.slow
def test_as_many_as_an_upload_can_hold():
    lines = [f"Customer {n};customer{n}@example.org" for n in range(400_000)]
    lines[1000::1000] = [f"Customer {n};nobody" for n in range(1000, 400_000, 1000)]
    found = address_lists.in_file("\r\n".join(lines).encode("gb18030"))
    assert len(found.addresses) == 400_000 - 399
    assert list(found.addresses)[-1] == "customer399999@example.org"
    assert [number for _, number, _, _ in found.failures] == list(range(1001, 400_001, 1000))


def test_no_more_failures_are_kept_than_anybody_reads():
    found, failures = sent(f"Mail\n{'nobody' * 100}\n" * 3 * MOST_FAILURES + MEI)
    assert (found, len(failures)) == ([MEI], MOST_FAILURES + 1), "one more says that there are more"
    assert {len(text) for _, text in failures} == {4, LONGEST_SHOWN}
    found, failures = typed("nobody\n" * 3 * MOST_FAILURES + MEI)
    assert (found, len(failures)) == ([MEI], MOST_FAILURES + 1)
    both = address_lists.typed("nobody\n" * MOST_FAILURES)
    both.add(address_lists.in_file(b"x@\n" * MOST_FAILURES))
    assert len(both.failures) == MOST_FAILURES + 1


# Whatever comes


def assert_sound(found: address_lists.Found) -> None:
    """Every address is as accounts spell theirs, so that customers are found by it."""
    assert [accounts.email_address(address) for address in found.addresses] == list(found.addresses)
    assert all(number >= 1 and text for _, number, text, _ in found.failures)


def test_half_a_character_is_shown_as_something_that_a_table_takes():
    [(_, _, text, fault)] = address_lists.typed("\ud800@example.org").failures
    assert (text, fault) == ("\ufffd@example.org", Fault.ODD)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"\n" * 3_000_000,
        b"<" + b"@" * 3_000_000,
        b'"@' * 300_000,
        b"," * 3_000_000,
        b"x@y," * 300_000,
        b'"' * 3_000_000,
    ],
)
def test_no_file_takes_long(content):
    """Each takes a fraction of this; what grows with the square of its length would take hours."""
    begun = time.process_time()
    address_lists.in_file(content)
    address_lists.typed(content.decode())
    assert time.process_time() - begun < 30


@pytest.mark.slow
@given(st.text())
def test_whatever_is_typed_is_read(text):
    assert_sound(address_lists.typed(text))


@given(st.binary() | st.text(alphabet=st.sampled_from("a@.;,\t\"'<>\r\n \0茶é\ufeff")).map(str.encode))
def test_whatever_is_sent_is_read_or_no_text(content):
    try:
        assert_sound(address_lists.in_file(content))
    except NotText:
        pass
