"""Consent to exactly one content of a posting.

Here: giving it, bound to the posting's hash and never by someone with a hand in it. Not here: which
postings need it (rules), who had a hand in what (`duties.py`), voiding it when the content becomes
another (`judging/`), releases of other holds (`holds.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from connectors.kit.faults import point
from holding import bulk, duties
from holding.approval_sets import Left, SetChanged, changed, set_hash
from holding.closing import close, settle
from holding.events import Fact, record_events
from holding.lifecycle import move_posting
from holding.models import Approval, Evaluation, Hold, Posting, Record
from holding.operations import once
from holding.people import in_team, who_may
from holding.refusal import Refusal
from holding.roles import Actor, may
from holding.settings import Settings
from holding.wakes import wake_records
from holding.worlds import program

__all__ = ["Approved", "Left", "SetChanged", "approve", "set_hash", "touched_by"]

NEEDED: Final = "APP01"  # the code of a hold that asks for an approval
WAITING: Final = {"held": "ready", "posted": "posted"}  # a posting that waits for it, and after it
ACT: Final = "posting.approve"


@dataclass(frozen=True, slots=True)
class Approved:
    """What was approved, what of it is ready to go, and what was left out."""

    done: tuple[int, ...]
    ready: tuple[int, ...]
    refused: tuple[Left, ...]


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
        hint = f"{duties.could(others)}."
        return Refusal(refusal.code, refusal.message, hint, refusal.status)
    if not reason.strip():
        return Refusal(code="reason.missing", message="An approval needs a reason.", status=422)
    wanted = sorted(set(posting_ids))

    def act() -> Approved | Refusal:
        postings = _locked(session, company_id, wanted)
        refused = changed(postings, wanted, sethash, seen)
        if refused is not None:
            return refused
        given = _approve_each(session, actor, postings, wanted, reason.strip(), now, op)
        point("approve.before_commit")
        event.listen(session, "after_commit", lambda _: point("approve.after_commit"), once=True)
        return given

    return once(session, op, person_id=actor.person_id, now=now, act=act, read=_read)


def touched_by(session: Session, posting: Posting) -> dict[int, str]:
    """Who may not approve this posting, each with what they did."""
    return duties.touched(session, [posting])[posting.id]


def _read(stored: Mapping[str, Any]) -> Approved:
    return Approved(
        done=tuple(stored["done"]),
        ready=tuple(stored["ready"]),
        refused=tuple(Left(**left) for left in stored["refused"]),
    )


def _locked(session: Session, company_id: int, ids: Sequence[int]) -> dict[int, Posting]:
    """The postings of this company among these, with their records locked in order of ids."""
    mine = (Posting.company_id == company_id, bulk.among(Posting.id, ids))
    records = select(Record.id).where(Record.id.in_(select(Posting.record_id).where(*mine)))
    session.execute(records.order_by(Record.id).with_for_update(key_share=True))
    found = session.scalars(select(Posting).where(*mine).execution_options(populate_existing=True))
    return {posting.id: posting for posting in found}


class _Desk:
    """What is known of the postings on the table, read with a constant number of statements."""

    def __init__(self, session: Session, actor: Actor, postings: Sequence[Posting]) -> None:
        self.session, self.actor = session, actor
        record_ids = sorted({posting.record_id for posting in postings})
        records = session.scalars(select(Record).where(bulk.among(Record.id, record_ids)))
        self.records = {record.id: record for record in records}
        self.holds: dict[tuple[int, str, int], list[Hold]] = defaultdict(list)
        for hold in session.scalars(
            select(Hold)
            .where(bulk.among(Hold.record_id, record_ids), Hold.state == "open")
            .order_by(Hold.id)
        ):
            self.holds[hold.record_id, hold.route, hold.seq].append(hold)
        self.hands = duties.touched(session, postings)
        several = select(Posting.record_id).where(bulk.among(Posting.record_id, record_ids))
        several = several.group_by(Posting.record_id).having(func.count(Posting.id) > 1)
        self._more = set(session.scalars(several))
        self._teams: dict[int | None, bool] = {}

    def open(self, posting: Posting) -> list[Hold]:
        """The open holds of a posting."""
        return self.holds[posting.record_id, posting.route, posting.seq]

    def mine(self, posting: Posting) -> list[Hold] | str:
        """The holds that this person's approval closes, or why there are none."""
        if posting.state not in WAITING:
            return f"it is {posting.state} meanwhile"
        if self.records[posting.record_id].version_id != posting.version_id:
            return "a newer version of the record arrived; it is judged first"
        asked = [hold for hold in self.open(posting) if hold.code == NEEDED]
        if not asked:
            return "it asks for no approval"
        hands = self.hands[posting.id]
        if self.actor.person_id in hands:
            others = self._others(posting, asked[0])
            return f"you {hands[self.actor.person_id]}; {others} approve"
        mine = [hold for hold in asked if self._answers_for(hold.team_id)]
        others = "" if mine else self._others(posting, asked[0])
        return mine or f"you are not in the approving team; {others} approve"

    def judged_soon(self, posting: Posting, now: datetime) -> bool:
        """Whether a judging is about to look at it anyway."""
        record = self.records[posting.record_id]
        due = record.due_at is not None and record.due_at <= now
        return due or record.lease_until is not None

    def alone(self, posting: Posting) -> bool:
        """Whether it is all that its record became; else a judging says what goes first."""
        return posting.record_id not in self._more

    def _answers_for(self, team_id: int | None) -> bool:
        if team_id not in self._teams:
            self._teams[team_id] = in_team(self.session, team_id, self.actor.person_id)
        return self._teams[team_id]

    def _others(self, posting: Posting, hold: Hold) -> str:
        hands = self.hands[posting.id]
        names = who_may(self.session, posting.company_id, ACT, team_id=hold.team_id, but=hands)
        return duties.could(names)


