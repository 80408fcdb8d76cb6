"""Check which documents of the first run already exist in the accounting system.

The lookup right before a call (`holding/posting/lookups.py`) still decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import aliased

from connectors.contract import Found, Question, Stands
from connectors.contract.targets import Searchable
from connectors.transport.http import Clock, Http, Remembering
from holding.access.actors import Actor, Keys, may
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk, open_channel, with_good_key
from holding.db.database import Database
from holding.db.models import Company, Connection, Posting, Record
from holding.db.refusal import Refusal
from holding.posting.evidence import push_key
from holding.posting.lookups import Lookups
from holding.runs.dispatch import open_desk
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

AT_ONCE: Final = 50  # documents: more would keep a page waiting


class There(StrEnum):
    """The state of a document in a target."""

    SAME = "same"
    OTHER = "other"
    ALIKE = "alike"
    ABSENT = "absent"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A ready document, and what its target has; `words` are the look-up's."""

    target: str
    doc_type: str
    number: str
    day: date | None
    party: str
    amount: int | None
    currency: str
    source: str
    kind: str
    external_id: str
    there: There
    documents: tuple[Stands, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look's result; `left` documents follow after the posting `after`.

    `silent` are the targets that were not queried, each with the reason.
    """

    asked: tuple[Standing, ...]
    left: int
    after: int
    silent: tuple[tuple[str, str], ...]

    def count(self, results: tuple[There, ...]) -> int:
        """Return how many documents have one of these results."""
        return sum(standing.there in results for standing in self.asked)


def look(
    database: Database,
    clock: Clock,
    actor: Actor,
    after: int,
    *,
    http: Http,
    keys: Keys | None = None,
) -> Look | Refusal:
    """Look up the ready documents after the posting `after` in their targets.

    Nothing is written there or stored here: only the look-up right before a call counts.
    """
    refusal = may(actor, "company.setup")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    desk = open_desk(database, clock, owner=f"person {actor.person_id}")
    if isinstance(desk, Refusal):
        return desk
    desk = replace(desk, http=http, keys=keys or desk.keys)
    with database.read() as session:
        company = session.get_one(Company, actor.company_id)
        if company.live:
            words = f"{company.name} is live already."
            hint = "Each document is looked up before it is sent."
            return Refusal("cutover.live", words, hint)
        parameters = {"company": company.id, "after": after}
        rows = session.execute(_READY.limit(AT_ONCE), parameters).all()
        behind = session.scalar(
            _BEHIND, {**parameters, "after": rows[-1].Posting.id if rows else after}
        )
        ids = list(dict.fromkeys(row.Posting.connection_id for row in rows))
        targets = {
            connection_id: session.get_one(Connection, connection_id) for connection_id in ids
        }
    standings, silent = [], []
    for connection in targets.values():
        target_rows = [row for row in rows if row.Posting.connection_id == connection.id]
        answers = _asked(desk, connection, target_rows)
        if isinstance(answers, str):
            silent.append((connection.name, answers))
        else:
            standings += answers
    last = rows[-1].Posting.id if rows else after
    return Look(asked=tuple(standings), left=behind or 0, after=last, silent=tuple(silent))


def _asked(desk: Desk, connection: Connection, rows: Sequence[Any]) -> list[Standing] | str:
    """Return what a target has of these documents, or why it is not queried."""
    channel = _open(desk, connection)
    if isinstance(channel, str):
        return channel
    with desk.database.write() as session:
        granted = limits.looks(session, channel, desk.clock.now(), len(rows))
    if granted < len(rows):
        return "It takes no more calls now: look again in a minute."
    reads = Remembering(desk.http)
    questions = {row.Posting.id: _question(row.Posting) for row in rows}
    looks = Lookups(channel, reads, questions)
    standings = []
    for row in rows:
        target_answer = _seen(channel, questions[row.Posting.id], row.Posting, looks, reads)
        standings.append(_standing(connection, row, *target_answer))
    with desk.database.write() as session:
        paid = granted * channel.target.pace.to_look
        limits.spend(session, channel, max(0, reads.calls - paid))
    return standings


def _open(desk: Desk, connection: Connection) -> Channel | str:
    with desk.database.read() as session:
        channel = open_channel(session, desk, connection)
        tested = breaker.closed(session, connection.id)
    if isinstance(channel, Refusal):
        return channel.message
    if channel.by_hand:
        return "Its files are imported by hand, so it cannot be asked."
    if not tested:
        return "Its connection test has not passed."
    good = with_good_key(desk, channel)
    return (
        good if isinstance(good, Channel) else "Its key could not be renewed: test the connection."
    )


def _question(posting: Posting) -> Question:
    document: Document = revive(Document, posting.content)
    return Question(document=document, key=push_key(posting, 1))


def _seen(
    channel: Channel, question: Question, posting: Posting, looks: Lookups, reads: Http
) -> tuple[There, tuple[Stands, ...], str]:
    """Return what the target has, looked up in the order used before a call.

    First a number if the target would accept it twice, then similar documents, then the answer to a
    call.
    """
    if channel.looks_first:
        target_answer = _of(looks.ask(posting.id, question))
        if target_answer[0] is not There.ABSENT:
            return target_answer
    if isinstance(channel.target, Searchable):
        similar = channel.target.alike(question.document, channel.settings, channel.secret, reads)
        if isinstance(similar, Found):
            result = There.ALIKE if similar.kind == "different" else There.UNTOLD
            return result, (), similar.words
        if similar:
            return There.ALIKE, similar, ""
    return (There.ABSENT, (), "") if channel.looks_first else _of(looks.ask(posting.id, question))


def _of(lookup_result: Found) -> tuple[There, tuple[Stands, ...], str]:
    results = {"equal": There.SAME, "different": There.OTHER, "absent": There.ABSENT}
    stands = () if lookup_result.stands is None else (lookup_result.stands,)
    return results.get(lookup_result.kind, There.UNTOLD), stands, lookup_result.words


def _standing(
    connection: Connection,
    row: Any,
    result: There,
    documents: tuple[Stands, ...],
    words: str,
) -> Standing:
    posting = row.Posting
    return Standing(
        target=connection.name,
        doc_type=posting.doc_type,
        number=posting.number,
        day=posting.doc_date,
        party=posting.party,
        amount=posting.amount,
        currency=posting.currency,
        source=row.source,
        kind=row.kind,
        external_id=row.external_id,
        there=result,
        documents=documents,
        words=words,
    )


_source = aliased(Connection)
_WAITING = (
    (Posting.company_id == bindparam("company")),
    (Posting.state == PostingState.READY),
    (Posting.action == "create"),
    (Posting.id > bindparam("after")),
)
_READY = (
    select(
        Posting,
        _source.name.label("source"),
        Record.type.label("kind"),
        Record.external_id,
    )
    .join(Record, Record.id == Posting.record_id)
    .join(_source, _source.id == Record.source_id)
    .where(*_WAITING)
    .order_by(Posting.id)
)
_BEHIND = select(func.count()).select_from(Posting).where(*_WAITING)
