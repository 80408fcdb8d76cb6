"""Show the origin and age of each target code list, and accept exact matches in bulk."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Select, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from connectors import registry
from holding.access.actors import Actor
from holding.access.operations import once
from holding.connections.master_data import ITEM
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    Connection,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Snapshot,
    SnapshotItem,
)
from holding.db.models.columns import ListKind
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, plural
from holding.mappings import file_codes, fixes, list_files, list_turns
from holding.mappings.entries import Parsed
from holding.mappings.exact_matches import LeftOut, Match, Matches, exact_matches
from holding.mappings.file_codes import Unpaid, UnpaidList
from holding.mappings.list_files import ListStanding
from holding.mappings.list_storage import NAMED
from holding.mappings.preview import NOTHING, Edit, Effect, KnownMaps, active_program, preview_edits
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.programs.known_schemas import schemas
from rules.comparison.preflight import LISTS, Reference, references
from rules.outcomes import Document
from rules.values.canonical import revive
from rules.values.cause_keys import rate_similarity

LISTED_CODES: Final = frozenset({*LISTS.values(), ITEM})

LATEST: Final = 500
"""How many of a target's newest documents are searched for posted codes."""

SHOWN: Final = 5

LOOKED_AT: Final = 200

SHOWN_RECORDS: Final = 5


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where the codes of one kind come from: reported by the target, uploaded, or posted before.

    `read_at` is the last report. `posted` counts posted mapping values, for kinds without a list.
    `more`: older documents were not searched. `old`: the list should have been read since.
    `unpaid`: the list has documents to be paid.
    """

    target: str
    kind: str
    codes: int
    read_at: datetime | None = None
    file: ListStanding | None = None
    posted: int = 0
    more: bool = False
    old: bool = False
    unpaid: bool = False

    def says(self, today: date) -> str:
        """Return a phrase for page and command."""
        if self.file is not None and self.file.told:
            read = self.read_at or self.file.at
            words = f"{plural(self.codes, self.kind)}, told by it, read {read:%Y-%m-%d %H:%M} UTC"
            return f"{words}; old: it should have been read since" if self.old else words
        if self.file is not None:
            file_words = f"{self.file.file_name} of {self.file.as_of}, {self.file.age(today)}"
            return f"{plural(self.codes, self.kind)} from the file {file_words}, by {self.file.by}"
        if self.read_at is not None:
            how = "told one by one" if self.kind == ITEM else "told by it"
            return f"{plural(self.codes, self.kind)}, {how}, read {self.read_at:%Y-%m-%d %H:%M} UTC"
        if self.unpaid:
            return f"no list of {self.kind}s; payments are not compared with what is left to pay"
        code_count = plural(self.posted, "code is", "codes are")
        if self.more:
            return f"no list of {self.kind}s; at least {code_count} known from what was posted"
        return f"no list of {self.kind}s; {code_count} known from what was posted"


def list_sources(
    session: Session,
    company_id: int,
    now: datetime | None = None,
) -> tuple[ListSource, ...]:
    """Return all list sources by target, reported lists first.

    Without `now` no list counts as old.
    """
    targets = _list_targets(session, company_id)
    if not targets:
        return ()
    reported = _load_reported(session, company_id)
    readings_by_target = list_turns.readings_by_target(session, company_id)
    posted = _load_posted(session, company_id, targets)
    current_files = list_files.current_lists(session, company_id)
    files = {(file.connection_id, file.kind): file for file in current_files}
    sources: list[ListSource] = []
    for target in targets:
        reported_lists = reported.get(target.id, [])
        readings = {reading.kind: reading for reading in readings_by_target.get(target.id, ())}
        sources += reported_lists
        for kind, noun in NAMED.items():
            file = files.get((target.id, kind))
            if file is None and (
                not _paid(target.connector, kind)
                if kind.unpaid
                else any(source.kind == noun for source in reported_lists)
            ):
                continue
            values = posted.of(target.name, kind)
            entries = file.entries if file else 0
            reading = readings.get(kind)
            old = bool(now and reading and reading.is_old(target.settings, now))
            read_at = reading.done_at if reading and file and file.told else None
            sources.append(
                ListSource(
                    target.name,
                    noun,
                    entries,
                    read_at,
                    file,
                    posted=len(values),
                    more=posted.more(target.name),
                    old=old,
                    unpaid=kind.unpaid,
                )
            )
    return tuple(sources)


def _list_targets(session: Session, company_id: int) -> Sequence[Any]:
    rows = session.execute(
        select(Connection.id, Connection.name, Connection.connector, Connection.settings)
        .where(Connection.company_id == company_id, Connection.side == "target")
        .order_by(Connection.name),
        execution_options=KEPT,
    )
    return tuple(rows)


def _load_reported(session: Session, company_id: int) -> dict[int, list[ListSource]]:
    """Return by target the lists it reported, by kind."""
    rows = session.execute(
        select(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .add_columns(func.count(SnapshotItem.id).label("codes"))
        .join(Snapshot, Snapshot.connection_id == Connection.id)
        .join(SnapshotItem, SnapshotItem.snapshot_id == Snapshot.id)
        .where(Connection.company_id == company_id, SnapshotItem.to_revision.is_(None))
        .where(Snapshot.kind.in_(sorted(LISTED_CODES)))
        .group_by(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .order_by(Snapshot.kind),
        execution_options=KEPT,
    )
    by_target: dict[int, list[ListSource]] = defaultdict(list)
    for key, name, kind, checked_at, codes in rows:
        by_target[key].append(ListSource(name, kind.replace("_", " "), codes, checked_at))
    return by_target


@dataclass(frozen=True, slots=True)
class _Posted:
    """What the newest documents of each target were posted with, and the kind of each table.

    Rows are (target, table, value, number of documents).
    """

    rows: Sequence[Any]
    uses: Sequence[Reference]

    def of(self, target: str, kind: ListKind) -> frozenset[str]:
        """Return the values of a kind."""
        tables = {
            table
            for use in self.uses
            if use.target == target and use.kind == kind
            for table in use.tables
        }
        return frozenset(
            row.value for row in self.rows if row.target == target and row.name in tables
        )

    def more(self, target: str) -> bool:
        """Check whether the target has documents that were not searched."""
        return any(row.documents > LATEST for row in self.rows if row.target == target)


def _load_posted(session: Session, company_id: int, targets: Sequence[Any]) -> _Posted:
    """Return the values with which each target's newest documents were posted."""
    judge = active_program(session, company_id)
    uses = references(judge.ruleset, schemas()) if judge else ()
    queries = [_of_newest(target.id, target.name) for target in targets]
    rows = session.execute(union_all(*queries)).all() if queries else ()
    return _Posted(rows, uses)


