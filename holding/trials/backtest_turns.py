"""Run backtests in a worker: evaluate stored records by two rule sets and sum the results."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.transport.http import Clock
from holding.access.actors import actor_of
from holding.db.database import Database
from holding.db.models import Backtest as RecordedBacktest
from holding.db.models import BacktestResult, BacktestRun, Change, Company, RulesetVersion
from holding.db.models.columns import BacktestEnd, to_minor
from holding.evaluation.batch import TargetRow
from holding.evaluation.load_facts import target_rows
from holding.evaluation.target_limits import LIMITS_RULE, limit_of
from holding.programs import posted_differences
from holding.programs import world as worlds
from holding.programs.posted_differences import Judging, Span
from holding.rulesets import recorded_backtests
from holding.rulesets.publication import OPEN_STATES
from holding.rulesets.recorded_backtests import Counted
from holding.trials import backtests, shadows
from holding.trials.backtests import counted, stored
from rules.comparison.two_sides import (
    Backtest,
    Limit,
    Past,
    Reason,
    Tally,
    count_fired,
    decision_reason,
)
from rules.comparison.two_sides import Change as Cell
from rules.comparison.two_sides import RuleSide as Side
from rules.facts import Facts, Subject, World
from rules.outcomes import Document, is_stricter
from rules.program import Program

AT_ONCE: Final = 100  # records of which other records are kept in memory

KEPT: Final = 500  # records of each cell that the page can list

_FactsByEvaluation = dict[int, Facts]
"""Evaluation id -> the facts that a side would have had for its record, if they were not stored."""

KEY = "lines"
"""The key under which a backtest's stored result has its lines."""


class Line(NamedTuple):
    """A rule that decides in a cell: of the change (`is_new`) or of the rules in force; `place` is
    its file and line, blank where no rule speaks of the record.
    """

    kind: str
    route: str
    was: str
    would: str
    is_new: bool
    rule: str
    place: str


@dataclass(slots=True)
class Turn:
    """The result of a page: its tally, its listed rows, and the last evaluation id."""

    seen_id: int
    tally: Tally
    rows: list[dict[str, Any]]
    lines: Counter[Line]
    looked: int = 0
    gone: int = 0


def due_companies(session: Session) -> Sequence[int]:
    """Return the ids of companies in which a backtest is running."""
    query = select(BacktestRun.company_id).where(BacktestRun.ended_at.is_(None))
    return session.scalars(query.order_by(BacktestRun.company_id)).all()


def take_turn(database: Database, clock: Clock, company_id: int) -> int:
    """Judge a page for the backtest of a company; 1 while there is more to do, else 0."""
    with database.read(many=True) as session:
        run = backtests.running(session, company_id)
        if run is None:
            return 0
        closed = _closed(session, run)
        judge = None if closed else _load_judge(session, run)
        page = _page(session, run) if judge else None
        late = _behind(session, run, judge, page) if judge and page else None
        turn = _turn(session, run, judge, page) if judge and page and late is None else None
        run_id, before = run.id, run.seen_id
    with database.write() as session:
        if late is not None:
            shadows.go_on(session, company_id, late)
            return 1
        now = clock.now()
        locked_run = _locked(session, run_id, before)
        if locked_run is None:
            return 0
        if turn is not None and judge is not None:
            _store(session, locked_run, turn)
            return 1
        if judge is not None:
            _record(session, locked_run, judge.backtest, now)
        backtests.end(session, locked_run, BacktestEnd.DONE if judge else BacktestEnd.CLOSED, now)
        return 0


def _closed(session: Session, run: BacktestRun) -> bool:
    """Check whether the change is no longer open, or the rules it is compared with are no longer in
    force.
    """
    change = session.get_one(Change, run.change_id)
    company = session.get_one(Company, run.company_id)
    return change.state not in OPEN_STATES or company.ruleset_version_id != run.old_id


class _Judge(NamedTuple):
    """Both sides, and the facts that each side would have had for the records judged now."""

    backtest: Backtest
    found: tuple[_FactsByEvaluation, _FactsByEvaluation]

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.backtest.old, self.backtest.new


