"""List the progress and differences of shadows and backtests for pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import (
    BacktestResult,
    BacktestRun,
    Connection,
    Person,
    Record,
    RulesetVersion,
    Shadow,
    ShadowVerdict,
)
from holding.db.models.columns import BacktestEnd, ShadowEnd, to_minor
from holding.trials.backtests import counted
from rules.comparison.two_sides import Money, Tally
from rules.outcomes import APPROVE, NO_ROUTE, is_stricter
from rules.values.canonical import POSTING_LABELS, PostingState


@dataclass(frozen=True, slots=True)
class ShownShadow:
    """A shadow: until when it lasts, why it ended, and how many verdicts it gave."""

    id: int
    started_at: datetime
    until: datetime
    ended_at: datetime | None
    ending: ShadowEnd | None
    judged: int
    differ: int
    unread: int


SHADOWS = Columns(
    ShownShadow(
        id=of(Shadow.id),
        started_at=of(Shadow.started_at),
        until=of(Shadow.until),
        ended_at=of(Shadow.ended_at),
        ending=of(Shadow.ending),
        judged=of(Shadow.judged),
        differ=of(Shadow.differ),
        unread=of(Shadow.unread),
    )
)


@dataclass(frozen=True, slots=True)
class ListedDifference:
    """A record that the shadow judged otherwise; both sides are route -> state and findings."""

    evaluation_id: int
    at: datetime
    number: str
    party: str
    amount: int | None
    currency: str
    source: str
    kind: str
    external_id: str
    was: Any
    would: Any


DIFFERENCES = Columns(
    ListedDifference(
        evaluation_id=of(ShadowVerdict.evaluation_id),
        at=of(ShadowVerdict.at),
        number=of(Record.number),
        party=of(Record.party),
        amount=of(Record.amount),
        currency=of(Record.currency),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        was=of(ShadowVerdict.was),
        would=of(ShadowVerdict.would),
    ),
    {"source": "connection.name", "kind": "record.type"},
)

SHOWN: Final = 50

ORDER: Final = (
    *(PostingState.READY, APPROVE, PostingState.HELD, PostingState.WAITING),
    *(PostingState.IGNORED, PostingState.DROPPED, NO_ROUTE),
)
"""The words of the matrix, as they stand in it; any other comes behind them."""

LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {**POSTING_LABELS, APPROVE: "Approval needed", NO_ROUTE: "No document"}
)
"""What each of them is called on pages."""


@dataclass(frozen=True, slots=True)
class ListedResult:
    """One record of a cell."""

    record_id: int
    evaluation_id: int
    number: str
    party: str
    day: date | None
    amount: int
    currency: str
    source: str
    kind: str
    external_id: str
    route: str
    state: str
    was: str
    would: str


RESULTS = Columns(
    ListedResult(
        record_id=of(BacktestResult.record_id),
        evaluation_id=of(BacktestResult.evaluation_id),
        number=of(Record.number),
        party=of(Record.party),
        day=of(Record.doc_date),
        amount=of(BacktestResult.amount),
        currency=of(BacktestResult.currency),
        source=of(Connection.name),
        kind=of(BacktestResult.kind),
        external_id=of(Record.external_id),
        route=of(BacktestResult.route),
        state=of(BacktestResult.state),
        was=of(BacktestResult.was),
        would=of(BacktestResult.would),
    ),
    {"source": "connection.name", "day": "record.doc_date"},
)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A backtest for display: its days, its progress, why it ended, and its counts."""

    id: int
    person: str | None
    old_no: int
    first: date | None
    last: date | None
    started_at: datetime
    ended_at: datetime | None
    ending: BacktestEnd | None
    total: int
    looked: int
    gone: int
    counted: Any


RUNS = Columns(
    ShownRun(
        id=of(BacktestRun.id),
        person=of(Person.name),
        old_no=of(RulesetVersion.no),
        first=of(BacktestRun.first),
        last=of(BacktestRun.last),
        started_at=of(BacktestRun.started_at),
        ended_at=of(BacktestRun.ended_at),
        ending=of(BacktestRun.ending),
        total=of(BacktestRun.total),
        looked=of(BacktestRun.looked),
        gone=of(BacktestRun.gone),
        counted=of(BacktestRun.counted),
    ),
    {"person": "person.name", "old_no": "ruleset_version.no"},
)


def shadow_of_change(session: Session, company_id: int, change_id: int) -> ShownShadow | None:
    """Return the latest shadow of a change, or None."""
    result = session.execute(
        SHADOWS.select()
        .where(Shadow.company_id == company_id, Shadow.change_id == change_id)
        .order_by(Shadow.id.desc())
        .limit(1)
    )
    return SHADOWS.first(result)


