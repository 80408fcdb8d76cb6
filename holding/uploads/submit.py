"""Handle user actions on an upload (submit, choose columns, confirm, cancel) and its claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract.schema import KindSchema
from connectors.kit.delivery_limits import MEGABYTE
from connectors.registry import sources
from holding.access.actors import Actor, may
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Connection, Upload
from holding.db.models.columns import NOW, UploadState
from holding.db.refusal import Refusal, plural
from holding.intake.receive import may_deliver
from holding.platform.events import record_event
from holding.uploads.check_result import STORED, UNCONFIRMED, CheckResult, Standing, of_json

KEPT: Final = timedelta(hours=24)

WAITING: Final = 20  # files of a company that nobody confirmed yet

ENDINGS: Final = (".xlsx", ".csv")

KIND: Final = "order"

_NAME: Final = 200

_UNKNOWN = Refusal("upload.unknown", "There is no such upload.", status=404)

_LATE = "This upload is not waiting for you any more."

_READING: Final = timedelta(minutes=2)  # for each megabyte of a file, beside the usual lease

_FREE = and_(
    Upload.due_at.is_not(None),
    Upload.due_at <= NOW,
    or_(Upload.lease_until.is_(None), Upload.lease_until < NOW),
)


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload to show. `again`: it is an earlier upload of an identical file."""

    upload_id: int
    again: bool


def sources_for(session: Session, company_id: int) -> Mapping[str, tuple[str, ...]]:
    """Return the sources that accept uploaded files, each with its kinds of records."""
    query = select(Connection).where(
        Connection.company_id == company_id, Connection.side == "source"
    )
    kinds_by_source = {
        source.name: takes(source) for source in session.scalars(query.order_by(Connection.name))
    }
    return {name: kinds for name, kinds in kinds_by_source.items() if kinds}


def takes(source: Connection) -> tuple[str, ...]:
    """Return the kinds of records that this source delivers and may deliver."""
    reader = sources().get(source.connector) if source.side == "source" else None
    kinds = reader.kinds if reader else ()
    return tuple(schema.kind for schema in kinds if may_deliver(source, schema.kind))


def beside(session: Session, source_id: int) -> tuple[KindSchema, ...]:
    """Return the schemas of all kinds that the source accepts, since a file's records may derive
    records of other kinds.
    """
    source = session.get_one(Connection, source_id)
    allowed_kinds, reader = takes(source), sources().get(source.connector)
    return (
        tuple(schema for schema in reader.kinds if schema.kind in allowed_kinds) if reader else ()
    )


def begin(
    session: Session,
    actor: Actor,
    company_id: int,
    source: str,
    name: str,
    raw: bytes,
    now: datetime,
    *,
    kind: str = KIND,
) -> Begun | Refusal:
    """Store a file of records to be checked, or return the earlier upload of identical bytes."""
    if refusal := may(actor, "upload"):
        return refusal
    connection = session.scalar(
        select(Connection)
        .where(Connection.company_id == company_id, Connection.name == source)
        .with_for_update(key_share=True)  # one file after the other
    )
    is_known = connection is not None and actor.reach.has(connection.id)
    if connection is None or not is_known or kind not in takes(connection):
        hint = "Select the source that the records are from."
        return Refusal("upload.source", "That source takes no files of such records.", hint, 422)
    if not name.lower().endswith(ENDINGS):
        hint = "Save it as .xlsx or as CSV UTF-8, then upload that."
        return Refusal("upload.ending", "This is no .xlsx and no .csv file.", hint, 422)
    if not raw:
        return Refusal("upload.empty", "The file is empty.", "Select another file.", 422)
    digest = sha256(raw).hexdigest()
    if (before := _same(session, actor, connection, digest, kind)) is not None:
        return Begun(before, again=True)
    _drop(session, Upload.person_id == actor.person_id, Upload.source_id == connection.id)
    if refusal := _full(session, company_id):
        return refusal
    upload_id = _add(session, actor, connection, name, raw, digest, now)
    session.get_one(Upload, upload_id).kind = kind
    return Begun(upload_id, again=False)


def _same(session: Session, actor: Actor, source: Connection, digest: str, kind: str) -> int | None:
    """Return the id of an earlier upload of these bytes: a confirmed one by any person, else the
    person's own. None if there is none.
    """
    is_own = and_(Upload.person_id == actor.person_id, Upload.state != UploadState.FAILED)
    query = (
        select(Upload.id)
        .where(Upload.company_id == source.company_id, Upload.source_id == source.id)
        .where(
            Upload.sha256 == digest,
            Upload.kind == kind,
            or_(Upload.state.not_in(UNCONFIRMED), is_own),
        )
        .order_by(Upload.confirmed_at.is_(None), Upload.id)
    )
    return session.scalars(query.limit(1)).first()


