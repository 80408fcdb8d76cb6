"""Unit rates that a target cannot report and a person confirms.

Rates are stored as master data of kind `rate`, so an evaluation of an earlier moment sees the rates
of that moment. Each item is `UNIT|ITEM` with the body `{"base", "num", "den", "by", "at"}`. Rates
are required only if a special item switches the requirement on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.connections import breaker, master_data
from holding.connections.connections import log_connection_event, permitted
from holding.connections.master_data import RATE
from holding.db.models import Cause, Company, Connection, Person, Snapshot, SnapshotItem
from holding.db.refusal import Refusal, plural
from holding.platform import states
from rules.values.cause_keys import CauseKey, CauseKind

ASKED = "asked"
Worth = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class WaitingRate:
    """A rate that is not confirmed yet, and how many records wait for that; `cause_id` names it."""

    cause_id: int
    unit: str
    item: str
    worth: str
    records: int

    @property
    def says(self) -> str:
        """Return the rate as text, such as `1 CTN of TEA-1 = 12 PCS`."""
        return f"1 {self.unit} of {self.item} = {self.worth}"


@dataclass(frozen=True, slots=True)
class ConfirmedRate:
    """A confirmed rate, with the person and the time."""

    unit: str
    item: str
    worth: str
    by: str
    at: datetime

    @property
    def says(self) -> str:
        """Return the rate as text, such as `1 CTN of TEA-1 = 12 PCS`."""
        return f"1 {self.unit} of {self.item} = {self.worth}"


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one target: whether confirmation is required, the confirmed ones and those that
    wait.

    The last field counts the items with rates in an imported list.
    """

    asked: bool
    confirmed: tuple[ConfirmedRate, ...]
    waiting: tuple[WaitingRate, ...]
    told: int = 0

    def says(self, name: str, *, unit: bool) -> str:
        """Return the state as one sentence.

        `unit`: whether the target reports one unit for each item.
        """
        tells = f"{name} reports {'one unit an item' if unit else 'no units'} and no rate"
        if self.told:
            tells = f"{name} reports the units and rates of {plural(self.told, 'item')} by its list"
        if not self.asked:
            rates = "other rates" if self.told else "rates"
            return f"{tells}; {rates} of the units table are used without confirmation"
        waits = len(self.waiting)
        return (
            f"{tells}; {plural(len(self.confirmed), 'rate is', 'rates are')} confirmed, "
            f"{waits} {'waits' if waits == 1 else 'wait'}"
        )


def confirmed(items: Mapping[str, Mapping[str, Any]]) -> dict[str, Worth] | None:
    """Return `UNIT|ITEM` -> (base unit, num, den) from stored items, or None if no confirmation is
    required.
    """
    if ASKED not in items:
        return None
    return {
        code: (str(body["base"]), int(body["num"]), int(body["den"]))
        for code, body in items.items()
        if code != ASKED
    }


def ask(
    session: Session, actor: Actor, connection_id: int, now: datetime, *, on: bool = True
) -> Refusal | None:
    """Require the confirmation of rates for converted quantities from now on, or stop
    requiring it.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    if connection.side != "target":
        return Refusal(
            "connection.side",
            f"{connection.name} is not an accounting system: nothing is sent to it.",
        )
    stored_rates = _stored(session, connection.id)
    if (ASKED in stored_rates) is on:
        return None
    new_rates = (
        {**stored_rates, ASKED: {}} if on else {k: v for k, v in stored_rates.items() if k != ASKED}
    )
    _keep(session, connection, new_rates, actor, now)
    what = "have to be confirmed" if on else "are used as the units table says"
    words = f"Rates of units {what} for {connection.name}."
    log_connection_event(session, connection, actor, now, "connection.rates", words)
    return None


def confirm(
    session: Session,
    actor: Actor,
    connection_id: int,
    cause_ids: Collection[int],
    *,
    now: datetime,
) -> tuple[WaitingRate, ...] | Refusal:
    """Confirm the rates behind these causes as they were shown, and return them.

    Their records are evaluated again. Refused if a rate changed or was confirmed meanwhile.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := _refused(actor, connection):
        return refusal
    breaker.locked(session, connection.id)  # one confirmation at a time
    stored_rates = _stored(session, connection.id)
    waiting = {
        rate.cause_id: rate for rate in _unconfirmed_rates(session, connection, stored_rates)
    }
    if not cause_ids or not waiting.keys() >= set(cause_ids):
        words = "This rate does not wait to be confirmed any more."
        hint = "It was confirmed meanwhile, or the units table has another one: look at the page."
        return Refusal("rate.changed", words, hint)
    chosen = tuple(waiting[cause_id] for cause_id in sorted(cause_ids))
    keys = {row.id: row.key for row in session.scalars(_CAUSES, {"ids": list(cause_ids)})}
    stamp = {"by": actor.person_id, "at": now.isoformat()}
    for rate in chosen:
        entry, (base, num, den) = keys[rate.cause_id].rate_of
        stored_rates[entry] = {"base": base, "num": num, "den": den, **stamp}
        words = f"{rate.says} was confirmed for {connection.name}."
        log_connection_event(session, connection, actor, now, "connection.rate", words)
    revision = _keep(session, connection, stored_rates, actor, now)
    if revision is not None:
        states.note_cause_change(session, connection.company_id, list(keys.values()), revision)
    return chosen


