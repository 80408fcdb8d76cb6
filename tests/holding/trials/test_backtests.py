"""A backtest in the worker: what it counts and lists, what it leaves alone, and how it ends."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import (
    BacktestResult,
    BacktestRun,
    Change,
    ChangeFile,
    Company,
    Evaluation,
    Event,
    Hold,
    Posting,
    Version,
)
from holding.db.models.columns import BacktestEnd
from holding.db.refusal import Refusal
from holding.programs import posted_differences
from holding.rulesets import publication, recorded_backtests
from holding.trials import backtest_turns, backtests, shadow_pages
from holding.trials.backtest_turns import due_companies, take_turn
from rules.values.canonical import PostingState
from tests.holding.shop import FILES, ROUTE, Shop, open_shop, order
from tests.holding.trials.test_shadows import changed, small
from tests.support.clock import SetClock
from tests.support.databases import any_move

Between = tuple[date | None, date | None]
ALL: Between = (None, None)


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Four orders: a small one and a large one that are posted, a large one that waits to be sent,
    and one whose item nobody knows. The change holds what is above RM 150.
    """
    found = open_shop(database, company, clock)
    found.publish()
    unknown = {"pos": 1, "sku": "NONE", "name": "?", "uom": "PCS", "qty": "1", "price": "192.00"}
    found.receive(small("SO-1"), order("SO-2"), order("SO-3"), order("SO-4", lines=[unknown]))
    found.judge()
    with database.write() as session, any_move(session):
        for number in ("SO-1", "SO-2"):
            found.posting(session, number).state = PostingState.POSTED
    return found


def begun(shop: Shop, no: int, days: Between = ALL, who: str = "chan") -> int | Refusal:
    with shop.database.write() as session:
        return backtests.begin(session, no, shop.actor(who), days, shop.now)


def worked(shop: Shop) -> int:
    """Turns until there is nothing more to do."""
    turns = 0
    while take_turn(shop.database, shop.clock, shop.company.id):
        turns += 1
    return turns


def found_of(shop: Shop, no: int) -> tuple[shadow_pages.ShownRun, shadow_pages.Counts]:
    with shop.database.read() as session:
        change = change_of(session, no)
        run = shadow_pages.backtest_of_change(session, shop.company.id, change.id)
    assert run is not None
    return run, shadow_pages.counts(run)


def change_of(session: Session, no: int) -> Change:
    return session.scalars(select(Change).where(Change.no == no)).one()


def moved(counts: shadow_pages.Counts) -> dict[tuple[str, str], tuple[int, dict[str, int]]]:
    (matrix,) = counts.matrices
    cells = [cell for _, row, _ in matrix.rows for cell in row if cell.records]
    return {(cell.was, cell.would): (cell.records, cell.sums) for cell in cells}


def counted(shop: Shop, *kinds: Any) -> list[int]:
    with shop.database.read() as session:
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds]


def changed_file(shop: Shop, no: int, path: str) -> list[str]:
    with shop.database.read() as session:
        files = session.scalars(
            select(ChangeFile.body).where(
                ChangeFile.change_id == change_of(session, no).id, ChangeFile.path == path
            )
        )
        return (files.one() or "").splitlines()


def test_it_counts_what_was_and_would_be_and_touches_nothing_else(shop: Shop) -> None:
    no = changed(shop)
    before = counted(shop, Evaluation, Posting, Hold)
    assert begun(shop, no) == 4
    with shop.database.read() as session:
        assert list(due_companies(session)) == [shop.company.id]
    assert worked(shop) == 1
    assert counted(shop, Evaluation, Posting, Hold) == before
    run, counts = found_of(shop, no)
    assert (run.ending, run.looked, run.total, run.gone) == (BacktestEnd.DONE, 4, 4, 0)
    assert (run.person, run.old_no) == ("Chan", 1)
    assert moved(counts) == {  # by hand: 96 stays, twice 192 is stopped, 192 is held in both
        ("ready", "ready"): (1, {"MYR": 9_600}),
        ("ready", "held"): (2, {"MYR": 38_400}),
        ("held", "held"): (1, {"MYR": 19_200}),
    }
    assert (counts.records, counts.differ, counts.bad) == (4, 2, 0)
    assert (counts.stopped.records, counts.stopped.sums) == (1, {"MYR": 19_200})
    assert counts.freed.records == 0
    (line,) = {backtest_turns.Line(*one[:-1]): one[-1] for one in run.counted["lines"]}.items()
    assert line[0][2:6] == ("ready", "held", True, "small")
    assert line[1] == 2
    file, _, number = line[0].place.partition(":")
    assert changed_file(shop, no, file)[int(number) - 1].strip() == "require  total <= 150.00"
    (matrix,) = counts.matrices
    assert (matrix.words, matrix.differ) == (("ready", "held"), 2)
    assert [one.records for one in matrix.all] == [1, 3]
    assert (matrix.total.records, matrix.total.sums) == (4, {"MYR": 67_200})
    tones = {(cell.was, cell.would): cell.tone for _, row, _ in matrix.rows for cell in row}
    assert tones["ready", "held"] == "warn"
    assert tones["held", "ready"] == "ok"
    assert tones["ready", "ready"] == ""
    with shop.database.read() as session:
        assert list(due_companies(session)) == []


