"""Compare what a target holds of a record with what the rules decide now, document by document."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.schema import DocumentSchema, FieldSchema
from holding.access.reach import Reach, within
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import (
    Connection,
    Evaluation,
    LinkKey,
    Posting,
    Push,
    Reading,
    Record,
    Version,
)
from holding.db.models.columns import PushState, RecordState, to_minor
from holding.db.refusal import money
from holding.programs import world
from holding.programs import world as former_rules
from holding.programs import world as programs_world
from rules.decisions.judge_record import Restated
from rules.facts import Facts, Subject, World
from rules.program import Program
from rules.values.canonical import PostingState

CODES: Final = ("STL01", "STL02")
"""The codes of holds that are about such a difference."""

ACCEPTED: Final = "STL01"
"""The one that a person may let pass: the books stay as they are."""

MOST: Final = 3
"""So many of them are compared; the sentence of the hold names the others."""


@dataclass(frozen=True, slots=True)
class Same:
    """Another record with an equal key, with its newest content."""

    number: str
    source: str
    kind: str
    external_id: str
    state: RecordState
    body: dict[str, Any] | None


SAME = Columns(
    Same(
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        state=of(Record.state),
        body=of(Version.body),
    ),
    {"source": "connection.name", "kind": "record.type"},
)

PAGE = 500

_COUNTS = ("reversed", "posted")  # of several postings of a route the last of these counts

NUMBERS: Final = ("quantity", "money", "decimal", "whole")

_UNITS: Final = ("UOM", "Unit", "UnitOfMeasure")

_WORDS: Final = ("Description", "DtlDescription")

_PLAIN: Final = FieldSchema(name="")


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One value as it is posted and as it would be now; None where that side has no such value.

    `change` is now less posted, where both are numbers.
    """

    field: str
    label: str
    kind: str
    posted: str | None
    now: str | None
    unit: str = ""
    change: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PostedDocument:
    """A posted document and its current version by the rules. Amounts are in minor units of its
    currency.

    `posted` is the amount that the target shows, also after a change there. `day` is the document's
    date there. `wanted` is None if it cannot be calculated. `same` is how many fields agree.
    """

    posting_id: int
    push_id: int
    number: str
    version: int
    at: datetime | None
    day: date | None
    currency: str
    posted: int | None
    wanted: int | None
    rows: tuple[FieldDifference, ...]
    same: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All posted documents of a route against the newest version that was judged.

    `status`: the source's word in that version. `goes`: whether the rules would post it at all.
    `newest`: whether no later one waits to be judged. `reversal`: whether the rules have a document
    that takes these back.
    """

    source: str
    target: str
    number: str
    schema: DocumentSchema | None
    version: int
    version_at: datetime
    status: str
    goes: bool
    newest: bool
    reversal: bool
    documents: tuple[PostedDocument, ...]

    @property
    def currency(self) -> str:
        """The currency of the documents."""
        return self.documents[0].currency

    @property
    def posted(self) -> int | None:
        """The total that the target has, in minor units; None if unknown."""
        return _sum([document.posted for document in self.documents])

    @property
    def wanted(self) -> int | None:
        """The total that the target would have if the record were posted now; None if unknown."""
        return _sum([document.wanted for document in self.documents])

    @property
    def change(self) -> int | None:
        """The wanted total less the posted total; None if either is unknown."""
        posted, current = self.posted, self.wanted
        return None if posted is None or current is None else current - posted

    @property
    def rows(self) -> tuple[FieldDifference, ...]:
        """The fields that differ, of all documents."""
        return tuple(row for document in self.documents for row in document.rows)

    @property
    def same(self) -> int:
        """The number of fields that agree."""
        return sum(document.same for document in self.documents)

    @property
    def kept(self) -> str:
        """The consequence of leaving the target unchanged, in words."""
        kept_text = f"{self.target} keeps {money(self.posted, self.currency)}"
        change = self.change
        if change is None:
            return f"{kept_text}, and what {self.source} says now cannot be calculated"
        if change > 0:
            return f"{kept_text}, and {money(change, self.currency)} is not posted"
        if change < 0:
            return f"{kept_text}, {money(-change, self.currency)} more than {self.source} says now"
        return f"{kept_text}, and the other fields stay as posted"


def _sum(amounts: Sequence[int | None]) -> int | None:
    known_amounts = [amount for amount in amounts if amount is not None]
    return sum(known_amounts) if len(known_amounts) == len(amounts) else None


def posted_difference(session: Session, record_id: int, route: str) -> Difference | None:
    """Return the difference on a route of a record.

    None if none of its documents is posted or no evaluation is stored.
    """
    query = (
        select(Evaluation, Version, Record, Connection)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Evaluation.record_id == record_id, Evaluation.facts.is_not(None))
        .order_by(Evaluation.id.desc())
        .limit(1)
    )
    latest = session.execute(query).one_or_none()
    if latest is None or latest[1].body is None or "error" in latest[0].outcome:
        return None
    evaluation, version, record, source = latest
    program = programs_world.program(session, evaluation.ruleset_version_id)
    if route not in {definition.name for definition in program.routes}:
        former = former_rules.posted_by(session, record_id, route)
        if former is None:
            return None
        program = programs_world.program(session, former)
    restated = _restated(session, program, evaluation, version, record, source.connector)
    by_seq = {document.seq: document for document in restated if document.route == route}
    rows = [row for row in _posted(session, record_id, route) if row[0].seq in by_seq]
    if not rows:
        return None
    target: Connection = rows[0][3]
    schema = _schema(target.connector, rows[0][0].doc_type)
    named, now = len(rows) > 1, (record.currency, version.status)
    return Difference(
        source=source.name,
        target=target.name,
        number=record.number,
        schema=schema,
        version=version.no,
        version_at=version.at,
        status=version.status,
        goes=all(by_seq[row[0].seq].goes for row in rows),
        newest=version.id == record.version_id,
        reversal=any(definition.reverses == route for definition in program.routes),
        documents=tuple(
            _document(*row[:3], row[4], by_seq[row[0].seq], now, schema, named=named)
            for row in rows
        ),
    )


def _restated(
    session: Session,
    program: Program,
    evaluation: Evaluation,
    version: Version,
    record: Record,
    connector: str,
) -> tuple[Restated, ...]:
    """Return the posted documents, decided again with all data of the evaluation."""
    facts: Any = evaluation.facts
    world = programs_world.world(
        session, record.company_id, evaluation.revision, frozenset(facts["known"])
    )
    subject = Subject(record.type, connector, version.body or {}, version.no)
    return program.restated(subject, Facts.from_json(facts["facts"]), world, evaluation.at)


def _posted(
    session: Session, record_id: int, route: str
) -> Sequence[tuple[Posting, Push, Version, Connection, Mapping[str, Any] | None]]:
    """Return the posted documents of a route, each with its latest push, version, connection and
    last reading.
    """
    query = (
        select(Posting, Push, Version, Connection, Reading.body)
        .join(Push, Push.id == Posting.posted_push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Connection, Connection.id == Posting.connection_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(
            Posting.record_id == record_id,
            Posting.route == route,
            Posting.state == PostingState.POSTED,
        )
        .order_by(Posting.seq)
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(query)]


def total_there(reading: Mapping[str, Any] | None, field: str | None, currency: str) -> int | None:
    """Return the total that a reading shows where it differs from the sent one, else None.

    In minor units; `field` is the document's field with its total.
    """
    rows = (reading or {}).get("differs", ())
    totals = [value for line, name, value in rows if (line, name) == (0, field)]
    try:
        return to_minor(Decimal(totals[0]), currency) if totals else None
    except (InvalidOperation, OverflowError):
        return None


def _schema(connector: str, doc_type: str) -> DocumentSchema | None:
    target = registry.targets().get(connector)
    return next((d for d in target.documents if d.name == doc_type), None) if target else None


def _document(
    posting: Posting,
    push: Push,
    version: Version,
    reading: Mapping[str, Any] | None,
    restated: Restated,
    now: tuple[str, str],
    schema: DocumentSchema | None,
    *,
    named: bool,
) -> PostedDocument:
    """Return a posted document compared with its current version.

    `now` is the record's currency and status.
    """
    currency, status = now
    rows, same_count = between(push.content, restated, schema)
    if not restated.goes and status != version.status:
        rows.insert(0, FieldDifference("", "Status", "text", version.status, status))
    home = not restated.goes or currency == posting.currency
    target_total = total_there(reading, schema.total_field if schema else None, posting.currency)
    return PostedDocument(
        posting_id=posting.id,
        push_id=push.id,
        number=posting.number,
        version=version.no,
        at=posting.posted_at if push.no == 1 else push.closed_at,
        day=posting.doc_date,
        currency=posting.currency,
        posted=posting.amount if target_total is None else target_total,
        wanted=_current_total(posting, push, restated) if home else None,
        rows=tuple(with_number(row, posting.number) if named else row for row in rows),
        same=same_count,
    )


def _current_total(posting: Posting, push: Push, restated: Restated) -> int | None:
    """Return the document's current total in minor units.

    If its content total is unchanged, it is the posted amount, which the target may have rounded.
    """
    if restated.amount is None:
        return None
    sent = to_minor(Decimal(str(push.content["amount"])), posting.currency)
    current_total = to_minor(restated.amount, posting.currency)
    return posting.amount if current_total == sent else current_total


def with_same_key(
    session: Session, company_id: int, record_id: int, reach: Reach
) -> tuple[Same, ...]:
    """Return records with an equal duplicate key, oldest first."""
    own_key, other_key = aliased(LinkKey), aliased(LinkKey)
    join_terms = and_(
        other_key.company_id == own_key.company_id,
        other_key.name == own_key.name,
        other_key.value == own_key.value,
        other_key.record_id != record_id,
    )
    others = (
        select(other_key.record_id)
        .select_from(own_key)
        .join(other_key, join_terms)
        .where(own_key.record_id == record_id, own_key.name.startswith("dup:"))
    )
    query = (
        SAME.select()
        .select_from(Record)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, Record.id.in_(others), *within(reach, Record))
        .order_by(Record.id)
        .limit(MOST)
    )
    return SAME.each(session.execute(query))


@dataclass(frozen=True, slots=True)
class Judging:
    """One record as it was evaluated when its first document was sent, or last if none was.

    `states` is the current state by route. Without `body` or `facts`, which are deleted after a
    time, it cannot be evaluated again.
    """

    kind: str
    source: str
    version: int
    at: datetime
    revision: int
    known: frozenset[str]  # names of targets
    states: dict[str, str]
    facts: Any
    body: dict[str, Any] | None
    evaluation_id: int = 0
    record_id: int = 0
    ruleset_version_id: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A selection of evaluations: of records with a document date from `first` to `last`, and no
    evaluation after the id `until`.
    """

    first: date | None = None
    last: date | None = None
    until: int | None = None


