"""List the postings that need approval, who may approve them, and what an approval would do."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, Voice, voices
from holding.access.people import load_able, load_people_by_team
from holding.access.reach import within
from holding.approvals import separation
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import Approval, Cause, Hold, Person, Posting, Record
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.platform.states import state_label
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState, dumps, in_sentence, sha256_hex
from rules.values.wording import title_text

WAITING: Final = {  # a posting that waits for it, and after it
    PostingState.HELD: PostingState.READY,
    PostingState.POSTED: PostingState.POSTED,
}

ACT: Final = "posting.approve"


@dataclass(frozen=True, slots=True)
class Left:
    """A posting that was left out, with the reason. `status` is an HTTP status: 403 means that
    another person must act.

    `level`: the rule whose approval a posting still waits for.
    """

    posting_id: int
    number: str
    reason: str
    status: int = 409
    level: str = ""


@dataclass(frozen=True, slots=True)
class SetChanged(Refusal):
    """The refusal of a set that changed since the review.

    `changes` names each differing posting.
    """

    changes: tuple[Left, ...] = ()


def set_hash(hashes: Mapping[int, str]) -> str:
    """Return one hash over a set of postings: id and content hash of each, in id order."""
    return sha256_hex(dumps([[key, hashes[key]] for key in sorted(hashes)]))


def changed(
    postings: Mapping[int, Posting],
    ids: Sequence[int],
    sethash: str | None,
    reviewed_hashes: Mapping[int, str] | None,
    winners: Callable[[Sequence[Posting]], Mapping[int, str]],
) -> SetChanged | None:
    """Return the differences between the held postings and the reviewed ones, or None.

    Postings that moved on are named with their approver.
    """
    expected = (
        sethash
        if sethash is not None
        else set_hash(reviewed_hashes)
        if reviewed_hashes is not None
        else None
    )
    held_hashes = {
        key: posting.hash for key, posting in postings.items() if posting.state in WAITING
    }
    if expected is None or expected == set_hash(held_hashes):
        return None
    approvers = winners([posting for posting in postings.values() if posting.state not in WAITING])
    differences = [
        Left(key, postings[key].number if key in postings else "", why)
        for key in ids
        if (
            why := _difference(
                postings.get(key), (reviewed_hashes or {}).get(key), approvers.get(key, "")
            )
        )
    ]
    return SetChanged(
        code="set.changed",
        message="The list changed while you were reviewing it. Nothing was approved.",
        hint="; ".join(f"{difference.number} {difference.reason}" for difference in differences)
        or "Look at it again.",
        status=409,
        changes=tuple(differences),
    )


def _difference(posting: Posting | None, reviewed_hash: str | None, by: str) -> str:
    if posting is None:
        return "is gone"
    if posting.state not in WAITING:
        return moved_on(posting, by)
    return (
        "the content changed" if reviewed_hash is not None and reviewed_hash != posting.hash else ""
    )


def moved_on(posting: Posting, by: str) -> str:
    """Return what happened to a posting that no longer waits, with its approver if there is one."""
    return f"is {in_sentence(state_label(posting.state, posting.reason))} meanwhile" + (
        f": {by} approved it" if by else ""
    )


def became(session: Session, company_id: int, posting_ids: Sequence[int]) -> dict[int, str]:
    """Return what happened to the postings that no longer wait, by id."""
    query = select(Posting).where(
        Posting.company_id == company_id, bulk.among(Posting.id, list(posting_ids))
    )
    moved = [posting for posting in session.scalars(query) if posting.state not in WAITING]
    approvers = agreed(session, moved)[1]
    return {posting.id: moved_on(posting, approvers.get(posting.id, "")) for posting in moved}


@dataclass(frozen=True, slots=True)
class Consent:
    """One approval level of a posting, and the voice that approves it."""

    posting: Posting
    hold: Hold
    voice: Voice


class Desk:
    """The data about the postings under review, read with a constant number of statements."""

    def __init__(self, session: Session, actor: Actor, postings: Sequence[Posting]) -> None:
        self.session, self.actor = session, actor
        self._voices = voices(actor, ACT)
        record_ids = sorted({posting.record_id for posting in postings})
        company_id = actor.company_id or 0
        self.hands = separation.touched(session, postings)
        self.records = _load_records(session, record_ids)
        self.holds = _load_holds(session, record_ids)
        self._agreed, self._winner = agreed(session, postings)
        self._more = _list_several(session, record_ids)
        self._teams = load_people_by_team(session, company_id)
        self._able = load_able(session, company_id, ACT)

    def open(self, posting: Posting) -> list[Hold]:
        """Return the open holds of a posting."""
        return self.holds[posting.record_id, posting.route, posting.seq]

    def asked(self, posting: Posting) -> list[Hold]:
        """Return the holds that require an approval, one for each level."""
        return [hold for hold in self.open(posting) if hold.code == NEEDS_APPROVAL]

    def consent(self, key: int, posting: Posting | None) -> Consent | Left:
        """Return the level that this person approves, or why there is none.

        One person approves one level in one name; the next level needs another person.
        """
        if posting is None:
            return Left(key, "", "there is no such posting", 404)
        if why := self._not_now(posting):
            return Left(key, posting.number, why, 409)
        first_reason = ""
        for voice in self._voices:
            for hold in self.asked(posting):
                why = self._not_theirs(posting, hold, voice)
                if not why:
                    return Consent(posting, hold, voice)
                first_reason = first_reason or why
        return Left(key, posting.number, first_reason, 403)

    def judged_soon(self, posting: Posting, now: datetime) -> bool:
        """Check whether an evaluation is about to process its record."""
        record = self.records[posting.record_id]
        due = record.due_at is not None and record.due_at <= now
        return due or record.lease_until is not None

    def alone(self, posting: Posting) -> bool:
        """Check whether it is its record's only posting; otherwise an evaluation
        decides the order.
        """
        return posting.record_id not in self._more

    def _not_now(self, posting: Posting) -> str:
        if posting.state not in WAITING:
            return f"it {moved_on(posting, self._winner.get(posting.id, ''))}"
        if self.records[posting.record_id].version_id != posting.version_id:
            return "a newer version of the record arrived; it is checked first"
        return "" if self.asked(posting) else "it needs no approval"

    def _not_theirs(self, posting: Posting, hold: Hold, voice: Voice) -> str:
        """Return why this voice may not approve this level, or an empty string."""
        hands = {**self._agreed[posting.id], **self.hands[posting.id]}
        why = separation.said_to(voice, hands)
        if not why and not self._answers_for(hold.team_id, voice.answers):
            why = "you are not in the team that approves it"
        if not why:
            return ""
        return f"{why}; {self._others(hold.team_id, hands)} approve"

    def _others(self, team_id: int | None, hands: Collection[int]) -> str:
        """Return who could approve it."""
        others = {key: name for key, name in self._able.items() if key not in hands}
        return separation.could(
            name for key, name in others.items() if self._answers_for(team_id, key)
        )

    def _answers_for(self, team_id: int | None, person_id: int | None) -> bool:
        """Check whether the person acts for the team; an empty team means everybody."""
        members = self._teams.get(team_id or 0)
        return not members or person_id in members


def _load_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    query = select(Record).where(bulk.among(Record.id, ids))
    return {record.id: record for record in session.scalars(query, execution_options=KEPT)}


def _load_holds(
    session: Session, record_ids: Sequence[int]
) -> Mapping[tuple[int, str, int], list[Hold]]:
    """Return the open holds of each posting, by record, route and position."""
    holds_by_posting: dict[tuple[int, str, int], list[Hold]] = defaultdict(list)
    query = select(Hold).where(bulk.among(Hold.record_id, record_ids), HOLD_OPEN)
    for hold in session.scalars(query.order_by(Hold.id), execution_options=KEPT):
        holds_by_posting[hold.record_id, hold.route, hold.seq].append(hold)
    return holds_by_posting


def _list_several(session: Session, record_ids: Sequence[int]) -> set[int]:
    """Return the records with more than one posting."""
    query = select(Posting.record_id).where(bulk.among(Posting.record_id, record_ids))
    rows = session.scalars(
        query.group_by(Posting.record_id).having(func.count(Posting.id) > 1), execution_options=KEPT
    )
    return set(rows)


def agreed(
    session: Session,
    postings: Sequence[Posting],
) -> tuple[Mapping[int, dict[int, str]], Mapping[int, str]]:
    """Return posting id -> people who approved its content at a level, and the last approver's
    name.
    """
    approvers_by_posting: dict[int, dict[int, str]] = {posting.id: {} for posting in postings}
    last: dict[int, str] = {}
    rows = session.execute(
        select(Approval.posting_id, Approval.person_id, Approval.for_person_id, Person.name)
        .join(Posting, Posting.id == Approval.posting_id)
        .join(Person, Person.id == Approval.person_id)
        .where(
            bulk.among(Approval.posting_id, list(approvers_by_posting)),
            Approval.voided_at.is_(None),
            Approval.hash == Posting.hash,
        )
        .order_by(Approval.id),
        execution_options=KEPT,
    )
    for row in rows:
        last[row.posting_id] = row.name
        for person_id in (row.person_id, row.for_person_id):
            if person_id is not None:
                approvers_by_posting[row.posting_id][person_id] = "approved it at another level"
    return approvers_by_posting, last


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an approval would do.

    `refused`: posting id -> why this person cannot approve it. `stays`: posting id -> the cause
    that still holds it after the approval.
    """

    refused: Mapping[int, str]
    stays: Mapping[int, str]


