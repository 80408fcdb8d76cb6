"""Log the items whose units or rates changed in a target, and the documents this concerns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ItemSetup
from holding.db.models import Connection, Event, Posting, Push
from holding.db.models.columns import among_words
from holding.db.models.postings import IN_FLIGHT_STATES, OPEN_PUSH_STATES
from holding.db.refusal import plural
from holding.db.together import Question
from holding.platform.events import Fact, record_events
from rules.values.canonical import PostingState

CHANGED: Final = "connection.units"
LOOKED_AT: Final = 5_000
"""Of so many documents that were sent, the newest, it is told whether they name the item."""
NAMED: Final = 10
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A change as it was told, when it was seen, and how many documents it concerns."""

    item: str
    before: str
    now: str
    documents: int
    at: datetime
    say: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A document that was sent, and whether it is posted."""

    record_id: int
    number: str
    posted: bool


def worth(setup: ItemSetup | None) -> str:
    """`1 CTN = 12 PCS`, or `in PCS` where there is no other unit."""
    if setup is None:
        return "no unit"
    rates = [
        f"1 {unit} = {num if den == 1 else f'{num}/{den}'} {setup.unit}"
        for unit, (num, den) in sorted(setup.rates.items())
    ]
    return ", ".join(rates) or f"in {setup.unit}"


def say_changes(
    session: Session,
    connection: Connection,
    before: Mapping[str, ItemSetup],
    told: Mapping[str, ItemSetup | None],
    now: datetime,
) -> None:
    """Tell of each item that was known and is counted otherwise now."""
    changed = {code: one for code, one in told.items() if code in before and before[code] != one}
    if not changed:
        return
    naming = _naming(session, connection, frozenset(changed))
    facts: list[Fact] = []
    for code, setup in sorted(changed.items()):
        facts += _facts(connection, code, before[code], setup, naming.get(code, {}), now)
    record_events(session, facts)


def of_connection(connection: int, company: int) -> Question[tuple[UnitChange, ...]]:
    """The last changes, the newest first."""
    given = {"company": company, "object": f"connection:{connection}"}
    rows = yield _CHANGES.params(given)
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
    """Item -> the documents that name it by posting, the newest first."""
    target = registry.targets().get(connection.connector)
    documents = target.documents if target is not None else ()
    fields = {
        one.name: next((field.name for field in one.lines if field.refers == "item"), "")
        for one in documents
    }
    found: dict[str, dict[int, _Sent]] = {}
    for row in session.execute(_SENT, {"connection": connection.id}):
        field = fields.get(row.doc_type, "")
        named = {line.get(field) for line in (row.content or {}).get("lines", ())}
        one = _Sent(row.record_id, row.number, row.state == PostingState.POSTED)
        for code in named & codes:
            found.setdefault(code, {}).setdefault(row.id, one)
    return found


def _facts(
    connection: Connection,
    code: str,
    before: ItemSetup,
    setup: ItemSetup | None,
    sent: Mapping[int, _Sent],
    now: datetime,
) -> Iterator[Fact]:
    changed = (
        f"{connection.name} counts {code} otherwise: {worth(setup)} now, {worth(before)} before."
    )
    numbers = ", ".join(one.number for one in list(sent.values())[:NAMED])
    more = f" and {len(sent) - NAMED} more" if len(sent) > NAMED else ""
    many = plural(len(sent), "posted document was", "posted documents were")
    if not all(one.posted for one in sent.values()):
        words = "that was sent or posted was", "that were sent or posted were"
        many = plural(len(sent), f"document {words[0]}", f"documents {words[1]}")
    named = f" {many} counted by what it told before: {numbers}{more}." if sent else ""
    body: dict[str, Any] = {
        "say": changed + named,
        "item": code,
        "before": worth(before),
        "now": worth(setup),
        "documents": len(sent),
    }
    where = f"connection:{connection.id}"
    mine: dict[str, Any] = {"company_id": connection.company_id, "at": now, "object": where}
    yield Fact(**mine, act=CHANGED, body=body)
    for posting_id, one in sent.items():
        done = "posted" if one.posted else "sent"
        say = f"{changed} {one.number} was {done} by what it told before: compare it there."
        told = {**body, "say": say}
        yield Fact(**mine, act=CHANGED, body=told, record_id=one.record_id, posting_id=posting_id)