def _drop(session: Session, *terms: ColumnElement[bool]) -> None:
    """Delete the unconfirmed uploads that match these conditions."""
    doomed = delete(Upload).where(Upload.state.in_(UNCONFIRMED), *terms)
    session.execute(doomed.execution_options(synchronize_session=False))


def _full(session: Session, company_id: int) -> Refusal | None:
    waiting = select(func.count()).where(
        Upload.company_id == company_id, Upload.state.in_(UNCONFIRMED)
    )
    if (session.scalar(waiting) or 0) < WAITING:
        return None
    words = f"{WAITING} files of this company wait for a decision already."
    return Refusal("upload.full", words, "Confirm or cancel one of them first.", 422)


def _add(
    session: Session,
    actor: Actor,
    source: Connection,
    name: str,
    raw: bytes,
    digest: str,
    now: datetime,
) -> int:
    upload = Upload(
        company_id=source.company_id,
        source_id=source.id,
        person_id=actor.person_id,
        name=_shown(name),
        sha256=digest,
        body=raw,
        state=UploadState.CHECKING,
        at=now,
        expires_at=now + KEPT,
        due_at=now,
    )
    session.add(upload)
    session.flush()
    return upload.id


def _shown(name: str) -> str:
    """Return a file's name without folders and unprintable characters, shortened before its
    ending.
    """
    plain = "".join(sign for sign in name.replace("\\", "/").split("/")[-1] if sign.isprintable())
    stem, _, ending = plain.rpartition(".")
    return f"{stem[: _NAME - len(ending) - 1]}.{ending}"


def look_again(
    session: Session, actor: Actor, company_id: int, upload_id: int, now: datetime
) -> int | Refusal:
    """Upload the file of a finished import again, to check the records that it left out.

    Returns the new upload's id.
    """
    if refusal := may(actor, "upload"):
        return refusal
    old = _locked(session, company_id, upload_id)
    if old is None or old.state is not UploadState.DONE or old.body is None:
        return _UNKNOWN
    if not actor.reach.has(old.source_id):
        return _UNKNOWN
    _drop(session, Upload.person_id == actor.person_id, Upload.source_id == old.source_id)
    if refusal := _full(session, company_id):
        return refusal
    source = session.get_one(Connection, old.source_id)
    new_id = _add(session, actor, source, old.name, old.body, old.sha256, now)
    new_upload = session.get_one(Upload, new_id)
    new_upload.chosen, new_upload.kind = dict(old.chosen), old.kind
    return new_id


def _locked(session: Session, company_id: int, upload_id: int) -> Upload | None:
    query = select(Upload).where(Upload.id == upload_id, Upload.company_id == company_id)
    return session.scalar(query.with_for_update())


def choose(
    session: Session,
    actor: Actor,
    company_id: int,
    upload_id: int,
    chosen: Mapping[str, str],
    now: datetime,
) -> Refusal | None:
    """Set the user's choice of columns or date order, and check the file again.

    A running check with other columns is discarded.
    """
    row = _own(session, actor, company_id, upload_id)
    if isinstance(row, Refusal):
        return row
    row.chosen = {**row.chosen, **chosen}
    row.state, row.result, row.due_at = UploadState.CHECKING, None, now
    row.fence += 1
    give_back(row)
    return None


def _own(session: Session, actor: Actor, company_id: int, upload_id: int) -> Upload | Refusal:
    """Return the locked row of an upload that waits for this person, or a refusal."""
    if refusal := may(actor, "upload"):
        return refusal
    row = _locked(session, company_id, upload_id)
    if row is None or (row.person_id != actor.person_id and row.state in UNCONFIRMED):
        return _UNKNOWN
    if not actor.reach.has(row.source_id):  # they were limited after they gave it in
        return _UNKNOWN
    if row.state not in UNCONFIRMED or row.person_id != actor.person_id:
        return Refusal("upload.over", _LATE, "Its page says what became of it.", 409)
    return row


def confirm(
    session: Session,
    actor: Actor,
    company_id: int,
    upload_id: int,
    *,
    with_unknown: bool,
    now: datetime,
) -> Refusal | None:
    """Queue a checked file for import.

    `with_unknown`: include orders with an unknown code, which are then held until it is mapped.
    """
    row = _own(session, actor, company_id, upload_id)
    if isinstance(row, Refusal):
        return row
    result = of_json(row.result) if row.result and row.state is UploadState.CHECKED else None
    if result is None:
        hint = "Wait until it is checked."
        return Refusal("upload.unchecked", "This file is not checked yet.", hint, 409)
    total = result.count(*STORED) + (result.count(Standing.UNKNOWN_CODE) if with_unknown else 0)
    if not total:
        hint = "Correct the file and upload it again, or cancel."
        return Refusal("upload.nothing", "There is nothing to import in this file.", hint, 422)
    row.state, row.with_unknown = UploadState.IMPORTING, with_unknown
    row.total = total + result.count(Standing.SAME)
    row.confirmed_at, row.due_at, row.expires_at, row.crashes = now, now, None, 0
    word = row.kind.replace("_", " ")
    words = f"{actor.name} confirmed the import of {plural(total, word)} from {row.name}."
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="upload.confirmed",
        object=f"upload:{row.id}",
        body={"say": words, "sha256": row.sha256, "orders": total},
    )
    return None


