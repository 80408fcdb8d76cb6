"""A line of 0 pieces without an amount changes nothing; with an amount it holds its record."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.facts import Facts, Subject
from rules.program import Program, compile_interpreted, compile_ruleset
from tests.rules.kedai import (
    INVOICE,
    NOW,
    TEXT,
    decision,
    findings,
    judge,
    line,
    order,
    program_of,
    world,
)

RULES = TEXT.replace(
    "    pieces    = in_base(line.qty, line.uom, line.sku)\n",
    "    pieces    = in_base(line.qty, line.uom, line.sku)\n"
    "    each_one  = round(line.amount / line.pieces, 0.0001)\n",
    1,
)
RULES = RULES.replace(
    "    UnitPrice       = ",
    "    Remark          = text(line.each_one)\n        UnitPrice       = ",
    1,
)


@cache
def program(made_by: Any = compile_ruleset) -> Program:
    ruleset, problems = parse({"kedai.rules": RULES})
    assert problems == ()
    compiled: Program = made_by(ruleset, hash="")
    return compiled


def with_line(row: dict[str, Any], at: int) -> dict[str, Any]:
    body = order()
    rows = list(body["lines"])
    rows.insert(at, row)
    return order(lines=rows)


empty = st.builds(
    line,
    pos=st.just(9),
    sku=st.sampled_from(["TEA-1", "SOLD-OUT"]),
    uom=st.sampled_from(["PCS", "CTN", "crate"]),
    qty=st.sampled_from(["0", "0.0", "-0", "0.000"]),
    price=st.sampled_from(["5.00", "0.00", "0.01"]),
    discount=st.sampled_from([None, "0.00"]),
)


@pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
@given(empty, st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_an_empty_line_changes_nothing(made_by: Any, row: dict[str, Any], at: int) -> None:
    plain = decision(judge(order(), program=program(made_by)))
    beside = decision(judge(with_line(row, at), program=program(made_by)))
    assert plain.state == beside.state == "ready"
    assert beside.document == plain.document
    assert beside.findings == ()


@pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
@given(empty, st.integers(0, 2), st.integers(1, 99))
@settings(max_examples=25, deadline=None)
def test_an_amount_without_a_quantity_is_held_in_words(
    made_by: Any, row: dict[str, Any], at: int, sen: int
) -> None:
    body = with_line(row | {"discount": f"0.{sen:02d}"}, at)
    found = {one.code: one for one in findings(body, program=program(made_by))}
    held = found["VAL07"]
    assert held.lines == (at + 1,)
    assert held.message.startswith(f"Line {at + 1}: Tea")
    assert "0 pieces" in held.message
    assert not any("divides by zero" in one.message for one in found.values())


def test_an_empty_line_is_left_out_of_the_document() -> None:
    document = decision(judge(with_line(line(pos=9, qty="0"), 2), program=program())).document
    assert document is not None
    assert len(document.lines) == 2


def test_a_record_of_empty_lines_alone_is_held() -> None:
    zero = {"subtotal": "0.00", "tax_total": "0.00", "total": "0.00"}
    body = order(lines=[line(qty="0"), line(pos=2, qty="0")], **zero)
    outcome = decision(judge(body, program=program()), INVOICE)
    assert outcome.state == "held"
    assert "VAL03" in {one.code for one in outcome.findings}


UNSUMMED = TEXT.replace("is_whole(line.pieces)", "line.price / line.qty > 0.00").replace(
    "sum(lines.amount) = subtotal\n    and      sum(lines.tax_due) = tax_total\n    and      ", ""
)
"""Rules that divide by the pieces of a line, and whose checks read no amount of a line."""


def test_a_brief_decision_names_the_amount_of_a_line_as_the_whole_one_does() -> None:
    body = with_line(line(pos=9, qty="0", discount="1.00"), 2) | {"status": "pending"}
    asked = Subject("order", "netshop", body, 1), Facts(NOW), world(), NOW
    engine = program_of(UNSUMMED)
    for outcome in (engine.decision(*asked), engine.evaluate(*asked)):
        (message,) = {f.message for f in outcome.decisions[0].findings if f.code == "EVA01"}
        assert message.startswith("Line 3: Tea, -1.00:")
