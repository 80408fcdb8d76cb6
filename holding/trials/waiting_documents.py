"""Check documents that are ready for a target as the target would, without a call."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Action, Target
from connectors.contract.schema import DocumentSchema
from holding.connections.channel import own_settings
from holding.db import bulk
from holding.db.models import Connection, Posting, Push, Record, Snapshot, SnapshotItem
from holding.db.models.columns import ListKind, PushState, is_word, moment
from holding.evaluation.target_limits import limit_of
from holding.mappings import file_codes
from holding.mappings.file_codes import FileList, Identity, Unpaid, UnpaidList
from holding.platform.states import NUMBER_USED, TARGET_LIMIT
from holding.posting import holds
from holding.posting.evidence import action_of
from holding.posting.holds import TWO_E_INVOICES as TWO_E_INVOICES_HELD
from holding.posting.holds import Trouble
from holding.programs.world import locked_through, program
from rules.outcomes import Document
from rules.program import Route
from rules.values.canonical import PostingState, revive
from rules.values.cause_keys import (
    CANCEL_MARGIN,
    CANCEL_WINDOW,
    NearSpellings,
    describe_near_spelling,
)

AT_ONCE: Final = 500  # rows read at a time: a night may have 25,000

LISTED: Final[Mapping[str, str]] = {"account": "account", "tax": "tax_code", "currency": "currency"}
"""What a field refers to -> the kind under which a target lists it."""

CANNOT_SEND, NOT_LISTED, LOCKED = "TGT01", "LST01", "PER01"

WINDOW_OVER: Final = "e_invoice.window_over"

TWO_E_INVOICES: Final = "e_invoice.twice"

FORGOTTEN: Final = "duplicate.window_over"

_READY = (
    select(
        Posting.id,
        Posting.number,
        Posting.doc_type,
        Posting.action,
        Posting.content,
        Posting.e_invoice_at,
        Record.number.label("of_source"),
        holds.SENT_ELSEWHERE.label("elsewhere"),
        holds.RECORD_ELSEWHERE.label("of_record"),
    )
    .join(Record, Record.id == Posting.record_id)
    .where(Posting.connection_id == bindparam("connection"), Posting.content.is_not(None))
    .where(Posting.state == PostingState.READY)
    .order_by(Posting.id)
)

_DOUBTED = (
    select(Push.number)
    .where(Push.connection_id == bindparam("connection"), Push.made_at < moment("since"))
    .where(is_word(Push.state, PushState.UNCERTAIN))
    .order_by(Push.id)
)

_LISTED_KINDS = select(Snapshot.kind).where(Snapshot.connection_id == bindparam("connection"))

_CODES = (
    select(Snapshot.kind, SnapshotItem.code)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .where(Snapshot.connection_id == bindparam("connection"), SnapshotItem.to_revision.is_(None))
)

NOT_UNPAID: Final = "payment.not_unpaid"

TOO_MUCH: Final = "payment.too_much"

Listed = tuple[UnpaidList, Mapping[str, Sequence[Unpaid]]]

NEARLY: Final = "master_data.nearly"

SWITCHED_OFF: Final = "master_data.inactive"

_KIND_LABELS: Final = {
    ListKind.CUSTOMER: "Customer",
    ListKind.VENDOR: "Supplier",
    ListKind.ITEM: "Item",
}

_AT_ONCE: Final = 200  # codes that a list is asked for by one query

_POSTED_WITH = (
    select(Posting.party)
    .where(Posting.company_id == bindparam("company"))
    .where(Posting.connection_id == bindparam("connection"))
    .where(is_word(Posting.state, PostingState.POSTED))
    .where(bulk.among_given(Posting.party, "codes"))
    .distinct()
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that several documents share. The message names the first document."""

    code: str
    words: str
    todo: str
    records: int


def routes(session: Session, ruleset_version_id: int) -> Mapping[str, Route]:
    """Return the routes of a rule version, by name."""
    return {route.name: route for route in program(session, ruleset_version_id).routes}


def faults(session: Session, connection: Connection, now: datetime) -> tuple[Fault, ...]:
    """Return the faults of documents that are ready for a target. Equal faults are counted."""
    target = registry.targets().get(connection.connector)
    if target is None:
        return ()
    counted: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], str] = {}
    for number, wrong in _each(session, connection, target, now):
        counted[wrong] += 1
        first.setdefault(wrong, number)
    return tuple(
        Fault(code, f"{fault_words} First: {first[code, fault_words, todo]}.", todo, times)
        for (code, fault_words, todo), times in sorted(counted.items())
    )