def _of_newest(connection_id: int, name: str) -> Select[Any]:
    """Return the query for one target, whose newest documents are found by an index."""
    newest = (
        select(Posting.id)
        .where(Posting.connection_id == connection_id, Posting.posted_at.is_not(None))
        .order_by(Posting.posted_at.desc())
    )
    documents, looked_at = newest.limit(LATEST + 1).subquery(), newest.limit(LATEST).subquery()
    count = select(func.count()).select_from(documents).scalar_subquery()
    return (
        select(MappingTable.name, MappingEntry.value, literal(name).label("target"))
        .add_columns(cast(count, BigInteger).label("documents"))
        .join(MappingEntry, MappingEntry.table_id == MappingTable.id)
        .join(PostingUse, PostingUse.entry_id == MappingEntry.id)
        .join(looked_at, looked_at.c.id == PostingUse.posting_id)
        .where(MappingTable.kind == "map", MappingEntry.value.is_not(None))
        .distinct()
    )


def _paid(connector: str, kind: ListKind) -> bool:
    """Check whether documents of this target pay documents of such a list."""
    target = registry.targets().get(connector)
    return target is not None and any(
        field.pays == kind for doc in target.documents for field in (*doc.header, *doc.lines)
    )


def of_every_company(
    session: Session, now: datetime
) -> Iterator[tuple[str, ZoneInfo, tuple[ListSource, ...]]]:
    """Yield each company's code, time zone and lists."""
    for row in session.execute(
        select(Company.id, Company.code, Company.zone).order_by(Company.code)
    ):
        yield row.code, ZoneInfo(row.zone), list_sources(session, row.id, now)