def _load_judge(session: Session, run: BacktestRun) -> _Judge | None:
    """Return the judge with both sides: the rules in force in their past world, and the changed
    rules in their new world.

    None if the change no longer exists.
    """
    change = session.get_one(Change, run.change_id)
    candidate = shadows.of_change(session, run.company_id, change.no)
    if candidate is None:
        return None
    company_id, old = run.company_id, worlds.program(session, run.old_id)

    def old_world(past: Past) -> World:
        return worlds.world(session, company_id, past.revision or 0, frozenset(past.known or ()))

    def new_world(past: Past) -> World:
        known_targets = frozenset(past.known or ())
        return shadows.world_of(session, candidate, company_id, past.revision or 0, known_targets)

    facts_by_side: tuple[_FactsByEvaluation, _FactsByEvaluation] = ({}, {})
    before, after = facts_by_side
    currency = session.get_one(Company, company_id).currency
    limit = _limits_of(target_rows(worlds.target_connections(session, company_id), currency))
    sides = _side(old, old_world, before, limit), _side(candidate.program, new_world, after, limit)
    return _Judge(Backtest(*sides), facts_by_side)


def _limits_of(targets: Mapping[str, TargetRow]) -> Limit:
    """Return a function that checks a document against the limits of its target.

    It returns why this target could never take the document, or None.
    """

    def limit(document: Document, own_number: str) -> Reason | None:
        target = targets.get(document.target)
        if target is None:
            return None
        connector, settings = target.connector, target.settings
        exceeded = limit_of(connector, target.name, settings, document, own_number, "create")
        return Reason(document.number, LIMITS_RULE, None, exceeded.words) if exceeded else None

    return limit


def _side(
    program: Program,
    world: Callable[[Past], World],
    facts_by_evaluation: _FactsByEvaluation,
    limit: Limit,
) -> Side:
    return Side(
        program, world, lambda past: facts_by_evaluation.get(past.where[1], past.facts), limit
    )


class _Page(NamedTuple):
    """Judgings, and up to which evaluation they go."""

    seen_id: int
    judgings: list[Judging]


def _page(session: Session, run: BacktestRun) -> _Page | None:
    """Return the next evaluations to compare, with the id of the last. None if there are none."""
    # Only evaluations from before the start count; later ones would be counted by chance.
    span = Span(run.first, run.last, run.until_id)
    page = posted_differences.judgings_after(session, run.company_id, span, run.seen_id)
    if page is None:
        return None
    seen_id, judgings = page
    return _Page(seen_id, judgings)


def _behind(session: Session, run: BacktestRun, judge: _Judge, page: _Page) -> Program | None:
    """Return the rule program whose lookup keys are not yet complete, but needed for this page.

    None if all are complete.
    """
    for side in judge.sides:
        lookups = _asking(session, side.program, page.judgings)
        if lookups and shadows.is_behind(session, run.company_id, side.program):
            return side.program
    return None


def _asking(
    session: Session, program: Program, judgings: Sequence[Judging]
) -> list[shadows.Asking]:
    """Return the lookups that these rules need for the evaluations and that the original evaluation
    did not make.
    """
    readable = (
        judging for judging in judgings if judging.body is not None and judging.facts is not None
    )
    named = (
        (judging, shadows.names_of(session, judging.ruleset_version_id, program, judging.kind))
        for judging in readable
    )
    return [
        shadows.Asking(
            evaluation_id=judging.evaluation_id,
            record_id=judging.record_id,
            kind=judging.kind,
            body=judging.body or {},
            at=judging.at,
            facts=Facts.from_json(judging.facts),
            names=names,
        )
        for judging, names in named
        if names
    ]


def _turn(session: Session, run: BacktestRun, judge: _Judge, page: _Page) -> Turn:
    """Evaluate the page with both rule sets, and return the updated counts."""
    turn = Turn(page.seen_id, counted(run.counted), [], parse_line_counts(run.counted))
    for start in range(0, len(page.judgings), AT_ONCE):
        some = page.judgings[start : start + AT_ONCE]
        _judge_some(turn, judge, some, _look_for(session, run.company_id, judge, some))
    return turn


def _judge_some(turn: Turn, judge: _Judge, judgings: Sequence[Judging], missing: set[int]) -> None:
    for judging in judgings:
        if judging.body is None or judging.facts is None or judging.evaluation_id in missing:
            turn.gone += 1
            continue
        turn.looked += 1
        past = _past(judging)
        record_tally = judge.backtest.tally([past])
        turn.lines.update(of_record(judge.backtest, past, record_tally))
        turn.rows += _rows(judging, turn.tally, record_tally)
        record_tally.examples, record_tally.complaints = {}, ()
        turn.tally = turn.tally.plus(record_tally)


def _past(judging: Judging) -> Past:
    return Past(
        subject=Subject(judging.kind, judging.source, judging.body or {}, judging.version),
        facts=Facts.from_json(judging.facts),
        now=judging.at,
        states=tuple(judging.states.items()),
        revision=judging.revision,
        known=tuple(sorted(judging.known)),
        where=("", judging.evaluation_id),
    )