def test_each_cell_lists_its_records_and_the_stopped_ones_are_listed(shop: Shop) -> None:
    no = changed(shop)
    begun(shop, no)
    worked(shop)
    run, _ = found_of(shop, no)
    cell = {"kind": "order", "route": ROUTE, "was": "ready", "would": "held"}
    with shop.database.read() as session:
        both = shadow_pages.listed(session, run.id, cell)
        rest = shadow_pages.listed(session, run.id, cell, before=both[0].record_id)
        stopped = shadow_pages.list_stopped(session, change_of(session, no).id, most=5)
        other = shadow_pages.listed(session, run.id, {**cell, "would": "ready"})
    assert [(one.number, one.state) for one in both] == [("SO-3", "ready"), ("SO-2", "posted")]
    assert [one.number for one in rest] == ["SO-2"]
    assert [(one.number, one.amount, one.currency) for one in stopped] == [("SO-2", 19_200, "MYR")]
    assert [one.number for one in other] == ["SO-1"]
    assert stopped[0].evaluation_id > 0


def test_a_change_that_lets_go_is_told_so(shop: Shop) -> None:
    with shop.database.write() as session:
        files = {**FILES, "maps/items.csv": FILES["maps/items.csv"] + "NONE,TEA-1\n"}
        no = publication.push_change(
            session, shop.company.id, shop.actor("chan"), files, "New item", shop.now
        )
    assert isinstance(no, int)
    begun(shop, no)
    worked(shop)
    _, counts = found_of(shop, no)
    assert moved(counts)["held", "ready"] == (1, {"MYR": 19_200})
    assert (counts.freed.records, counts.stopped.records) == (1, 0)


def test_it_goes_on_where_it_was_and_two_workers_count_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posted_differences, "PAGE", 2)
    no = changed(shop)
    begun(shop, no)
    assert take_turn(shop.database, shop.clock, shop.company.id) == 1
    run, counts = found_of(shop, no)
    assert (run.looked, run.total, run.ended_at, counts.records) == (2, 4, None, 2)

    turn = backtest_turns._turn

    def slower(*given: Any) -> Any:
        """While this one judges, another worker does the same page."""
        monkeypatch.setattr(backtest_turns, "_turn", turn)
        answer = turn(*given)
        assert take_turn(shop.database, shop.clock, shop.company.id) == 1
        return answer

    if shop.database.dialect == "postgresql":  # SQLite has one writer beside this reader, too
        monkeypatch.setattr(backtest_turns, "_turn", slower)
        assert take_turn(shop.database, shop.clock, shop.company.id) == 0
    else:
        assert take_turn(shop.database, shop.clock, shop.company.id) == 1
    worked(shop)
    run, counts = found_of(shop, no)
    assert (run.looked, counts.records, run.ending) == (4, 4, BacktestEnd.DONE)
    assert sum(records for records, _ in moved(counts).values()) == 4


def test_what_is_judged_meanwhile_is_left_out(shop: Shop) -> None:
    no = changed(shop)
    begun(shop, no)
    shop.receive(small("SO-9"), {**small("SO-1"), "updated_at": "2026-11-19T06:30:00Z"})
    shop.judge()
    worked(shop)
    run, counts = found_of(shop, no)
    assert (run.looked, counts.records) == (4, 4)


def test_only_the_days_that_are_asked_for(shop: Shop) -> None:
    shop.receive(order("SO-8", ordered_on="2026-11-02"))
    shop.judge()
    no = changed(shop)
    first, last = date(2026, 11, 1), date(2026, 11, 17)
    assert begun(shop, no, (first, last)) == 1
    worked(shop)
    run, counts = found_of(shop, no)
    assert (run.looked, counts.records, run.first, run.last) == (1, 1, first, last)
    backwards = begun(shop, no, (last, first))
    assert isinstance(backwards, Refusal)
    assert backwards.code == "backtest.days"


