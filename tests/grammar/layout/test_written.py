"""Samples and tests as text: what the parser reads back is the same, in the one layout."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar import nodes
from grammar.layout.written import can_be_quoted, format_text, write_test
from grammar.parsing.parser import parse
from grammar.text.problem import Span

STARTERS = Path(__file__).parents[3] / "portal/starters"
SOMEWHERE = Span("", 1, 1, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("starter", ["orders-autocount", "orders-quickbooks", "shopify-autocount"])
def test_every_test_of_a_starter_is_read_back_as_it_is(starter: str) -> None:
    files = {one.name: one.read_text("utf-8") for one in (STARTERS / starter).glob("*.rules")}
    ruleset, _ = parse(files)
    samples = {one.name: one for one in ruleset.samples}
    assert len(ruleset.tests) > 50
    for test in ruleset.tests:
        text = write_test([samples[test.given]], test)
        again, problems = parse({"a.rules": text})
        assert (again.samples, again.tests, problems) == ((samples[test.given],), (test,), ())
        assert format_text(text) == text


@given(st.text(max_size=30))
def test_a_text_that_can_be_quoted_is_read_back_as_it_is(text: str) -> None:
    pair = nodes.Pair("name", nodes.Literal("text", text, SOMEWHERE), SOMEWHERE)
    ruleset, _ = parse({"a.rules": _SHORT})
    (sample,), (test,) = ruleset.samples, ruleset.tests
    sample = nodes.Sample(sample.name, sample.record, sample.at, (pair,), (), (), SOMEWHERE)
    again, problems = parse({"a.rules": write_test([sample], test)})
    if can_be_quoted(text):
        assert (again.samples, problems) == ((sample,), ())


_SHORT = """sample tea of order at 2026-11-20 10:00
    name  = "x"

test "tea"
    given    tea
    expect   ready
"""
