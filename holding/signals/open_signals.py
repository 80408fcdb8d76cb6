"""Signals as people read them.

Here: those that are open, those that ended, and the sentence of each. Reads only. Not here: when
one begins and ends (raising.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.orm import Session, aliased

from holding.db.bulk import Columns, of
from holding.db.models import Connection, Record, Signal
from holding.db.models.columns import SignalKind
from holding.db.refusal import plural, sums
from holding.db.together import Question, answer
from rules.values.names import month_name

TRIES: Final = 2
"""After so many failed attempts of people an escalation is offered."""
ENDED_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal; source, kind and external id are those of the first record that it stops."""

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
        """Whether a target does not accept our key."""
        return self.kind == SignalKind.AUTHORIZATION_LOST

    @property
    def close(self) -> bool:
        """Whether it is about a month that closes."""
        return self.kind == SignalKind.CLOSE_BLOCKED

    @property
    def differs(self) -> bool:
        """Whether a target keeps other totals than were sent."""
        return self.kind == SignalKind.TOTALS_DIFFER

    @property
    def period(self) -> str:
        """The month that closes, in words; empty for what is about none."""
        return month_name(self.key) if self.close else ""

    @property
    def offers_escalation(self) -> bool:
        """Whether people tried what they can: support is next."""
        many = self.kind == SignalKind.MANY_FAILURES
        return self.external_id is not None and (many or (self.lost and self.tried >= TRIES))

    def days_left(self, today: date) -> int:
        """How many days are left before the books close; 0 on the day itself."""
        return max(0, (self.closes_on - today).days) if self.closes_on else 0


_source = aliased(Connection, name="source")
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


def listing(session: Session, company_id: int) -> tuple[SignalRow, ...]:
    """The open signals, the oldest first."""
    return answer(session, asked_listing(company_id))


def asked_listing(company_id: int) -> Question[tuple[SignalRow, ...]]:
    """The same, as a question."""
    return SIGNAL.each((yield _open_ones(company_id)))


@lru_cache(maxsize=256)
def _open_ones(company_id: int) -> Select[Any]:
    """Made once a company: every dashboard asks."""
    return _signals(company_id).where(Signal.cleared_at.is_(None)).order_by(Signal.id)


def ended(session: Session, company_id: int, most: int = ENDED_SHOWN) -> tuple[SignalRow, ...]:
    """The last that ended, newest first."""
    query = _signals(company_id).where(Signal.cleared_at.is_not(None))
    found = session.execute(query.order_by(Signal.id.desc()).limit(most))
    return SIGNAL.each(found)


def shown(session: Session, company_id: int, signal_id: int) -> SignalRow | None:
    """One of them."""
    return SIGNAL.first(session.execute(_signals(company_id).where(Signal.id == signal_id)))


def sentence(row: SignalRow, books: str) -> str:
    """What it says, whenever it is read."""
    money = sums(row.money, books)
    match row.kind:
        case SignalKind.MANY_FAILURES:
            many = plural(row.records, "record")
            return f"{row.connection} rejects {many} for one cause, {money}."
        case SignalKind.AUTHORIZATION_LOST:
            one, many = "attempt to reconnect it failed", "attempts to reconnect it failed"
            tried = f" {plural(row.tried, one, many)}." if row.tried else ""
            return f"{row.connection} does not accept the API key.{tried}"
        case SignalKind.CLOSE_BLOCKED:
            held = f"{plural(row.records, 'record is', 'records are')} on hold, {money}."
            t_month = month_name(row.key)
            return f"The books of {t_month} close on {row.closes_on}: {held}"
        case SignalKind.TOTALS_DIFFER:
            many = plural(row.records, "document")
            return f"{row.connection} keeps other totals of {many} than were sent, after a retry."


def _signals(company_id: int) -> Select[Any]:
    return (
        SIGNAL.select()
        .select_from(Signal)
        .outerjoin(Connection, Connection.id == Signal.connection_id)
        .outerjoin(Record, Record.id == Signal.record_id)
        .outerjoin(_source, _source.id == Record.source_id)
        .where(Signal.company_id == company_id)
    )
