"""Find posted documents that a mapping change contradicts, and write the correcting journal."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.schema import DocumentSchema
from connectors.kit.workbook import Written
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
from holding.mappings.entries import OWN_KINDS, Parsed, with_value
from holding.platform.states import END_OF_IDS, MOST_COUNTED, SentDocuments, load_sent_documents
from holding.programs import world as programs_world
from rules.facts import Facts, Subject, World
from rules.outcomes import Document, Outcome
from rules.values.canonical import PostingState

GONE: Final = "what it was checked with is no longer kept"

Side = Literal["debit", "credit"]

OTHER: Final[dict[Side, Side]] = {"debit": "credit", "credit": "debit"}

PARTIES: Final = ("customer", "vendor")

HEAD: Final = (
    *("Journal", "Date", "Document", "Document date", "Party", "Account"),
    *("Debit", "Credit", "Currency", "Description"),
)

HEAD_OF_DOCUMENTS: Final = (
    *("Document type", "Document", "Document date", "Party", "Amount", "Currency"),
    *("Line", "Field", "In the books", "With the change", "In the journal"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that gets another value from a day on; None means no entry of that day.

    `entries` are all earlier entries of the key, of any day.
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
    """A stored change: its revision number, time, author and reason (None: published with
    rules).
    """

    no: int
    at: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A document value that the change would alter; `line` counts from 1."""

    line: int | None
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradicted:
    """A posted document that the change would have made differently, or not at all (`stopped`)."""

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
    """The contradicted documents among the `looked_at` ones.

    `used` documents were made with the key; older ones follow `below` an id, if that is set.
    """

    documents: tuple[Contradicted, ...]
    looked_at: int
    used: int
    below: int | None

    @property
    def money(self) -> Sums:
        """Their amounts."""
        rows = ((None, document.currency, document.amount) for document in self.documents)
        return by_key(rows).get(None, {})

    @property
    def complete(self) -> bool:
        """Whether all documents were compared."""
        return self.looked_at == self.used and self.below is None


def saved_change(session: Session, company_id: int, no: int) -> Saved | None:
    """Return the mapping change of this revision."""
    query = (
        select(Revision, MappingEntry, MappingTable, Person.name)
        .join(MappingEntry, MappingEntry.from_revision == Revision.no)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.company_id == company_id, Revision.no == no)
        .where(MappingTable.company_id == company_id, Revision.kind.in_(OWN_KINDS))
    )
    row = session.execute(query).first()
    if row is None:
        return None
    revision, entry, table, by = row
    older = older_entries(session, table.id, entry.key, before=no)
    last = next((older_entry for older_entry in older if older_entry.to_revision == no), None)
    return Saved(
        company_id=company_id,
        kind=table.kind,
        table=table.name,
        key=entry.key,
        before=parsed_of(last),
        after=parsed_of(entry),
        entries=tuple(older_entry.id for older_entry in older),
        since=entry.valid_from,
        no=no,
        at=revision.at,
        by=by or "Clearpost",
        reason=revision.reason,
    )


def older_entries(
    session: Session, table_id: int, key: str, *, before: int | None = None
) -> Sequence[MappingEntry]:
    """Return all entries that this key ever had (`before` a revision), oldest first."""
    query = select(MappingEntry).where(MappingEntry.table_id == table_id, MappingEntry.key == key)
    if before is not None:
        query = query.where(MappingEntry.from_revision < before)
    return session.scalars(query.order_by(MappingEntry.from_revision)).all()


def parsed_of(entry: MappingEntry | None) -> Parsed | None:
    """Return an entry's value, or None if there is no entry or it was removed."""
    if entry is None or entry.value is None:
        return None
    factor = Fraction(entry.num, entry.den) if entry.num and entry.den else None
    return Parsed(entry.value, factor)


def find_contradictions(
    session: Session, change: Change, sent: SentDocuments | None = None, *, most: int | None = None
) -> Contradictions:
    """Return the documents made with the change's key that it contradicts, newest first.

    At most `most` are compared. `sent` are the documents, if already loaded.
    """
    sent = load_sent(session, change) if sent is None else sent
    looked = sent.documents[:most]
    contradicted = [
        comparison
        for row in _rows(session, looked)
        if (comparison := _compared(session, change, row))
    ]
    contradicted.sort(key=lambda document: -document.posting_id)
    return Contradictions(tuple(contradicted), len(looked), len(sent.documents), sent.below)


