"""Consent to exactly one content of a posting.

Here: giving it, bound to the posting's hash and never by someone with a hand in it. Not here: which
postings need it (rules), who had a hand in what (`duties.py`), voiding it when the content becomes
another (`judging/`), releases of other holds (`holds.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import duties
from holding.events import record_event
from holding.holds import close, settle
from holding.lifecycle import move_posting
from holding.models import Approval, Evaluation, Hold, Posting, Record
from holding.operations import once
from holding.people import in_team, who_may
from holding.refusal import Refusal
from holding.roles import Actor, may
from holding.settings import Settings
from holding.worlds import program
from rules.canonical import dumps, sha256_hex

NEEDED: Final = "APP01"  # the code of a hold that asks for an approval
ACT: Final = "posting.approve"


@dataclass(frozen=True, slots=True)
class Left:
    """A posting that was not approved, and why."""

    posting_id: int
    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approved:
    """What was approved, what of it is ready to go, and what was left out."""

    done: tuple[int, ...]
    ready: tuple[int, ...]
    refused: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class SetChanged(Refusal):
    """The set is not the one that was looked at; `changes` names each posting that differs."""

    changes: tuple[Left, ...] = ()


def set_hash(seen: Mapping[int, str]) -> str:
    """One hash over a set of postings: id and content hash of each, in order of ids."""
    return sha256_hex(dumps([[key, seen[key]] for key in sorted(seen)]))


def approve(
    session: Session,
    actor: Actor,
    posting_ids: Iterable[int],
    reason: str,
    now: datetime,
    op: str | None = None,
    sethash: str | None = None,
    *,
    seen: Mapping[int, str] | None = None,
) -> Approved | Refusal:
    """Approve postings as they stand, each with its own answer.

    `seen` is what the person looked at (posting id -> hash) and `sethash` its hash: when the set
    is another one by now nothing is approved.
    """
    company_id = actor.company_id or 0
    refusal = may(actor, ACT)
    if refusal:
        others = who_may(session, company_id, ACT)
        hint = f"{duties.refusal_words(others)}."
        return Refusal(refusal.code, refusal.message, hint, refusal.status)
    if not reason.strip():
        return Refusal(code="reason.missing", message="An approval needs a reason.", status=422)
    wanted = sorted(set(posting_ids))

    def act() -> Approved | Refusal:
        postings = _locked(session, company_id, wanted)
        changed = _changed(postings, wanted, sethash, seen)
        if changed is not None:
            return changed
        return _approve_each(session, actor, postings, wanted, reason.strip(), now, op)

    return once(session, op, person_id=actor.person_id, now=now, act=act, read=_read)


def touched_by(session: Session, posting: Posting) -> dict[int, str]:
    """Who may not approve this posting, each with what they did."""
    return duties.touched(session, posting)


def _read(stored: Mapping[str, Any]) -> Approved:
    return Approved(
        done=tuple(stored["done"]),
        ready=tuple(stored["ready"]),
        refused=tuple(Left(**left) for left in stored["refused"]),
    )


def _locked(session: Session, company_id: int, ids: Sequence[int]) -> dict[int, Posting]:
    """The postings of this company among these, with their records locked in order of ids."""
    mine = (Posting.company_id == company_id, Posting.id.in_(ids))
    records = select(Posting.record_id).where(*mine)
    session.execute(
        select(Record.id)
        .where(Record.id.in_(records))
        .order_by(Record.id)
        .with_for_update(key_share=True)
    )
    found = session.scalars(select(Posting).where(*mine).execution_options(populate_existing=True))
    return {posting.id: posting for posting in found}


def _changed(
    postings: Mapping[int, Posting],
    wanted: Sequence[int],
    sethash: str | None,
    seen: Mapping[int, str] | None,
) -> SetChanged | None:
    expected = sethash if sethash is not None else set_hash(seen) if seen is not None else None
    stands = {key: posting.hash for key, posting in postings.items() if posting.state == "held"}
    if expected is None or expected == set_hash(stands):
        return None
    changes = [
        Left(key, postings[key].number if key in postings else "", _difference(key, postings, seen))
        for key in wanted
    ]
    return SetChanged(
        code="set.changed",
        message="The set changed while you looked. Nothing was approved.",
        hint="; ".join(f"{c.number} {c.reason}" for c in changes if c.reason)
        or "Look at it again.",
        status=409,
        changes=tuple(change for change in changes if change.reason),
    )


def _difference(key: int, postings: Mapping[int, Posting], seen: Mapping[int, str] | None) -> str:
    posting = postings.get(key)
    if posting is None:
        return "is gone"
    if posting.state != "held":
        return f"is {posting.state} meanwhile"
    if seen is not None and seen.get(key) != posting.hash:
        return "has another content"
    return ""


def _approve_each(
    session: Session,
    actor: Actor,
    postings: Mapping[int, Posting],
    wanted: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> Approved:
    done: list[int] = []
    ready: list[int] = []
    left: list[Left] = []
    closed: list[Hold] = []
    for key in wanted:
        posting = postings.get(key)
        if posting is None:
            left.append(Left(key, "", "there is no such posting"))
            continue
        holds, why = _approvable(session, actor, posting)
        if why:
            left.append(Left(key, posting.number, why))
            continue
        _close(session, actor, posting, holds, reason, now, op)
        done.append(key)
        closed += holds
        if _make_ready(session, posting, now):
            ready.append(key)
    settle(session, closed)
    return Approved(done=tuple(done), ready=tuple(ready), refused=tuple(left))


def _approvable(session: Session, actor: Actor, posting: Posting) -> tuple[list[Hold], str]:
    """The holds that this person's approval closes; none, with the reason."""
    if posting.state != "held":
        return [], f"it is {posting.state} meanwhile"
    record = session.get(Record, posting.record_id)
    if record is not None and record.version_id != posting.version_id:
        return [], "a newer version of the record arrived; it is judged first"
    asked = [hold for hold in _open_holds(session, posting) if hold.code == NEEDED]
    if not asked:
        return [], "it asks for no approval"
    hands = touched_by(session, posting)
    team_id = asked[0].team_id
    if actor.person_id in hands:
        others = who_may(session, posting.company_id, ACT, team_id=team_id, but=hands)
        return [], f"you {hands[actor.person_id]}; {duties.refusal_words(others)} approve"
    mine = [hold for hold in asked if in_team(session, hold.team_id, actor.person_id)]
    if not mine:
        others = who_may(session, posting.company_id, ACT, team_id=team_id, but=hands)
        return [], f"you are not in the approving team; {duties.refusal_words(others)} approve"
    return mine, ""


