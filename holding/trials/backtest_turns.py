"""What a worker does for backtests: judge some of what is stored by two rule sets, and add it up.

Here: one turn, of a page of evaluations. What it counts stands in the row of the run, with how far
it came: a turn that is cut off is made again as a whole, and of two workers in the same turn one
stores it. Not here: beginning and ending (backtests.py), the counting (rules/comparison).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.transport.clock import Clock
from holding.access.actors import actor_of
from holding.programs import history
from holding.programs import world as worlds
from holding.programs.history import Judging, Span
from holding.rulesets import recorded_backtests
from holding.rulesets.publication import OPEN_STATES
from holding.rulesets.recorded_backtests import Counted
from holding.store.database import Database
from holding.tables import Backtest as RecordedBacktest
from holding.tables import BacktestResult, BacktestRun, Change, Company, RulesetVersion
from holding.tables.columns import to_minor
from holding.tables.row_states import BacktestEnd
from holding.trials import backtests, deciding_lines, tried_rules
from holding.trials.backtest_counts import counted, stored
from rules.comparison.backtest import Backtest, Tally
from rules.comparison.backtest import Change as Cell
from rules.comparison.backtest_reasons import fired
from rules.comparison.two_sides import Past, Side
from rules.facts.world import Facts, Subject, World
from rules.programs.program import Program

KEPT: Final = 500  # records of each cell that the page can list


@dataclass(slots=True)
class Turn:
    """What came out of a page: its tally, the rows that are listed, and up to where it goes."""

    seen_id: int
    tally: Tally
    rows: list[dict[str, Any]]
    lines: Counter[deciding_lines.Line]
    looked: int = 0
    gone: int = 0


def due_companies(session: Session) -> Sequence[int]:
    """The companies in which a backtest is running."""
    query = select(BacktestRun.company_id).where(BacktestRun.ended_at.is_(None))
    return session.scalars(query.order_by(BacktestRun.company_id)).all()


def take_turn(database: Database, clock: Clock, company_id: int) -> int:
    """Judge a page for the backtest of a company; 1 while there is more to do, else 0."""
    with database.read(many=True) as session:
        run = backtests.running(session, company_id)
        if run is None:
            return 0
        closed = _closed(session, run)
        judge = None if closed else _both(session, run)
        turn = _turn(session, run, judge) if judge else None
        run_id, before = run.id, run.seen_id
    with database.write() as session:
        now = clock.now()
        kept = _locked(session, run_id, before)
        if kept is None:
            return 0
        if turn is not None and judge is not None:
            _store(session, kept, turn)
            return 1
        if judge is None:
            backtests.end(session, kept, BacktestEnd.CLOSED, now)
            return 0
        _record(session, kept, judge, now)
        backtests.end(session, kept, BacktestEnd.DONE, now)
        return 0


def _closed(session: Session, run: BacktestRun) -> bool:
    """Whether the change waits no more, or for other rules than it is compared with."""
    change = session.get_one(Change, run.change_id)
    company = session.get_one(Company, run.company_id)
    return change.state not in OPEN_STATES or company.ruleset_version_id != run.old_id


def _both(session: Session, run: BacktestRun) -> Backtest | None:
    """Both sides: the rules in force in the worlds that were, the change with what it brings."""
    change = session.get_one(Change, run.change_id)
    given = tried_rules.of_change(session, run.company_id, change.no)
    if given is None:
        return None
    company_id, old = run.company_id, worlds.program(session, run.old_id)

    def was(past: Past) -> World:
        return worlds.world(session, company_id, past.revision or 0, frozenset(past.known or ()))

    def would(past: Past) -> World:
        known = frozenset(past.known or ())
        return tried_rules.world_of(session, given, company_id, past.revision or 0, known)

    return Backtest(_side(old, was), _side(given.program, would))


def _side(program: Program, world: Callable[[Past], World]) -> Side:
    return Side(program, world)


def _turn(session: Session, run: BacktestRun, judge: Backtest) -> Turn | None:
    """The next page judged; None when there is none."""
    span = Span(run.first, run.last, run.until_id)
    page = history.judgings_after(session, run.company_id, span, run.seen_id)
    if page is None:
        return None
    seen_id, judgings = page
    tally = counted(run.counted)
    turn = Turn(seen_id, tally, [], deciding_lines.counted(run.counted))
    for one in judgings:
        if one.body is None or one.facts is None:
            turn.gone += 1
            continue
        turn.looked += 1
        past = _past(one)
        mine = judge.tally([past])
        turn.lines.update(deciding_lines.of_record(judge, past, mine))
        turn.rows += _rows(one, turn.tally, mine)
        mine.examples, mine.complaints = {}, ()
        turn.tally = turn.tally.plus(mine)
    return turn


def _past(one: Judging) -> Past:
    return Past(
        subject=Subject(one.kind, one.source, one.body or {}, one.version),
        facts=Facts.from_json(one.facts),
        now=one.at,
        states=tuple(one.states.items()),
        revision=one.revision,
        known=tuple(sorted(one.known)),
        where=("", one.evaluation_id),
    )


def _rows(one: Judging, so_far: Tally, mine: Tally) -> Iterable[dict[str, Any]]:
    """The record in each cell that has few yet."""
    for cell, money in mine.cells.items():
        ((currency, found),) = money.items()
        if _of_pair(so_far, cell) >= KEPT:
            continue
        yield {
            "kind": cell.kind,
            "route": cell.route,
            "was": cell.was,
            "would": cell.would,
            "record_id": one.record_id,
            "evaluation_id": one.evaluation_id,
            "state": cell.state,
            "amount": to_minor(found.amount, currency),
            "currency": currency,
            "stops": cell.stops,
        }


def _of_pair(tally: Tally, cell: Cell) -> int:
    """How many records there are under this route in the same state, judged so by both."""
    return sum(one.records for one in tally.cells.get(cell, {}).values())


def _locked(session: Session, run_id: int, seen_id: int) -> BacktestRun | None:
    """The run, unless it has ended or another worker was faster."""
    run = session.scalar(select(BacktestRun).where(BacktestRun.id == run_id).with_for_update())
    return None if run is None or run.ended_at is not None or run.seen_id != seen_id else run


def _store(session: Session, run: BacktestRun, turn: Turn) -> None:
    session.add_all(BacktestResult(run_id=run.id, **row) for row in turn.rows)
    lines = deciding_lines.stored(turn.lines)
    run.counted, run.seen_id = stored(turn.tally) | {deciding_lines.KEY: lines}, turn.seen_id
    run.looked += turn.looked
    run.gone += turn.gone
    session.flush()


def _record(session: Session, run: BacktestRun, judge: Backtest, now: datetime) -> None:
    """Keep what it said for the rule book and for publishing, in the name of who began it, unless
    they may not draft any more.
    """
    actor = None
    if run.person_id is not None:
        actor = actor_of(session, run.person_id, run.company_id)
    if actor is None:
        return
    tally = counted(run.counted)
    told = Counted(
        hash=session.get_one(Change, run.change_id).hash,
        old_hash=session.get_one(RulesetVersion, run.old_id).hash,
        records=tally.records,
        differ=tally.records - tally.same,
        bad=tally.bad,
        rules={one.book_name: (one.fired, one.records) for one in fired(judge.new, tally)},
    )
    if recorded_backtests.record(session, run.company_id, actor, told, now) is None:
        newest = select(RecordedBacktest.id).where(RecordedBacktest.company_id == run.company_id)
        run.backtest_id = session.scalar(newest.order_by(RecordedBacktest.id.desc()).limit(1))
