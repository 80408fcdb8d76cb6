"""Which fields a person may correct for a finding, and what they may write."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from rules.amendments.corrections import correctable, typed
from rules.outcomes.outcome import Finding
from rules.values.cause_keys import ITSELF, NEVER, CauseKey, Clearing
from tests.holding.shop import RULES, line, order

BODY = order("NS-1", lines=[line(), line(pos=2)])
FINDING = Finding(
    code="CHK01",
    error_class="business_rule",
    rule="adds_up",
    route="aiaccount.sales_invoice",
    severity="hold",
    owner="accounts",
    message="",
    clears=Clearing.by("accounts"),
    cause_key=CauseKey.parse("rule:adds_up"),
    cause_label="",
    would_pass="",
    span=Span("shop.rules", 1, 1, 1, 2),
)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    found, problems = parse({"shop.rules": RULES})
    assert problems == ()
    return found


def paths(ruleset: Ruleset, body: dict[str, Any] = BODY, **changes: Any) -> list[str]:
    finding = replace(FINDING, **changes)
    return [one.path for one in correctable(ruleset, "order", body, finding)]


def test_what_a_releasable_check_looks_at_is_open_through_what_is_worked_out(
    ruleset: Ruleset,
) -> None:
    assert paths(ruleset) == [
        "total", "lines[0].qty", "lines[0].price", "lines[1].qty", "lines[1].price"
    ]  # fmt: skip
    assert paths(ruleset, lines=(2,)) == ["total", "lines[1].qty", "lines[1].price"]


def test_what_only_a_change_of_the_source_clears_is_closed(ruleset: Ruleset) -> None:
    assert paths(ruleset, clears=ITSELF) == []
    assert paths(ruleset, clears=NEVER) == []
    assert paths(ruleset, rule="no_such_check") == []


def test_a_blank_or_unknown_value_is_open_to_its_owner(ruleset: Ruleset) -> None:
    gap: dict[str, Any] = {"code": "MIS01", "clears": ITSELF, "rule": "customer"}
    assert paths(ruleset, cause_key=CauseKey.parse("field:customer"), **gap) == ["customer"]
    assert paths(ruleset, cause_key=CauseKey.parse("field:line.qty"), lines=(1,), **gap) == [
        "lines[0].qty"
    ]
    for closed in ("number", "status", "created_by", "line.pos", "lines", "no_such"):
        assert paths(ruleset, cause_key=CauseKey.parse(f"field:{closed}"), **gap) == []
    word: dict[str, Any] = {"code": "MAP01", "clears": ITSELF, "rule": "item"}
    assert paths(ruleset, cause_key=CauseKey.parse("mapping:item:AB-1"), lines=(2,), **word) == [
        "lines[1].sku"
    ]
    assert paths(ruleset, cause_key=CauseKey.parse("mapping:debtor:C-9"), **word) == ["customer"]
    assert paths(ruleset, cause_key=CauseKey.parse("unit:BAG|TEA-1"), lines=(1,), **word) == [
        "lines[0].uom"
    ]


def test_a_value_is_read_as_its_field(ruleset: Ruleset) -> None:
    fields = {one.name: one.field for one in correctable(ruleset, "order", BODY, FINDING)}
    assert typed(fields["total"], " 1250.00 ") == "1250.00"
    assert Decimal(typed(fields["line.qty"], "2.5")) == Decimal("2.5")
    for wrong in ("1,250.00", "RM 5", "", "1e9"):
        with pytest.raises(ValueError, match=r".*"):
            typed(fields["total"], wrong)
