"""Read postings, pushes, calls and target ledgers for the integrity checks."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import Attempt, Posting, Push, Request
from holding.db.models.columns import PushState
from holding.platform.events import Head
from holding.platform.settings import repeated_spans
from rules.values.canonical import PostingState, sha256_hex

EMPTY = sha256_hex(b"")  # a call without a body

EFFECTS = {"created": "create", "updated": "update", "voided": "void"}
"""What a line says that it did, as the action of a push."""


@dataclass(frozen=True, slots=True)
class Line:
    """One effect in a target: the act, the document and the call.

    `key` is blank where the target takes none; `by_hand` marks effects without a call; `total` is
    in the document's currency.
    """

    company: str
    action: str
    number: str
    party: str
    key: str
    sha256: str
    total: str | None
    currency: str
    by_hand: bool


def read(paths: Sequence[Path]) -> tuple[Line, ...]:
    """Return all effects in order; an incomplete last line is ignored.

    Raise OSError for a file that cannot be read, ValueError for one that is no ledger.
    """
    return tuple(line for path in paths for line in _read(path))


def of_company(lines: Sequence[Line], places: Collection[str]) -> tuple[Line, ...]:
    """Return the lines of the target's companies that our connections post to."""
    return tuple(line for line in lines if line.company in places)


def _read(path: Path) -> Iterator[Line]:
    effects: list[Mapping[str, Any]] = []
    deleted: dict[tuple[Any, ...], object] = {}
    for raw in path.read_bytes().splitlines(keepends=True):
        if not raw.endswith(b"\n") or not raw.strip():
            continue
        line = json.loads(raw)
        effect, place = line.get("effect"), tuple(map(line.get, ("company", "type", "number")))
        if line.get("act") == "reset":
            effects, deleted = [], {}
        elif effect == "deleted":
            deleted[place] = line.get("id")
        elif effect in EFFECTS:
            # The document that was sent again stands there once: somebody had deleted the first.
            if effect == "created" and (deleted_id := deleted.pop(place, None)) is not None:
                effects = [
                    effect_line for effect_line in effects if effect_line.get("id") != deleted_id
                ]
            effects.append(line)
    return map(_line, effects)


def _line(effect: Mapping[str, Any]) -> Line:
    total = effect.get("total")
    return Line(
        company=str(effect.get("company", "")),
        action=EFFECTS[str(effect["effect"])],
        number=str(effect["number"]),
        party=str(effect.get("party", "")),
        key=str(effect.get("key") or ""),
        sha256=str(effect.get("body_sha256") or EMPTY),
        total=None if total is None else str(total),
        currency=str(effect.get("currency") or ""),
        by_hand=effect.get("call") == "by_hand",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One push: its document and its result."""

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
    state: PushState


@dataclass(frozen=True, slots=True)
class Stands:
    """A posting's state and pushes.

    `push_id` is the latest push, `posted_push_id` the last one that the target accepted.
    """

    id: int
    record_id: int
    number: str
    state: PostingState
    push_id: int | None
    posted_push_id: int | None
    currency: str


@dataclass(frozen=True)
class Journal:
    """One company's postings and pushes by id, with what was sent for each push.

    `calls` maps a push to (idempotency key, hash of the body) of each call that sent it. `attempts`
    maps a push to the states of its attempts.
    """

    postings: Mapping[int, Stands]
    pushes: Mapping[int, Sent]
    calls: Mapping[int, frozenset[tuple[str, str]]]
    attempts: Mapping[int, frozenset[str]]

    @classmethod
    def read(cls, session: Session, company_id: int) -> "Journal":
        """Read a company's journal from the database, with three queries."""
        calls: dict[int, set[tuple[str, str]]] = defaultdict(set)
        attempts: dict[int, set[str]] = defaultdict(set)
        parameters = {"company": company_id}
        for row in session.execute(_CALLS, parameters):
            attempts[row.push_id].add(row.state)
            if row.kind == "push":
                calls[row.push_id].add((row.key, row.sha256))
        pushes = _SENT.each(session.execute(_PUSHES, parameters))
        postings = _STANDS.each(session.execute(_POSTINGS, parameters))
        return cls(
            postings={posting.id: posting for posting in postings},
            pushes={push.id: push for push in pushes},
            calls={key: frozenset(push_calls) for key, push_calls in calls.items()},
            attempts={key: frozenset(states) for key, states in attempts.items()},
        )

    def behind(self, lines: Sequence[Line]) -> list[Sent | None]:
        """Return for each effect the push that caused it, or None.

        They are matched by document number and idempotency key, or by the body's hash if the effect
        has no key.
        """
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


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken invariant: its code, what is wrong in words, and the affected records."""

    invariant: str
    say: str
    record_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """The input of the integrity checks of one company at the time `now`.

    `lines` are the effects in the targets' own ledgers, or None without ledgers. `lease`, `answer`
    and `sweep` are the workers' time limits. `secrets` must not occur in any stored text.
    """

    session: Session
    company_id: int
    now: datetime
    lease: timedelta
    answer: timedelta
    sweep: timedelta
    lines: tuple[Line, ...] | None
    secrets: tuple[str, ...] = ()
    anchors: tuple[Head, ...] = ()  # heads of the chain that were noted elsewhere

    @cached_property
    def journal(self) -> Journal:
        """All pushes of the company with their calls, read once."""
        return Journal.read(self.session, self.company_id)

    @cached_property
    def twice(self) -> list[tuple[datetime, datetime]]:
        """Spans of time that the clock passed twice, because it was set back."""
        return repeated_spans(self.session, self.company_id)

    def before(self, moment: datetime, other: datetime) -> bool:
        """Check whether `moment` may be before `other`; within a span of `twice` it always may."""
        return moment <= other or any(start <= other and moment <= end for start, end in self.twice)