def past_judgings(
    session: Session, company_id: int, *, first: date | None = None, last: date | None = None
) -> Iterator[Judging]:
    """Yield the evaluations of all records, or of records with a document date from `first` to
    `last`.
    """
    span, after = Span(first, last), 0
    while page := judgings_after(session, company_id, span, after):
        after, judgings = page
        yield from judgings


def judgings_after(
    session: Session, company_id: int, span: Span, after: int
) -> tuple[int, list[Judging]] | None:
    """Return a page of evaluations with an id above `after`, and the last id read.

    None at the end.
    """
    query = (
        select(Evaluation.id, Evaluation.record_id)
        .join(Record, Record.id == Evaluation.record_id)
        .where(Record.company_id == company_id, Evaluation.id > after)
        .order_by(Evaluation.id)
        .limit(PAGE)
    )
    if span.first is not None:
        query = query.where(Record.doc_date >= span.first)
    if span.last is not None:
        query = query.where(Record.doc_date <= span.last)
    if span.until is not None:
        query = query.where(Evaluation.id <= span.until)
    page = session.execute(query).all()
    if not page:
        return None
    chosen_ids = _chosen_evaluations(
        session, sorted({record_id for _, record_id in page}), span.until
    )
    ids = [evaluation_id for evaluation_id, _ in page if evaluation_id in chosen_ids]
    return page[-1][0], list(_judgings(session, ids))


