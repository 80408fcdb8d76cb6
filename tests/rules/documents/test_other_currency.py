"""A document in another currency than its record is held, unless its amounts are converted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Decision
from rules.program import compile_interpreted, compile_ruleset
from tests.rules.documents.test_currency import NOW, ORDER, OWN, RULES
from tests.rules.one_meaning import in_every_way

BOTH = pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
RINGGIT = 'Currency = "MYR"'
NOT_COMPARED = '    amount   not compared because "Converted at the rate of the day."\n'
AT_A_RATE = {
    "    Total    = total\n": "    Total    = round(total * rate, 0.01)\n",
    "    total     money\n": "    total     money\n    rate      decimal\n",
}
"""Amounts in ringgit, at the rate that the record states."""


def judged(
    made_by: Any,
    own: str = OWN,
    named: str = RINGGIT,
    *,
    texts: dict[str, str] | None = None,
    releases: frozenset[tuple[str, str]] = frozenset(),
    **more: Any,
) -> Decision:
    """Return the decision about an order whose document names this currency."""
    text = RULES.replace("CURRENCY", own).replace("NAMED", named)
    for old, new in (texts or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = made_by(ruleset, hash="h")
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    subject = Subject("order", "shop", ORDER | more, 1)
    (decision,) = in_every_way(
        program, subject, Facts(NOW, releases=releases), world, NOW
    ).decisions
    return decision


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.findings]


@BOTH
def test_a_constant_currency_beside_another_is_held_with_both(made_by: Any) -> None:
    decision = judged(made_by, currency="SGD")
    (finding,) = decision.findings
    assert (finding.code, finding.severity, finding.owner) == ("CUR02", "hold", "accounts")
    assert "SGD 100.00" in finding.message
    assert "RM 100.00" in finding.message
    assert finding.clears.by_people
    assert codes(judged(made_by, currency="MYR")) == []


@BOTH
def test_a_currency_that_no_rule_reads_counts_too(made_by: Any) -> None:
    unread = "note  text  optional"
    assert codes(judged(made_by, own=unread, named="", currency="SGD")) == ["CUR02"]
    assert codes(judged(made_by, own=unread, named=RINGGIT, currency="SGD")) == ["CUR02"]
    for same in ("MYR", "myr ", "RM", "", None):
        assert codes(judged(made_by, own=unread, currency=same)) == []
    assert codes(judged(made_by, own=unread)) == []


@BOTH
def test_the_currency_of_the_record_is_no_other(made_by: Any) -> None:
    assert codes(judged(made_by, named="Currency = currency", currency="SGD")) == []
    assert codes(judged(made_by, named="", currency="SGD")) == []
    assert codes(judged(made_by, named='CurrencyCode = "RM"', currency="MYR")) == []


@BOTH
def test_converted_amounts_are_not_held(made_by: Any) -> None:
    """The rules say that the amount differs on purpose, and it does."""
    texts = {**AT_A_RATE, "    immediately\n": f"    immediately\n{NOT_COMPARED}"}
    assert codes(judged(made_by, texts=texts, currency="SGD", rate="3.45")) == []
    assert codes(judged(made_by, texts=texts, currency="SGD", rate="1")) == ["CUR02"]
    only_said = {"    immediately\n": f"    immediately\n{NOT_COMPARED}"}
    assert codes(judged(made_by, texts=only_said, currency="SGD")) == ["CUR02"]
    unsaid = codes(judged(made_by, texts=AT_A_RATE, currency="SGD", rate="3.45"))
    assert "CUR02" in unsaid


@BOTH
def test_the_owner_may_release_it(made_by: Any) -> None:
    released = frozenset({("books.invoice", "other_currency")})
    assert judged(made_by, currency="SGD", releases=released).state == "ready"


@BOTH
def test_a_word_that_a_map_reads_is_no_currency_of_its_own(made_by: Any) -> None:
    words = """\
map currency_code
    match    exact
    "Ringgit" -> "MYR"
    "SGD"     -> "MYR"
    missing  hold for accounts  say "{key} is not mapped."

post order"""
    texts = {"post order": words}
    named = "Currency = currency_code(currency)"
    assert codes(judged(made_by, named=named, texts=texts, currency="Ringgit")) == []
    assert codes(judged(made_by, named=named, texts=texts, currency="SGD")) == ["CUR02"]


CODES = st.sampled_from(["MYR", "SGD", "USD", "JPY"])


@given(CODES, CODES, st.booleans())
def test_nothing_goes_in_another_currency_unconverted(here: str, there: str, read: bool) -> None:
    own = OWN if read else "note  text  optional"
    decision = judged(compile_ruleset, own=own, named=f'Currency = "{there}"', currency=here)
    assert (decision.state == "ready") is (here == there)