def _rows(judging: Judging, so_far: Tally, record_tally: Tally) -> Iterable[dict[str, Any]]:
    """Yield a result row for each cell of the record, unless the cell already has enough
    records.
    """
    for cell, money in record_tally.cells.items():
        ((currency, total),) = money.items()
        if _of_pair(so_far, cell) >= KEPT:
            continue
        yield {
            "kind": cell.kind,
            "route": cell.route,
            "was": cell.was,
            "would": cell.would,
            "record_id": judging.record_id,
            "evaluation_id": judging.evaluation_id,
            "state": cell.state,
            "amount": to_minor(total.amount, currency),
            "currency": currency,
            "stops": cell.stops,
        }


def _of_pair(tally: Tally, cell: Cell) -> int:
    """Return how many records the cell has, over all currencies."""
    return sum(total.records for total in tally.cells.get(cell, {}).values())


def _look_for(
    session: Session, company_id: int, judge: _Judge, judgings: Sequence[Judging]
) -> set[int]:
    """Load the lookups that both sides need and the original evaluations lack.

    Return the ids of evaluations whose lookups would match too many records.
    """
    missing: set[int] = set()
    for side, facts_by_evaluation in zip(judge.sides, judge.found, strict=True):
        lookups = _asking(session, side.program, judgings)
        facts_by_evaluation.clear()
        if lookups:
            facts_by_evaluation |= shadows.facts_of(session, company_id, side.program, lookups)
        missing |= {lookup.evaluation_id for lookup in lookups} - facts_by_evaluation.keys()
    return missing


def _locked(session: Session, run_id: int, seen_id: int) -> BacktestRun | None:
    """Return the locked run, or None if it has ended or another worker has advanced it."""
    run = session.scalar(select(BacktestRun).where(BacktestRun.id == run_id).with_for_update())
    return None if run is None or run.ended_at is not None or run.seen_id != seen_id else run


def _store(session: Session, run: BacktestRun, turn: Turn) -> None:
    session.add_all(BacktestResult(run_id=run.id, **row) for row in turn.rows)
    lines = format_line_counts(turn.lines)
    run.counted, run.seen_id = stored(turn.tally) | {KEY: lines}, turn.seen_id
    run.looked += turn.looked
    run.gone += turn.gone
    session.flush()


def _record(session: Session, run: BacktestRun, judge: Backtest, now: datetime) -> None:
    """Record the result for the rule book and for publishing, in the name of the person who started
    the backtest. Skipped if this person may no longer draft rules.
    """
    actor = None
    if run.person_id is not None:
        actor = actor_of(session, run.person_id, run.company_id)
    if actor is None:
        return
    tally = counted(run.counted)
    counts = Counted(
        hash=session.get_one(Change, run.change_id).hash,
        old_hash=session.get_one(RulesetVersion, run.old_id).hash,
        records=tally.records,
        differ=tally.records - tally.same,
        bad=tally.bad,
        rules={
            rule.book_name: (rule.fired, rule.records) for rule in count_fired(judge.new, tally)
        },
    )
    if recorded_backtests.record_backtest(session, run.company_id, actor, counts, now) is None:
        newest = select(RecordedBacktest.id).where(RecordedBacktest.company_id == run.company_id)
        run.backtest_id = session.scalar(newest.order_by(RecordedBacktest.id.desc()).limit(1))


def of_record(judge: Backtest, past: Past, tally: Tally) -> Iterator[Line]:
    """Yield the deciding rule line for each route whose result changes.

    If the change is stricter, this is the line of the changed rules that stops the record. Else it
    is the line of the old rules that stopped it.
    """
    for cell in tally.cells:
        if cell.was == cell.would:
            continue
        is_new = is_stricter(cell.would, cell.was)
        reason = decision_reason(judge.new if is_new else judge.old, past, cell.route)
        place = f"{reason.span.file}:{reason.span.line}" if reason.span else ""
        yield Line(cell.kind, cell.route, cell.was, cell.would, is_new, reason.rule, place)


def format_line_counts(lines: Mapping[Line, int]) -> list[list[Any]]:
    """Return the lines with their counts, ready for JSON."""
    return [[*line, times] for line, times in sorted(lines.items())]


def parse_line_counts(stored_counts: Mapping[str, Any]) -> Counter[Line]:
    """Return the lines of a stored backtest with their record counts.

    Empty for a backtest stored before lines were counted.
    """
    return Counter({Line(*line): times for *line, times in stored_counts.get(KEY, ())})
