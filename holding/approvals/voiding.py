"""Approvals that no longer stand: of another content, of who had a hand in it, or taken back.

Here: every write that voids one, with its event. Not here: which of them a judging lets stand
(`evaluation/notices.py`, as plain values), giving them (`approve.py`), what else an undo takes back
(`exceptions/undo.py`, which has its own event).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.approvals import separation
from holding.approvals.consent import StandingApproval
from holding.db import bulk
from holding.db.models import Approval, Posting
from holding.platform.changes import wake_records
from holding.platform.events import Fact, record_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """A standing approval of another content, and the fields that differ."""

    approval: StandingApproval
    number: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetStand:
    """An approval that a judging lets stand: of which document and record, and the names, in lower
    case, that its rules exclude.
    """

    approval: StandingApproval
    record_id: int
    number: str
    named: frozenset[str]


def of_another_content(
    given: Sequence[StandingApproval],
    posting_id: int,
    number: str,
    hash_: str,
    content: Mapping[str, Any],
) -> list[Voided]:
    """The approvals of this posting that are not bound to this hash, with what differs."""
    return [
        Voided(approval=one, number=number, fields=_differences(one.content, content))
        for one in given
        if one.posting_id == posting_id and one.hash != hash_
    ]


def void_changed(session: Session, fallen: Sequence[Voided], now: datetime) -> None:
    """Void the approvals of another content; `changed_fact` tells each."""
    rows = [
        {"id": one.approval.id, "voided_at": now, "voided_fields": list(one.fields)}
        for one in fallen
    ]
    bulk.update(session, Approval, rows)


def void_own_hands(
    session: Session, company_id: int, standing: Sequence[LetStand], now: datetime
) -> None:
    """Void those of the approvals whose giver, or for whom it was given, has had a hand in the
    document since; their records are judged once more.
    """
    if not standing:
        return
    ids = sorted({one.approval.posting_id for one in standing})
    fresh = select(Posting).where(bulk.among(Posting.id, ids))
    postings = session.scalars(fresh.execution_options(populate_existing=True)).all()
    named = {one.approval.posting_id: one.named for one in standing}
    hands = separation.touched(session, postings, named=named)
    own = [(one, why) for one in standing if (why := _own_hand(one.approval, hands))]
    bulk.update(
        session,
        Approval,
        [{"id": one.approval.id, "voided_at": now, "voided_fields": []} for one, _ in own],
    )
    record_events(
        session,
        [_fact(company_id, one.record_id, one, f"{why}.", (), now) for one, why in own],
    )
    wake_records(session, {one.record_id for one, _ in own}, now)


def void_taken_back(
    session: Session, ids: Collection[int], person_id: int | None, now: datetime
) -> None:
    """Void the approvals that this person takes back."""
    if ids:
        session.execute(
            update(Approval)
            .where(bulk.among(Approval.id, sorted(ids)))
            .values(voided_at=now, voided_by_id=person_id)
            .execution_options(synchronize_session=False)
        )


def changed_fact(company_id: int, record_id: int, one: Voided, now: datetime) -> Fact:
    """The event of an approval of another content."""
    why = f"changed {', '.join(one.fields)}."
    return _fact(company_id, record_id, one, why, one.fields, now)


def _fact(
    company_id: int,
    record_id: int,
    one: Voided | LetStand,
    why: str,
    fields: Sequence[str],
    now: datetime,
) -> Fact:
    """The event of an approval that became void without an act of a person."""
    say = f"The approval of {one.number} by {one.approval.person} is void: {why}"
    return Fact(
        company_id=company_id,
        at=now,
        act="approval.voided",
        record_id=record_id,
        posting_id=one.approval.posting_id,
        body={"say": say, "fields": list(fields)},
    )


def _own_hand(one: StandingApproval, hands: separation.Hands) -> str:
    hand = separation.hand_of(hands[one.posting_id], one.person_id, one.for_person_id)
    if hand is None:
        return ""
    whose = f"the person for whom {one.person} stood in" if hand.lent else one.person
    return f"{whose} {hand.did}"


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of fields that differ, those of a line with its place, `lines` when some came or
    went.
    """
    old, new = before.get("fields", {}), after["fields"]
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if before.get("number") != after["number"]:
        changed.append("number")
    lines, others = before.get("lines", ()), after["lines"]
    for no, (line, other) in enumerate(zip(lines, others, strict=False), start=1):
        names = sorted({*line, *other})
        changed += [f"line {no} {name}" for name in names if line.get(name) != other.get(name)]
    if len(lines) != len(others):
        changed.append("lines")
    return tuple(changed) or ("connection",)
