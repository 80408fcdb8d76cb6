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
from holding.db.together import KEPT, Question, Together, answer
from holding.mappings import file_codes, fixes, list_files, list_turns
from holding.mappings.entries import Parsed
from holding.mappings.exact_matches import LeftOut, Match, Matches, exact_matches
from holding.mappings.file_codes import Unpaid, UnpaidList
from holding.mappings.list_files import ListStanding
from holding.mappings.list_storage import NAMED
from holding.mappings.preview import NOTHING, Edit, Effect, KnownMaps, active_program, effect
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.programs.world import schemas
from rules.comparison.preflight import LISTS, Reference, references
from rules.outcomes import Document
from rules.values.canonical import revive
from rules.values.cause_keys import rate_similarity

LISTED_CODES: Final = frozenset({*LISTS.values(), ITEM})

LATEST: Final = 500
"""In so many of the newest documents of a target it is looked which codes it took."""

SHOWN: Final = 5

LOOKED_AT: Final = 200

SHOWN_RECORDS: Final = 5


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where the codes of one kind come from: told by the target, from a file, or posted before.

    `read_at`: when the target told them last; `file`: the list that somebody gave in; `posted`: so
    many values of the mappings were posted with already, which counts where there is no list;
    `more`: in older documents nobody looked, so it may be more of them; `old`: the target should
    have been read since, by the plan of its connection; `unpaid`: it is of documents that are to be
    paid.
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
        """In a phrase, for page and command."""
        if self.file is not None and self.file.told:
            read = self.read_at or self.file.at
            words = f"{plural(self.codes, self.kind)}, told by it, read {read:%Y-%m-%d %H:%M} UTC"
            return f"{words}; old: it should have been read since" if self.old else words
        if self.file is not None:
            made = f"{self.file.file_name} of {self.file.as_of}, {self.file.age(today)}"
            return f"{plural(self.codes, self.kind)} from the file {made}, by {self.file.by}"
        if self.read_at is not None:
            how = "told one by one" if self.kind == ITEM else "told by it"
            return f"{plural(self.codes, self.kind)}, {how}, read {self.read_at:%Y-%m-%d %H:%M} UTC"
        if self.unpaid:
            return f"no list of {self.kind}s; payments are not compared with what is left to pay"
        known = plural(self.posted, "code is", "codes are")
        if self.more:
            return f"no list of {self.kind}s; at least {known} known from what was posted"
        return f"no list of {self.kind}s; {known} known from what was posted"