def test_what_is_no_longer_kept_and_what_breaks_is_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.database.write() as session:
        record = shop.record(session, "SO-1")
        version = session.scalars(select(Version).where(Version.record_id == record.id)).one()
        version.body = None

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rules.program.Program.glance", broken)
    no = changed(shop)
    begun(shop, no)
    worked(shop)
    run, counts = found_of(shop, no)
    assert (run.looked, run.gone, counts.bad, counts.records) == (3, 1, 3, 0)
    assert run.ending == BacktestEnd.DONE


def test_a_cell_lists_so_many_and_counts_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_turns, "KEPT", 1)
    no = changed(shop)
    begun(shop, no)
    worked(shop)
    run, counts = found_of(shop, no)
    assert moved(counts)["ready", "held"][0] == 2
    with shop.database.read() as session:
        kept = session.execute(
            select(BacktestResult.was, BacktestResult.would, BacktestResult.state, func.count())
            .where(BacktestResult.run_id == run.id)
            .group_by(BacktestResult.was, BacktestResult.would, BacktestResult.state)
        ).all()
    assert {number for *_, number in kept} == {1}
    assert len(kept) == 4


def test_at_its_end_it_is_what_publishing_is_decided_by(shop: Shop) -> None:
    no = changed(shop)
    begun(shop, no)
    worked(shop)
    with shop.database.read() as session:
        change = change_of(session, no)
        decided = recorded_backtests.deciding_backtest(session, shop.company.id, change.hash)
        run = session.scalars(select(BacktestRun)).one()
    assert decided is not None
    assert (decided.id, decided.said) == (
        run.backtest_id,
        "against rule version 1: 4 records, 2 differ",
    )


@pytest.mark.parametrize("act", ["stop", "publish"])
def test_it_ends_by_hand_and_with_its_change(
    shop: Shop, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posted_differences, "PAGE", 2)
    no = changed(shop)
    begun(shop, no)
    take_turn(shop.database, shop.clock, shop.company.id)
    with shop.database.write() as session:
        change = change_of(session, no)
        if act == "stop":
            chan = shop.actor("chan")
            assert backtests.stop(session, shop.company.id, change.id, chan, shop.now) is None
            again = backtests.stop(session, shop.company.id, change.id, chan, shop.now)
            assert again is not None
            assert again.code == "backtest.ended"
        else:
            publication.publish_change(session, no, shop.actor("pua"), shop.now)
    assert worked(shop) == 0
    run, counts = found_of(shop, no)
    assert run.ending == (BacktestEnd.PERSON if act == "stop" else BacktestEnd.CLOSED)
    assert (run.looked, counts.records) == (2, 2)
    with shop.database.read() as session:
        recorded = session.scalars(select(BacktestRun.backtest_id)).one()
        acts = session.scalars(select(Event.act).where(Event.act.startswith("backtest."))).all()
    assert recorded is None
    assert sorted(acts) == ["backtest.began", "backtest.ended"]


def _refused(shop: Shop, no: int, who: str = "chan") -> str:
    answer = begun(shop, no, who=who)
    assert isinstance(answer, Refusal)
    return answer.code


def test_who_may_and_how_many_at_a_time(shop: Shop) -> None:
    first, second = changed(shop), changed(shop)
    assert _refused(shop, first, "vera") == "forbidden"
    assert _refused(shop, 99) == "change.unknown"
    assert _refused(shop, 1) == "backtest.not_waiting"
    begun(shop, first)
    assert _refused(shop, second) == "backtest.running"
    worked(shop)
    assert begun(shop, second) == 4


def test_what_was_counted_stays_where_another_period_has_no_record(shop: Shop) -> None:
    no = changed(shop)
    begun(shop, no)
    worked(shop)
    before = found_of(shop, no)
    answer = begun(shop, no, (date(2020, 1, 1), date(2020, 1, 31)))
    assert isinstance(answer, Refusal)
    assert answer.code == "backtest.empty"
    assert found_of(shop, no) == before


def test_a_second_run_forgets_the_records_of_the_first(shop: Shop) -> None:
    no = changed(shop)
    for _ in range(2):
        begun(shop, no)
        worked(shop)
    assert counted(shop, BacktestRun) == [2]
    run, _ = found_of(shop, no)
    with shop.database.read() as session:
        assert set(session.scalars(select(BacktestResult.run_id))) == {run.id}


def test_without_rules_in_force_there_is_nothing_to_compare_with(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    make: Callable[[], int] = lambda: changed(shop)  # noqa: E731
    assert _refused(shop, make()) == "backtest.first"