@dataclass(frozen=True, slots=True)
class UnpaidChoice:
    """One unpaid document.

    `why` explains how its number resembles the paid one, and `enough` whether enough is left to
    pay.
    """

    document: Unpaid
    same: bool
    why: str
    enough: bool


@dataclass(frozen=True, slots=True)
class UnpaidChoices:
    """A party's unpaid documents, the nearest first; `more` are not shown.

    `number` is the number in the payment.
    """

    listed: UnpaidList
    number: str
    choices: tuple[UnpaidChoice, ...]
    more: bool

    @property
    def of_customer(self) -> bool:
        """Whether they are invoices of a customer, not bills of a supplier."""
        return self.listed.kind == ListKind.INVOICE


def unpaid_choices(session: Session, posting_id: int) -> UnpaidChoices | None:
    """Return the unpaid documents for a posting, or None if it pays nothing or no list can
    answer.
    """
    row = session.execute(
        select(Posting.content, Posting.doc_type, Posting.connection_id, Connection.connector)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.id == posting_id, Posting.content.is_not(None))
    ).first()
    if row is None:
        return None
    target = registry.targets().get(row.connector)
    documents = target.documents if target else ()
    schema = next((document for document in documents if document.name == row.doc_type), None)
    pays = file_codes.paid_by(schema) if schema else None
    listed = file_codes.unpaid_list(session, row.connection_id, pays[1]) if pays else None
    if pays is None or listed is None:
        return None
    document: Document = revive(Document, row.content)
    number = document.fields.get(pays[0], "")
    documents_of_party = file_codes.unpaid_of_party(
        session, listed, document.party, number, LOOKED_AT
    )
    if not documents_of_party and not file_codes.has_party_codes(session, listed):
        return None  # whose they are, nobody knows
    ranked = sorted(documents_of_party, key=lambda unpaid: _nearness(unpaid.number, number))
    choices = (_choice(unpaid, number, document) for unpaid in ranked[:SHOWN])
    return UnpaidChoices(listed, number, tuple(choices), more=len(documents_of_party) > SHOWN)


def _nearness(number: str, posted_number: str) -> tuple[bool, int, str]:
    return number != posted_number, -rate_similarity(posted_number, number)[1], number


def _choice(unpaid: Unpaid, number: str, document: Document) -> UnpaidChoice:
    is_equal = unpaid.number == number
    why = "" if is_equal else rate_similarity(number, unpaid.number)[0]
    enough = unpaid.currency == document.currency and unpaid.left >= document.amount
    return UnpaidChoice(unpaid, is_equal, why, enough)


