"""Open and recently ended signals for the pages, and the job that refreshes them."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, aliased

from holding.connections.signal_causes import Found, found_now
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Company, Connection, Record, Signal
from holding.db.models.columns import SignalKind, table_of
from holding.db.refusal import plural, sums
from holding.platform.events import record_event
from rules.values.wording import month_name

TRIES: Final = 2
"""After so many failed attempts of people an escalation is offered."""

ENDED_SHOWN: Final = 20

_source = aliased(Connection, name="source")


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal for display. `record`, `source`, `record_kind` and `external_id` belong to the first
    record that it stops.
    """

    id: int
    kind: SignalKind
    key: str
    connection: str | None
    cause_id: int | None
    records: int
    money: dict[str, int]
    tried: int
    closes_on: date | None
    opened_at: datetime
    cleared_at: datetime | None
    record: str | None
    source: str | None
    record_kind: str | None
    external_id: str | None

    @property
    def lost(self) -> bool:
        """Whether the signal is about a target that refuses our key."""
        return self.kind == SignalKind.AUTHORIZATION_LOST

    @property
    def close(self) -> bool:
        """Whether the signal is about a month whose close is blocked."""
        return self.kind == SignalKind.CLOSE_BLOCKED

    @property
    def differs(self) -> bool:
        """Whether the signal is about a target that stores other totals than were sent."""
        return self.kind == SignalKind.TOTALS_DIFFER

    @property
    def period(self) -> str:
        """Return the closing month as text, or an empty string."""
        return month_name(self.key) if self.close else ""

    @property
    def offers_escalation(self) -> bool:
        """Whether users have tried their own options, so that the support desk is the next step."""
        has_many_failures = self.kind == SignalKind.MANY_FAILURES
        return self.external_id is not None and (
            has_many_failures or (self.lost and self.tried >= TRIES)
        )

    def days_left(self, today: date) -> int:
        """Return how many days remain before the books close; 0 on the day itself."""
        return max(0, (self.closes_on - today).days) if self.closes_on else 0


SIGNAL = Columns(
    SignalRow(
        id=of(Signal.id),
        kind=of(Signal.kind),
        key=of(Signal.key),
        connection=of(Connection.name),
        cause_id=of(Signal.cause_id),
        records=of(Signal.records),
        money=of(Signal.money),
        tried=of(Signal.tried),
        closes_on=of(Signal.closes_on),
        opened_at=of(Signal.opened_at),
        cleared_at=of(Signal.cleared_at),
        record=of(Record.number),
        source=of(_source.name),
        record_kind=of(Record.type),
        external_id=of(Record.external_id),
    ),
    {
        "connection": "connection.name",
        "record": "record.number",
        "source": "source.name",
        "record_kind": "record.type",
    },
)


def list_signals(session: Session, company_id: int) -> tuple[SignalRow, ...]:
    """Return the open signals, oldest first."""
    return SIGNAL.each(session.execute(_open_ones(company_id), execution_options=KEPT))


@lru_cache(maxsize=256)
def _open_ones(company_id: int) -> Select[Any]:
    """Return the select of a company's open signals, cached because every dashboard needs it."""
    return _signals(company_id).where(Signal.cleared_at.is_(None)).order_by(Signal.id)


def _signals(company_id: int) -> Select[Any]:
    return (
        SIGNAL.select()
        .select_from(Signal)
        .outerjoin(Connection, Connection.id == Signal.connection_id)
        .outerjoin(Record, Record.id == Signal.record_id)
        .outerjoin(_source, _source.id == Record.source_id)
        .where(Signal.company_id == company_id)
    )


def ended_signals(
    session: Session, company_id: int, most: int = ENDED_SHOWN
) -> tuple[SignalRow, ...]:
    """Return the latest ended signals, newest first."""
    query = _signals(company_id).where(Signal.cleared_at.is_not(None))
    rows = session.execute(query.order_by(Signal.id.desc()).limit(most))
    return SIGNAL.each(rows)


