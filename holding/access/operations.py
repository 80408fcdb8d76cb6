"""Idempotent actions with undo, API tokens, and requests for access."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Select, func, select, text, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from holding.access.actors import ACT_LABELS, ACTS, BY_PROGRAM, Actor, actor_of, may
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import (
    AccessRequest,
    ApiToken,
    Approval,
    Dating,
    Membership,
    Operation,
    Person,
    Posting,
    Release,
)
from holding.db.refusal import Refusal
from holding.platform.events import record_event
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

LONGEST_TEXT: Final = 200

_NO_FORM: Final = Refusal(
    code="operation.unknown",
    message="This form has an id that no page of Clearpost gives.",
    hint="Load the page again.",
    status=409,
)

_Until: TypeAlias = Select[int, datetime | None]

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

Result = TypeVar("Result")

SCOPES: Final = (  # acts that the interface offers
    "record.read",
    "record.edit",
    "posting.approve",
    "hold.assign",
    "hold.retry",
    "retry.override",
)

LONGEST_VALIDITY: Final = timedelta(days=366)

NOTED_AFTER: Final = timedelta(minutes=5)  # how exactly the last use of a token is known

_MARK: Final = "cp_"  # so that a token is known for one where it should not be


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token in the list, without its key."""

    id: int
    name: str
    email: str
    scopes: Sequence[str]
    made_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


_TOKEN = Columns(
    TokenRow(
        id=of(ApiToken.id),
        name=of(ApiToken.name),
        email=of(Person.email),
        scopes=of(ApiToken.scopes),
        made_at=of(ApiToken.made_at),
        expires_at=of(ApiToken.expires_at),
        seen_at=of(ApiToken.seen_at),
        revoked_at=of(ApiToken.revoked_at),
    )
)

DECIDES: Final = "people.admin"

MIN_REASON: Final = 3

MAX_REASON: Final = 500

OWN: Final = 20  # so many of one's own are told, the newest first

_by = aliased(Person, name="other")


class RequestState(StrEnum):
    """The state of an access request."""

    WAITS = "waits"
    GRANTED = "granted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Requested:
    """A request for access. If it was declined, it contains the reason."""

    id: int
    person_id: int
    person: str
    act: str
    reason: str
    asked_at: datetime
    ended_at: datetime | None
    by: str | None
    granted: bool | None
    said: str

    @property
    def answer(self) -> RequestState:
        """Return the state of the request."""
        if self.ended_at is None:
            return RequestState.WAITS
        return RequestState.GRANTED if self.granted else RequestState.DECLINED


_REQUESTED = Columns(
    Requested(
        id=of(AccessRequest.id),
        person_id=of(AccessRequest.person_id),
        person=of(Person.name),
        act=of(AccessRequest.act),
        reason=of(AccessRequest.reason),
        asked_at=of(AccessRequest.asked_at),
        ended_at=of(AccessRequest.ended_at),
        by=of(_by.name),
        granted=of(AccessRequest.granted),
        said=of(AccessRequest.answer),
    ),
    {"person": "person.name", "by": "other.name", "said": "access_request.answer"},
)

_OPEN = AccessRequest.ended_at.is_(None)


def until(session: Session, record_ids: Iterable[int]) -> dict[int, datetime]:
    """Return record id -> until when a current decision about it can be undone."""
    latest: dict[int, datetime] = {}
    for record_id, moment in session.execute(_UNTIL, {"ids": sorted(record_ids)}):
        if moment is not None:
            latest[record_id] = max(moment, latest.get(record_id, moment))
    return latest


def undo_seconds(settings: Mapping[str, Any] | None) -> float:
    """Return how long a person with these settings can undo an action."""
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
    """Store what a form did and until when it can be undone; return that time, or now if it cannot.

    The last argument holds the earlier state of holds that the form only assigns or snoozes.
    `NOTHING_SENT`: the form decides about holds without sending anything.
    """
    settings_query = select(Person.settings).join(Operation, Operation.person_id == Person.id)
    seconds = undo_seconds(session.scalar(settings_query.where(Operation.id == op))) if op else 0
    if not seconds:
        return now
    until = now + timedelta(seconds=seconds)
    session.execute(
        update(Operation).where(Operation.id == op).values(say=say, undo_until=until, stood=stood)
    )
    return until


