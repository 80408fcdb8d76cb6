"""Check invariants I1 and I10 to I13: deliveries, versions, rules, secrets and the audit trail."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    String,
    Text,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from holding.db import bulk
from holding.db.models import (
    Approval,
    Attempt,
    Connection,
    Delivery,
    Evaluation,
    Event,
    EventLink,
    MappingEntry,
    Posting,
    Push,
    Record,
    Release,
    Request,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import PushState, RecordState, table_of
from holding.db.models.postings import CHANGES, UNSENT_STATES
from holding.operations import sealed_rows
from holding.operations.journal_and_ledgers import Breach, Look
from holding.platform import events as chain
from holding.platform.events import APPROVAL, CALL, PUSH, REQUEST, SEALED, Break, seal_row
from holding.platform.row_seals import KINDS, ROWS, Kind, hashes
from holding.platform.states import PUSH_MOVES, allowed
from holding.posting import holds
from rules.outcomes import Document
from rules.values.canonical import PostingState, dumps, revive, sha256_hex

AFTER: dict[str, PushState] = {
    "posting.sending": PushState.SENDING,
    "posting.awaiting": PushState.AWAITING,
    "posting.uncertain": PushState.UNCERTAIN,
    "posting.posted": PushState.ACCEPTED,
    "posting.refused": PushState.REFUSED,
    "posting.later": PushState.REFUSED,
    "posting.waits": PushState.REFUSED,
    "posting.overtaken": PushState.REFUSED,
    "posting.conflict": PushState.CONFLICT,
    "posting.linked": PushState.ACCEPTED,
    "posting.contradicted": PushState.CONFLICT,
    "posting.sent_again": PushState.DROPPED,
}
"""The state of a push after an event that names it."""

AT_ONCE = {
    "posting.linked": [PushState.SENDING, PushState.ACCEPTED],
    "posting.contradicted": [PushState.SENDING, PushState.CONFLICT],
}
"""What is told in one: a person or a listing has found the document there."""

OF_PUSH = {
    PostingState.SENDING: PushState.SENDING,
    PostingState.AWAITING: PushState.AWAITING,
    PostingState.UNCERTAIN: PushState.UNCERTAIN,
}
"""A posting in one of these states has its push in the same one."""

PATTERNS = ("aia_live_", "-----BEGIN", "Authorization: ", "whsec_")
"""How secrets of targets and sources begin."""

PAGE: Final = 1000

APPROVED: Final = "posting.approved"

SENDING: Final = "posting.sending"

UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What a stored value raises that somebody changed to something that it cannot be."""

_SAME: Final = ("number", "content", "connection_id")

_UNANSWERED = case((Request.answered_at.is_(None), Request.body))
"""The bytes of a call that no answer sealed; those of the others are compared with their answer."""

_Sealed = Mapping[int, tuple[str, int]]
"""Key -> the hash that was sealed last, and the event that did."""


def history_follows_the_table(look: Look) -> Iterator[Breach]:
    """Yield breaches of I10: a push's events must be allowed moves and end in the push's state."""
    states_by_push = _told(look)
    query = (
        select(Push.id, Push.number, Push.state, Posting.record_id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.company_id == look.company_id)
        .order_by(Push.id)
    )
    for push in look.session.execute(query):
        states, about = states_by_push.get(push.id, []), (push.record_id,)
        if not states or states[0] != PushState.SENDING:
            yield Breach("I10", f"Nothing tells when {push.number} was sent first.", about)
            continue
        for state, other in pairwise(states):
            still = state == other and state in OF_PUSH.values()
            if not still and not allowed(PUSH_MOVES, state, other):
                say = (
                    f"{push.number} is told to have gone from {state} to {other}, which cannot be."
                )
                yield Breach("I10", say, about)
        last = states[-1]
        if last != push.state and not _on_its_way(last, push.state):
            say = f"The push of {push.number} is {push.state}, the last that was told of it is"
            yield Breach("I10", f"{say} {last}.", about)
    yield from _states_apart(look)


def _told(look: Look) -> dict[int, list[PushState]]:
    """Return each push's states in the order of its events."""
    query = (
        select(Event.act, Event.body)
        .where(Event.company_id == look.company_id, Event.act.in_(AFTER))
        .order_by(Event.id)
    )
    states_by_push: dict[int, list[PushState]] = defaultdict(list)
    for act, body in look.session.execute(query):
        states_by_push[int(body.get("push") or 0)] += AT_ONCE.get(act) or [AFTER[act]]
    return states_by_push


