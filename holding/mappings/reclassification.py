"""Posted documents that a mapping change contradicts: what it would have made of each.

Here: the documents that were made with an entry of the key, each judged twice as it was judged when
it was sent, with the value before the change and with the one after it. Nothing is written, and no
target is asked. Not here: the journal that moves their money (correcting_journal.py), nor the
change (holding/mappings/fixes.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, aliased

from holding.db.models import (
    Connection,
    Evaluation,
    MappingEntry,
    MappingTable,
    Person,
    Posting,
    Push,
    Record,
    Revision,
    RulesetVersion,
    Version,
)
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Sums, by_key
from holding.db.together import Question, answer
from holding.mappings.entries import Parsed, with_value
from holding.mappings.entry_history import OWN_KINDS
from holding.platform.states import END, MOST, Sent, sent_with
from holding.programs import world as programs_world
from rules.facts.world import Facts, Subject, World
from rules.outcomes.outcome import Document, Outcome
from rules.values.posting_states import PostingState

GONE: Final = "what it was checked with is no longer kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that gets another value from a day on; None = it has no entry of that day. `entries`:
    all that the key had before, of any day.
    """

    company_id: int
    kind: str
    table: str
    key: str
    before: Parsed | None
    after: Parsed | None
    entries: tuple[int, ...]
    since: date = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Change):
    """A change that somebody made: the number of its revision, when, who, and why (None: with the
    rules).
    """

    no: int
    at: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A value of a document that is another under the change; `line` counts from 1."""

    line: int | None
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradicted:
    """A document in the books that the change would have made otherwise, or not at all (`stopped`
    says why).
    """

    source: str
    kind: str
    external_id: str
    posting_id: int
    record: str
    target: str
    doc_type: str
    number: str
    doc_date: date | None
    party: str
    currency: str
    amount: int | None
    document: Document | None
    moved: tuple[Moved, ...]
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Contradictions:
    """Those found among so many that were looked at; `used` were made with the key, and older ones
    `below` a document, if that is not None.
    """

    documents: tuple[Contradicted, ...]
    looked_at: int
    used: int
    below: int | None

    @property
    def money(self) -> Sums:
        """Their money."""
        rows = ((None, one.currency, one.amount) for one in self.documents)
        return by_key(rows).get(None, {})

    @property
    def complete(self) -> bool:
        """Whether all were looked at."""
        return self.looked_at == self.used and self.below is None


def saved_change(session: Session, company_id: int, no: int) -> Saved | None:
    """The change of a mapping that made this revision."""
    query = (
        select(Revision, MappingEntry, MappingTable, Person.name)
        .join(MappingEntry, MappingEntry.from_revision == Revision.no)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.company_id == company_id, Revision.no == no)
        .where(MappingTable.company_id == company_id, Revision.kind.in_(OWN_KINDS))
    )
    found = session.execute(query).first()
    if found is None:
        return None
    revision, entry, table, by = found
    older = older_entries(session, table.id, entry.key, before=no)
    last = next((one for one in older if one.to_revision == no), None)
    return Saved(
        company_id=company_id,
        kind=table.kind,
        table=table.name,
        key=entry.key,
        before=parsed_of(last),
        after=parsed_of(entry),
        entries=tuple(one.id for one in older),
        since=entry.valid_from,
        no=no,
        at=revision.at,
        by=by or "Clearpost",
        reason=revision.reason,
    )


def older_entries(
    session: Session, table_id: int, key: str, *, before: int | None = None
) -> Sequence[MappingEntry]:
    """All entries that this key ever had (`before` a revision), the oldest first."""
    query = select(MappingEntry).where(MappingEntry.table_id == table_id, MappingEntry.key == key)
    if before is not None:
        query = query.where(MappingEntry.from_revision < before)
    return session.scalars(query.order_by(MappingEntry.from_revision)).all()


def parsed_of(entry: MappingEntry | None) -> Parsed | None:
    """The value of an entry; None: there is none, or it was removed."""
    if entry is None or entry.value is None:
        return None
    factor = Fraction(entry.num, entry.den) if entry.num and entry.den else None
    return Parsed(entry.value, factor)


def contradictions(
    session: Session, change: Change, sent: Sent | None = None, *, most: int | None = None
) -> Contradictions:
    """What the change contradicts of the documents that were made with its key, the newest first;
    of many only the first `most` are looked at. `sent`: those documents, where they are known.
    """
    sent = answer(session, used_by(change)) if sent is None else sent
    looked = sent.documents[:most]
    found = [one for row in _rows(session, looked) if (one := _compared(session, change, row))]
    found.sort(key=lambda one: -one.posting_id)
    return Contradictions(tuple(found), len(looked), len(sent.documents), sent.below)


def used_by(change: Change, most: int = MOST, below: int = END) -> Question[Sent]:
    """The documents in the books that were made with the key, of the newest `most` of each entry
    `below` a document.
    """
    return sent_with(change.company_id, change.entries, most, below)


def _rows(session: Session, ids: Sequence[int]) -> Iterator[Row[Any]]:
    """The postings with what they were judged by, in order of its world, in chunks."""
    sent, target = aliased(Push), aliased(Connection)
    query = (
        select(Posting, Record, Version, Evaluation)
        .add_columns(Connection.name.label("source"), Connection.connector.label("reads"))
        .add_columns(target.connector.label("target"), RulesetVersion.hash, RulesetVersion.edition)
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(target, target.id == Posting.connection_id)
        .outerjoin(sent, sent.id == func.coalesce(Posting.posted_push_id, Posting.push_id))
        .join(Evaluation, Evaluation.id == func.coalesce(sent.evaluation_id, Posting.evaluation_id))
        .join(Version, Version.id == Evaluation.version_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .order_by(Evaluation.revision, Posting.id)
    )
    for start in range(0, len(ids), 500):
        yield from session.execute(query.where(Posting.id.in_(ids[start : start + 500])))


def _compared(session: Session, change: Change, row: Row[Any]) -> Contradicted | None:
    posting: Posting = row.Posting
    if row.Evaluation.facts is None or row.Version.body is None:
        return _told(row, None, (), GONE)
    before, after = (
        _judged(session, change, row, value) for value in (change.before, change.after)
    )
    was, now = (document_of(outcome, posting.route, posting.seq) for outcome in (before, after))
    if now is None or _stopped(after, posting.route):
        if was is None or _stopped(before, posting.route):
            return None
        return _told(row, was, (), _stopped(after, posting.route) or "it would not be posted")
    moved = differing(was, now) if was is not None else ()
    return _told(row, was, moved, "") if moved else None


def _judged(session: Session, change: Change, row: Row[Any], value: Parsed | None) -> Outcome:
    """The record judged as it was when its document went out, but for this one value."""
    evaluation: Evaluation = row.Evaluation
    programs_world.note_meaning(session, evaluation.ruleset_version_id, row.hash, row.edition)
    judge = programs_world.program(session, evaluation.ruleset_version_id)
    known = frozenset(evaluation.facts["known"]) if evaluation.facts else frozenset()
    world: World = programs_world.world(session, change.company_id, evaluation.revision, known)
    return judge.decision(
        Subject(row.Record.type, row.reads, row.Version.body, row.Version.no),
        Facts.from_json(evaluation.facts["facts"] if evaluation.facts else None),
        with_value(world, change.kind, change.table, change.key, value, change.since),
        evaluation.at,
    )


def document_of(outcome: Outcome, route: str, seq: int) -> Document | None:
    """The document that an outcome makes for a posting: a step's, else the decision's."""
    for decision in outcome.decisions:
        for step in decision.plan:
            if (step.route, step.seq) == (route, seq) and step.document is not None:
                return step.document
    return next((d.document for d in outcome.decisions if d.route == route), None)


def _stopped(outcome: Outcome, route: str) -> str:
    """What would hold the record on this route, in the words of its rules."""
    return " ".join(
        dict.fromkeys(
            finding.message
            for decision in outcome.decisions
            if decision.route == route and decision.state == PostingState.HELD
            for finding in decision.findings
            if finding.severity in {"hold", "reject"}
        )
    )


def differing(was: Document, now: Document) -> tuple[Moved, ...]:
    """The values in which two documents differ, those of the header first."""
    parts = [(None, was.fields, now.fields)]
    for at in range(max(len(was.lines), len(now.lines))):
        old, new = (doc.lines[at] if at < len(doc.lines) else {} for doc in (was, now))
        parts.append((at + 1, old, new))  # type: ignore[arg-type]
    return tuple(
        Moved(line, name, old.get(name, ""), new.get(name, ""))
        for line, old, new in parts
        for name in dict.fromkeys((*old, *new))
        if old.get(name, "") != new.get(name, "")
    )


def _told(
    row: Row[Any], document: Document | None, moved: tuple[Moved, ...], stopped: str
) -> Contradicted:
    posting: Posting = row.Posting
    return Contradicted(
        source=row.source,
        kind=row.Record.type,
        external_id=row.Record.external_id,
        posting_id=posting.id,
        record=row.Record.number,
        target=row.target,
        doc_type=posting.doc_type,
        number=posting.number,
        doc_date=posting.doc_date,
        party=posting.party,
        currency=posting.currency,
        amount=posting.amount,
        document=document,
        moved=moved,
        stopped=stopped,
    )