def _each(
    session: Session, connection: Connection, target: Target, now: datetime
) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield (number, (code, what is wrong, what to do)) for each fault of each document."""
    settings = own_settings(session, connection)
    closed = locked_through(session, connection.id)
    codes = _codes(session, connection.id)
    spelled = {kind: NearSpellings(listed_codes) for kind, listed_codes in codes.items()}
    schemas = {document_schema.name: document_schema for document_schema in target.documents}
    unpaid, listed = WaitingPayments(session, connection), WaitingCodes(session, connection)
    numbers: Counter[tuple[str, str]] = Counter()
    ready = session.execute(_READY, {"connection": connection.id}).yield_per(AT_ONCE)
    for row in ready:
        document: Document = revive(Document, row.content)
        action = action_of(row.action)
        yield from (
            (row.number, fault)
            for fault in _beyond(connection, settings, target, document, row.of_source, action)
        )
        schema = schemas.get(document.document)
        if schema is not None:
            listed.note(schema, document)
            yield from (
                (row.number, fault) for fault in _unlisted(schema, document, codes, spelled)
            )
            yield from ((row.number, fault) for fault in _locked(schema, document, closed))
            if action == "create":
                yield from ((row.number, fault) for fault in unpaid.wrong(schema, document))
        yield from ((row.number, fault) for fault in _too_late(action, row.e_invoice_at, now))
        if action == "create":
            trouble = holds.posted_elsewhere(
                session, row.id, row.elsewhere, of_record=row.of_record
            )
            if trouble is not None:
                yield row.number, _twice(trouble)
        numbers[row.doc_type, row.number] += 1
        if numbers[row.doc_type, row.number] > 1:
            words = "Two documents that are ready have one number."
            yield row.number, (NUMBER_USED, words, "Let the rules give each its own.")
    yield from listed.wrong()
    yield from _forgotten(session, connection.id, target, now)


def _beyond(
    connection: Connection,
    settings: Mapping[str, object],
    target: Target,
    document: Document,
    own_number: str,
    action: Action,
) -> Iterator[tuple[str, str, str]]:
    """Yield why the target could never take a document, in the words of its hold."""
    todo = "Correct the record, the rules or the settings of the connection."
    limit = limit_of(target, connection.name, settings, document, own_number, action)
    if limit is not None:
        yield TARGET_LIMIT, limit.words, todo
        return
    payload = target.build([document], settings, batch=False, batch_name="", action=action)
    for refusal in payload.refused.values():
        yield CANNOT_SEND, refusal.words, todo


def _codes(session: Session, connection_id: int) -> dict[str, frozenset[str]]:
    """Return kind -> the codes that the target listed last.

    A kind that it never listed is left out.
    """
    codes_by_kind: dict[str, set[str]] = {
        kind: set() for kind in session.scalars(_LISTED_KINDS, {"connection": connection_id})
    }
    for kind, code in session.execute(_CODES, {"connection": connection_id}):
        codes_by_kind[kind].add(code)
    return {kind: frozenset(codes) for kind, codes in codes_by_kind.items()}


def _unlisted(
    schema: DocumentSchema,
    document: Document,
    codes: Mapping[str, frozenset[str]],
    spelled: Mapping[str, NearSpellings],
) -> Iterator[tuple[str, str, str]]:
    """Yield codes that the target does not list. Kinds that it never listed are not checked."""
    places = dict(schema.lists)
    unlisted = set[tuple[str, str]]()
    for fields, values in ((schema.header, [document.fields]), (schema.lines, document.lines)):
        for field in fields:
            kind = LISTED.get(field.refers, "")
            listed_codes = codes.get(kind)
            used = {row.get(field.name, "") for row in values} - {""}
            unlisted |= {
                (kind, code)
                for code in used
                if listed_codes is not None and code not in listed_codes
            }
    for kind, code in sorted(unlisted):
        words = f"{kind.replace('_', ' ').capitalize()} {code} is not set up in {schema.target}."
        for near in spelled[kind].near(code)[:1]:
            t_how = describe_near_spelling(code, near)
            words += f" It has {near}: {t_how}."
        where = f" at {places[kind]}" if kind in places else ""
        yield NOT_LISTED, words, f"Add it there{where}, then test the connection."


def _locked(
    schema: DocumentSchema, document: Document, closed: date | None
) -> Iterator[tuple[str, str, str]]:
    document_date = document.fields.get(schema.date_field, "")
    if closed is not None and document_date and document_date <= closed.isoformat():
        words = f"{schema.target} is closed through {closed.isoformat()}."
        yield LOCKED, words, "Open the period there, or agree on another date."


def _too_late(
    action: str, valid_at: datetime | None, now: datetime
) -> Iterator[tuple[str, str, str]]:
    """Yield a fault for a void whose e-Invoice may soon no longer be cancelled.

    Without a known validation time there is none.
    """
    if action == "void" and valid_at and now >= valid_at + CANCEL_WINDOW - CANCEL_MARGIN:
        hours = int(CANCEL_WINDOW.total_seconds() // 3600)
        words = (
            f"Its e-Invoice can be cancelled for {hours} hours after it was valid (FAQ of the "
            "MyInvois SDK), and less than an hour of them is left, or none."
        )
        yield WINDOW_OVER, words, "Check its record again: rules that ask for its age make a note."


def _twice(trouble: Trouble) -> tuple[str, str, str]:
    """Return the fault of a sale that has a document in two systems.

    It names no number, so that equal faults can be counted.
    """
    if trouble.code == TWO_E_INVOICES_HELD:
        todo = "Let one of both post it, or set e_invoices=none where none are made."
        return TWO_E_INVOICES, trouble.words, todo
    words = f"{trouble.target_code} has a document of the same record, which it would not get now."
    todo = "It will be held: reject it where the sale stays there, else release it."
    return trouble.code, words, todo


def _forgotten(
    session: Session, connection_id: int, target: Target, now: datetime
) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield documents with an uncertain result for longer than the target remembers an idempotency
    key.
    """
    for key_memory in target.form.tells.known_by if target.form.tells else ():
        if key_memory.lasts is not None:
            parameters = {"connection": connection_id, "since": now - key_memory.lasts}
            todo = "Compare it there before it is sent again: only a look-up tells."
            for number in session.scalars(_DOUBTED, parameters):
                yield (
                    number,
                    (FORGOTTEN, f"It was sent and never answered. {key_memory.says}", todo),
                )