def of_connection(session: Session, connection_id: int) -> Rates:
    """Return the confirmed and the waiting rates of a target."""
    connection = session.get_one(Connection, connection_id)
    stored_rates = _stored(session, connection.id)
    people = _names(session, {body.get("by") for body in stored_rates.values()})
    confirmed_rates = tuple(
        ConfirmedRate(
            unit=entry.partition("|")[0],
            item=entry.partition("|")[2],
            worth=_worth((body["base"], body["num"], body["den"])),
            by=people.get(body["by"], "Clearpost"),
            at=datetime.fromisoformat(body["at"]),
        )
        for entry, body in sorted(stored_rates.items())
        if entry != ASKED
    )
    is_required = ASKED in stored_rates  # else nothing waits to be confirmed
    waiting = _unconfirmed_rates(session, connection, stored_rates) if is_required else ()
    items = master_data.known_items(session, connection.id)
    rated = sum(bool(item.rates) for item in items.values())
    return Rates(is_required, confirmed_rates, waiting, rated)


@dataclass(frozen=True, slots=True)
class TargetRates:
    """The rates of one target, with its company's code."""

    company: str
    name: str
    connector: str
    rates: Rates


def of_all(session: Session) -> tuple[TargetRates, ...]:
    """Return the rates of all targets, by company."""
    query = select(Company.code, Connection).where(
        Connection.company_id == Company.id, Connection.side == "target"
    )
    return tuple(
        TargetRates(
            code, connection.name, connection.connector, of_connection(session, connection.id)
        )
        for code, connection in session.execute(query.order_by(Company.id, Connection.id))
    )


def _refused(actor: Actor, connection: Connection) -> Refusal | None:
    if actor.company_id != connection.company_id:
        return Refusal("connection.unknown", "There is no such connection.", status=404)
    return may(actor, "mapping.fix")


def _keep(
    session: Session,
    connection: Connection,
    items: Mapping[str, Mapping[str, Any]],
    actor: Actor,
    now: datetime,
) -> int | None:
    kinds = {RATE: items}
    reason = "said by people"
    return master_data.keep_kinds(
        session, connection, kinds, person=actor.person_id, now=now, reason=reason
    )


def _stored(session: Session, connection_id: int) -> dict[str, dict[str, Any]]:
    rows = session.execute(_STORED.params(connection=connection_id))
    return {row.code: row.body for row in rows}


_STORED = (
    select(SnapshotItem.code, SnapshotItem.body)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .where(Snapshot.connection_id == bindparam("connection"), Snapshot.kind == RATE)
    .where(SnapshotItem.to_revision.is_(None))
)
_CAUSES = select(Cause).where(Cause.id.in_(bindparam("ids", expanding=True)))


def _unconfirmed_rates(
    session: Session, connection: Connection, stored: Mapping[str, Mapping[str, Any]]
) -> tuple[WaitingRate, ...]:
    """Return the unconfirmed conversion rates for this target that hold records."""
    confirmed_worths = confirmed(stored) or {}
    words = {connection.name, connection.connector}
    key_terms = [states.key_begins(CauseKey(CauseKind.RATE, f"{word}:")) for word in sorted(words)]
    query = select(Cause.id, Cause.key, Cause.records).where(
        Cause.company_id == connection.company_id, Cause.records > 0, or_(*key_terms)
    )
    unconfirmed = [
        row for row in session.execute(query).all() if not _is_confirmed(row.key, confirmed_worths)
    ]
    rows = [_row(*row) for row in unconfirmed]
    return tuple(sorted(rows, key=lambda rate: (rate.item, rate.unit, rate.worth)))


def _is_confirmed(key: CauseKey, worths: Mapping[str, Worth]) -> bool:
    entry, worth = key.rate_of
    return worths.get(entry) == worth


def _row(cause_id: int, key: CauseKey, records: int) -> WaitingRate:
    entry, worth = key.rate_of
    unit, _, item = entry.partition("|")
    return WaitingRate(cause_id, unit, item, _worth(worth), records)


def _worth(worth: Worth) -> str:
    base, num, den = worth
    return f"{num if den == 1 else f'{num}/{den}'} {base}"


def _names(session: Session, ids: Collection[int | None]) -> dict[int, str]:
    person_ids: Sequence[int] = [person_id for person_id in ids if person_id is not None]
    query = select(Person.id, Person.name).where(Person.id.in_(person_ids))
    return dict(session.execute(query).all()) if person_ids else {}
