"""Entries that count from a day on: which of them a record of a day looks up."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from rules.facts import Entry, Later, UnitEntry, World
from rules.program import compile_interpreted
from tests.rules.kedai import NOW, decision, judge, order, program_of, world

FIRST, NEXT = date(2026, 11, 10), date(2026, 11, 18)
DATED = (
    Later(NEXT, "debtor", "C-77", Entry(902, "300-NEXT")),
    Later(FIRST, "debtor", "C-77", Entry(901, "300-FIRST")),
    Later(NEXT, "", "CTN|TEA-1", UnitEntry(903, 48, 1, "PCS")),
)


def dated(later: tuple[Later, ...] = DATED) -> World:
    known = world()
    maps = {name: table.entries for name, table in known.maps.items()}
    return World.build(1, maps, known.units, known.targets, later)


@pytest.mark.parametrize(
    ("day", "debtor", "factor"),
    [
        (FIRST - timedelta(days=1), "300-C077", 40),
        (FIRST, "300-FIRST", 40),
        (NEXT - timedelta(days=1), "300-FIRST", 40),
        (NEXT, "300-NEXT", 48),
        (NEXT + timedelta(days=900), "300-NEXT", 48),
    ],
)
def test_the_latest_day_that_has_come_counts(day: date, debtor: str, factor: int) -> None:
    found = dated().at(day)
    assert found.maps["debtor"].entries["C-77"].value == debtor
    assert found.units["CTN|TEA-1"].num == factor
    assert found.maps["item"].entries["TEA-1"].value == "TEA-1"
    assert found.revision == 1


def test_days_alike_share_a_world_so_that_what_was_looked_up_is_remembered() -> None:
    found = dated()
    assert found.at(FIRST) is found.at(NEXT - timedelta(days=1))
    assert found.at(FIRST) is not found.at(NEXT)
    assert found.at(FIRST - timedelta(days=1)) is found
    assert found.at(FIRST).maps["item"] is found.maps["item"]
    plain = world()
    assert plain.at(NEXT) is plain


def test_a_key_may_have_a_value_from_a_day_on_only() -> None:
    only = dated((Later(NEXT, "debtor", "C-80", Entry(904, "300-NEW")),))
    assert "C-80" not in only.at(FIRST).maps["debtor"].entries
    assert only.at(NEXT).maps["debtor"].entries["C-80"].id == 904


@pytest.mark.parametrize("engine", ["compiled", "interpreted"])
@pytest.mark.parametrize(
    ("day", "debtor", "entry"),
    [
        ("2026-11-09", "300-C077", 1),
        ("2026-11-17", "300-FIRST", 901),
        ("2026-11-18", "300-NEXT", 902),
    ],
)
def test_a_document_is_made_with_what_counts_on_the_day_of_its_record(
    engine: str, day: str, debtor: str, entry: int
) -> None:
    program = program_of()
    if engine == "interpreted":
        program = compile_interpreted(program.ruleset, hash=program.hash)
    given: dict[str, Any] = {"world": dated(DATED[:2]), "program": program}
    found = judge(order(ordered_on=day), **given)
    document = decision(found).document
    assert document is not None
    assert document.fields["Customer"] == debtor
    assert [use.entry_id for use in found.used if use.table == "debtor"] == [entry]


def test_a_look_of_today_does_not_decide_but_the_day_of_the_record() -> None:
    after = datetime(2027, 3, 1, tzinfo=NOW.tzinfo)
    document = decision(judge(order(ordered_on="2026-11-09"), world=dated(), at=after)).document
    assert document is not None
    assert document.fields["Customer"] == "300-C077"