def once(
    session: Session,
    actor: Actor,
    op: str | None,
    *,
    asked: tuple[object, ...],
    now: datetime,
    act: Callable[[], Result | Refusal],
    read: Callable[[Mapping[str, Any]], Result],
) -> Result | Refusal:
    """Run `act` unless this form was submitted before, and store its answer as JSON.

    The form's content is the action's name with its arguments. Reuse of the form's id for other
    content is refused. A refusal is not stored, so the person can correct the form and submit it
    again.
    """
    if not op:
        return act()
    if len(op) > LONGEST_TEXT or (op.startswith(OF_PROGRAMS) and actor.via != BY_PROGRAM):
        return _NO_FORM
    operation = _claim(session, actor, op, sha256_hex(dumps(asked)), now)
    if isinstance(operation, Refusal):
        return operation
    if operation.answer is not None:
        return read(operation.answer)
    answer = act()
    if isinstance(answer, Refusal):
        session.delete(operation)
    else:
        operation.answer = asdict(answer)  # type: ignore[call-overload]
    session.flush()
    return answer


def _claim(
    session: Session, actor: Actor, op: str, request_hash: str, now: datetime
) -> Operation | Refusal:
    """Return the row of this form: a new one, or the one that a faster request inserted."""
    row = Operation(
        id=op,
        asked=request_hash,
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
        operation = session.get(Operation, op, populate_existing=True)
        if operation is None or operation.person_id != actor.person_id:
            return Refusal(
                code="operation.other",
                message="This form was already submitted.",
                hint="Load the page again.",
                status=409,
            )
        if operation.asked != request_hash:
            return Refusal(
                code="operation.reused",
                message="Nothing was done: what was sent first under this id was something else.",
                hint="A program sends a key of its own with each call; on a page, load it again.",
                status=409,
            )
        return operation
    return row


def answered(
    session: Session,
    actor: Actor,
    op: str,
    fields: Collection[str],
    read: Callable[[Mapping[str, Any]], Result],
) -> Result | None:
    """Return the stored answer of the person's form if it has these fields, else None."""
    form = find_operation(session, actor, op)
    stored_answer = form.answer if form is not None else None
    return (
        read(stored_answer)
        if isinstance(stored_answer, Mapping) and set(fields) <= stored_answer.keys()
        else None
    )


def find_operation(
    session: Session, actor: Actor, op: str, *, lock: bool = False
) -> Operation | None:
    """Return this form if the person submitted it in this company."""
    form = session.get(Operation, op, with_for_update=lock or None, populate_existing=lock)
    is_own = form is not None and form.person_id == actor.person_id
    return form if form is not None and is_own and form.company_id == actor.company_id else None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token with its key, which is shown once."""

    id: int
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Bearer:
    """The actor behind a key. `stale`: its last use is old enough to be stored again."""

    token_id: int
    actor: Actor
    stale: bool


def make_token(
    session: Session,
    maker: Actor,
    *,
    company_id: int,
    person_id: int,
    name: str,
    scopes: Collection[str],
    lasts: timedelta,
    now: datetime,
) -> NewToken | Refusal:
    """Create a token for a person of the company."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        message = f"A token cannot be given for {', '.join(unknown) or 'nothing'}."
        return Refusal("token.scopes", message, f"Scopes: {', '.join(SCOPES)}.", 422)
    if not name.strip():
        return Refusal("token.name", "A token needs a name.", "Name the program that uses it.", 422)
    if not timedelta(0) < lasts <= LONGEST_VALIDITY:
        hint = "Make a new one before it ends."
        return Refusal("token.days", f"A token lasts 1 to {LONGEST_VALIDITY.days} days.", hint, 422)
    actor = actor_of(session, person_id, company_id)
    if actor is None:
        return Refusal("person.unknown", "There is no such person here.", status=404)
    key = _MARK + secrets.token_urlsafe(32)
    row = ApiToken(
        company_id=company_id,
        person_id=person_id,
        token_hash=_digest(key),
        name=name.strip(),
        scopes=sorted(scopes),
        made_at=now,
        expires_at=now + lasts,
    )
    session.add(row)
    session.flush()
    say = f"Token {row.name} was made for {actor.name}: {', '.join(row.scopes)}."
    _log_token_event(session, maker, row, "token.made", say, now)
    return NewToken(row.id, key, row.expires_at)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _log_token_event(
    session: Session, maker: Actor, row: ApiToken, act: str, say: str, now: datetime
) -> None:
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=maker,
        act=act,
        object=f"token:{row.id}",
        body={"say": say, "person": row.person_id, "scopes": list(row.scopes)},
    )


