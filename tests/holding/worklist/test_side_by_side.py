"""What goes into which field is read from names and values, never from the sentence of both."""

import pytest

from grammar.text.problem import Span
from holding.access.actors import MASK
from holding.records.story import is_constant
from holding.worklist.side_by_side import Pair, is_named_in, mask_pair, pair_of, sent_sum
from rules.outcomes import Lineage

SPAN = Span("a.rules", 1, 1, 1, 2)


def row(*reads: tuple[str, str], line: int | None = None) -> Lineage:
    return Lineage("Field", line, SPAN, (), "value", "r", reads)


def test_what_a_customer_wrote_is_no_field_of_the_record() -> None:
    told = row(("debtor(customer)", "A; note = B"))
    pair = pair_of(told, ())
    assert (pair.path, pair.value) == ("debtor(customer)", "A; note = B")


def test_the_records_own_field_is_named_before_what_was_made_of_it() -> None:
    reads = (("debtor(customer)", "300-C001"), ("customer", "C-77"))
    assert pair_of(row(*reads), ()).path == "customer"
    assert pair_of(row(), ()).path == "the rules"


@pytest.mark.parametrize("line", [None, 2])
def test_a_personal_value_is_masked_on_a_line_too(line: int | None) -> None:
    pair = pair_of(row(("customer_name", "Aisyah"), line=line), ())
    masked = mask_pair(pair, {"customer_name"})
    assert (masked.value, masked.sent, pair.line) == (MASK, MASK, line)
    assert mask_pair(pair, {"address"}) == pair
    open_to_all = Pair("sku", "TEA-1", "ItemCode", "TEA-1", "", hit=False, line=line)
    assert mask_pair(open_to_all, {"customer_name"}) == open_to_all


def test_a_constant_whose_text_looks_like_a_field_is_one() -> None:
    consts = frozenset({"terms"})
    assert is_constant(row(("terms", "30 days; note = x")), consts)
    assert not is_constant(row(("terms", "1"), ("note", "x")), consts)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("MY-ZERO", True),
        ("ZER", False),
        ("MY-ZERO is", True),
        ("4", False),
        ("30.00", False),
        ("", False),
        (None, False),
        ("(x", False),
    ],
)
def test_a_value_that_the_target_names_is_marked(value: str | None, named: bool) -> None:
    assert is_named_in("Line 4: tax code MY-ZERO is not configured (30.00)", value) is named


@pytest.mark.parametrize(
    ("line", "field", "shown"),
    [(0, "", "2"), (0, "TaxAmount", "1.42"), (0, "Memo", ""), (1, "Memo", "")],
)
def test_a_sum_that_the_target_shows_stands_beside_that_of_the_sent_lines(
    line: int, field: str, shown: str
) -> None:
    content = {"fields": {}, "lines": [{"TaxAmount": "1.02"}, {"TaxAmount": "0.40"}]}
    assert sent_sum(content, line, field) == shown
