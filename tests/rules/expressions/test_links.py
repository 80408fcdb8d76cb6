"""Links: other records as a list, in rules, in tests, and in what the store keeps."""

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from grammar.parsing.parser import parse
from rules.facts import Entry, Facts, Subject, TargetState, UnitEntry, World
from rules.outcomes import Outcome
from rules.program import Program, compile_ruleset
from rules.testing.runner import run_tests
from rules.types.symbol_table import Schemas
from tests.rules.one_meaning import in_every_way

FILE = Path(__file__).parents[1] / "depot.rules"
TEXT = FILE.read_text("utf-8")
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
INVOICE = "autocount.invoice"
PERIOD = """
check open_period on order
    require  period = open
    else     hold for accounts
    say      "The period is locked."
    clears   when it passes
"""


@cache
def program_of(text: str = TEXT) -> Program:
    ruleset, problems = parse({"depot.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash="")


def delivery(number: str = "D-1", day: str = "2026-11-18", **changes: Any) -> dict[str, Any]:
    white = {"pos": 1, "of_line": 1, "sku": "WHITE", "uom": "CTN", "qty": "1"}
    blue = {"pos": 2, "of_line": 2, "sku": "BLUE", "uom": "TIN", "qty": "3"}
    body = {"number": number, "order_no": "K-1", "status": "left", "left_on": day}
    return body | {"lines": [white, blue]} | changes


def order(**changes: Any) -> dict[str, Any]:
    white = {"pos": 1, "sku": "WHITE", "uom": "CTN", "qty": "2", "price": "30.00"}
    blue = {"pos": 2, "sku": "BLUE", "uom": "TIN", "qty": "3", "price": "10.00"}
    body = {"number": "K-1", "status": "sent", "ordered_on": "2026-11-16", "buyer": "B-7"}
    return body | {"version": 1, "total": "90.00", "lines": [white, blue]} | changes


def judge(*deliveries: dict[str, Any], text: str = TEXT, **changes: Any) -> Outcome:
    facts = Facts(
        NOW,
        last_editor="mei",
        links={"deliveries": deliveries},
        documents_of_family={"autocount.delivery_order": "D-1"},
    )
    world = _world(program_of(text).ruleset)
    subject = Subject("order", "shop", order(**changes), 1)
    return in_every_way(program_of(text), subject, facts, world, NOW)


def _world(ruleset: Any, locked_through: date | None = None) -> World:
    maps = {"debtor": {"B-7": Entry(1, "300-B7")}}
    units = {r.unit: _unit(r) for r in ruleset.units[0].rows}
    targets = {"autocount": TargetState(known=True, locked_through=locked_through)}
    return World.build(1, maps, units, targets)


def _unit(row: Any) -> UnitEntry:
    return UnitEntry(9, int(row.base_count), int(row.count), row.base_unit)


def operand(outcome: Outcome, rule: str, name: str, line: int | None = None) -> str:
    verdicts = [v for v in outcome.verdicts if v.rule == rule and v.line == line]
    return dict(verdicts[0].operands)[name]


def codes(outcome: Outcome) -> dict[str, str]:
    return {f.code: f.message for d in outcome.decisions for f in d.findings}


def test_the_linked_lines_are_summed_by_the_key_of_the_line() -> None:
    outcome = judge(delivery(), delivery("D-2", lines=[delivery()["lines"][0]]))
    assert operand(outcome, "not_too_much", "line.gone", 1) == "12"
    assert operand(outcome, "not_too_much", "line.gone", 2) == "3"
    assert operand(outcome, "few_trips", "count(deliveries)") == "2"


def test_a_link_leaves_out_what_its_where_and_its_key_leave_out() -> None:
    outcome = judge(delivery(), delivery("D-2", status="loading"), delivery("D-3", order_no="K-2"))
    assert operand(outcome, "few_trips", "count(deliveries)") == "1"


def test_an_empty_link_is_an_empty_list() -> None:
    outcome = judge()
    assert operand(outcome, "not_too_much", "line.gone", 1) == "0"
    assert operand(outcome, "few_trips", "count(deliveries)") == "0"


def test_the_latest_is_that_of_the_latest_day_whatever_the_order() -> None:
    text = TEXT.replace("require  count(deliveries) < 3", "require  last_out < 2026-11-19")
    for trips in (
        [delivery(), delivery("D-2", "2026-11-19")],
        [delivery("D-2", "2026-11-19"), delivery()],
    ):
        assert operand(judge(*trips, text=text), "few_trips", "last_out") == "2026-11-19"


def test_one_record_more_than_allowed_holds_for_the_owner_of_the_link() -> None:
    outcome = judge(*[delivery(f"D-{i}") for i in range(4)])
    finding = next(f for d in outcome.decisions for f in d.findings if f.code == "LNK01")
    assert finding.owner == "it_support"
    assert finding.rule == "deliveries"
    assert "4 records, at most 3" in finding.message


def test_what_a_linked_record_lacks_holds_this_one_too_and_names_the_other() -> None:
    row = delivery()["lines"][0]
    unit = codes(judge(delivery(lines=[row | {"uom": "DRUM"}])))
    assert unit["UOM01"] == "DRUM of WHITE is no number of tins."
    blank = codes(judge(delivery(lines=[row | {"qty": None}])))
    assert blank["MIS01"].startswith("delivery D-1: The depot left line.qty blank")


def test_a_linked_status_that_nobody_knows_makes_the_list_unknown() -> None:
    found = codes(judge(delivery(), delivery("D-2", status="lost")))
    assert found["STA01"].startswith("delivery D-2:")


def test_an_optional_field_of_a_linked_record_is_guarded_by_where() -> None:
    outcome = judge(delivery(), delivery("D-2", freight="120.00"))
    assert "Too much freight for K-1." in codes(outcome)["CHK01"]


def test_a_computed_field_of_a_linked_record_reads_its_own_lines() -> None:
    text = TEXT.replace("count(deliveries) < 3", "sum(deliveries.tins) < 3")
    assert operand(judge(delivery(), text=text), "few_trips", "sum(deliveries.tins)") == "9"


def test_linked_records_take_part_in_what_is_stored_and_replayed() -> None:
    facts = Facts(NOW, links={"deliveries": (delivery(),)})
    assert Facts.from_json(facts.to_json()) == facts
    older = {k: v for k, v in facts.to_json().items() if k != "links"}
    assert Facts.from_json(older).links == {}
    assert judge(delivery()) == judge(delivery())


def test_the_keys_by_which_a_store_finds_linked_records() -> None:
    program = program_of()
    ours = set(program.family_keys(order(), "order"))
    theirs = set(program.family_keys(delivery(), "delivery"))
    assert ("link:order.deliveries", "K-1", "delivery") in ours
    assert ("link:order.deliveries", "K-1", "") in theirs
    assert ("link:delivery.orders", "K-1", "order") in theirs


def test_a_family_is_named_after_the_kind_whose_key_it_repeats() -> None:
    program = program_of()
    assert program.family(delivery(), "delivery") == ("order", "K-1")
    assert program.family(order(), "order") == ("order", "K-1")
    assert program.family({}, "order") is None
    alone = program_of(TEXT.replace("text   family", "text"))
    assert alone.family(order(), "order") is None


def test_an_invoice_behind_a_delivery_order_of_a_locked_period_is_held() -> None:
    text = TEXT + PERIOD
    ruleset, problems = parse({"depot.rules": text})
    assert problems == ()
    documents, kinds = registry.schemas()
    program = compile_ruleset(ruleset, hash="", schemas=Schemas(documents, kinds))
    body, world = order(), _world(ruleset, locked_through=date(2026, 4, 30))
    said = {}
    for day in (date(2026, 4, 30), date(2026, 5, 1)):
        facts = Facts(
            NOW,
            links={"deliveries": (delivery(day="2026-05-01"),)},
            documents_of_family={"autocount.delivery_order": "D-1"},
            days_of_family={"autocount.delivery_order": day},
        )
        outcome = in_every_way(program, Subject("order", "shop", body, 1), facts, world, NOW)
        (decision,) = outcome.decisions
        said[day.day] = [f for f in decision.findings if f.rule == "open_period"]
    (finding,) = said[30]
    assert said[1] == []
    assert (finding.code, str(finding.cause_key)) == ("PER01", "period:autocount:2026-04")
    assert "in the next open period, from 2026-05-01 on" in finding.would_pass


def test_hostile_bodies_of_linked_records_end_with_a_code() -> None:
    many: list[Any] = [{}] * 10_001
    for body in ({}, delivery(lines="x"), delivery(lines=many), delivery(order_no=7)):
        assert judge(body).decisions


@pytest.mark.parametrize("result", run_tests(program_of().ruleset, program_of()).results)
def test_the_tests_of_the_depot_pass(result: Any) -> None:
    assert result.message == ""
