"""What sent documents tell of a connection: not confirmed for long, a sen off, not there.

Here: the looks of the doctor at what went out. Not here: what waits to go and what is held
(diagnosis.py, waiting_documents.py), and the reading itself (reconciliation/read_back.py).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.hand_imports import ImportedByHand
from grammar.text.amounts import in_currency
from holding.db.models import Attempt, Connection, Posting, Push, Reading, Record, Request, Version
from holding.db.models.columns import PushState, among_words, from_minor, moment
from holding.db.refusal import duration, plural
from holding.onboarding.topics import SLOW, Diagnosis, Topic
from holding.posting import holds as kept_totals
from rules.outcomes.outcome import Document
from rules.values.canonical import revive
from rules.values.posting_states import PostingState

LATELY: Final = timedelta(days=31)
_REFUND: Final = "refund"
NEWEST: Final = 500
"""So many of what was posted lately are looked at: a cause shows in the newest."""


def unconfirmed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """The first document that went out and was not confirmed since. A file that a person imports
    waits for that person.
    """
    if isinstance(registry.targets().get(connection.connector), ImportedByHand):
        return
    given = {**_paused(connection), "since": now - SLOW}
    row = session.execute(_UNCONFIRMED, given).first()
    if row is not None:
        age = duration(int((now - row.made_at).total_seconds()) // 60)
        words = row.error or ""
        said = f"{row.number} was sent {age} ago and is not confirmed. {words}"
        todo = f"Look in {connection.name} for what delays it. Clearpost asks again automatically."
        yield Diagnosis(Topic.DELAYED, said.strip(), todo)


def kept_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """The first document that waits in the target for its paused key, as the call itself was told.
    A test made since has the last word.
    """
    row = session.execute(_KEPT_THERE, _paused(connection)).first()
    if row is not None:
        age = duration(int((now - row.made_at).total_seconds()) // 60)
        words = row.error or ""
        said = f"{row.number} was sent {age} ago and is kept there. {words}"
        todo = f"Make the key active in {connection.name}: what is kept there runs then."
        yield Diagnosis(Topic.PAUSED, said.strip(), todo)


def _paused(connection: Connection) -> dict[str, object]:
    """What says that a call to it is kept; nothing does where the target keeps none."""
    target = registry.targets().get(connection.connector)
    status = target.form.tells.kept_while_paused if target and target.form.tells else None
    return {
        "connection": connection.id,
        "kept": -1 if status is None else status,
        "tested": connection.tested_at or datetime.min.replace(tzinfo=UTC),
    }


_is_kept = (
    exists()
    .where(Attempt.push_id == Push.id, Attempt.request_id == Request.id)
    .where(Request.status == bindparam("kept"), Request.answered_at >= moment("tested"))
)
_SENT = select(Push.number, Push.error, Push.made_at).where(
    Push.connection_id == bindparam("connection")
)
_UNCONFIRMED = (
    _SENT.where(Push.made_at < moment("since"), ~_is_kept)
    .where(among_words(Push.state, (PushState.AWAITING, PushState.UNCERTAIN)))
    .order_by(Push.id)
    .limit(1)
)
_KEPT_THERE = _SENT.where(Push.state == PushState.AWAITING, _is_kept).order_by(Push.id).limit(1)


def rounded(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted documents that come to another total there, as far as rounding explains it."""
    found = []
    for row in session.execute(_KEPT, {"connection": connection.id, "since": now - LATELY}):
        document: Document = revive(Document, row.content)
        if kept_totals.said(document, row.kept):
            found.append((row.number, document, row.kept))
    if found:
        number, document, kept = found[0]
        there = in_currency(from_minor(kept, document.currency), document.currency)
        sent = in_currency(document.amount, document.currency)
        told = plural(len(found), "posted document differs", "posted documents differ")
        words = f"{number} comes to {there} there and was sent with {sent}. {told}."
        todo = f"Make the rounding of the rules and of the connection that of {connection.name}."
        yield Diagnosis(Topic.ONE_SEN, words, todo)


_POSTED = (
    select(Posting.number)
    .where(Posting.connection_id == bindparam("connection"), Posting.posted_at > moment("since"))
    .where(Posting.state == PostingState.POSTED)
    .order_by(Posting.posted_at.desc(), Posting.id.desc())
    .limit(NEWEST)
)
_KEPT = (
    _POSTED.add_columns(Push.content, Push.kept)
    .join(Push, Push.id == Posting.posted_push_id)
    .where(Push.kept.is_not(None))
)


def not_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted documents that the last reading did not find."""
    rows = session.execute(_READ, {"connection": connection.id, "since": now - LATELY})
    gone = [row.number for row in rows if row.body["found"] == "absent"]
    if gone:
        told = plural(len(gone), "posted document was not found", "posted documents were not found")
        words = f"{gone[0]} was posted, and is not there any more. {told}."
        todo = "Look for its number in the other companies of this key, then open its record."
        yield Diagnosis(Topic.NO_RECORDS, words, todo)


_READ = (
    _POSTED.add_columns(Reading.body)
    .join(Reading, Reading.id == Posting.reading_id)
    .where(Reading.same.is_(False))
)


def not_restocked(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted refunds that name goods and brought none back, by the word of their source."""
    rows = session.execute(_REFUNDS, {"connection": connection.id, "since": now - LATELY})
    found = [row for row in rows if _keeps_goods(row.body or {})]
    if found:
        first = found[0]
        status = str(first.body.get("status"))
        told = plural(len(found), "posted refund returned none", "posted refunds returned none")
        words = (
            f"{first.number} gave money back for goods and returned none of them to stock:"
            f" {first.source} says “{status}”. {told}."
        )
        todo = f"Look at the refund in {first.source}: its status says whether items came back."
        yield Diagnosis(Topic.STOCK, words, todo)


def _keeps_goods(body: Mapping[str, Any]) -> bool:
    return body.get("restock") == "none" and bool(body.get("lines"))


_SOURCE = aliased(Connection, name="source")
_REFUNDS = (
    _POSTED.add_columns(Version.body, _SOURCE.name.label("source"))
    .join(Version, Version.id == Posting.version_id)
    .join(Record, Record.id == Posting.record_id)
    .join(_SOURCE, _SOURCE.id == Record.source_id)
    .where(Record.type == _REFUND)
)