def _open_holds(session: Session, posting: Posting) -> list[Hold]:
    query = select(Hold).where(
        Hold.record_id == posting.record_id,
        Hold.route == posting.route,
        Hold.seq == posting.seq,
        Hold.state == "open",
    )
    return list(session.scalars(query.order_by(Hold.id)))


def _close(
    session: Session,
    actor: Actor,
    posting: Posting,
    holds: Sequence[Hold],
    reason: str,
    now: datetime,
    op: str | None,
) -> None:
    """One approval row for each asked-for level, its hold closed, one event."""
    for hold in holds:
        session.add(
            Approval(
                posting_id=posting.id,
                hash=posting.hash,
                content=posting.content or {},
                level=hold.rule,
                person_id=actor.person_id,
                reason=reason,
                at=now,
                operation_id=op,
            )
        )
        close(session, hold, actor, state="approved", why=reason, now=now)
    session.flush()
    record_event(
        session,
        company_id=posting.company_id,
        at=now,
        actor=actor,
        act="posting.approved",
        record_id=posting.record_id,
        posting_id=posting.id,
        operation_id=op,
        body={
            "say": f"{actor.name} approved {posting.number} (hash {posting.hash[:12]}): {reason}",
            "hash": posting.hash,
            "levels": [hold.rule for hold in holds],
        },
    )


def _make_ready(session: Session, posting: Posting, now: datetime) -> bool:
    """Let it go, unless something else holds it or a judging is about to look at it anyway."""
    record = session.get(Record, posting.record_id)
    if _open_holds(session, posting) or record is None or record.due_at or record.lease_until:
        return False
    due_at = _due(session, posting, now)
    return move_posting(
        session, posting.id, expected="held", to="ready", lock=posting.lock, due_at=due_at
    )


def _due(session: Session, posting: Posting, now: datetime) -> datetime | None:
    """After the time to undo; a daily route waits for its run instead."""
    version_id = session.scalar(
        select(Evaluation.ruleset_version_id).where(Evaluation.id == posting.evaluation_id)
    )
    routes = program(session, version_id).routes if version_id else ()
    if any(route.name == posting.route and route.timing == "daily" for route in routes):
        return None
    return now + timedelta(seconds=Settings.from_env().undo_seconds)
