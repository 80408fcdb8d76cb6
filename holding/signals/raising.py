"""Signals begin and end with their causes: one row for each cause, however many records it stops.

Here: comparing what is open with what is found, in one transaction; each beginning and each end is
an event. Not here: the causes (signal_causes.py), when this is done (workers/sweep.py).
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Company, Signal
from holding.db.models.columns import table_of
from holding.platform.events import record_event
from holding.signals.open_signals import sentence, shown
from holding.signals.signal_causes import Found, found_now


def refresh(session: Session, now: datetime) -> None:
    """Raise, renew and end the signals of every company."""
    for company in session.scalars(select(Company).order_by(Company.id)).all():
        query = select(Signal).where(Signal.company_id == company.id, Signal.cleared_at.is_(None))
        standing = {(one.kind, one.key): one for one in session.scalars(query)}
        found = {
            (one.kind, one.key): one for one in found_now(session, company, standing.values(), now)
        }
        for name, one in found.items():
            if name in standing:
                _renew(standing[name], one)
            else:
                _raise(session, company, one, now)
        for name, signal in standing.items():
            if name not in found:
                _end(session, company, signal, now)


def _raise(session: Session, company: Company, one: Found, now: datetime) -> None:
    values = {
        "company_id": company.id,
        "kind": one.kind,
        "key": one.key,
        "connection_id": one.connection_id,
        "cause_id": one.cause_id,
        "record_id": one.record_id,
        "records": one.records,
        "money": dict(one.money),
        "tried": one.tried,
        "closes_on": one.closes_on,
        "opened_at": now,
    }
    made = bulk.insert_once(session, Signal, values)
    if made is not None:  # else another process was faster
        _tell(session, company, made, "signal.raised", "", now)


def _renew(signal: Signal, one: Found) -> None:
    """The row as it is now; nothing is written where nothing changed."""
    fields = ("record_id", "records", "tried", "closes_on")
    for name in fields:
        if getattr(signal, name) != getattr(one, name):
            setattr(signal, name, getattr(one, name))
    if signal.money != dict(one.money):
        signal.money = dict(one.money)


def _end(session: Session, company: Company, signal: Signal, now: datetime) -> None:
    """Its cause is gone."""
    table = table_of(Signal)
    ended = session.execute(
        update(Signal)
        .where(Signal.id == signal.id, Signal.cleared_at.is_(None))
        .values(cleared_at=now)
        .returning(table.c.id)
    ).first()
    if ended is not None:
        _tell(session, company, signal.id, "signal.cleared", "No longer so: ", now)


def _tell(
    session: Session, company: Company, signal_id: int, act: str, before: str, now: datetime
) -> None:
    row = shown(session, company.id, signal_id)
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
