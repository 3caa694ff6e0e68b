"""The measurements take from the tests what they need: each can be loaded, and says what it measures."""

from importlib import import_module

import pytest

from bench.__main__ import MEASURES


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_can_be_loaded(name):
    module = import_module(f"bench.{name}")
    assert callable(module.measure)
    assert module.__doc__
