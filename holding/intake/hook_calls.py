"""Calls of a webhook that made no record: rejected ones with their reason, and tests.

Here: noting one, in a row that counts equal ones, and the latest of a source. Not here: deliveries
that were taken (deliveries.py); who may call (connectors/kit/signed_webhooks.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.contract import declared_settings as declared
from holding.audit.events import record_event
from holding.refusal import Refusal
from holding.tables import Connection, Delivery, HookCall

KEPT = 50  # of each source: strangers can call, too
LISTED = 15
Outcome = Literal["accepted", "repeated", "rejected", "test"]


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the latest deliveries; `times`: so often in a row."""

    at: datetime
    outcome: Outcome
    status: int
    words: str
    hint: str
    times: int


def note_rejected(
    session: Session, company_id: int, source_id: int, refusal: Refusal, now: datetime
) -> None:
    """A call that was not let in, with the words that its sender got."""
    said = (refusal.status, refusal.code, refusal.message, refusal.hint)
    _note(session, company_id, source_id, "rejected", said, now)


def note_test(
    session: Session, company_id: int, source_id: int, words: str, status: int, now: datetime
) -> None:
    """A test delivery and what came of it; nothing of it becomes a record."""
    _note(session, company_id, source_id, "test", (status, "test", words, ""), now)


def refused_kind(
    session: Session, source: Connection, records: Sequence[IncomingRecord], now: datetime
) -> Refusal | None:
    """Why nothing of a delivery is taken: the source is switched off, or a record is of a kind that
    it may not deliver.

    The latter is told in the audit trail: somebody sends what nobody expects from there.
    """
    if not declared.takes(source.settings):
        words = f"{source.name} is switched off, so nothing of this delivery was taken."
        hint = "An admin switches its deliveries on again, on the page of the connection."
        return Refusal("delivery.off", words, hint, 403)
    strange = next((one for one in records if not may_deliver(source, one.kind)), None)
    if strange is None:
        return None
    allowed = _allowed(source)
    may = " and ".join(_many(kind) for kind in allowed)
    words = (
        f"{source.name} may not deliver {_many(strange.kind)}, so nothing was taken:"
        f" {strange.number} is one."
    )
    hint = f"It may deliver {may}. An admin allows other kinds on the page of the connection."
    record_event(
        session,
        company_id=source.company_id,
        at=now,
        actor=None,
        act="delivery.refused",
        object=f"connection:{source.id}",
        body={"say": f"{words} It may deliver {may}.", "kind": strange.kind},
    )
    return Refusal("delivery.kind", words, hint, 403)


def may_deliver(source: Connection, kind: str) -> bool:
    """Whether records of this kind are taken from a source; where it was asked for its records by
    us, others are left out.
    """
    allowed = _allowed(source)
    return not allowed or kind in allowed


def _allowed(source: Connection) -> tuple[str, ...]:
    return declared.listed(str(source.settings.get(declared.RECORD_KINDS, "")))


def _many(kind: str) -> str:
    """orders, deliveries, settlement payments"""
    word = kind.replace("_", " ")
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest calls of a source, the newest first; how many deliveries were taken in all."""

    calls: tuple[Call, ...] = ()
    deliveries: int = 0


def latest(session: Session, source_id: int) -> Latest:
    """What came to a source, taken or not."""
    every = func.count().over().label("deliveries")
    taken = session.execute(
        select(Delivery.received_at, Delivery.times, Delivery.kind, every)
        .where(Delivery.source_id == source_id)
        .order_by(Delivery.id.desc())
        .limit(LISTED)
    ).all()
    noted = session.scalars(
        select(HookCall)
        .where(HookCall.source_id == source_id)
        .order_by(HookCall.id.desc())
        .limit(LISTED)
    )
    found = [_taken(row.received_at, row.times, row.kind) for row in taken]
    found += [
        Call(one.at, one.outcome, one.status, one.words, one.hint, one.times)  # type: ignore[arg-type]
        for one in noted
    ]
    calls = tuple(sorted(found, key=lambda call: call.at, reverse=True)[:LISTED])
    return Latest(calls, taken[0].deliveries if taken else 0)


def _taken(at: datetime, times: int, kind: str) -> Call:
    if times > 1:
        words = f"Received {times} times with the same content, counted once."
        return Call(at, "repeated", 200, words, "", times)
    came = "by webhook" if kind == "webhook" else f"as {kind}"
    return Call(at, "accepted", 202, f"Received {came}.", "", 1)


def _note(
    session: Session,
    company_id: int,
    source_id: int,
    outcome: Outcome,
    said: tuple[int, str, str, str],
    now: datetime,
) -> None:
    mine = HookCall.source_id == source_id
    last = session.scalars(
        select(HookCall).where(mine).order_by(HookCall.id.desc()).limit(1).with_for_update()
    ).one_or_none()
    status, code, words, hint = said
    if last and (last.outcome, last.status, last.code, last.words) == (outcome, *said[:3]):
        last.at, last.times = now, last.times + 1
        return
    row = HookCall(
        company_id=company_id,
        source_id=source_id,
        at=now,
        outcome=outcome,
        status=status,
        code=code,
        words=words,
        hint=hint,
    )
    session.add(row)
    session.flush()
    newest = select(HookCall.id).where(mine).order_by(HookCall.id.desc()).limit(KEPT)
    oldest = select(func.min(newest.subquery().c.id)).scalar_subquery()
    session.execute(
        delete(HookCall)
        .where(mine, HookCall.id < oldest)
        .execution_options(synchronize_session=False)
    )
