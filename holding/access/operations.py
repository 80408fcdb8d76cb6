"""Acts of people as operations: a second click gets the first answer, and an act can be undone.

Here: the answer of an act, kept under the hidden id of its form or the key of its call, so that an
id means one thing only; until when it can be taken back. Not here: what the acts do.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Select, select, text, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from holding.access.actors import BY_PROGRAM, Actor
from holding.db import bulk
from holding.db.models import Approval, Dating, Operation, Person, Posting, Release
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from rules.values.canonical import dumps, sha256_hex

NOTHING_SENT: Final[Mapping[str, Any]] = MappingProxyType({"holds": {}})
"""What `undoable` notes of an act after which nothing is sent: no hold is put back."""
LONGER: Final = 4
"""So much more time to take something back has who asked for it on their own page."""
OF_PROGRAMS: Final = f"{BY_PROGRAM}:"
"""How the keys of calls begin. A program chooses the rest, often something that others can guess,
such as the number of an order: no form may be sent under such an id, or whoever can sign in would
have the call of another refused as sent already.
"""
LONGEST: Final = 200
_NO_FORM: Final = Refusal(
    code="operation.unknown",
    message="This form has an id that no page of Clearpost gives.",
    hint="Load the page again.",
    status=409,
)
_Until: TypeAlias = Select[int, datetime | None]


def until(session: Session, record_ids: Iterable[int]) -> dict[int, datetime]:
    """Record id -> the last moment at which an act that stands on it can be taken back."""
    found: dict[int, datetime] = {}
    for record_id, moment in session.execute(_UNTIL, {"ids": sorted(record_ids)}):
        if moment is not None:
            found[record_id] = max(moment, found.get(record_id, moment))
    return found


def _of(query: _Until, form: InstrumentedAttribute[str | None], standing: str) -> _Until:
    """The forms behind what stands."""
    named = text(f"{form.class_.__tablename__}.{standing}")
    return query.join(Operation, Operation.id == form).where(named)


_approved = (
    select(Posting.record_id, Operation.undo_until)
    .join(Approval, Approval.posting_id == Posting.id)
    .where(bulk.among_given(Posting.record_id, "ids"))
)
_released = select(Release.record_id, Operation.undo_until).where(
    bulk.among_given(Release.record_id, "ids")
)
_dated = select(Dating.record_id, Operation.undo_until).where(
    bulk.among_given(Dating.record_id, "ids")
)
_UNTIL = union_all(
    _of(_approved, Approval.operation_id, Approval.STANDING),
    _of(_released, Release.operation_id, Release.STANDING),
    _of(_dated, Dating.operation_id, Dating.STANDING),
)


def undo_seconds(settings: Mapping[str, Any] | None) -> float:
    """How long a person with these settings can take something back."""
    seconds = Settings.from_env().undo_seconds
    return seconds * LONGER if (settings or {}).get("long_undo") else seconds


def undoable(
    session: Session,
    op: str | None,
    say: str,
    now: datetime,
    *,
    stood: Mapping[str, Any] | None = None,
) -> datetime:
    """Note what a form did and that it can be taken back; until when (now, where it cannot).

    `stood`: the holds as they were, of a form that only gives them away or puts them aside;
    `NOTHING_SENT` of one that decides about them, after which nothing is sent.
    """
    whose = select(Person.settings).join(Operation, Operation.person_id == Person.id)
    seconds = undo_seconds(session.scalar(whose.where(Operation.id == op))) if op else 0
    if not seconds:
        return now
    until = now + timedelta(seconds=seconds)
    session.execute(
        update(Operation).where(Operation.id == op).values(say=say, undo_until=until, stood=stood)
    )
    return until


Answer = TypeVar("Answer")


def once(
    session: Session,
    actor: Actor,
    op: str | None,
    *,
    asked: tuple[object, ...],
    now: datetime,
    act: Callable[[], Answer | Refusal],
    read: Callable[[Mapping[str, Any]], Answer],
) -> Answer | Refusal:
    """Run `act` unless this form was answered before; its answer (a dataclass) is kept as JSON.

    `asked` is the act's name and all that was given to it: an id that was used for something else
    is refused. A refusal is not kept: the person mends the form and sends it again.
    """
    if not op:
        return act()
    if len(op) > LONGEST or (op.startswith(OF_PROGRAMS) and actor.via != BY_PROGRAM):
        return _NO_FORM
    kept = _claim(session, actor, op, sha256_hex(dumps(asked)), now)
    if isinstance(kept, Refusal):
        return kept
    if kept.answer is not None:
        return read(kept.answer)
    answer = act()
    if isinstance(answer, Refusal):
        session.delete(kept)
    else:
        kept.answer = asdict(answer)  # type: ignore[call-overload]
    session.flush()
    return answer


def answered(
    session: Session,
    actor: Actor,
    op: str,
    fields: Collection[str],
    read: Callable[[Mapping[str, Any]], Answer],
) -> Answer | None:
    """What this form of this person was answered, if it was, and with an answer of these fields."""
    form = of_theirs(session, actor, op)
    kept = form.answer if form is not None else None
    return read(kept) if isinstance(kept, Mapping) and set(fields) <= kept.keys() else None


def of_theirs(session: Session, actor: Actor, op: str, *, lock: bool = False) -> Operation | None:
    """This form, if this person sent it in this company."""
    form = session.get(Operation, op, with_for_update=lock or None, populate_existing=lock)
    mine = form is not None and form.person_id == actor.person_id
    return form if form is not None and mine and form.company_id == actor.company_id else None


def _claim(
    session: Session, actor: Actor, op: str, asked: str, now: datetime
) -> Operation | Refusal:
    """The row of this form: a new one, or, after waiting for whoever is faster, theirs."""
    row = Operation(
        id=op,
        asked=asked,
        person_id=actor.person_id,
        company_id=actor.company_id,
        at=now,
        answer=None,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        kept = session.get(Operation, op, populate_existing=True)
        if kept is None or kept.person_id != actor.person_id:
            return Refusal(
                code="operation.other",
                message="This form was already submitted.",
                hint="Load the page again.",
                status=409,
            )
        if kept.asked != asked:
            return Refusal(
                code="operation.reused",
                message="Nothing was done: what was sent first under this id was something else.",
                hint="A program sends a key of its own with each call; on a page, load it again.",
                status=409,
            )
        return kept
    return row