def _on_its_way(logged_state: PushState, state: PushState) -> bool:
    """Check whether the state is the reported doubt, sent or looked up again."""
    return {logged_state, state} <= {PushState.SENDING, PushState.UNCERTAIN, PushState.AWAITING}


def _states_apart(look: Look) -> Iterator[Breach]:
    """Yield postings whose state differs from the state of their push."""
    query = (
        select(Posting.number, Posting.state, Push.state.label("push"), Posting.record_id)
        .join(Push, Push.id == Posting.push_id)
        .where(Posting.company_id == look.company_id)
    )
    open_pushes = set(OF_PUSH.values())
    for row in look.session.execute(query):
        expected_state = OF_PUSH.get(row.state)
        if (expected_state or row.push) != row.push or (
            expected_state is None and row.push in open_pushes
        ):
            say = f"{row.number} is {row.state}, its push is {row.push}."
            yield Breach("I10", say, (row.record_id,))


def every_version_is_told(look: Look) -> Iterator[Breach]:
    """Yield breaches of I11: versions without an event, and breaks of the event chain."""
    versions_by_record: dict[int, set[Any]] = defaultdict(set)
    events = select(Event.record_id, Event.body).where(
        Event.company_id == look.company_id,
        Event.act.like("record.%"),
        Event.act != "record.judged",
    )
    for record_id, body in look.session.execute(events):
        versions_by_record[record_id or 0].add(body.get("version"))
    query = (
        select(Record.id, Record.type, Record.number, Version.no)
        .join(Version, Version.record_id == Record.id)
        .where(Record.company_id == look.company_id, Version.corrects_id.is_(None))
    )
    for row in look.session.execute(query):
        if row.no not in versions_by_record[row.id]:
            say = f"No event tells how version {row.no} of {row.type} {row.number} arrived."
            yield Breach("I11", say, (row.id,))
    for gap in chain.verify_chain(
        look.session, look.company_id, now=look.now, noted_heads=look.anchors
    ):
        yield Breach("I11", gap.message)
    for edited in compare(look.session, look.company_id).breaks:
        yield Breach("I11", edited.message)
    judged = exists().where(Event.record_id == Record.id, Event.act == "record.judged")
    silent = select(Record.id, Record.type, Record.number).where(
        Record.company_id == look.company_id, Record.state != RecordState.RECEIVED, ~judged
    )
    for record_id, kind, number in look.session.execute(silent):
        yield Breach("I11", f"No event tells how {kind} {number} was checked.", (record_id,))


def arrivals_became_versions(look: Look) -> Iterator[Breach]:
    """Yield breaches of I1: records without their newest version, and gaps between versions."""
    current, newest = aliased(Version), aliased(Version)
    numbers = (
        select(
            Version.record_id,
            func.count(Version.id).label("count"),
            func.max(Version.no).label("last"),
        )
        .join(Record, Record.id == Version.record_id)
        .where(Record.company_id == look.company_id)
        .group_by(Version.record_id)
        .subquery()
    )
    fresher = exists().where(
        newest.record_id == Record.id,
        newest.stale.is_(False),
        newest.no > current.no,
    )
    query = (
        select(Record.id, Record.type, Record.number)
        .add_columns(current.record_id.label("owner_id"))
        .add_columns(numbers.c.count.label("versions"), numbers.c.last)
        .outerjoin(current, current.id == Record.version_id)
        .outerjoin(numbers, numbers.c.record_id == Record.id)
        .where(Record.company_id == look.company_id)
        .where(
            or_(
                current.id.is_(None),
                current.record_id != Record.id,
                current.stale,
                numbers.c.count != numbers.c.last,
                fresher,
            )
        )
    )
    for row in look.session.execute(query):
        name = f"{row.type} {row.number}"
        if row.owner_id is None:
            say = f"{name} was taken in and has no version."
        elif row.versions != row.last:
            say = f"{name} has {row.versions} versions and the last is no. {row.last}."
        else:
            say = f"The current version of {name} is not its newest one."
        yield Breach("I1", say, (row.id,))
    yield from _nothing_came_of(look)


