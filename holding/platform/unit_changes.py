"""Log the items whose units or rates changed in a target, and the documents this concerns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ItemSetup
from holding.db.kept_plans import KEPT
from holding.db.models import Connection, Event, Posting, Push
from holding.db.models.columns import among_words
from holding.db.models.postings import IN_FLIGHT_STATES, OPEN_PUSH_STATES
from holding.db.refusal import plural
from holding.platform.events import Fact, record_events
from rules.values.canonical import PostingState

CHANGED: Final = "connection.units"
LOOKED_AT: Final = 5_000
"""Of so many documents that were sent, the newest, it is told whether they name the item."""
NAMED: Final = 10
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A logged change, with its time and the number of documents that it concerns."""

    item: str
    before: str
    now: str
    documents: int
    at: datetime
    say: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A sent document, and whether it is posted."""

    record_id: int
    number: str
    posted: bool


def unit_text(setup: ItemSetup | None) -> str:
    """Return the units as text, such as `1 CTN = 12 PCS`, or `in PCS` for a single unit."""
    if setup is None:
        return "no unit"
    rates = [
        f"1 {unit} = {num if den == 1 else f'{num}/{den}'} {setup.unit}"
        for unit, (num, den) in sorted(setup.rates.items())
    ]
    return ", ".join(rates) or f"in {setup.unit}"


def log_unit_changes(
    session: Session,
    connection: Connection,
    before: Mapping[str, ItemSetup],
    reported: Mapping[str, ItemSetup | None],
    now: datetime,
) -> None:
    """Log each known item whose units changed, once for the connection and once for
    each document.
    """
    # Posted documents are logged and not held: they were right when they were sent.
    changed = {
        code: new_setup
        for code, new_setup in reported.items()
        if code in before and before[code] != new_setup
    }
    if not changed:
        return
    documents_by_item = _naming(session, connection, frozenset(changed))
    facts: list[Fact] = []
    for code, setup in sorted(changed.items()):
        facts += _facts(connection, code, before[code], setup, documents_by_item.get(code, {}), now)
    record_events(session, facts)


def list_unit_changes(session: Session, connection: int, company: int) -> tuple[UnitChange, ...]:
    """Return the latest changes of a connection, newest first."""
    parameters = {"company": company, "object": f"connection:{connection}"}
    rows = session.execute(_CHANGES.params(parameters), execution_options=KEPT)
    return tuple(
        UnitChange(
            item=body["item"],
            before=body["before"],
            now=body["now"],
            documents=int(body["documents"]),
            at=at,
            say=body["say"],
        )
        for body, at in rows
    )


_CHANGES = (
    select(Event.body, Event.at)
    .where(Event.company_id == bindparam("company"), Event.record_id.is_(None))
    .where(Event.act == CHANGED, Event.object == bindparam("object"))
    .order_by(Event.id.desc())
    .limit(SHOWN)
)

_SENT = (
    select(
        Posting.id,
        Posting.record_id,
        Posting.number,
        Posting.doc_type,
        Posting.state,
        Push.content,
    )
    .join(Push, Push.posting_id == Posting.id)
    .where(Posting.connection_id == bindparam("connection"))
    .where(
        or_(
            and_(Posting.state == PostingState.POSTED, Push.id == Posting.posted_push_id),
            and_(
                among_words(Posting.state, IN_FLIGHT_STATES),
                or_(
                    Push.id == Posting.posted_push_id,
                    among_words(Push.state, OPEN_PUSH_STATES),
                ),
            ),
        )
    )
    .order_by(Posting.id.desc(), Push.id.desc())
    .limit(LOOKED_AT)
)
"""What was posted, and what is on its way: nobody judges that again before its answer. Of a change
on its way both contents: which of them will stand, the answer tells.
"""


def _naming(
    session: Session, connection: Connection, codes: frozenset[str]
) -> dict[str, dict[int, _Sent]]:
    """Return item -> the documents that contain it, by posting, newest first."""
    target = registry.targets().get(connection.connector)
    documents = target.documents if target is not None else ()
    fields = {
        sent_document.name: next(
            (field.name for field in sent_document.lines if field.refers == "item"), ""
        )
        for sent_document in documents
    }
    documents_by_item: dict[str, dict[int, _Sent]] = {}
    for row in session.execute(_SENT, {"connection": connection.id}):
        field = fields.get(row.doc_type, "")
        item_codes = {line.get(field) for line in (row.content or {}).get("lines", ())}
        sent_document = _Sent(row.record_id, row.number, row.state == PostingState.POSTED)
        for code in item_codes & codes:
            documents_by_item.setdefault(code, {}).setdefault(row.id, sent_document)
    return documents_by_item


def _facts(
    connection: Connection,
    code: str,
    before: ItemSetup,
    setup: ItemSetup | None,
    sent: Mapping[int, _Sent],
    now: datetime,
) -> Iterator[Fact]:
    changed = (
        f"{connection.name} counts {code} otherwise: {unit_text(setup)} now,"
        f" {unit_text(before)} before."
    )
    numbers = ", ".join(document.number for document in list(sent.values())[:NAMED])
    more = f" and {len(sent) - NAMED} more" if len(sent) > NAMED else ""
    count_text = plural(len(sent), "posted document was", "posted documents were")
    if not all(document.posted for document in sent.values()):
        sent_words = "that was sent or posted was", "that were sent or posted were"
        count_text = plural(len(sent), f"document {sent_words[0]}", f"documents {sent_words[1]}")
    document_text = (
        f" {count_text} counted by what it told before: {numbers}{more}." if sent else ""
    )
    body: dict[str, Any] = {
        "say": changed + document_text,
        "item": code,
        "before": unit_text(before),
        "now": unit_text(setup),
        "documents": len(sent),
    }
    object_name = f"connection:{connection.id}"
    common: dict[str, Any] = {"company_id": connection.company_id, "at": now, "object": object_name}
    yield Fact(**common, act=CHANGED, body=body)
    for posting_id, document in sent.items():
        state_word = "posted" if document.posted else "sent"
        say = (
            f"{changed} {document.number} was {state_word} by what it told before: compare it"
            " there."
        )
        record_body = {**body, "say": say}
        yield Fact(
            **common,
            act=CHANGED,
            body=record_body,
            record_id=document.record_id,
            posting_id=posting_id,
        )
