"""A change planned on a posted document and not sent yet is judged again when its world changes."""

from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import select, update

from holding.connections import connections
from holding.connections.master_data import keep_snapshot
from holding.db.models import Record, RouteStop
from holding.mappings import fixes
from rules.decisions.judge_record import EvaluationInput
from rules.program import Program
from tests.holding.fixing import rev
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Life
from tests.holding.shop import FILES, line
from tests.support.factories import connection_named
from tests.support.snapshots import snapshot

IGNORING = TABLES.replace("| update              |", "| ignore              |")
NOT_EARLY = """
check open_period on order
    require  period = open
    else     hold for accounts
    say      "The period of {number} is locked."
    clears   when it passes
"""
CREATED = [("create", "A-1-1")]


def pause(life: Life) -> None:
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        actor = life.shop.actor("adam")
        assert connections.pause(session, actor, target.id, "month end", now=life.shop.now) is None


def resume(life: Life) -> None:
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        assert (
            connections.resume(session, life.shop.actor("adam"), target.id, now=life.shop.now)
            is None
        )
    life.work()


def planned(life: Life, **changes: object) -> None:
    """A-1 is posted; a change of it is due, and the target is paused."""
    life.arrive("A-1")
    pause(life)
    life.arrive("A-1", **changes)
    assert life.books.effects == CREATED
    assert life.shop.states() == {"A-1": "posted"}


def publish(life: Life, tables: str = TABLES, more: str = "") -> None:
    life.shop.publish(FILES | {"shop.rules": NUMBERED + tables + more})


@pytest.mark.parametrize(
    ("changes", "tables"),
    [
        (SMALL, IGNORING),
        ({"status": "cancelled"}, TABLES.replace("| void        |", "| review by accounts |")),
    ],
)
def test_a_planned_change_goes_by_the_rules_that_are_in_force_when_it_goes(
    life: Life, changes: dict[str, object], tables: str
) -> None:
    planned(life, **changes)
    publish(life, tables)
    resume(life)
    assert life.books.effects == CREATED
    with life.shop.database.read() as session:
        posting = life.shop.posting(session, "A-1")
        assert (posting.state, posting.due_at) == ("posted", None)


def test_a_credit_note_that_waits_goes_by_the_rules_that_are_in_force(life: Life) -> None:
    life.arrive("A-1")
    pause(life)
    life.arrive("A-1", **LARGE)
    ignoring = TABLES.replace("| credit note and new |", "| ignore              |")
    publish(life, ignoring)
    resume(life)
    assert life.books.effects == CREATED
    assert life.shop.states() == {"A-1": "posted"}


def test_a_planned_change_is_made_with_the_mappings_of_when_it_goes(life: Life) -> None:
    planned(life, **SMALL)
    correct(life)
    resume(life)
    assert life.books.effects == [*CREATED, ("update", "A-1-1")]
    assert '"SKU":"TEA-9"' in life.books.shelf["A-1-1"].content


def test_a_change_that_waits_for_an_approval_is_made_with_the_newest_mappings(life: Life) -> None:
    asks = TABLES.replace("500.00 ", "9500.00")
    publish(life, asks)
    life.arrive("A-1")
    cup = line(pos=2, sku="CUP-4", uom="PCS", qty="1", price="1000.00")
    life.arrive("A-1", total="1192.00", lines=[line(), cup])
    assert life.held("A-1") == ["APP01"]
    correct(life, "CUP-4", "CUP-9")
    life.shop.judge()
    with life.shop.database.read() as session:
        content = life.shop.posting(session, "A-1").content
        assert content is not None
        assert [row["SKU"] for row in content["lines"]] == ["TEA-1", "CUP-9"]


def moved(life: Life) -> list[int]:
    """How many records each change of rules or mappings has moved, as the safety stop counts."""
    with life.shop.database.read() as session:
        return list(session.scalars(select(RouteStop.records)))


def test_the_safety_stop_counts_no_change_that_waits_for_an_approval(life: Life) -> None:
    publish(life, TABLES.replace("500.00 ", "9500.00"))
    cup = line(pos=2, sku="CUP-4", uom="PCS", qty="1", price="1000.00")
    life.arrive("A-1")
    life.arrive("A-1", total="1192.00", lines=[line(), cup])
    assert life.held("A-1") == ["APP01"]
    correct(life, "CUP-4", "CUP-9")
    life.shop.judge()
    assert moved(life) == []


def test_the_safety_stop_counts_a_change_that_a_corrected_mapping_sends_otherwise(
    life: Life,
) -> None:
    planned(life, **SMALL)
    correct(life)
    life.shop.judge()
    assert moved(life) == [1]


def test_a_planned_change_is_held_when_its_month_closes(life: Life) -> None:
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        keep_snapshot(session, target, snapshot(None), person=None, now=life.shop.now)
    publish(life, more=NOT_EARLY)
    planned(life, **SMALL)
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        closed = snapshot(date(2026, 11, 30))
        keep_snapshot(session, target, closed, person=None, now=life.shop.now)
    resume(life)
    assert life.books.effects == CREATED
    assert life.shop.states() == {"A-1": "held"}


def test_a_planned_change_of_a_document_without_a_route_is_given_up(life: Life) -> None:
    planned(life, **SMALL)
    elsewhere = NUMBERED.replace("    immediately\n", "    when total > 5000.00\n    immediately\n")
    life.shop.publish(FILES | {"shop.rules": elsewhere + TABLES})
    resume(life)
    assert life.books.effects == CREATED
    with life.shop.database.read() as session:
        posting = life.shop.posting(session, "A-1")
        assert (posting.action, posting.due_at) == ("create", None)


def test_rules_that_cannot_judge_it_send_no_change(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(life, **SMALL)
    with monkeypatch.context() as broken:
        broken.setattr(Program, "decisions", _fail)
        publish(life)
        resume(life)
        assert life.books.effects == CREATED
        assert life.held("A-1") == ["EVA02"]
    publish(life)
    life.work()
    assert life.books.effects == [*CREATED, ("update", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}


def test_what_was_judged_by_other_rules_is_judged_before_it_goes(life: Life) -> None:
    """Whoever published without waking it: the intent is refused, and the record is woken."""
    planned(life, **SMALL)
    _without_waking(life, IGNORING)
    resume(life)
    assert life.books.effects == CREATED
    assert life.shop.states() == {"A-1": "posted"}


def test_a_first_document_that_was_judged_by_other_rules_is_judged_before_it_goes(
    life: Life,
) -> None:
    pause(life)
    life.arrive("A-1")
    _without_waking(life, TABLES, "48000")
    resume(life)
    assert '"AccountCode":"48000"' in life.books.shelf["A-1-1"].content


def _without_waking(life: Life, tables: str, account: str = "40000") -> None:
    """The rules change between the claim of a worker and its intent, so that no wake finds it."""
    rules = NUMBERED.replace('"40000"', f'"{account}"') + tables
    life.shop.publish(FILES | {"shop.rules": rules})
    with life.shop.database.write() as session:
        session.execute(update(Record).values(due_at=None))


def correct(life: Life, key: str = "TEA-1", value: str = "TEA-9") -> None:
    with life.shop.database.write() as session:
        made = fixes.fix(
            session,
            life.shop.actor("farah"),
            "item",
            key,
            value,
            "renamed in the books",
            life.shop.now,
            rev(life.shop),
        )
        assert isinstance(made, fixes.Fixed), made
        assert made.woken == 1


def _fail(_: Program, asked: Sequence[EvaluationInput]) -> list[Exception]:
    return [ValueError("no") for _ in asked]