def _nothing_came_of(look: Look) -> Iterator[Breach]:
    """Yield deliveries without a version and without a reason, unless an equal one came earlier."""
    earlier = aliased(Delivery)
    query = select(Delivery.key).where(
        Delivery.company_id == look.company_id,
        Delivery.error.is_(None),
        ~exists().where(Version.delivery_id == Delivery.id),
        ~exists().where(
            Version.delivery_id == earlier.id,
            earlier.source_id == Delivery.source_id,
            earlier.id < Delivery.id,
        ),
    )
    for key in look.session.scalars(query):
        yield Breach("I1", f"Nothing came of delivery {key}, without a reason being told.")


def judged_by_rules_of_the_time(look: Look) -> Iterator[Breach]:
    """Yield breaches of I12: checks by rules of another time or another company."""
    later = aliased(RulesetVersion)
    newer = exists().where(
        later.company_id == look.company_id,
        later.revision > RulesetVersion.revision,
        later.revision <= Evaluation.revision,
    )
    query = (
        select(Record.id, Record.type, Record.number, RulesetVersion.no)
        .select_from(Evaluation)
        .join(Record, Record.id == Evaluation.record_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Record.company_id == look.company_id)
        .where(
            or_(
                RulesetVersion.company_id != look.company_id,
                RulesetVersion.revision > Evaluation.revision,
                newer,
            )
        )
    )
    for row in look.session.execute(query):
        name = f"{row.type} {row.number}"
        say = f"{name} was checked with rules no. {row.no} when they were not in force."
        yield Breach("I12", say, (row.id,))


def no_secret_lies_about(look: Look) -> Iterator[Breach]:
    """Yield breaches of I13: secrets in what pages and exports show."""
    connections = select(Connection.id).where(Connection.company_id == look.company_id)
    places = (
        (Request.headers, Request.id, Request.connection_id.in_(connections)),
        (Request.body, Request.id, Request.connection_id.in_(connections)),
        (Request.answer, Request.id, Request.connection_id.in_(connections)),
        (Push.content, Push.id, Push.connection_id.in_(connections)),  # a sheet of it is packed
        (Attempt.proof, Attempt.id, _of_pushes(look)),
        (Attempt.error, Attempt.id, _of_pushes(look)),
        (Event.body, Event.id, Event.company_id == look.company_id),
        (Delivery.headers, Delivery.id, Delivery.company_id == look.company_id),
    )
    for word in (*PATTERNS, *look.secrets):
        for column, key, condition in places:
            row_ids = look.session.scalars(select(key).where(condition, _holds(look, column, word)))
            for row_id in row_ids:
                where = f"{column.class_.__tablename__} {row_id}, {column.key}"
                yield Breach("I13", f"What looks like a secret stands in {where}.")


def _of_pushes(look: Look) -> ColumnElement[bool]:
    return Attempt.push_id.in_(
        select(Push.id)
        .join(Connection, Connection.id == Push.connection_id)
        .where(Connection.company_id == look.company_id)
    )


def _holds(look: Look, column: InstrumentedAttribute[Any], word: str) -> ColumnElement[bool]:
    """Return the condition that a text or bytes column contains this word."""
    if not isinstance(column.type, LargeBinary):
        return cast(column, String).contains(word, autoescape=True)
    name = look.session.get_bind().dialect.name
    finds = func.instr if name == "sqlite" else func.pg_catalog.position
    return finds(column, literal(word.encode(), LargeBinary)) > 0


@dataclass(frozen=True, slots=True)
class Since:
    """The first event that seals contents, and its place in the chain."""

    event_id: int
    seq: int | None


@dataclass(slots=True)
class Contents:
    """The result of the check. `since` is None if no event seals more than versions."""

    since: Since | None = None
    breaks: list[Break] = field(default_factory=list)


def compare(session: Session, company_id: int) -> Contents:
    """Compare everything that the company's events sealed with the rows as they are now.

    An unreadable row is named by its seal, and comparisons that need the row are skipped.
    """
    contents = Contents(breaks=[*sealed_rows.row_breaks(session, company_id)])
    try:
        _compare_contents(session, company_id, contents)
    except UNREADABLE as problem:
        message = f"A row cannot be read, so not all contents were compared: {problem!r}."
        contents.breaks.append(Break(None, None, message))
    return contents


