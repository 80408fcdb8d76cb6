"""What the target has taken is posted: one document or a whole file of them, in as many statements.

Here: the push, the posting and what stands in the target under it, what it was held for, the event,
who waited for it; all under the fence of each, so who lost the lease writes nothing. Not here:
other answers (results.py), and whether an answer says that it was taken (calls.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from connectors.contract import Action
from connectors.contract.targets import Readable
from holding.audit.events import Fact, join_events
from holding.journal import kept_totals, run_counts, target_holds
from holding.lifecycle.changes import wake_records
from holding.lifecycle.states import (
    Step,
    counted,
    join_pushes,
    join_record_states,
    join_steps,
    move_posting,
)
from holding.posting.push import FREE, Case, Locked, fact, locked_each
from holding.store import bulk
from holding.store.joint_writes import JointWrites
from holding.tables import Posting
from holding.tables.row_states import PushState
from rules.outcomes.outcome import Document
from rules.values.canonical import dumps
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the target said of a document that it has: its own name of it, what it amounts to there,
    and whether it had it before this call; `besides` is what else it says of it.
    """

    target_ref: str | None
    words: str
    existing: bool
    total: Decimal | None
    besides: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A push that was taken, with its locked posting, and what follows for it."""

    case: Case
    taken: Taken
    found: Locked
    target_ref: str | None
    kept: int | None
    takes_back: int | None

    @property
    def posting(self) -> Posting:
        """As it was before."""
        return self.found.posting

    @property
    def becomes(self) -> PostingState:
        """The state that it takes."""
        void = self.case.member.action == "void"
        return PostingState.REVERSED if void else PostingState.POSTED


def posted_each(
    told: Sequence[tuple[Case, Taken]],
    others: JointWrites | None = None,
    *,
    ends_run: int | None = None,
) -> set[int]:
    """They are posted: the ids of those pushes whose fence is still ours. All cases are of one
    session, moment and channel. What follows is written with what waits among `others`, if that is
    given, else at once; with the run that they end, whose row is locked, where all are still ours.
    """
    if not told:
        return set()
    first = told[0][0]
    writes = others or JointWrites(first.session)
    ours = locked_each(first, (case.member.claim for case, _ in told), run_id=ends_run)
    done = [
        _done(case, taken, ours[case.member.claim.posting_id])
        for case, taken in told
        if case.member.claim.posting_id in ours
    ]
    if done:
        _close(writes, done)
        _move(writes, first, done)
        _let_go(first, [one for one in done if one.found.held])
        _state_records(writes, first, done)
        join_events(writes, [_event(one) for one in done])
        _wake_families(first, [one for one in done if one.found.awaited])
    if ends_run is not None and len(done) == len(told):
        posted = {one.posting.id: one.taken.existing for one in done}
        run_counts.join_end(writes, ends_run, done[0].found.run_rows, posted, first.now)
    if others is None:
        writes.write()
    return {one.case.member.push_id for one in done}


def _done(case: Case, taken: Taken, found: Locked) -> _Done:
    posting = found.posting
    void = case.member.action == "void"
    return _Done(
        case=case,
        taken=taken,
        found=found,
        target_ref=taken.target_ref or posting.target_ref,
        kept=None if void else kept_totals.in_minor(case.member.document, taken.total),
        takes_back=take_back(case.session, posting),
    )


def _close(writes: JointWrites, done: Sequence[_Done]) -> None:
    changes = {
        one.case.member.push_id: {
            "closed_at": one.case.now,
            "target_ref": one.target_ref,
            "kept": one.kept,
        }
        for one in done
    }
    join_pushes(writes, changes, PushState.ACCEPTED)


def _move(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    reads = isinstance(first.channel.target, Readable)  # asked once: it takes long to answer
    read_at = first.now + first.channel.settle if reads else None
    join_steps(writes, [_step(one, read_at) for one in done])


def _state_records(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    """What the records are then, where nothing else changes that; of the others it is asked
    later.
    """
    clear = [one for one in done if not one.found.held and one.takes_back is None]
    after = {
        one.case.member.record_id: one.found.record_after(
            counted(one.becomes, one.posting.reverses_id)
        )
        for one in clear
    }
    join_record_states(writes, {key: state for key, state in after.items() if state})
    first.stated.update(after)


def _step(one: _Done, read_at: datetime | None) -> Step:
    case, posting, member = one.case, one.posting, one.case.member
    columns: dict[str, Any] = {
        "target_ref": one.target_ref,
        "posted_at": posting.posted_at or case.now,
        "due_at": None,
        "tries": 0,
        "crashes": 0,
        **FREE,
        **accepted(
            posting,
            member.action,
            member.document,
            member.push_id,
            kept=one.kept,
            read_at=read_at if case.channel.shows(posting.doc_type) else None,
        ),
    }
    return Step(posting.id, posting.state, posting.lock, one.becomes, columns)


def _let_go(first: Case, done: Sequence[_Done]) -> None:
    """The target has answered: what pushing held them for until then is over."""
    if not done:
        return
    codes = (target_holds.NO_ANSWER, *target_holds.UNDER_OUR_NUMBER)
    ids = [one.posting.id for one in done]
    first.causes.update(target_holds.close_holds(first.session, ids, codes, first.now))


def _said(action: Action, target: str, number: str, there: str) -> str:
    """What the target has by now, and its own name of it."""
    if action == "update":
        return f"{target} has {number} with its new content, as {there}."
    if action == "void":
        return f"{target} has made {number} void, {there}."
    return f"{target} has {number} as {there}."


def _event(one: _Done) -> Fact:
    case, posting, action = one.case, one.posting, one.case.member.action
    there = one.target_ref or "a document without a name"
    say = _said(action, case.channel.name, posting.number, there)
    say += " It existed there already with the same content." if one.taken.existing else ""
    rounded = kept_totals.said(case.member.document, one.kept)
    say += f" {rounded}" if rounded else ""
    say += f" {one.taken.besides}" if one.taken.besides else ""
    return fact(
        case,
        "posting.posted",
        say,
        action=action,
        takes_back=one.takes_back,
        existing=one.taken.existing,
        words=one.taken.words,
        target_ref=one.target_ref,
    )


def _wake_families(first: Case, done: Sequence[_Done]) -> None:
    """Others of a family may have waited for this; itself, if a newer version came."""
    if not done:
        return
    first.woken.update(one.posting.family for one in done)
    rows = [
        {
            "family": one.posting.family,
            "record": one.case.member.record_id,
            "version": one.posting.version_id,
        }
        for one in done
    ]
    statement = text(f"{bulk.given(first.session, 'v', _FAMILIES)} {_OTHERS}")
    given = {
        "rows": dumps(rows),
        "company": first.channel.company_id,
        "waits": PostingState.WAITING,
        "posted": PostingState.POSTED,
    }
    woken = set(first.session.scalars(statement, given))
    if woken:
        wake_records(first.session, sorted(woken), first.now)


_FAMILIES = {"family": "bigint", "record": "bigint", "version": "bigint"}
_OTHERS = (
    "SELECT r.id FROM v JOIN record AS r ON r.company_id = :company AND r.family = v.family"
    " WHERE r.id <> v.record OR r.version_id <> v.version OR EXISTS (SELECT 1 FROM posting AS p"
    " WHERE p.record_id = v.record"
    " AND (p.state = :waits OR (p.state = :posted AND p.action IN ('update', 'void') AND EXISTS"
    " (SELECT 1 FROM push AS s WHERE s.id = p.posted_push_id AND s.hash <> p.hash))))"
)


# ---- what stands in the target under a posting ----


def accepted(
    posting: Posting,
    action: Action,
    document: Document,
    push_id: int,
    *,
    kept: int | None,
    read_at: datetime | None,
) -> dict[str, Any]:
    """What an accepted push changes besides the state; a void leaves what it made void.

    What the target has now is read back at `read_at`, if it can be; what was read before is past.
    """
    if action == "void":
        return {"read_due_at": None}
    watched = {"posted_push_id": push_id, "read_due_at": read_at, "reading_id": None}
    if action == "create":
        return watched | (in_books(posting, document, kept) if kept is not None else {})
    return watched | {
        **in_books(posting, document, kept),
        "currency": document.currency,
        "doc_date": document.date,
        "party": document.party,
    }


def in_books(posting: Posting, document: Document, kept: int | None) -> dict[str, Any]:
    """The amount of a posting, as its document counts in the target."""
    amount = kept_totals.stands(document, kept)
    home = posting.book is not None and document.currency == posting.currency
    return {"amount": amount, "book": amount if home else None}


def take_back(session: Session, posting: Posting) -> int | None:
    """A posted credit note: the posting that it takes back is reversed; its id."""
    if posting.reverses_id is None:
        return None
    other = session.get_one(Posting, posting.reverses_id, with_for_update={"key_share": True})
    move_posting(
        session,
        other.id,
        expected=PostingState.POSTED,
        to=PostingState.REVERSED,
        lock=other.lock,
        due_at=None,
    )
    return other.id