def differences(
    session: Session,
    company_id: int,
    shadow_id: int,
    *,
    before: int | None = None,
    most: int | None = SHOWN + 1,
) -> tuple[ListedDifference, ...]:
    """Return a shadow's differences, newest first; by default one more than SHOWN.

    `before`: only differences of earlier evaluations than this id. `most=None` returns all.
    """
    query = (
        DIFFERENCES.select()
        .join(Record, Record.id == ShadowVerdict.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(ShadowVerdict.shadow_id == shadow_id, ShadowVerdict.differs)
        .where(Record.company_id == company_id)
    )
    query = query if before is None else query.where(ShadowVerdict.evaluation_id < before)
    newest = query.order_by(ShadowVerdict.evaluation_id.desc()).limit(most)
    return DIFFERENCES.each(session.execute(newest))


@dataclass(slots=True)
class MatrixCell:
    """The number of records that change from one result to another.

    `money` maps a currency to (records, sum in minor units). Records whose amount is unknown have a
    blank currency.
    """

    was: str
    would: str
    records: int = 0
    money: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def sums(self) -> dict[str, int]:
        """The sums by currency in minor units, without records whose amount is unknown."""
        return {code: minor for code, (_, minor) in self.money.items() if code}

    @property
    def tone(self) -> str:
        """The colour of the cell: freed, stopped, otherwise changed, or none."""
        if self.was == self.would:
            return ""
        if self.would == PostingState.READY:
            return "ok"
        return "warn" if is_stricter(self.would, self.was) else "info"

    def add(self, money: Money) -> None:
        """Count these, too."""
        for code, total in money.items():
            self.records += total.records
            records, minor = self.money.get(code, (0, 0))
            self.money[code] = (records + total.records, minor + to_minor(total.amount, code))


@dataclass(frozen=True, slots=True)
class Matrix:
    """The records of a kind under a route: a row for each word that was, a column for each that
    would be.
    """

    kind: str
    route: str
    words: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...], MatrixCell], ...]
    all: tuple[MatrixCell, ...]
    total: MatrixCell
    differ: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a backtest for a page.

    `beside` counts, by kind, records outside the matrices, because no rule posts their kind.
    """

    records: int
    differ: int
    bad: int
    stopped: MatrixCell
    freed: MatrixCell
    matrices: tuple[Matrix, ...]
    beside: Mapping[str, int]


def backtest_of_change(session: Session, company_id: int, change_id: int) -> ShownRun | None:
    """Return the latest backtest of a change, or None."""
    result = session.execute(
        RUNS.select()
        .join(RulesetVersion, RulesetVersion.id == BacktestRun.old_id)
        .outerjoin(Person, Person.id == BacktestRun.person_id)
        .where(BacktestRun.company_id == company_id, BacktestRun.change_id == change_id)
        .order_by(BacktestRun.id.desc())
        .limit(1)
    )
    return RUNS.first(result)


def counts(run: ShownRun) -> Counts:
    """Return the backtest's counts so far."""
    tally = counted(run.counted)
    stopped, freed = MatrixCell("", ""), MatrixCell("", "")
    stopped.add(tally.stopped)
    freed.add(tally.freed)
    matrices = tuple(_matrix(tally, *of) for of in sorted({c[:2] for c in tally.cells}))
    most_first = sorted(matrices, key=lambda matrix: -matrix.differ)
    differ = tally.records - tally.same
    posted = {matrix.kind for matrix in matrices}
    other_kinds = {kind: n for kind, n in sorted(tally.judged.items()) if kind not in posted}
    return Counts(tally.records, differ, tally.bad, stopped, freed, tuple(most_first), other_kinds)


def _matrix(tally: Tally, kind: str, route: str) -> Matrix:
    route_cells = {c: money for c, money in tally.cells.items() if c[:2] == (kind, route)}
    words = sorted({word for c in route_cells for word in (c.was, c.would)}, key=_place)
    cells = {(was, would): MatrixCell(was, would) for was in words for would in words}
    sums = {word: MatrixCell(word, word) for word in words}
    rows = {word: MatrixCell(word, word) for word in words}
    total = MatrixCell("", "")
    for cell, money in route_cells.items():
        for into in (cells[cell.was, cell.would], rows[cell.was], sums[cell.would], total):
            into.add(money)
    row_words = [word for word in words if rows[word].records]
    return Matrix(
        kind,
        route,
        tuple(words),
        tuple((was, tuple(cells[was, would] for would in words), rows[was]) for was in row_words),
        tuple(sums[word] for word in words),
        total,
        sum(cell.records for cell in cells.values() if cell.tone),
    )


def _place(word: str) -> tuple[int, str]:
    return (ORDER.index(word) if word in ORDER else len(ORDER), word)


def listed(
    session: Session,
    run_id: int,
    cell: Mapping[str, str],
    *,
    before: int | None = None,
    most: int = SHOWN + 1,
) -> tuple[ListedResult, ...]:
    """Return the records of a cell, newest first; by default one more than SHOWN.

    `cell` names some of kind, route, was and would. `before`: only records with a lower id.
    """
    query = _results().where(BacktestResult.run_id == run_id)
    for name, value in cell.items():
        query = query.where(getattr(BacktestResult, name) == value)
    query = query if before is None else query.where(BacktestResult.record_id < before)
    newest = query.order_by(BacktestResult.record_id.desc()).limit(most)
    return RESULTS.each(session.execute(newest))


def _results() -> Select[Any]:
    return (
        RESULTS.select()
        .join(Record, Record.id == BacktestResult.record_id)
        .join(Connection, Connection.id == Record.source_id)
    )


def list_stopped(session: Session, change_id: int, *, most: int) -> tuple[ListedResult, ...]:
    """Return posted documents that the change would have stopped, largest amount first.

    Only the change's latest backtest has results.
    """
    runs = select(BacktestRun.id).where(BacktestRun.change_id == change_id)
    query = _results().where(BacktestResult.run_id.in_(runs), BacktestResult.stops)
    largest = query.order_by(BacktestResult.amount.desc(), BacktestResult.record_id.desc())
    result = session.execute(largest.limit(most))
    return RESULTS.each(result)