class WaitingPayments:
    """The payments of one target, looked at one after the other: two of one invoice add up."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session, self._connection = session, connection
        self._lists: dict[ListKind, Listed | None] = {}
        self._unknown: dict[ListKind, frozenset[str]] = {}
        self._paid: defaultdict[tuple[ListKind, str, str, str], Decimal] = defaultdict(Decimal)

    def wrong(self, schema: DocumentSchema, document: Document) -> Iterator[tuple[str, str, str]]:
        """Yield (code, what is wrong, what to do) for a payment of a document that is not unpaid,
        or not enough.

        Nothing without a list, or if the paid document was posted after the list was read.
        """
        pays = file_codes.paid_by(schema)
        number = document.fields.get(pays[0], "") if pays else ""
        listing = self._told(pays[1]) if pays and number else None
        if pays is None or listing is None:
            return
        kind, (unpaid_list, listed) = pays[1], listing
        rows = [row for row in listed.get(number, ()) if row.may_be_of(document.party)]
        paid = (kind, number, document.party, document.currency)
        self._paid[paid] += document.amount
        target_name = self._connection.name
        if not rows and number not in self._not_known(unpaid_list, schema):
            todo = "Compare it there: it may be paid already, void, or have another number."
            yield NOT_UNPAID, _not_unpaid(kind, target_name, unpaid_list.dated), todo
            return
        unpaid_amount = sum(
            (row.left for row in rows if row.currency == document.currency), Decimal(0)
        )
        same_currency = rows and all(row.currency == document.currency for row in rows)
        if same_currency and self._paid[paid] > unpaid_amount:
            todo = "Compare it there: the payment may have been entered already."
            yield TOO_MUCH, _too_much(kind, target_name, unpaid_list.dated), todo

    def _told(self, kind: ListKind) -> Listed | None:
        if kind not in self._lists:
            unpaid_list = file_codes.unpaid_list(self._session, self._connection.id, kind)
            listed = file_codes.unpaid_by_number(self._session, unpaid_list) if unpaid_list else {}
            self._lists[kind] = (unpaid_list, listed) if unpaid_list else None
        return self._lists[kind]

    def _not_known(self, unpaid_list: UnpaidList, schema: DocumentSchema) -> frozenset[str]:
        """Return numbers of our documents that the list cannot contain, because they were posted
        later or not yet.
        """
        if unpaid_list.kind not in self._unknown:
            query = select(Posting.number).where(
                Posting.connection_id == self._connection.id,
                Posting.doc_type != schema.name,  # a payment may have the number of what it pays
                or_(Posting.posted_at.is_(None), Posting.posted_at > unpaid_list.since),
            )
            self._unknown[unpaid_list.kind] = frozenset(self._session.scalars(query))
        return self._unknown[unpaid_list.kind]


def _not_unpaid(kind: ListKind, target_name: str, dated: str) -> str:
    if kind == ListKind.INVOICE:
        return (
            "The invoice that it pays is not among those of its customer that are unpaid in"
            f" {target_name}, by the list of {dated}."
        )
    return (
        "The bill that it pays is not among those of its supplier that are unpaid in"
        f" {target_name}, by the list of {dated}."
    )


def _too_much(kind: ListKind, target_name: str, dated: str) -> str:
    if kind == ListKind.INVOICE:
        return (
            f"More is paid of the invoice than is left to pay in {target_name}, by the list of"
            f" {dated}."
        )
    return f"More is paid of the bill than is left to pay in {target_name}, by the list of {dated}."


class WaitingCodes:
    """The codes that the documents of one target name, each with the numbers of those documents."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session, self._connection = session, connection
        list_keys = {(connection.id, kind) for kind in _KIND_LABELS}
        self._lists = {
            file_list.kind: file_list for file_list in file_codes.file_lists(session, list_keys)
        }
        self._named: defaultdict[tuple[ListKind, str], list[str]] = defaultdict(list)

    def note(self, schema: DocumentSchema, document: Document) -> None:
        """Record the codes that a document names, for kinds with a list."""
        for fields, values in ((schema.header, [document.fields]), (schema.lines, document.lines)):
            for field in fields:
                kind = next(
                    (list_kind for list_kind in self._lists if list_kind == field.refers), None
                )
                codes = {row.get(field.name, "") for row in values} - {""} if kind else ()
                for code in codes:
                    if kind is not None:
                        self._named[kind, code].append(document.number)

    def wrong(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        """Yield (number, (code, what is wrong, what to do)) for each fault of a noted document."""
        for kind, file_list in self._lists.items():
            codes = sorted(code for of, code in self._named if of == kind)
            for at in range(0, len(codes), _AT_ONCE):
                for code, fault in self._told(file_list, codes[at : at + _AT_ONCE]):
                    yield from ((number, fault) for number in self._named[kind, code])

    def _told(
        self, file_list: FileList, codes: list[str]
    ) -> Iterator[tuple[str, tuple[str, str, str]]]:
        entries = file_codes.codes_by_code(self._session, file_list, codes)
        t_kind, as_of, name = _KIND_LABELS[file_list.kind], file_list.as_of, file_list.name
        for code, entry in entries.items():
            if not entry.active:
                words = f"{t_kind} “{code}” is switched off in the list of {as_of} ({name})."
                yield code, (SWITCHED_OFF, words, "Switch it on there, or map another.")
        strange = sorted({*codes} - entries.keys() - self._posted(file_list, codes))
        identities = [Identity(key=code, name=code) for code in strange]
        similar_entries = (
            file_codes.fitting_codes(self._session, file_list, identities) if identities else ()
        )
        near = NearSpellings([] if file_list.by_id else [entry.code for entry in similar_entries])
        for code in strange:
            for near_code in near.near(code)[:1]:
                t_how = describe_near_spelling(code, near_code)
                words = (
                    f"{t_kind} “{code}” is not in the list of {as_of} ({name}), and “{near_code}”"
                    " is:"
                    f" {t_how}."
                )
                yield code, (NEARLY, words, "Map the one that is meant, or add this one there.")

    def _posted(self, file_list: FileList, codes: list[str]) -> set[str]:
        """Return parties with documents posted to this target. It therefore knows them."""
        if file_list.kind is ListKind.ITEM:
            return set()
        company = self._connection.company_id
        parameters = {"company": company, "connection": file_list.connection_id, "codes": codes}
        return set(self._session.scalars(_POSTED_WITH, parameters))