@dataclass(frozen=True, slots=True)
class Seen:
    """A match as it was shown: its value and the number of waiting records."""

    cause_id: int
    key: str
    value: str
    records: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result: number of keys, their first and last revision, and the number of woken records.

    `later`: more records may be woken afterwards.
    """

    keys: int
    woken: int
    first: int
    revision: int
    later: bool = False


def bulk_preview(
    session: Session,
    company_id: int,
    matches: Sequence[Match],
    now: datetime,
    since: date = ALWAYS,
    *,
    maps: KnownMaps | None = None,
) -> Effect:
    """Evaluate in memory what all these matches would do to waiting records."""
    edits = [Edit(match.row.table, match.row.key, Parsed(match.value), since) for match in matches]
    return preview_edits(session, company_id, edits, now, maps=maps) if edits else NOTHING


def accept_matches(
    session: Session,
    actor: Actor,
    selections: Sequence[Seen],
    ready: int,
    reason: str,
    now: datetime,
    *,
    rev: int,
    since: date = ALWAYS,
    op: str | None = None,
) -> Accepted | Refusal:
    """Save all matches or none.

    Refused with each difference if a value, a record count or the number of `ready` records changed
    since it was shown.
    """

    def act() -> Accepted | Refusal:
        company_id = actor.company_id or 0
        lock_company(session, company_id)
        matches = exact_matches(session, company_id)
        by_cause = {match.row.cause_id: match for match in matches.exact}
        picked = [
            by_cause[selection.cause_id]
            for selection in selections
            if selection.cause_id in by_cause
        ]
        if refusal := fixes.refuse_change(session, actor, [match.row.table for match in picked]):
            return refusal
        if not selections:
            return Refusal("mapping.none", "No mapping is selected.", "Select one.", 422)
        if not reason.strip():
            return Refusal("reason.missing", "A fix needs a reason.", status=422)
        differences = list(_differences(selections, matches))
        if not differences:
            now_ready = bulk_preview(session, company_id, picked, now, since).ready
            if now_ready != ready:
                differences = [f"{plural(now_ready, 'record')} would become ready, not {ready}"]
        return (
            _moved(differences)
            if differences
            else _save(session, actor, picked, reason, now, rev, since)
        )

    request = (
        "mapping.accept",
        [[o.cause_id, o.value] for o in selections],
        ready,
        reason,
        str(since),
    )
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def _differences(selections: Sequence[Seen], matches: Matches) -> Iterator[str]:
    """Yield what changed since it was shown."""
    exact = {match.row.cause_id: match for match in matches.exact}
    left_out_by_cause: dict[int, LeftOut] = {
        left_out.row.cause_id: left_out for left_out in matches.left
    }
    for selection in selections:
        match = exact.get(selection.cause_id)
        if match is None and selection.cause_id in left_out_by_cause:
            why = left_out_by_cause[selection.cause_id].why
            yield f"{selection.key} does not match exactly any more ({why})"
        elif match is None:
            yield f"{selection.key} has a value now, or nothing waits for it"
        elif match.value != selection.value:
            yield f"{selection.key} matches {match.value} now, not {selection.value}"
        elif match.row.records != selection.records:
            waits = plural(match.row.records, "record waits", "records wait")
            yield f"{waits} for {selection.key} now, not {selection.records}"


def _moved(differences: Sequence[str]) -> Refusal:
    more = (
        f"; and {len(differences) - SHOWN_RECORDS} more" if len(differences) > SHOWN_RECORDS else ""
    )
    return Refusal(
        "mapping.moved",
        "You cannot accept these mappings, because something changed since they were shown: "
        f"{'; '.join(differences[:SHOWN_RECORDS])}{more}.",
        "Nothing was saved. Look at the preview again, then accept.",
        409,
    )


def _save(
    session: Session,
    actor: Actor,
    picked: Sequence[Match],
    reason: str,
    now: datetime,
    rev: int,
    since: date,
) -> Accepted | Refusal:
    matches = plural(len(picked), "exact match", "exact matches")

    def make(match: Match) -> fixes.Fixed | Refusal:
        table, key = match.row.table, match.row.key
        why = f"{reason.strip()} ({', '.join(match.reasons)})"
        return fixes.fix(session, actor, table, key, match.value, why, now, rev, since=since)

    saved = fixes.apply_together(session, (partial(make, match) for match in picked))
    if isinstance(saved, Refusal):
        return saved
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="mapping.accepted",
        body={
            "say": f"{actor.name} accepted {matches} together ({reason.strip()}).",
            "keys": [f"{match.row.table}: {match.row.key} = {match.value}" for match in picked],
            "first": saved.first,
            "revision": saved.revision,
        },
    )
    return Accepted(len(picked), saved.woken, saved.first, saved.revision, saved.later)


def _read(stored: Mapping[str, Any]) -> Accepted:
    return Accepted(**stored)
