"""A form that is older than what is saved: three values of each field, and every way in which they can differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanbao.lib import merging

VALUES = st.sampled_from([None, 1, 2, "a", "b", [], ["a"]])
FIELDS = st.dictionaries(st.sampled_from("pqr"), st.tuples(VALUES, VALUES, VALUES), min_size=1)


@pytest.mark.parametrize(
    ("shown", "sent", "there", "becomes", "conflicts"),
    [
        (1, 1, 1, 1, {}),
        (1, 1, 2, 2, {}),
        (1, 2, 1, 2, {}),
        (1, 2, 2, 2, {}),
        (1, 2, 3, 2, {"price": 3}),
    ],
)
def test_each_way_in_which_three_values_differ(shown, sent, there, becomes, conflicts):
    found = merging.merge({"price": shown}, {"price": sent}, {"price": there})
    assert (found.values, found.conflicts) == ({"price": becomes}, conflicts)


def test_where_nothing_is_known_of_what_was_shown_every_difference_is_a_conflict():
    found = merging.merge({}, {"price": 18, "terms": ""}, {"price": 25, "terms": ""})
    assert found.conflicts == {"price": 25}


def test_a_conflict_is_raised_with_what_is_there():
    with pytest.raises(merging.Conflict) as caught:
        merging.settle({"price": 18}, {"price": 16}, {"price": 25})
    assert caught.value.there == {"price": 25}
    assert merging.settle(None, {"price": 16}, {"price": 25}) == {"price": 16}


def test_a_field_of_one_line_loses_the_ends_of_lines_in_a_browser():
    shown = {"name": "Main\nStreet"}
    assert merging.merge(shown, {"name": "MainStreet"}, shown, merging.on_one_line).values == shown


@given(fields=FIELDS)
def test_nothing_is_undone_and_nothing_that_was_typed_is_lost(fields):
    shown, sent, there = ({name: values[nth] for name, values in fields.items()} for nth in range(3))
    found = merging.merge(shown, sent, there)
    for name in fields:
        if sent[name] == shown[name]:
            assert (found.values[name], name in found.conflicts) == (there[name], False)
        else:
            assert found.values[name] == sent[name]
            assert (name in found.conflicts) is (there[name] not in (shown[name], sent[name]))


@given(*[st.sets(st.sampled_from("abcde"))] * 3)
def test_each_tick_is_a_choice_of_its_own(shown, sent, there):
    ticked = merging.toggled(shown, sent, there)
    for one in "abcde":
        assert (one in ticked) is ((one in sent) if (one in shown) != (one in sent) else one in there)
