"""What the target has of a record against what the record says now, document by document.

Here: the posted documents of a route, each beside itself made again of the newest version that was
judged, with the money of both. Not here: their fields (field_differences.py), accepting a
difference (exceptions/acceptance.py), those that were accepted
(holding/records/accepted_differences.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.schema import DocumentSchema
from holding.db.models import Connection, Evaluation, Posting, Push, Record, Version
from holding.db.models.columns import to_minor
from holding.db.refusal import money
from holding.programs import field_differences, former_rules
from holding.programs import world as programs_world
from holding.programs.field_differences import FieldDifference
from rules.decisions.restated import Restated
from rules.facts.world import Facts, Subject
from rules.programs.program import Program
from rules.values.posting_states import PostingState

CODES: Final = ("STL01", "STL02")
"""The codes of holds that are about such a difference."""
ACCEPTED: Final = "STL01"
"""The one that a person may let pass: the books stay as they are."""


@dataclass(frozen=True, slots=True)
class PostedDocument:
    """A posted document and what it would be now; amounts in minor units of its currency.

    `day` is the date it carries there. `wanted` is None where it cannot be worked out; `same` is
    how many fields agree.
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
        """What the target has."""
        return _sum([one.posted for one in self.documents])

    @property
    def wanted(self) -> int | None:
        """What it would have, if it were posted now."""
        return _sum([one.wanted for one in self.documents])

    @property
    def change(self) -> int | None:
        """What is wanted less what is posted."""
        posted, wanted = self.posted, self.wanted
        return None if posted is None or wanted is None else wanted - posted

    @property
    def rows(self) -> tuple[FieldDifference, ...]:
        """The fields that differ, of all documents."""
        return tuple(row for one in self.documents for row in one.rows)

    @property
    def same(self) -> int:
        """How many fields agree."""
        return sum(one.same for one in self.documents)

    @property
    def kept(self) -> str:
        """What follows from leaving the target as it is, in words."""
        there = f"{self.target} keeps {money(self.posted, self.currency)}"
        change = self.change
        if change is None:
            return f"{there}, and what {self.source} says now cannot be calculated"
        if change > 0:
            return f"{there}, and {money(change, self.currency)} is not posted"
        if change < 0:
            return f"{there}, {money(-change, self.currency)} more than {self.source} says now"
        return f"{there}, and the other fields stay as posted"


def of(session: Session, record_id: int, route: str) -> Difference | None:
    """The difference on a route of a record; None where nothing of it is posted or was judged."""
    query = (
        select(Evaluation, Version, Record, Connection)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Evaluation.record_id == record_id, Evaluation.facts.is_not(None))
        .order_by(Evaluation.id.desc())
        .limit(1)
    )
    found = session.execute(query).one_or_none()
    if found is None or found[1].body is None or "error" in found[0].outcome:
        return None
    evaluation, version, record, source = found
    program = programs_world.program(session, evaluation.ruleset_version_id)
    if route not in {one.name for one in program.routes}:
        former = former_rules.posted_by(session, record_id, route)
        if former is None:
            return None
        program = programs_world.program(session, former)
    restated = _restated(session, program, evaluation, version, record, source.connector)
    by_seq = {one.seq: one for one in restated if one.route == route}
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
        reversal=any(one.reverses == route for one in program.routes),
        documents=tuple(
            _document(*row[:3], by_seq[row[0].seq], now, schema, named=named) for row in rows
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
    """What is posted, made again with all that the evaluation looked at."""
    facts: Any = evaluation.facts
    world = programs_world.world(
        session, record.company_id, evaluation.revision, frozenset(facts["known"])
    )
    subject = Subject(record.type, connector, version.body or {}, version.no)
    return program.restated(subject, Facts.from_json(facts["facts"]), world, evaluation.at)


def _posted(
    session: Session, record_id: int, route: str
) -> Sequence[tuple[Posting, Push, Version, Connection]]:
    """The posted documents of a route with what stands in the target, and the version it is of."""
    query = (
        select(Posting, Push, Version, Connection)
        .join(Push, Push.id == Posting.posted_push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(
            Posting.record_id == record_id,
            Posting.route == route,
            Posting.state == PostingState.POSTED,
        )
        .order_by(Posting.seq)
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


def _schema(connector: str, doc_type: str) -> DocumentSchema | None:
    known = registry.targets().get(connector)
    return next((d for d in known.documents if d.name == doc_type), None) if known else None


def _document(
    posting: Posting,
    push: Push,
    version: Version,
    restated: Restated,
    now: tuple[str, str],
    schema: DocumentSchema | None,
    *,
    named: bool,
) -> PostedDocument:
    """One of them; `now` are the currency and the status of the record."""
    currency, status = now
    rows, same = field_differences.between(push.content, restated, schema)
    if not restated.goes and status != version.status:
        rows.insert(0, FieldDifference("", "Status", "text", version.status, status))
    home = not restated.goes or currency == posting.currency
    return PostedDocument(
        posting_id=posting.id,
        push_id=push.id,
        number=posting.number,
        version=version.no,
        at=posting.posted_at if push.no == 1 else push.closed_at,
        day=posting.doc_date,
        currency=posting.currency,
        posted=posting.amount,
        wanted=_wanted(posting, push, restated) if home else None,
        rows=tuple(field_differences.named(row, posting.number) if named else row for row in rows),
        same=same,
    )


def _wanted(posting: Posting, push: Push, restated: Restated) -> int | None:
    """The total of the document now; one that is the same stays what the target made of it."""
    if restated.amount is None:
        return None
    sent = to_minor(Decimal(str(push.content["amount"])), posting.currency)
    wanted = to_minor(restated.amount, posting.currency)
    return posting.amount if wanted == sent else wanted


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