def _approve_each(
    session: Session,
    actor: Actor,
    postings: Mapping[int, Posting],
    wanted: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> Approved:
    desk = _Desk(session, actor, list(postings.values()))
    consents: list[_Consent] = []
    left: list[Left] = []
    for key in wanted:
        posting = postings.get(key)
        mine = desk.mine(posting) if posting else "there is no such posting"
        if posting is None or isinstance(mine, str):
            left.append(Left(key, posting.number if posting else "", str(mine)))
        else:
            consents.append(_Consent(posting, tuple(mine)))
    _write(session, actor, consents, reason, now, op)
    ready = [one.posting for one in consents if set(desk.open(one.posting)) == set(one.holds)]
    ready = [one for one in ready if not desk.judged_soon(one, now)]
    alone = [one for one in ready if desk.alone(one)]
    wake_records(session, {one.record_id for one in ready if one not in alone}, now)
    gone = _let_go(session, alone, now)
    settle(session, [hold for one in consents for hold in one.holds])
    done = tuple(one.posting_id for one in consents)
    return Approved(done=done, ready=gone, refused=tuple(left))


@dataclass(frozen=True, slots=True)
class _Consent:
    """A posting with the holds that the approval closes."""

    posting: Posting
    holds: tuple[Hold, ...]

    @property
    def posting_id(self) -> int:
        return self.posting.id


def _write(
    session: Session,
    actor: Actor,
    consents: Sequence[_Consent],
    reason: str,
    now: datetime,
    op: str | None,
) -> None:
    """One approval row for each asked-for level, its hold closed, one event for each posting."""
    session.add_all(
        Approval(
            posting_id=one.posting.id,
            hash=one.posting.hash,
            content=one.posting.content or {},
            level=hold.rule,
            person_id=actor.person_id,
            reason=reason,
            at=now,
            operation_id=op,
        )
        for one in consents
        for hold in one.holds
    )
    session.flush()
    holds = [hold for one in consents for hold in one.holds]
    close(session, holds, actor, state="approved", why=reason, now=now)
    record_events(
        session,
        [
            Fact(
                company_id=one.posting.company_id,
                at=now,
                actor=actor,
                act="posting.approved",
                record_id=one.posting.record_id,
                posting_id=one.posting.id,
                operation_id=op,
                body={
                    "say": f"{actor.name} approved {one.posting.number}"
                    f" (hash {one.posting.hash[:12]}): {reason}",
                    "hash": one.posting.hash,
                    "levels": [hold.rule for hold in one.holds],
                },
            )
            for one in consents
        ],
    )


def _let_go(session: Session, postings: Sequence[Posting], now: datetime) -> tuple[int, ...]:
    """Held postings become ready, due after the time to undo; a daily route waits for its run."""
    due_at = now + timedelta(seconds=Settings.from_env().undo_seconds)
    daily = _daily(session, postings)
    return tuple(
        posting.id
        for posting in postings
        if move_posting(
            session,
            posting.id,
            expected=posting.state,
            to=WAITING[posting.state],
            lock=posting.lock,
            due_at=None if posting.id in daily else due_at,
        )
    )


def _daily(session: Session, postings: Sequence[Posting]) -> set[int]:
    rows = session.execute(
        select(Posting.id, Posting.route, Evaluation.ruleset_version_id)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .where(bulk.among(Posting.id, [posting.id for posting in postings]))
    )
    return {
        row.id
        for row in rows
        for route in program(session, row.ruleset_version_id).routes
        if route.name == row.route and route.timing == "daily"
    }