def list_sources(
    session: Session,
    company_id: int,
    now: datetime | None = None,
    *,
    beside: Together | None = None,
) -> tuple[ListSource, ...]:
    """All of them, by target: what it told first, then what comes from files. Without `now` nothing
    is said to be old. `beside`: what else a page asks, by the same statement.
    """
    page = beside or Together(session, KEPT)
    asked, telling = page.ask(_targets(company_id)), page.ask(_told(company_id))
    stand = page.ask(list_files.asked_standings(company_id))
    of_targets = page.ask(list_turns.asked_of_targets(company_id))
    targets = asked.value
    posted = answer(session, _posted(session, company_id, targets))  # by values: no plan is kept
    files = {(one.connection_id, one.kind): one for one in stand.value}
    found: list[ListSource] = []
    for target in targets:
        told = telling.value.get(target.id, [])
        readings = {one.kind: one for one in of_targets.value.get(target.id, ())}
        found += told
        for kind, noun in NAMED.items():
            file = files.get((target.id, kind))
            if file is None and (
                not _paid(target.connector, kind)
                if kind.unpaid
                else any(one.kind == noun for one in told)
            ):
                continue
            values = posted.of(target.name, kind)
            entries = file.entries if file else 0
            reading = readings.get(kind)
            old = bool(now and reading and reading.is_old(target.settings, now))
            read_at = reading.done_at if reading and file and file.told else None
            found.append(
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
    return tuple(found)


def _targets(company_id: int) -> Question[Sequence[Any]]:
    rows = yield (
        select(Connection.id, Connection.name, Connection.connector, Connection.settings)
        .where(Connection.company_id == company_id, Connection.side == "target")
        .order_by(Connection.name)
    )
    return tuple(rows)


def _told(company_id: int) -> Question[dict[int, list[ListSource]]]:
    """Target -> what it told itself, by kind."""
    rows = yield (
        select(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .add_columns(func.count(SnapshotItem.id).label("codes"))
        .join(Snapshot, Snapshot.connection_id == Connection.id)
        .join(SnapshotItem, SnapshotItem.snapshot_id == Snapshot.id)
        .where(Connection.company_id == company_id, SnapshotItem.to_revision.is_(None))
        .where(Snapshot.kind.in_(sorted(LISTED_CODES)))
        .group_by(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .order_by(Snapshot.kind)
    )
    found: dict[int, list[ListSource]] = defaultdict(list)
    for key, name, kind, checked_at, codes in rows:
        found[key].append(ListSource(name, kind.replace("_", " "), codes, checked_at))
    return found


@dataclass(frozen=True, slots=True)
class _Posted:
    """What the newest documents of each target were posted with: (target, table, value, whether
    there are more documents), and which tables are for which kind of code.
    """

    rows: Sequence[Any]
    uses: Sequence[Reference]

    def of(self, target: str, kind: ListKind) -> frozenset[str]:
        """The values of a kind."""
        tables = {
            table
            for one in self.uses
            if one.target == target and one.kind == kind
            for table in one.tables
        }
        return frozenset(
            row.value for row in self.rows if row.target == target and row.name in tables
        )

    def more(self, target: str) -> bool:
        """Whether it has documents that nobody looked at."""
        return any(row.documents > LATEST for row in self.rows if row.target == target)


def _posted(session: Session, company_id: int, targets: Sequence[Any]) -> Question[_Posted]:
    """The values with which the newest documents of each target were posted there."""
    judge = active_program(session, company_id)
    uses = references(judge.ruleset, schemas()) if judge else ()
    each = [_of_newest(target.id, target.name) for target in targets]
    rows = (yield union_all(*each)).all() if each else ()
    return _Posted(rows, uses)


def _of_newest(connection_id: int, name: str) -> Select[Any]:
    """Of one target: the newest of its documents are found in an index."""
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
    """Whether documents of this target pay those of such a list."""
    target = registry.targets().get(connector)
    return target is not None and any(
        one.pays == kind for doc in target.documents for one in (*doc.header, *doc.lines)
    )


def of_every_company(
    session: Session, now: datetime
) -> Iterator[tuple[str, ZoneInfo, tuple[ListSource, ...]]]:
    """Each company by its code, with its zone and its lists."""
    for row in session.execute(
        select(Company.id, Company.code, Company.zone).order_by(Company.code)
    ):
        yield row.code, ZoneInfo(row.zone), list_sources(session, row.id, now)


@dataclass(frozen=True, slots=True)
class UnpaidChoice:
    """One of them; `why` says in what its number is like the one that is paid, where it is, and
    `enough` whether as much is left as is paid.
    """

    document: Unpaid
    same: bool
    why: str
    enough: bool


@dataclass(frozen=True, slots=True)
class UnpaidChoices:
    """What is unpaid of the party of a payment, the nearest first; `more` are not shown. `number`
    is what the payment says that it pays.
    """

    listed: UnpaidList
    number: str
    choices: tuple[UnpaidChoice, ...]
    more: bool

    @property
    def of_customer(self) -> bool:
        """Whether they are invoices of a customer, and not bills of a supplier."""
        return self.listed.kind == ListKind.INVOICE


def of_posting(session: Session, posting_id: int) -> UnpaidChoices | None:
    """Those of the document of a posting; None where it pays nothing, or no list could tell."""
    row = session.execute(
        select(Posting.content, Posting.doc_type, Posting.connection_id, Connection.connector)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.id == posting_id, Posting.content.is_not(None))
    ).first()
    if row is None:
        return None
    target = registry.targets().get(row.connector)
    documents = target.documents if target else ()
    schema = next((one for one in documents if one.name == row.doc_type), None)
    pays = file_codes.paid_by(schema) if schema else None
    listed = file_codes.standing(session, row.connection_id, pays[1]) if pays else None
    if pays is None or listed is None:
        return None
    document: Document = revive(Document, row.content)
    number = document.fields.get(pays[0], "")
    found = file_codes.of_party(session, listed, document.party, number, LOOKED_AT)
    if not found and not file_codes.tells_parties(session, listed):
        return None  # whose they are, nobody knows
    ranked = sorted(found, key=lambda one: _nearness(one.number, number))
    choices = (_choice(one, number, document) for one in ranked[:SHOWN])
    return UnpaidChoices(listed, number, tuple(choices), more=len(found) > SHOWN)


def _nearness(number: str, wanted: str) -> tuple[bool, int, str]:
    return number != wanted, -rate_similarity(wanted, number)[1], number


def _choice(one: Unpaid, number: str, document: Document) -> UnpaidChoice:
    same = one.number == number
    why = "" if same else rate_similarity(number, one.number)[0]
    enough = one.currency == document.currency and one.left >= document.amount
    return UnpaidChoice(one, same, why, enough)


@dataclass(frozen=True, slots=True)
class Seen:
    """A match as it was shown: its value, and how many records waited for it."""

    cause_id: int
    key: str
    value: str
    records: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was done: so many keys by the revisions `first` to `revision`, so many records woken;
    `later`: more may be.
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
    """Judge again, in memory, what waits for these keys as if all entries were there."""
    edits = [Edit(one.row.table, one.row.key, Parsed(one.value), since) for one in matches]
    return effect(session, company_id, edits, now, maps=maps) if edits else NOTHING


def accept(
    session: Session,
    actor: Actor,
    seen: Sequence[Seen],
    ready: int,
    reason: str,
    now: datetime,
    *,
    rev: int,
    since: date = ALWAYS,
    op: str | None = None,
) -> Accepted | Refusal:
    """Save all of them or none. Refused with each difference where anything is otherwise than it
    was shown: a value, how many records wait for it, or how many become `ready`.
    """

    def act() -> Accepted | Refusal:
        company_id = actor.company_id or 0
        lock_company(session, company_id)
        found = exact_matches(session, company_id)
        by_cause = {one.row.cause_id: one for one in found.exact}
        picked = [by_cause[one.cause_id] for one in seen if one.cause_id in by_cause]
        if refusal := fixes.refused(session, actor, [one.row.table for one in picked]):
            return refusal
        if not seen:
            return Refusal("mapping.none", "No mapping is selected.", "Select one.", 422)
        if not reason.strip():
            return Refusal("reason.missing", "A fix needs a reason.", status=422)
        told = list(_differences(seen, found))
        if not told:
            now_ready = bulk_preview(session, company_id, picked, now, since).ready
            if now_ready != ready:
                told = [f"{plural(now_ready, 'record')} would become ready, not {ready}"]
        return _moved(told) if told else _save(session, actor, picked, reason, now, rev, since)

    asked = ("mapping.accept", [[o.cause_id, o.value] for o in seen], ready, reason, str(since))
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def _differences(seen: Sequence[Seen], found: Matches) -> Iterator[str]:
    """What is otherwise than it was shown."""
    exact = {one.row.cause_id: one for one in found.exact}
    left: dict[int, LeftOut] = {one.row.cause_id: one for one in found.left}
    for one in seen:
        match = exact.get(one.cause_id)
        if match is None and one.cause_id in left:
            yield f"{one.key} does not match exactly any more ({left[one.cause_id].why})"
        elif match is None:
            yield f"{one.key} has a value now, or nothing waits for it"
        elif match.value != one.value:
            yield f"{one.key} matches {match.value} now, not {one.value}"
        elif match.row.records != one.records:
            waits = plural(match.row.records, "record waits", "records wait")
            yield f"{waits} for {one.key} now, not {one.records}"


def _moved(told: Sequence[str]) -> Refusal:
    more = f"; and {len(told) - SHOWN_RECORDS} more" if len(told) > SHOWN_RECORDS else ""
    return Refusal(
        "mapping.moved",
        "You cannot accept these mappings, because something changed since they were shown: "
        f"{'; '.join(told[:SHOWN_RECORDS])}{more}.",
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

    def make(one: Match) -> fixes.Fixed | Refusal:
        table, key = one.row.table, one.row.key
        why = f"{reason.strip()} ({', '.join(one.reasons)})"
        return fixes.fix(session, actor, table, key, one.value, why, now, rev, since=since)

    made = fixes.together(session, (partial(make, one) for one in picked))
    if isinstance(made, Refusal):
        return made
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="mapping.accepted",
        body={
            "say": f"{actor.name} accepted {matches} together ({reason.strip()}).",
            "keys": [f"{one.row.table}: {one.row.key} = {one.value}" for one in picked],
            "first": made.first,
            "revision": made.revision,
        },
    )
    return Accepted(len(picked), made.woken, made.first, made.revision, made.later)


def _read(stored: Mapping[str, Any]) -> Accepted:
    return Accepted(**stored)