def bearer(session: Session, key: str, now: datetime) -> Bearer | None:
    """Return the actor of this key, or None if the key is unknown, expired or revoked, or its
    person left.
    """
    row = session.scalar(select(ApiToken).where(ApiToken.token_hash == _digest(key)))
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    actor = actor_of(session, row.person_id, row.company_id, via=BY_PROGRAM, now=now)
    if actor is None:
        return None
    token_actor = replace(actor, name=f"{actor.name} ({row.name})", scopes=frozenset(row.scopes))
    stale = row.seen_at is None or now - row.seen_at >= NOTED_AFTER
    return Bearer(row.id, token_actor, stale)


def touch(session: Session, token_id: int, now: datetime) -> None:
    """Store that the token was used."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(seen_at=now))


def revoke(
    session: Session, maker: Actor, company_id: int, token_id: int, now: datetime
) -> Refusal | None:
    """Revoke a token."""
    row = session.get(ApiToken, token_id, with_for_update=True, populate_existing=True)
    if row is None or row.company_id != company_id:
        return Refusal("token.unknown", f"There is no token {token_id}.", status=404)
    if row.revoked_at is not None:
        return Refusal("token.revoked", f"Token {row.name} is revoked already.")
    row.revoked_at = now
    session.flush()
    _log_token_event(session, maker, row, "token.revoked", f"Token {row.name} was revoked.", now)
    return None


def end_all(
    session: Session,
    maker: Actor,
    person_id: int,
    why: str,
    now: datetime,
    *,
    company_id: int | None = None,
) -> int:
    """Revoke every live token of a person, in one company or in all; return how many.

    `why` is the reason for the event.
    """
    is_live = (ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
    tokens = select(ApiToken).where(ApiToken.person_id == person_id, *is_live)
    if company_id is not None:
        tokens = tokens.where(ApiToken.company_id == company_id)
    rows = session.scalars(tokens.order_by(ApiToken.id).with_for_update()).all()
    for row in rows:
        row.revoked_at = now
    session.flush()
    for row in rows:
        say = f"Token {row.name} was revoked, because {why}."
        _log_token_event(session, maker, row, "token.revoked", say, now)
    return len(rows)


def list_tokens(session: Session, company_id: int) -> Sequence[TokenRow]:
    """Return all tokens of a company, newest first."""
    query = (
        _TOKEN.select()
        .join(Person, Person.id == ApiToken.person_id)
        .where(ApiToken.company_id == company_id)
        .order_by(ApiToken.id.desc())
    )
    return _TOKEN.each(session.execute(query))


def request_access(
    session: Session, actor: Actor, act: str, reason: str, now: datetime
) -> Refusal | None:
    """Request a role that allows an act from an administrator."""
    why = " ".join(reason.split())
    if act not in ACTS:
        return Refusal("access.unknown", "Choose what you want to be allowed.", "", 422)
    if len(why) < MIN_REASON or len(why) > MAX_REASON:
        return Refusal("access.reason", "Enter what you need it for, in a sentence.", "", 422)
    if may(actor, act) is None:
        words = f"You can {ACT_LABELS[act]} already."
        return Refusal("access.had", words, "", 409)
    session.get_one(Person, actor.person_id, with_for_update=True)  # else two at once ask twice
    same_request = (AccessRequest.company_id == actor.company_id, AccessRequest.act == act)
    open_ = select(AccessRequest.id).where(
        *same_request, AccessRequest.person_id == actor.person_id, _OPEN
    )
    if session.scalar(open_) is not None:
        words = f"You have asked to {ACT_LABELS[act]} already."
        return Refusal("access.asked", words, "An administrator decides.", 409)
    row = AccessRequest(
        company_id=actor.company_id, person_id=actor.person_id, act=act, reason=why, asked_at=now
    )
    session.add(row)
    session.flush()
    say = f"{actor.name} asked to be allowed to {ACT_LABELS[act]}: {why}"
    _log_request_event(session, actor, "access.asked", say, row, now)
    return None


def _log_request_event(
    session: Session, actor: Actor, act: str, say: str, row: AccessRequest, now: datetime
) -> None:
    body = {"say": say, "person": row.person_id, "act": row.act, "reason": row.answer or row.reason}
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"access:{row.id}",
        body=body,
    )


def decline(
    session: Session, actor: Actor, request_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Decline a request with a reason; return the requester's name."""
    if refused := may(actor, DECIDES):
        return refused
    why = " ".join(reason.split())
    if len(why) < MIN_REASON or len(why) > MAX_REASON:
        return Refusal("access.reason", "Enter why, for whoever asked.", "", 422)
    row = session.get(AccessRequest, request_id, with_for_update=True)
    if row is None or row.company_id != actor.company_id or row.ended_at is not None:
        return Refusal("access.over", "This request was answered already.", "", 409)
    row.ended_at, row.ended_by_id, row.granted, row.answer = now, actor.person_id, False, why
    name = session.get_one(Person, row.person_id).name
    say = f"{actor.name} declined the request of {name} to {ACT_LABELS[row.act]}: {why}"
    _log_request_event(session, actor, "access.declined", say, row, now)
    return name