def _rows(session: Session, ids: Sequence[int]) -> Iterator[Row[Any]]:
    """Yield the postings with their evaluation data, ordered by world revision, in chunks."""
    sent, target = aliased(Push), aliased(Connection)
    query = (
        select(Posting, Record, Version, Evaluation)
        .add_columns(Connection.name.label("source"), Connection.connector.label("reads"))
        .add_columns(target.connector.label("target"), RulesetVersion.hash)
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
    moved = document_differences(was, now) if was is not None else ()
    return _told(row, was, moved, "") if moved else None


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


def _judged(session: Session, change: Change, row: Row[Any], value: Parsed | None) -> Outcome:
    """Evaluate the record as it was when its document was sent, except for this one value."""
    evaluation: Evaluation = row.Evaluation
    programs_world.note_hash(session, evaluation.ruleset_version_id, row.hash)
    judge = programs_world.program(session, evaluation.ruleset_version_id)
    known_targets = frozenset(evaluation.facts["known"]) if evaluation.facts else frozenset()
    world: World = programs_world.world(
        session, change.company_id, evaluation.revision, known_targets
    )
    return judge.decision(
        Subject(row.Record.type, row.reads, row.Version.body, row.Version.no),
        Facts.from_json(evaluation.facts["facts"] if evaluation.facts else None),
        with_value(world, change.kind, change.table, change.key, value, change.since),
        evaluation.at,
    )


def _stopped(outcome: Outcome, route: str) -> str:
    """Return the messages that would hold the record on this route."""
    return " ".join(
        dict.fromkeys(
            finding.message
            for decision in outcome.decisions
            if decision.route == route and decision.state == PostingState.HELD
            for finding in decision.findings
            if finding.severity in {"hold", "reject"}
        )
    )


def load_sent(
    session: Session, change: Change, most: int = MOST_COUNTED, below: int = END_OF_IDS
) -> SentDocuments:
    """Return posted documents made with the key: the newest `most` of each entry `below` an id."""
    return load_sent_documents(session, change.company_id, change.entries, most, below)


def document_of(outcome: Outcome, route: str, seq: int) -> Document | None:
    """Return the document that an outcome makes for a posting: a step's, otherwise the
    decision's.
    """
    for decision in outcome.decisions:
        for step in decision.plan:
            if (step.route, step.seq) == (route, seq) and step.document is not None:
                return step.document
    return next((d.document for d in outcome.decisions if d.route == route), None)


def document_differences(was: Document, now: Document) -> tuple[Moved, ...]:
    """Return the values in which two documents differ, header values first."""
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: an account or a party's account, with its amount."""

    document: str
    doc_date: date | None
    party: str
    account: str
    side: Side
    amount: Decimal
    currency: str
    text: str


def journal_entries(contradicted: Contradicted) -> tuple[Entry, ...]:
    """Return the entry pairs that move the booked amounts; none if only other values differ."""
    schema = registry.document(contradicted.target, contradicted.doc_type)
    if contradicted.document is None or schema is None:
        return ()
    return tuple(
        entry
        for moved in contradicted.moved
        for entry in _pair(contradicted, contradicted.document, schema, moved)
    )


def _pair(
    contradicted: Contradicted, document: Document, schema: DocumentSchema, moved: Moved
) -> Iterator[Entry]:
    """Yield entries from the old account to the new one, on the side the document booked."""
    books = schema.books
    if books is None or not (moved.before and moved.after):
        return
    header_fields = (*schema.header, *schema.lines) if schema.one_row else schema.header
    fields = schema.lines if moved.line else header_fields
    refers = next((field.refers for field in fields if field.name == moved.field), "")
    if refers == "account":
        values = document.lines[moved.line - 1] if moved.line else document.fields
        if books.amount not in values:
            return
        side: Side = books.side
        amount = Decimal(values[books.amount])
        amount -= sum((Decimal(values.get(name) or 0) for name in books.less), Decimal())
    elif refers in PARTIES:
        side, amount = OTHER[books.side], document.amount
    else:
        return
    if amount < 0:
        side, amount = OTHER[side], -amount
    if not amount:
        return
    party = refers in PARTIES
    where = f", line {moved.line}" if moved.line else ""
    text = f"{contradicted.number}{where}: {moved.before} to {moved.after}"
    for account, on in ((moved.before, OTHER[side]), (moved.after, side)):
        yield Entry(
            document=contradicted.number,
            doc_date=contradicted.doc_date,
            party=account if party else contradicted.party,
            account=f"account of {account}" if party else account,
            side=on,
            amount=amount,
            currency=document.currency,
            text=text,
        )


def journal_rows(
    change: Saved, documents: Iterable[Contradicted], day: date
) -> list[Sequence[Written]]:
    """Return the journal sheet: two lines per move, and equal totals per currency."""
    rows: list[Sequence[Written]] = [HEAD]
    sums: dict[str, dict[Side, Decimal]] = defaultdict(
        lambda: {"debit": Decimal(), "credit": Decimal()}
    )
    for contradicted in documents:
        for entry in journal_entries(contradicted):
            sums[entry.currency][entry.side] += entry.amount
            rows.append(_row(change, entry, day))
    for currency, totals in sorted(sums.items()):
        blank: list[Written] = [None] * 5
        rows.append([*blank, "Total", totals["debit"], totals["credit"], currency, None])
    return rows


def _row(change: Saved, entry: Entry, day: date) -> Sequence[Written]:
    debit, credit = (entry.amount if entry.side == side else None for side in ("debit", "credit"))
    return (
        f"RECLASS-{change.no}",
        day,
        entry.document,
        entry.doc_date,
        entry.party,
        entry.account,
        debit,
        credit,
        entry.currency,
        entry.text,
    )


def document_rows(documents: Iterable[Contradicted]) -> list[Sequence[Written]]:
    """Return every document with every changed value, also those without journal lines."""
    rows: list[Sequence[Written]] = [HEAD_OF_DOCUMENTS]
    for contradicted in documents:
        amount = contradicted.document.amount if contradicted.document else None
        head = (
            contradicted.doc_type.replace("_", " "),
            contradicted.number,
            contradicted.doc_date,
            contradicted.party,
            amount,
        )
        if contradicted.stopped:
            rows.append(
                [*head, contradicted.currency, None, None, None, contradicted.stopped, "no"]
            )
        for moved in contradicted.moved:
            booked = "yes" if _moves(contradicted, moved) else "no"
            rows.append(
                [
                    *head,
                    contradicted.currency,
                    moved.line,
                    moved.field,
                    moved.before,
                    moved.after,
                    booked,
                ]
            )
    return rows


def _moves(contradicted: Contradicted, moved: Moved) -> bool:
    schema = registry.document(contradicted.target, contradicted.doc_type)
    return bool(
        schema
        and contradicted.document
        and list(_pair(contradicted, contradicted.document, schema, moved))
    )
