"""What operations finished and the target does not have: since when, and what each waits for."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from grammar.parsing.parser import parse
from holding.db.database import Database
from holding.db.models import Company, Posting
from holding.evaluation.evaluate_due import judge_due
from holding.worklist import ageing
from holding.worklist.ageing import Late, load_late
from rules.program import compile_ruleset
from rules.values.canonical import PostingState
from tests.holding.shop import RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    return found


def late(shop: Shop, **how: object) -> Late:
    with shop.database.read() as session:
        return load_late(session, shop.company.id, **how)  # type: ignore[arg-type]


def ages(shop: Shop) -> list[tuple[str, int]]:
    """Each late document with its age in hours, as listed."""
    return [
        (r.record, int((shop.now - r.finished_at) / timedelta(hours=1))) for r in late(shop).rows
    ]


def arrive(shop: Shop, *orders: dict[str, object], hours: int = 1) -> None:
    shop.receive(*orders)
    shop.judge()
    shop.clock.advance(timedelta(hours=hours))


def test_the_oldest_finished_stands_on_top_with_its_gate(shop: Shop) -> None:
    arrive(shop, order("A", customer="C-99"), hours=25)
    arrive(shop, order("B"), order("C", status="pending"), order("D", status="cancelled"))
    assert ages(shop) == [("A", 26), ("B", 1)]
    top, second = late(shop).rows
    assert (top.state, top.rule, top.cause) == ("held", "debtor", "Customer C-99 is no debtor.")
    assert (top.owner, top.holds, top.status) == ("Sales administration", 1, "paid")
    assert (second.state, second.hold_id, second.holds) == ("ready", None, 0)


def test_the_age_counts_from_the_version_that_finished_it(shop: Shop) -> None:
    arrive(shop, order("A", status="pending", customer="C-99"), hours=10)
    arrive(shop, order("A", customer="C-99", updated_at="2026-11-18T07:00:00Z"), hours=3)
    arrive(shop, order("A", customer="C-98", updated_at="2026-11-18T08:00:00Z"), hours=2)
    assert ages(shop) == [("A", 5)]


def test_who_falls_back_begins_anew(shop: Shop) -> None:
    stamps = iter(range(10, 20))
    for status in ("paid", "pending", "paid"):
        stamp = f"2026-11-18T{next(stamps)}:00:00Z"
        arrive(shop, order("A", status=status, customer="C-99", updated_at=stamp), hours=4)
        assert ages(shop) == ([("A", 4)] if status == "paid" else [])


def test_what_goes_early_is_not_finished(shop: Shop) -> None:
    early, problems = parse({"shop.rules": RULES.replace("    wait    pen", "    early   pen")})
    assert problems == ()
    program = compile_ruleset(early, hash="early")
    shop.receive(order("A", status="pending", customer="C-99"), order("B", customer="C-99"))
    judge_due(
        shop.database,
        shop.clock,
        company_id=shop.company.id,
        owner="test",
        programs=lambda _session, _version: program,
    )
    assert shop.states() == {"A": "held", "B": "held"}
    assert [name for name, _ in ages(shop)] == ["B"]


def test_what_is_posted_or_rejected_is_not_late(shop: Shop) -> None:
    arrive(shop, order("A"), order("B", customer="C-99"))
    with shop.database.write() as session, any_move(session):
        shop.posting(session, "A").state = PostingState.POSTED
    assert [name for name, _ in ages(shop)] == ["B"]


def test_pages_go_on_where_the_last_one_ended_and_count_all(shop: Shop) -> None:
    arrive(shop, *(order(f"A-{n}", customer="C-99", lines=[line()]) for n in range(5)))
    first = late(shop, most=2)
    last = first.rows[-1]
    rest = late(shop, after=(last.finished_at, last.id))
    assert (first.count, rest.count) == (5, 5)
    assert [r.record for r in (*first.rows, *rest.rows)] == [f"A-{n}" for n in range(5)]


def test_the_list_is_read_from_its_index(shop: Shop) -> None:
    arrive(shop, order("A", customer="C-99"))
    plan = "EXPLAIN QUERY PLAN" if shop.database.dialect == "sqlite" else "EXPLAIN"
    query = (
        f"SELECT id FROM posting WHERE company_id = 1 AND {Posting.LATE} ORDER BY finished_at, id"
    )
    with shop.database.read() as session:
        if shop.database.dialect != "sqlite":
            for way in ("seqscan", "bitmapscan", "sort"):  # cheaper than an index in a tiny table
                session.execute(text(f"SET LOCAL enable_{way} = off"))
        told = " ".join(str(row) for row in session.execute(text(f"{plan} {query}")))
    assert "ix_posting_late" in told
    assert "SORT" not in told.upper().replace("B-TREE", "SORT")


def test_another_company_sees_none_of_it(shop: Shop) -> None:
    arrive(shop, order("A", customer="C-99"))
    with shop.database.read() as session:
        assert load_late(session, shop.company.id + 1).rows == ()


def test_more_than_are_counted_are_told_as_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(shop, *(order(name, customer="C-99") for name in "ABCD"))
    found = late(shop)
    assert (found.count, found.counted, found.more) == (4, 4, False)
    monkeypatch.setattr(ageing, "_first_late", ageing._first_late.__wrapped__)
    monkeypatch.setattr(ageing, "MOST", 2)
    found = late(shop)
    assert (len(found.rows), found.count) == (4, 3), "no further than one more is counted"
    assert (found.counted, found.more) == (2, True)