def grant_requests(
    session: Session, company_id: int, person_id: int, role: str, actor: Actor, now: datetime
) -> None:
    """Grant the requests that a newly given role fulfils."""
    session.execute(
        update(AccessRequest)
        .where(AccessRequest.company_id == company_id, AccessRequest.person_id == person_id, _OPEN)
        .where(AccessRequest.act.in_([act for act, roles in ACTS.items() if role in roles]))
        .values(ended_at=now, ended_by_id=actor.person_id, granted=True)
        .execution_options(synchronize_session=False)
    )


def list_requests(session: Session, company_id: int) -> Sequence[Requested]:
    """Return the open requests, oldest first."""
    query = _with_names().where(*_waits(company_id)).order_by(AccessRequest.id)
    return _REQUESTED.each(session.execute(query))


def _with_names() -> Select[Requested]:
    query = _REQUESTED.select().join(Person, Person.id == AccessRequest.person_id)
    return query.outerjoin(_by, _by.id == AccessRequest.ended_by_id)


def _waits(company_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for open requests of current members."""
    member = select(Membership.role).where(
        Membership.company_id == AccessRequest.company_id,
        Membership.person_id == AccessRequest.person_id,
    )
    return AccessRequest.company_id == company_id, _OPEN, member.exists()


def count_requests(company_id: int) -> Select[int]:
    """Return the query for the number of open requests."""
    return select(func.count()).select_from(AccessRequest).where(*_waits(company_id))


def own_requests(session: Session, actor: Actor) -> Sequence[Requested]:
    """Return the person's own requests, newest first."""
    by_person = (
        AccessRequest.company_id == actor.company_id,
        AccessRequest.person_id == actor.person_id,
    )
    query = _with_names().where(*by_person).order_by(AccessRequest.id.desc()).limit(OWN)
    return _REQUESTED.each(session.execute(query))


def _with_operations(
    query: _Until, operation_id: InstrumentedAttribute[str | None], in_force: str
) -> _Until:
    """Join each decision with its operation, and leave out voided decisions.

    `in_force` is the SQL condition on the decision's table for decisions that are not voided.
    """
    is_in_force = text(f"{operation_id.class_.__tablename__}.{in_force}")
    return query.join(Operation, Operation.id == operation_id).where(is_in_force)


_UNTIL = union_all(
    _with_operations(_approved, Approval.operation_id, Approval.STANDING),
    _with_operations(_released, Release.operation_id, Release.STANDING),
    _with_operations(_dated, Dating.operation_id, Dating.STANDING),
)