def _chosen_evaluations(session: Session, record_ids: Sequence[int], until: int | None) -> set[int]:
    """Return the deciding evaluation of each record: of its first accepted document, else the
    last.
    """
    last = (
        select(Evaluation.record_id, func.max(Evaluation.id))
        .where(bulk.among(Evaluation.record_id, record_ids))
        .group_by(Evaluation.record_id)
    )
    first_sent = (
        select(Posting.record_id, func.min(Push.evaluation_id))
        .join(Push, Push.posting_id == Posting.id)
        .where(
            bulk.among(Posting.record_id, record_ids),
            Push.action == "create",
            Push.state == PushState.ACCEPTED,
        )
        .group_by(Posting.record_id)
    )
    if until is not None:
        last = last.where(Evaluation.id <= until)
        first_sent = first_sent.where(Push.evaluation_id <= until)
    latest, sent = dict(session.execute(last).all()), dict(session.execute(first_sent).all())
    return set((latest | sent).values())


def _judgings(session: Session, evaluation_ids: Sequence[int]) -> Iterator[Judging]:
    query = (
        select(
            Evaluation.at,
            Evaluation.revision,
            Evaluation.facts,
            Evaluation.id.label("evaluation_id"),
            Evaluation.ruleset_version_id,
            Record.id,
            Record.type,
            Connection.connector,
            Version.no,
            Version.body,
        )
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Evaluation.version_id)
        .where(bulk.among(Evaluation.id, evaluation_ids))
        .order_by(Evaluation.id)
    )
    rows = session.execute(query).all()
    states = _states(session, [row.id for row in rows])
    for row in rows:
        looked_at = row.facts or {}
        yield Judging(
            kind=row.type,
            source=row.connector,
            version=row.no,
            at=row.at,
            revision=row.revision,
            known=frozenset(looked_at.get("known", ())),
            states=states[row.id],
            facts=looked_at.get("facts"),
            body=row.body,
            evaluation_id=row.evaluation_id,
            record_id=row.id,
            ruleset_version_id=row.ruleset_version_id,
        )


