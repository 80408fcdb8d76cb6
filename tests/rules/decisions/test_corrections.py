"""Which fields a person may correct for a finding, and what they may write."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from rules.decisions.corrections import Correctable, Setter, correctable_fields, parse_typed
from rules.outcomes import Finding
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


def correctable(*asked_of: Any) -> list[Correctable]:
    """The fields that somebody may set."""
    return [one for one in correctable_fields(*asked_of) if one.setter is not Setter.NOBODY]


def asked(ruleset: Ruleset, body: dict[str, Any] = BODY, **changes: Any) -> list[Correctable]:
    return list(correctable_fields(ruleset, "order", body, replace(FINDING, **changes)))


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


GAP: dict[str, Any] = {"code": "MIS01", "clears": ITSELF, "rule": "customer"}


def test_T21a_a_blank_is_completed_where_its_field_names_who(ruleset: Ruleset) -> None:
    (customer,) = asked(ruleset, cause_key=CauseKey.parse("field:customer"), **GAP)
    assert (customer.path, customer.setter, customer.role) == (
        "customer",
        Setter.NAMED,
        "sales_admin",
    )
    for amount in ("total", "line.qty", "line.price", "ordered_on"):
        finding: dict[str, Any] = {"cause_key": CauseKey.parse(f"field:{amount}"), **GAP}
        assert paths(ruleset, **finding) == [], f"nobody is named for {amount}"
        found = asked(ruleset, **finding)
        assert found
        assert {one.setter for one in found} == {Setter.NOBODY}
    for closed in ("number", "status", "created_by", "line.pos", "lines", "no_such"):
        assert paths(ruleset, cause_key=CauseKey.parse(f"field:{closed}"), **GAP) == []


def test_T21a_an_amount_is_completed_where_it_is_named(ruleset: Ruleset) -> None:
    named = parse(
        {"s": RULES.replace("    total       money\n", "    total  money completed by accounts\n")}
    )[0]
    finding: dict[str, Any] = {"cause_key": CauseKey.parse("field:total"), **GAP}
    assert [one.role for one in asked(named, **finding)] == ["accounts"]
    unreadable = {**BODY, "total": "19Z.00"}
    assert [one.role for one in asked(named, unreadable, **finding)] == ["accounts"]
    assert paths(ruleset, unreadable, **finding) == []


def test_T21a_a_check_opens_no_blank_that_nobody_is_named_for(ruleset: Ruleset) -> None:
    """Who may release its finding corrects what the source said, and fills nothing in."""
    blank = {**BODY, "total": None}
    assert paths(ruleset, blank) == [
        "lines[0].qty", "lines[0].price", "lines[1].qty", "lines[1].price"
    ]  # fmt: skip
    spaces = {**BODY, "total": "  "}
    assert "total" not in paths(ruleset, spaces)


def test_T21a_a_check_that_clears_by_itself_lets_a_named_blank_be_filled_in() -> None:
    rules = RULES.replace("    total       money\n", "    total  money completed by accounts\n")
    named = parse({"s": rules})[0]
    assert paths(named, {**BODY, "total": None}, clears=ITSELF) == ["total"]
    assert paths(named, BODY, clears=ITSELF) == [], "what the source said stays"
    assert paths(named, {**BODY, "total": None}, clears=NEVER) == []


def test_an_unknown_word_is_open_to_its_owner(ruleset: Ruleset) -> None:
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
    assert parse_typed(fields["total"], " 1250.00 ") == "1250.00"
    assert Decimal(parse_typed(fields["line.qty"], "2.5")) == Decimal("2.5")
    for wrong in ("1,250.00", "RM 5", "", "1e9"):
        with pytest.raises(ValueError, match=r".*"):
            parse_typed(fields["total"], wrong)


def test_a_field_that_keeps_people_from_approving_is_never_set_by_people() -> None:
    rules = RULES.replace("    never    created_by\n", "    never    created_by, customer\n")
    kept = parse({"shop.rules": rules})[0]
    word: dict[str, Any] = {"code": "MAP01", "clears": ITSELF, "rule": "debtor"}
    key = CauseKey.parse("mapping:debtor:C-77")
    assert paths(parse({"shop.rules": RULES})[0], cause_key=key, **word) == ["customer"]
    assert paths(kept, cause_key=key, **word) == []
