"""Our own account of what was sent: postings, their pushes, the calls that carried them.

Here: reading it once, and finding the push behind a line of a ledger. Not here: what must be true
of it (effects.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.invariants.ledgers import Line
from holding.models import Attempt, Posting, Push, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One push: the document it stands for and how it ended."""

    id: int
    posting_id: int
    record_id: int
    no: int
    connection_id: int
    doc_type: str
    family: int
    action: str
    number: str
    hash: str
    key: str
    state: str


@dataclass(frozen=True, slots=True)
class Stands:
    """A posting as far as the target is concerned."""

    id: int
    record_id: int
    number: str
    state: str
    push_id: int | None
    posted_push_id: int | None
    currency: str


@dataclass(frozen=True)
class Journal:
    """Everything of one company; `calls` are (key, hash of the body) of every call of a push."""

    postings: Mapping[int, Stands]
    pushes: Mapping[int, Sent]
    calls: Mapping[int, frozenset[tuple[str, str]]]
    attempts: Mapping[int, frozenset[str]]

    @classmethod
    def read(cls, session: Session, company_id: int) -> "Journal":
        """Three statements."""
        calls: dict[int, set[tuple[str, str]]] = defaultdict(set)
        attempts: dict[int, set[str]] = defaultdict(set)
        given = {"company": company_id}
        for row in session.execute(_CALLS, given):
            attempts[row.push_id].add(row.state)
            if row.kind == "push":
                calls[row.push_id].add((row.key, row.sha256))
        pushes = _SENT.each(session.execute(_PUSHES, given))
        postings = _STANDS.each(session.execute(_POSTINGS, given))
        return cls(
            postings={one.id: one for one in postings},
            pushes={one.id: one for one in pushes},
            calls={key: frozenset(found) for key, found in calls.items()},
            attempts={key: frozenset(found) for key, found in attempts.items()},
        )

    def of_posting(self) -> Mapping[int, Sequence[Sent]]:
        """The pushes of each posting, in their order."""
        found: dict[int, list[Sent]] = defaultdict(list)
        for push in sorted(self.pushes.values(), key=lambda one: one.no):
            found[push.posting_id].append(push)
        return found

    def behind(self, lines: Sequence[Line]) -> list[Sent | None]:
        """The push that had each effect: by key where the target keeps one, else by content."""
        by_key: dict[tuple[str, str], Sent] = {}
        by_body: dict[tuple[str, str], Sent] = {}
        for push_id, calls in self.calls.items():
            push = self.pushes[push_id]
            for key, digest in calls:
                by_key[key, push.number] = push
                by_body[digest, push.number] = push
        return [
            by_key.get((line.key, line.number))
            if line.key
            else by_body.get((line.sha256, line.number))
            for line in lines
        ]


_MINE = Posting.company_id == bindparam("company")
_STANDS = Columns(
    Stands(
        id=of(Posting.id),
        record_id=of(Posting.record_id),
        number=of(Posting.number),
        state=of(Posting.state),
        push_id=of(Posting.push_id),
        posted_push_id=of(Posting.posted_push_id),
        currency=of(Posting.currency),
    )
)
_POSTINGS = _STANDS.select().where(_MINE)
_SENT = Columns(
    Sent(
        id=of(Push.id),
        posting_id=of(Push.posting_id),
        record_id=of(Posting.record_id),
        no=of(Push.no),
        connection_id=of(Push.connection_id),
        doc_type=of(Posting.doc_type),
        family=of(Push.family),
        action=of(Push.action),
        number=of(Push.number),
        hash=of(Push.hash),
        key=of(Push.key),
        state=of(Push.state),
    )
)
_PUSHES = _SENT.select().join(Posting, Posting.id == Push.posting_id).where(_MINE)
_CALLS = (
    select(Attempt.push_id, Attempt.state, Request.kind, Request.key, Request.sha256)
    .join(Request, Request.id == Attempt.request_id)
    .join(Push, Push.id == Attempt.push_id)
    .join(Posting, Posting.id == Push.posting_id)
    .where(_MINE)
)
