"""Judging: what is due becomes decisions, postings and holds; a change wakes it again."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db import database
from holding.db.database import no_search_for_cycles
from holding.db.models import Cause, Evaluation, Event, Hold, Posting, Record
from holding.evaluation import evaluate_due
from holding.evaluation.batch import Batch, Case, Plan
from holding.evaluation.store_results import store_plans
from tests.support.shop import Shop, incoming, order


def test_an_order_becomes_a_ready_posting(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    assert shop.states() == {"1": "received"}
    assert shop.judge() == 1
    assert shop.states() == {"1": "ready"}
    (posting,) = shop.rows(Posting)
    assert (posting.state, posting.number, posting.amount) == ("ready", "INV-1", 1000)
    assert posting.due_at == shop.clock.now()
    assert len(posting.hash) == 64
    assert [line["SKU"] for line in posting.content["lines"]] == ["AI-A"]
    (record,) = shop.rows(Record)
    assert (record.due_at, record.lease_until, record.fence) == (None, None, 1)
    assert [event.act for event in shop.rows(Event)] == ["record.received", "record.judged"]


def test_one_missing_item_is_one_cause_and_its_entry_wakes_exactly_its_records(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(*(order(str(i), "A", "B") for i in range(5)), order("9", "B", "C"), order("8", "A"))
    shop.judge()
    causes = {str(c.key): c for c in shop.rows(Cause)}
    assert {k: (c.records, c.book) for k, c in causes.items()} == {
        "mapping:items:B": (6, 12000),
        "mapping:items:C": (1, 2000),
    }
    assert causes["mapping:items:B"].table_name == "items"
    assert causes["mapping:items:B"].value == "B"
    assert shop.map("B") == 6
    assert shop.judge() == 6
    assert sorted(shop.states().values()) == ["held"] + ["ready"] * 6
    causes = {str(c.key): c for c in shop.rows(Cause)}
    assert {k: (c.records, c.book) for k, c in causes.items()} == {
        "mapping:items:B": (0, 0),
        "mapping:items:C": (1, 2000),
    }
    cleared = shop.rows(Hold, Hold.state == "cleared")
    assert len(cleared) == 6
    assert cleared[0].closed_why == "items: B was changed 2026-11-20 09:00 (revision 3)"


def test_states_of_the_rules_become_states_of_the_record(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(
        order("1", "A", status="draft"),
        order("2", "A", status="cancelled"),
        order("3", "A", status="exempt"),
    )
    shop.judge()
    assert shop.states() == {"1": "waiting", "2": "dropped", "3": "ignored"}


def test_a_record_that_breaks_the_rules_is_held_and_the_others_go_on(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A", note="boom"), order("3", "A"))
    shop.judge()
    assert shop.states() == {"1": "ready", "2": "held", "3": "ready"}
    (hold,) = shop.rows(Hold)
    assert (hold.code, hold.error_class) == ("EVA02", "business_rule")
    assert "ZeroDivisionError" in hold.message
    shop.arrive(order("2", "A"))
    shop.judge()
    assert shop.states()["2"] == "ready"


def test_a_batch_is_not_searched_for_cycles_and_what_follows_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.arrive(order("1", "A"))
    searched = []

    def finish(*_: object, **__: object) -> int:
        searched.append(gc.isenabled())
        return 1

    monkeypatch.setattr(evaluate_due, "store_plans", finish)
    shop.judge()
    assert searched == [False]
    assert gc.isenabled()


@pytest.mark.slow
def test_what_a_batch_made_is_gone_when_cycles_are_looked_for_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.map("A")
    shop.arrive(*(order(str(i), "A") for i in range(5)))
    left = []

    def made() -> int:
        return sum(type(one) in {Case, Plan} for one in gc.get_objects())

    gc.collect()
    before = made()

    @contextmanager
    def watched() -> Iterator[None]:
        with no_search_for_cycles():
            yield
        left.append(made() - before)

    monkeypatch.setattr(evaluate_due, "no_search_for_cycles", watched)
    assert shop.judge() == 5
    assert left == [0]


def test_valid_until_makes_it_due_again_and_nothing_else_does(shop: Shop) -> None:
    shop.map("A")
    until = "2026-11-20T03:00:00+00:00"
    shop.arrive(order("1", "A", status="draft", until=until))
    shop.judge()
    shop.later(hours=1)
    assert shop.judge() == 0
    shop.later(hours=1)
    assert shop.judge() == 1


def test_a_larger_batch_takes_no_more_statements_but_for_its_turns(
    shop: Shop, statements: list[str]
) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", "B"))
    shop.judge()
    counts = []
    for size, start in ((50, 1000), (125, 1500), (500, 2000)):
        bodies = [order(str(start + i), "A", "B" if i % 3 else "A") for i in range(size)]
        del statements[:]
        shop.arrive(*bodies)
        arrived = len(statements)
        del statements[:]
        shop.judge()
        counts.append((arrived, len(statements)))
    (arrived, few), (_, turn), (_, many) = counts
    assert counts == [(arrived, few), (arrived, few), (arrived, many)]
    assert few < 60
    further = 3 if shop.database.dialect == "sqlite" else 0  # turns of 125 beyond the first
    assert many - turn <= 20 * further


def test_the_evaluation_keeps_what_it_looked_at(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    (evaluation,) = shop.rows(Evaluation)
    assert evaluation.revision == 2
    assert evaluation.facts["known"] == []
    assert evaluation.outcome["decisions"][0]["state"] == "ready"
    with shop.database.read() as session:
        assert session.scalar(select(Posting.evaluation_id)) == evaluation.id


def test_a_batch_is_stored_in_turns_between_which_others_write(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ROWS_OF_A_TURN", 2)
    shop.map("A")
    shop.arrive(*(order(str(i), "A") for i in range(5)))
    stored: list[int] = []
    seen: list[list[str]] = []

    def finished(session: Session, batch: Batch, plans: Sequence[Plan], **how: Any) -> int:
        stored.append(len(plans))
        return store_plans(session, batch, plans, **how)

    @contextmanager
    def write(*, many: bool = False) -> Iterator[Session]:
        """Whoever comes before a further turn finds the file free."""
        if stored:
            with begun():
                seen.append(sorted(shop.states().values()))
        with begun(many=many) as session:
            yield session

    begun = shop.database.write
    monkeypatch.setattr(evaluate_due, "store_plans", finished)
    monkeypatch.setattr(shop.database, "write", write)
    assert shop.judge() == 5
    assert list(shop.states().values()) == ["ready"] * 5
    if shop.database.dialect == "sqlite":
        assert stored == [2, 2, 1]
        assert seen[:2] == [sorted(["ready"] * n + ["received"] * (5 - n)) for n in (2, 4)]
    else:
        assert stored == [5]


def test_records_with_one_number_that_are_stored_in_several_turns_are_not_judged_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ROWS_OF_A_TURN", 2)
    shop.map("A")
    shop.deliver(*(incoming(order("7", "A"), external_id=f"x-{n}") for n in range(5)))
    assert shop.judge() == 5
    assert len(shop.rows(Evaluation)) == 5