def foresee(session: Session, actor: Actor, ids: Collection[int]) -> Foreseen:
    """Return what an approval would do now; the approval checks again."""
    of_company = select(Posting).where(Posting.company_id == (actor.company_id or 0))
    chosen = of_company.where(bulk.among(Posting.id, ids), *within(actor.reach, Posting))
    rows = session.scalars(chosen, execution_options=KEPT)
    postings = {posting.id: posting for posting in rows}
    desk = Desk(session, actor, list(postings.values()))
    refused: dict[int, str] = {}
    waits: dict[int, int] = {}  # posting -> the cause of the first hold that is left
    for key in ids:
        answer = desk.consent(key, postings.get(key))
        if isinstance(answer, Left):
            refused[key] = answer.reason
            continue
        other_holds = [hold for hold in desk.open(answer.posting) if hold is not answer.hold]
        if other_holds:
            waits[key] = other_holds[0].cause_id
    labels = _load_labels(session, sorted({posting.record_id for posting in postings.values()}))
    return Foreseen(refused, {key: title_text(labels[cause]) for key, cause in waits.items()})


def _load_labels(session: Session, record_ids: Sequence[int]) -> Mapping[int, str]:
    """Return the labels of the causes that hold these records."""
    cause_ids = select(Hold.cause_id).where(bulk.among(Hold.record_id, record_ids), HOLD_OPEN)
    rows = session.execute(
        select(Cause.id, Cause.label).where(Cause.id.in_(cause_ids)), execution_options=KEPT
    )
    return {row.id: row.label for row in rows}