def load_signal(session: Session, company_id: int, signal_id: int) -> SignalRow | None:
    """Return one signal, or None."""
    return SIGNAL.first(session.execute(_signals(company_id).where(Signal.id == signal_id)))


def sentence(row: SignalRow, books: str) -> str:
    """Return the signal as one sentence."""
    money = sums(row.money, books)
    match row.kind:
        case SignalKind.MANY_FAILURES:
            record_count = plural(row.records, "record")
            return f"{row.connection} rejects {record_count} for one cause, {money}."
        case SignalKind.AUTHORIZATION_LOST:
            singular, plural_form = (
                "attempt to reconnect it failed",
                "attempts to reconnect it failed",
            )
            tried = f" {plural(row.tried, singular, plural_form)}." if row.tried else ""
            return f"{row.connection} does not accept the API key.{tried}"
        case SignalKind.CLOSE_BLOCKED:
            held_text = f"{plural(row.records, 'record is', 'records are')} on hold, {money}."
            t_month = month_name(row.key)
            return f"The books of {t_month} close on {row.closes_on}: {held_text}"
        case SignalKind.TOTALS_DIFFER:
            document_count = plural(row.records, "document")
            return (
                f"{row.connection} keeps other totals of {document_count} than were sent,"
                " after a retry."
            )


def refresh_signals(session: Session, now: datetime) -> None:
    """Raise, update and end the signals of every company."""
    for company in session.scalars(select(Company).order_by(Company.id)).all():
        query = select(Signal).where(Signal.company_id == company.id, Signal.cleared_at.is_(None))
        standing = {(signal.kind, signal.key): signal for signal in session.scalars(query)}
        current_signals = {
            (candidate.kind, candidate.key): candidate
            for candidate in found_now(session, company, standing.values(), now)
        }
        for name, candidate in current_signals.items():
            if name in standing:
                _renew(standing[name], candidate)
            else:
                _raise(session, company, candidate, now)
        for name, signal in standing.items():
            if name not in current_signals:
                _end(session, company, signal, now)


def _renew(signal: Signal, candidate: Found) -> None:
    """Update the row; nothing is written if nothing changed."""
    fields = ("record_id", "records", "tried", "closes_on")
    for name in fields:
        if getattr(signal, name) != getattr(candidate, name):
            setattr(signal, name, getattr(candidate, name))
    if signal.money != dict(candidate.money):
        signal.money = dict(candidate.money)


def _raise(session: Session, company: Company, candidate: Found, now: datetime) -> None:
    values = {
        "company_id": company.id,
        "kind": candidate.kind,
        "key": candidate.key,
        "connection_id": candidate.connection_id,
        "cause_id": candidate.cause_id,
        "record_id": candidate.record_id,
        "records": candidate.records,
        "money": dict(candidate.money),
        "tried": candidate.tried,
        "closes_on": candidate.closes_on,
        "opened_at": now,
    }
    signal_id = bulk.insert_once(session, Signal, values)
    if signal_id is not None:  # else another process was faster
        _tell(session, company, signal_id, "signal.raised", "", now)


def _tell(
    session: Session, company: Company, signal_id: int, act: str, before: str, now: datetime
) -> None:
    row = load_signal(session, company.id, signal_id)
    if row is None:
        return
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=None,
        act=act,
        object=f"signal:{signal_id}",
        body={"say": before + sentence(row, company.currency)},
    )


def _end(session: Session, company: Company, signal: Signal, now: datetime) -> None:
    """End a signal whose cause is gone."""
    table = table_of(Signal)
    ended = session.execute(
        update(Signal)
        .where(Signal.id == signal.id, Signal.cleared_at.is_(None))
        .values(cleared_at=now)
        .returning(table.c.id)
    ).first()
    if ended is not None:
        _tell(session, company, signal.id, "signal.cleared", "No longer so: ", now)