def _compare_contents(session: Session, company_id: int, contents: Contents) -> None:
    approval_counts: Counter[tuple[int, str]] = Counter()
    first = None
    for page in _pages(session, company_id):
        for ask in (_versions, _pushes, _calls):
            contents.breaks += ask(session, page)
        contents.breaks += _approvals(session, page, approval_counts)
        if first is None:
            first = next((event.id for event in page if SEALED in event.body), None)
    if first is not None:
        place = select(EventLink.seq).where(EventLink.event_id == first)
        contents.since = Since(first, session.scalar(place))
        contents.breaks += _approvals_without_event(session, company_id, approval_counts, first)
    contents.breaks += act_breaks(session, company_id)


def _pages(session: Session, company_id: int) -> Iterator[list[Row[Any]]]:
    """Yield the events about such rows, page by page."""
    query = (
        select(Event.id, Event.act, Event.record_id, Event.posting_id, Event.body)
        .where(Event.company_id == company_id, Event.record_id.is_not(None))
        .order_by(Event.id)
        .limit(PAGE)
    )
    after = 0
    while page := session.execute(query.where(Event.id > after)).all():
        yield list(page)
        after = page[-1].id


def _versions(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    sealed = {
        (event.record_id, int(event.body["version"])): event
        for event in page
        if "sha256" in event.body and "version" in event.body
    }
    if not sealed:
        return
    query = select(Version.id, Version.record_id, Version.no, Version.sha256, Version.body).where(
        bulk.among(Version.record_id, sorted({record_id for record_id, _ in sealed}))
    )
    rows = {(row.record_id, row.no): row for row in session.execute(query)}
    for (record_id, no), event in sealed.items():
        row = rows.get((record_id, no))
        if row is None:
            yield _gone("version", f"no. {no} of record {record_id}", event.id)
        elif {row.sha256, sha256_hex(dumps(row.body))} != {event.body["sha256"]}:
            yield _not_sealed("version", row.id, event.id)


def _gone(table: str, which: str, event_id: int) -> Break:
    return Break(None, event_id, f"Table {table}: {which}, which event {event_id} sealed, is gone.")


def _not_sealed(table: str, row: int, event_id: int, what: str = "content") -> Break:
    message = f"Table {table}, row {row}: its {what} is not what event {event_id} sealed."
    return Break(None, event_id, message)


def _pushes(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    """Yield the breaks of pushes, their postings, and the calls that carried them."""
    sealed = {
        int(event.body["push"]): event
        for event in page
        if event.act == SENDING and SEALED in event.body
    }
    if not sealed:
        return
    ids = sorted(sealed)
    push = table_of(Push)
    rows = {
        row["id"]: row
        for row in session.execute(select(push).where(bulk.among(Push.id, ids))).mappings()
    }
    for push_id, event in sealed.items():
        if push_id not in rows:
            yield _gone("push", f"row {push_id}", event.id)
        elif seal_row(PUSH, dict(rows[push_id])) != event.body[SEALED]:
            yield _not_sealed("push", push_id, event.id)
    yield from _postings(session, sealed)
    yield from _sent(
        session, {key: event for key, event in sealed.items() if REQUEST in event.body}
    )


def _postings(session: Session, sealed: Mapping[int, Row[Any]]) -> Iterator[Break]:
    """Yield the breaks of postings whose newest or only push is among these."""
    standing = func.coalesce(Posting.posted_push_id, Posting.push_id)
    query = select(Posting, Push).join(Push, Push.id == standing)
    for posting, push in session.execute(query.where(bulk.among(Push.id, sorted(sealed)))):
        if push.posting_id != posting.id or posting.state in UNSENT_STATES:
            continue
        event = sealed[push.id]
        if posting.hash != push.hash or posting.action != push.action:
            if posting.action not in CHANGES:  # else a change is planned, or on its way
                yield _not_sealed("posting", posting.id, event.id)
            continue
        wrong = [name for name in _SAME if getattr(posting, name) != getattr(push, name)]
        wrong += _beside(posting, push) if posting.state == PostingState.POSTED else []
        if wrong:
            yield _not_sealed("posting", posting.id, event.id, ", ".join(wrong))


def _beside(posting: Posting, push: Push) -> list[str]:
    """Return what of a posted posting differs from its document."""
    document: Document = revive(Document, push.content)
    document_values = {
        "doc_date": document.date,
        "currency": document.currency,
        "amount": holds.book_amount(document, push.kept),
    }
    return [name for name, value in document_values.items() if getattr(posting, name) != value]


def _sent(session: Session, sealed: Mapping[int, Row[Any]]) -> Iterator[Break]:
    """Yield pushes without a call that carried the announced content."""
    query = (
        select(Attempt.push_id, Request.id, Request.sha256, _UNANSWERED)
        .join(Request, Request.id == Attempt.request_id)
        .where(bulk.among(Attempt.push_id, sorted(sealed)), Request.kind == "push")
        .order_by(Request.id)
    )
    calls: dict[int, dict[str, int]] = {key: {} for key in sealed}
    for push_id, request_id, digest, body in session.execute(query):
        is_unchanged = body is None or sha256_hex(body) == digest
        calls[push_id].setdefault(digest if is_unchanged else "", request_id)
    for push_id, event in sealed.items():
        request_ids = calls[push_id]
        if event.body[REQUEST] not in request_ids:
            if request_ids:
                yield _not_sealed("request", min(request_ids.values()), event.id)
            else:
                yield _gone("request", f"the call of push {push_id}", event.id)


def _calls(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    """Yield the breaks of answered requests: the sent content, while it is kept, and the answer."""
    sealed = {int(event.body[CALL][0]): event for event in page if CALL in event.body}
    if not sealed:
        return
    columns = (Request.id, Request.sha256, Request.body, Request.body_removed_at)
    query = select(*columns, Request.answer, Request.answer_sha256)
    requests = session.execute(query.where(bulk.among(Request.id, sorted(sealed))))
    rows = {row.id: row for row in requests}
    for request_id, event in sealed.items():
        row = rows.get(request_id)
        if row is None:
            yield _gone("request", f"row {request_id}", event.id)
            continue
        _, sent, answered = event.body[CALL]
        body = sent if row.body is None and row.body_removed_at else sha256_hex(row.body or b"")
        if {row.sha256, body} != {sent}:
            yield _not_sealed("request", request_id, event.id)
        if {row.answer_sha256, sha256_hex(row.answer or b"")} != {answered}:
            yield _not_sealed("request", request_id, event.id, "answer")


def _approvals(
    session: Session, page: Iterable[Row[Any]], approval_counts: Counter[tuple[int, str]]
) -> Iterator[Break]:
    """Yield approvals that differ from their event.

    A posting's n-th approval at a level belongs to the n-th event; `approval_counts` counts them.
    """
    events = [event for event in page if event.act == APPROVED and event.posting_id is not None]
    if not events:
        return
    query = select(Approval).where(
        bulk.among(Approval.posting_id, sorted({event.posting_id for event in events}))
    )
    rows: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for row in session.scalars(query.order_by(Approval.id)):
        digest = seal_row(APPROVAL, {name: getattr(row, name) for name in APPROVAL})
        rows.setdefault((row.posting_id, row.level), []).append((row.id, digest))
    for event in events:
        for level in event.body.get("levels", ()):
            key = (event.posting_id, level)
            at, approval_counts[key] = approval_counts[key], approval_counts[key] + 1
            approvals = rows.get(key, [])
            if at >= len(approvals):
                yield _gone("approval", f"one of posting {event.posting_id}", event.id)
            elif event.body.get(SEALED, approvals[at][1]) != approvals[at][1]:
                yield _not_sealed("approval", approvals[at][0], event.id)


def _approvals_without_event(
    session: Session, company_id: int, approval_counts: Counter[tuple[int, str]], first: int
) -> Iterator[Break]:
    """Yield approvals without an event, since contents are sealed."""
    since = select(Event.at).where(Event.id == first).scalar_subquery()
    query = (
        select(Approval.id, Approval.posting_id, Approval.level, Approval.at >= since)
        .join(Posting, Posting.id == Approval.posting_id)
        .where(Posting.company_id == company_id)
        .order_by(Approval.id)
    )
    uncounted = Counter(approval_counts)
    for approval_id, posting_id, level, later in session.execute(query):
        uncounted[posting_id, level] -= 1
        if uncounted[posting_id, level] < 0 and later:
            message = f"Table approval, row {approval_id}: no event tells that it was given."
            yield Break(None, None, message)


def act_breaks(session: Session, company_id: int) -> Iterator[Break]:
    """Yield every row of an act whose content is not what its last event sealed, table by table."""
    sealed_by_table = _newest_seals(session, company_id)
    since = _since(session, sealed_by_table)
    for word, kind in KINDS.items():
        sealed = sealed_by_table.get(word, {})
        current_rows = hashes(session, company_id, kind, sealed)
        for key, (digest, event_id) in sorted(sealed.items()):
            ids, now = current_rows.get(key, ([], ""))
            if now == digest:
                continue
            where = f"row {ids[0]}" if len(ids) == 1 else f"{kind.by} {key}"
            what = f"its content is not what event {event_id} sealed"
            if not now:
                what = f"which event {event_id} sealed, is gone"
            yield Break(None, event_id, f"Table {kind.table}, {where}{_colon(now)} {what}.")
        if kind.told and since is not None:
            yield from _rows_without_event(session, company_id, kind, sealed, since)
    yield from _mappings_without_successor(session, company_id)
    yield from _restored_releases(session, company_id)


def _newest_seals(session: Session, company_id: int) -> dict[str, dict[int, tuple[str, int]]]:
    """Return each row's newest seal: table -> row key -> (content hash, sealing event's id)."""
    query = (
        select(Event.id, Event.body)
        .where(Event.company_id == company_id, cast(Event.body, Text).contains(f'"{ROWS}":[['))
        .order_by(Event.id)
    )
    seals_by_table: dict[str, dict[int, tuple[str, int]]] = {}
    for event_id, body in session.execute(query):
        for word, key, digest in body.get(ROWS, ()):
            if word in KINDS:
                seals_by_table.setdefault(word, {})[int(key)] = (str(digest), event_id)
    return seals_by_table


def _since(session: Session, sealed_by_table: Mapping[str, _Sealed]) -> datetime | None:
    """Return the time of the first event that sealed a row, or None without such an event."""
    events = [event_id for sealed in sealed_by_table.values() for _, event_id in sealed.values()]
    if not events:
        return None
    return session.scalar(select(Event.at).where(Event.id == min(events)))


def _colon(now: str) -> str:
    return ":" if now else ","


def _rows_without_event(
    session: Session, company_id: int, kind: Kind, sealed: _Sealed, since: datetime
) -> Iterator[Break]:
    """Yield rows newer than the first sealed row that no event mentions.

    It compares both row order and time, so neither a backdated row nor a reused id escapes.
    """
    late = getattr(kind.model, kind.when) >= since
    query = (
        select(kind.key, func.min(kind.model.id))
        .where(kind.mine(company_id), or_(late, kind.key >= min(sealed)) if sealed else late)
        .group_by(kind.key)
        .order_by(kind.key)
    )
    for key, row in session.execute(query):
        if key not in sealed:
            yield Break(None, None, f"Table {kind.word}, row {row}: no event tells of it.")


def _mappings_without_successor(session: Session, company_id: int) -> Iterator[Break]:
    """Yield entries of mappings that ended without a successor.

    Each change, even a removal, begins a new entry.
    """
    entry, later = MappingEntry, aliased(MappingEntry)
    another = (
        select(later.id)
        .where(later.table_id == entry.table_id, later.key == entry.key)
        .where(later.valid_from == entry.valid_from, later.from_revision == entry.to_revision)
    )
    query = (
        select(entry.id)
        .where(KINDS[entry.__tablename__].mine(company_id), entry.to_revision.is_not(None))
        .where(~another.exists())
        .order_by(entry.id)
    )
    for row in session.scalars(query):
        message = (
            f"Table mapping_entry, row {row}: it has ended, and no other entry of its key began"
        )
        yield Break(None, None, f"{message} then.")


def _restored_releases(session: Session, company_id: int) -> Iterator[Break]:
    """Yield decisions that are in force although an event reports their withdrawal."""
    undone = (
        select(Event.id)
        .join(Posting, Posting.id == Event.posting_id)
        .where(Event.company_id == company_id, Event.act == "operation.undone")
        .where(Event.operation_id == Release.operation_id, Event.record_id == Release.record_id)
        .where(Posting.route == Release.route)
    )
    query = (
        select(Release.id)
        .where(KINDS["release"].mine(company_id), Release.operation_id.is_not(None))
        .where(Release.voided_at.is_(None), undone.exists())
        .order_by(Release.id)
    )
    for row in session.scalars(query):
        message = f"Table release, row {row}: it was taken back, and counts again."
        yield Break(None, None, message)