def _states(session: Session, record_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    query = (
        select(Posting.record_id, Posting.route, Posting.state)
        .where(bulk.among(Posting.record_id, record_ids))
        .order_by(Posting.seq)
    )
    states: dict[int, dict[str, str]] = defaultdict(dict)
    for record_id, route, state in session.execute(query):
        before = states[record_id].get(route, "")
        if before not in _COUNTS or state in _COUNTS[_COUNTS.index(before) :]:
            states[record_id][route] = state
    return states


def stand(session: Session, company_id: int, revision: int) -> World:
    """Return the mappings, units and targets of a revision.

    Each target counts as if its state was known.
    """
    names = select(Connection.name).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return world.build_world(session, company_id, revision, frozenset(session.scalars(names)))


def target_words(session: Session, company_id: int) -> dict[str, str]:
    """Return the names that rules use for targets -> the name of the connection."""
    connections = world.target_connections(session, company_id)
    return {word: row.name for word, row in connections.items()}


def with_number(row: FieldDifference, number: str) -> FieldDifference:
    """Return the difference with its document's number in the label."""
    return replace(row, label=f"{row.label}, {number}")


def between(
    content: Mapping[str, Any], restated: Restated, schema: DocumentSchema | None
) -> tuple[list[FieldDifference], int]:
    """Return the differing fields, the document's own fields first, and how many fields agree."""
    head = {field.name: field for field in schema.header} if schema else {}
    line = {field.name: field for field in schema.lines} if schema else {}
    total = schema.total_field if schema else None
    rows = list(_differing(content["fields"], restated.fields, head, ""))
    old = dict(zip(restated.posted_keys, content["lines"], strict=False))
    new = dict(zip(restated.keys, restated.lines, strict=False))
    agreeing = _agreeing(content["fields"], restated.fields)
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        label = next((t for t in map((after or before or {}).get, _WORDS) if t), "")
        where = f", line {key}" + (f" ({label})" if label else "")
        rows += _differing(before, after, line, where)
        agreeing += _agreeing(before or {}, after or {})
    return [row for row in rows if row.field != total], agreeing


def _differing(
    before: Mapping[str, str] | None,
    after: Mapping[str, str] | None,
    schema_fields: Mapping[str, FieldSchema],
    where: str,
) -> Iterator[FieldDifference]:
    """Yield the differing fields of a document or line.

    For a line on only one side, yield the amounts it adds to the document.
    """
    old, new = before or {}, after or {}
    in_order = [name for name in schema_fields if name in new or name in old]
    for name in dict.fromkeys([*in_order, *new, *old]):
        posted, now = old.get(name), new.get(name)
        field = schema_fields.get(name, _PLAIN)
        of_one_side = before is None or after is None
        if posted == now or (of_one_side and not _adds_up(field)):
            continue
        unit = next((u for u in map((new or old).get, _UNITS) if u), "")
        yield FieldDifference(
            field=name,
            label=f"{field.title or name}{where}",
            kind=field.type,
            posted=posted,
            now=now,
            unit=unit if field.type == "quantity" else "",
            change=_change(posted, now, one_sided=of_one_side) if field.type in NUMBERS else None,
        )


def _adds_up(field: FieldSchema) -> bool:
    """Check whether the field is a quantity or an amount that adds up.

    Unit prices have more decimals.
    """
    return field.type == "quantity" or (field.type == "money" and (field.places or 2) <= 2)


def _change(posted: str | None, now: str | None, *, one_sided: bool) -> Decimal | None:
    """Return the current value less the posted value.

    For a line on only one side, the other value counts as 0.
    """
    nothing = "0" if one_sided else ""
    try:
        return Decimal(now or nothing) - Decimal(posted or nothing)
    except InvalidOperation:
        return None


def _agreeing(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    return sum(name in after and after[name] == value for name, value in before.items())
