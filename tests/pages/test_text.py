"""What text is, and how people's words stand among ours."""

import unicodedata

import pytest
from markupsafe import Markup

from quanbao.lib.validation import MOST_MARKS, is_stacked, is_text
from quanbao.people.accounts import Refused, email_address
from web.present.formats import isolated, listed

MARK = "\u0301"


@pytest.mark.parametrize(
    "text",
    [
        "Tea",
        "茶",
        "Trà sữa",
        unicodedata.normalize("NFD", "Trà sữa ở Huế"),
        "שָׁלוֹם",
        "བསྒྲུབས",
        "1\ufe0f\u20e3",
        "👨‍👩‍👧‍👦",
        "a" + MARK * MOST_MARKS,
        (MARK * MOST_MARKS + "a") * 9,
    ],
)
def test_letters_bear_the_marks_that_scripts_need(text):
    assert is_text(text, 200)
    assert not is_stacked(text)


@pytest.mark.parametrize("text", ["x" + MARK * (MOST_MARKS + 1), "Tea " + "\u0489" * 40, MARK * 100])
def test_what_would_be_drawn_over_other_lines_is_no_text(text):
    assert not is_text(text, 200)
    with pytest.raises(Refused):
        email_address(f"{text}@example.org")


@pytest.mark.parametrize("text", ["", " ", "\u3000\xa0\t", "\u2800", "\u3164\u3164", "\u1160 \u200d", "\uffa0"])
def test_what_nobody_sees_is_no_text(text):
    assert not is_text(text, 200)
    assert is_text(text + "茶", 200)


def test_peoples_words_are_escaped_and_apart(app):
    with app.test_request_context():
        assert isolated("<b>") == Markup("<bdi>&lt;b&gt;</bdi>")
        assert listed([isolated("a"), isolated("<")]) == Markup("<bdi>a</bdi>, <bdi>&lt;</bdi>")
        assert listed(["a", "<"]) == "a, <"
    with app.test_request_context(headers={"Accept-Language": "zh"}):
        assert listed([isolated("a"), isolated("b")]) == Markup("<bdi>a</bdi>、<bdi>b</bdi>")