def cancel(session: Session, actor: Actor, company_id: int, upload_id: int) -> Refusal | None:
    """Forget a file that was not confirmed."""
    row = _own(session, actor, company_id, upload_id)
    if isinstance(row, Refusal):
        return row
    session.delete(row)
    return None


def forget_expired(session: Session, now: datetime) -> None:
    """Delete the files whose confirmation is overdue."""
    _drop(session, Upload.expires_at < now)


@dataclass(frozen=True, slots=True)
class UploadTurn:
    """The claim of one file, and the file's data at that time.

    `owner` is unique to this turn. A database may reuse the id of a deleted file, whose fence
    starts again.
    """

    upload_id: int
    company_id: int
    source_id: int
    connector: str
    kind: str
    person_id: int | None
    name: str
    body: bytes
    state: UploadState
    chosen: Mapping[str, str]
    taken: int
    with_unknown: bool
    result: Mapping[str, Any] | None
    fence: int
    owner: str


def due_companies(session: Session, now: datetime) -> list[int]:
    """Return the ids of companies with a file to check or import now."""
    query = select(Upload.company_id).where(_FREE).distinct().order_by(Upload.company_id)
    return list(session.scalars(query, {"now": now}))


def claim(
    session: Session, company_id: int, owner: str, now: datetime, lease: timedelta
) -> UploadTurn | None:
    """Claim the file that has waited longest.

    A file during which workers died repeatedly is given up instead.
    """
    query = (
        select(Upload)
        .where(Upload.company_id == company_id, _FREE)
        .order_by(Upload.due_at, Upload.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(query, {"now": now}).first()
    if row is None or row.body is None:
        return None
    row.crashes += row.lease_until is not None
    if row.crashes >= DEATHS_ALONE:
        words = "Reading this file was interrupted three times."
        give_up(session, row, words, "Split it into smaller files, then upload those.", now)
        return None
    lease_owner = f"{owner} {token_hex(8)}"
    row.lease_owner, row.fence = lease_owner, row.fence + 1
    row.lease_until = now + lease + _READING * (1 + len(row.body) // MEGABYTE)
    return UploadTurn(
        upload_id=row.id,
        company_id=row.company_id,
        source_id=row.source_id,
        connector=session.get_one(Connection, row.source_id).connector,
        kind=row.kind,
        person_id=row.person_id,
        name=row.name,
        body=row.body,
        state=row.state,
        chosen=row.chosen,
        taken=row.taken,
        with_unknown=row.with_unknown,
        result=row.result,
        fence=row.fence,
        owner=lease_owner,
    )


def give_up(session: Session, row: Upload, words: str, hint: str, now: datetime) -> None:
    """Stop processing the file and record why.

    Records imported so far stay, so a partly imported file is not deleted.
    """
    begun = row.state is UploadState.IMPORTING
    row.state = UploadState.FAILED if not begun else UploadState.DONE
    row.result = {**(row.result or CheckResult(counts={}, money={}).to_json())}
    row.result["refused"] = [words, hint]
    row.due_at, row.ended_at = None, now
    give_back(row)
    if begun:
        name = session.get_one(Connection, row.source_id).name
        say = f"The import of {row.name} for {name} ended after {row.taken:,} orders. {words}"
        tell(session, row, "upload.ended", say, now)


def tell(session: Session, row: Upload, act: str, say: str, now: datetime) -> None:
    """Record an event of an upload."""
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"upload:{row.id}",
        body={"say": say},
    )


def still_ours(session: Session, turn: UploadTurn) -> Upload | None:
    """Return the upload's row, locked until the end of this transaction.

    None if another worker claimed it or it was deleted.
    """
    query = (
        select(Upload)
        .where(Upload.id == turn.upload_id, Upload.company_id == turn.company_id)
        .where(Upload.fence == turn.fence, Upload.lease_owner == turn.owner)
        .where(Upload.state == turn.state)
    )
    row = session.scalar(query.with_for_update())
    return row if row is not None and row.lease_until is not None else None


def give_back(row: Upload) -> None:
    """Clear the upload's lease and crash count: the turn ended normally, or a user cancelled it.

    The upload's state and due time are unchanged.
    """
    row.lease_owner = row.lease_until = None
    row.crashes = 0
