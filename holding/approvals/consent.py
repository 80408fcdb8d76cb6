"""Check the approvals that a document's rules require, and void those that no longer apply."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.approvals import separation
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import Approval, Person, Posting
from holding.platform.changes import wake_records
from holding.platform.events import Fact, record_events
from rules.outcome_hash import parts_of
from rules.outcomes import NEEDS_APPROVAL, Document
from rules.values.canonical import dumps, json_bytes, sha256_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingApproval:
    """An approval that is not void: its posting, content, level and approver."""

    id: int
    posting_id: int
    hash: str
    level: str
    content: Mapping[str, Any]
    person_id: int
    for_person_id: int | None
    person: str


_STANDING = Columns(
    StandingApproval(
        id=of(Approval.id),
        posting_id=of(Approval.posting_id),
        hash=of(Approval.hash),
        level=of(Approval.level),
        content=of(Approval.content),
        person_id=of(Approval.person_id),
        for_person_id=of(Approval.for_person_id),
        person=of(Person.name),
    ),
    {"person": "person.name"},
)

_STANDING_OF = (
    _STANDING.select()
    .join(Person, Person.id == Approval.person_id)
    .where(bulk.among_given(Approval.posting_id, "ids"), Approval.voided_at.is_(None))
    .order_by(Approval.id)
)


class Planned(Protocol):
    """The parts of a document that the hash covers; `rules.outcomes.Document` fits."""

    @property
    def document(self) -> str:
        """Return the document type."""

    @property
    def number(self) -> str:
        """Return our document number."""

    @property
    def fields(self) -> Any:
        """Return the header fields."""

    @property
    def lines(self) -> Any:
        """Return the lines."""


def posting_hash(connection_id: int, target_company: str, document: Planned, action: str) -> str:
    """Return the hash over connection, target company, document type, number, action, fields and
    lines.
    """
    return hash_of(
        connection_id,
        target_company,
        action,
        document_type=document.document,
        number=document.number,
        fields=document.fields,
        lines=document.lines,
    )


def document_hash(connection_id: int, target_company: str, document: Document, action: str) -> str:
    """Return the posting hash of a document from the rules, using its cached text."""
    head = [connection_id, target_company, document.document, document.number, action]
    return sha256_hex(b"%b,%b,%b]" % (json_bytes(head)[:-1], *parts_of(document)))


def content_hash(
    connection_id: int, target_company: str, content: dict[str, Any], action: str
) -> str:
    """Return the posting hash from a posting's stored content."""
    return hash_of(
        connection_id,
        target_company,
        action,
        document_type=content["document"],
        number=content["number"],
        fields=content["fields"],
        lines=content["lines"],
    )


def hash_of(
    connection_id: int,
    target_company: str,
    action: str,
    *,
    document_type: str,
    number: str,
    fields: Any,
    lines: Any,
) -> str:
    """Return the posting hash from its parts."""
    parts = [connection_id, target_company, document_type, number, action, fields, lines]
    return sha256_hex(dumps(parts))


def standing(session: Session, posting_ids: Sequence[int]) -> tuple[StandingApproval, ...]:
    """Return the approvals of these postings that are not void, for any content, in the order
    given.
    """
    return _STANDING.each(session.execute(_STANDING_OF, {"ids": list(posting_ids)}))


def counting(
    approvals: Iterable[StandingApproval], posting_id: int, hash_: str
) -> list[StandingApproval]:
    """Return the approvals of exactly this content of the posting."""
    return [
        approval
        for approval in approvals
        if approval.posting_id == posting_id and approval.hash == hash_
    ]


def counts(approval: Approval, hash_: str) -> bool:
    """Check whether a stored approval applies to this content."""
    return approval.voided_at is None and approval.hash == hash_


def lacking(session: Session, judged: Sequence[tuple[Posting, Any]]) -> Mapping[int, str]:
    """Return posting id -> what is missing, for postings without a required approval.

    Each posting is given with its outcome.
    """
    required_levels = {posting.id: asks(outcome, posting.route) for posting, outcome in judged}
    requiring = [posting for posting, _ in judged if required_levels[posting.id]]
    if not requiring:
        return {}
    levels: dict[int, set[str]] = defaultdict(set)
    approver_deeds: dict[int, str] = {}
    hands = separation.touched(session, requiring, makers=False)  # a judging has asked who made it
    for approval, name in _given(session, list(hands)):
        if deed := _approver_action(approval, name, hands[approval.posting_id]):
            approver_deeds[approval.posting_id] = deed
        else:
            levels[approval.posting_id].add(approval.level)
    return {
        posting.id: _missing_text(
            required_levels[posting.id] - levels[posting.id],
            approver_deeds.get(posting.id, ""),
            some=bool(levels[posting.id]),
        )
        for posting in requiring
        if required_levels[posting.id] - levels[posting.id]
    }


def _given(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """Return the valid approvals of exactly what will be sent, with the approvers' names."""
    query = (
        select(Approval, Person.name)
        .join(Person, Person.id == Approval.person_id)
        .join(Posting, Posting.id == Approval.posting_id)
        .where(bulk.among(Approval.posting_id, ids), Approval.voided_at.is_(None))
        .where(Approval.hash == Posting.hash)
    )
    return session.execute(query).all()


def _approver_action(approval: Approval, name: str, hands: Mapping[int, str]) -> str:
    """Return what the approver, or the represented person, did to the document since."""
    hand = separation.hand_of(hands, approval.person_id, approval.for_person_id)
    if hand is None:
        return ""
    return f"{name} approved it {'on behalf of a person who' if hand.lent else 'and'} {hand.did}"


def _missing_text(missing: frozenset[str], own_action: str, *, some: bool) -> str:
    if own_action:
        return f"approved by another person: {own_action}"
    if some:
        return f"approved by all: {', '.join(sorted(missing))} is open"
    return "what was approved: the approval is for another content"


def asks(outcome: Any, route: str) -> frozenset[str]:
    """Return the approval levels that the rules require on this route.

    A finding names its route only if it differs from its decision's.
    """
    return frozenset(
        rule
        for decision in (outcome or {}).get("decisions", ())
        for code, rule, _, _, *of in decision["findings"]
        if code == NEEDS_APPROVAL and (of or [decision["route"]]) == [route]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """An approval of other content, with the fields that differ."""

    approval: StandingApproval
    number: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetStand:
    """An approval that an evaluation keeps, with its document and record, and the excluded names in
    lower case.
    """

    approval: StandingApproval
    record_id: int
    number: str
    named: frozenset[str]


def of_another_content(
    approvals: Sequence[StandingApproval],
    posting_id: int,
    number: str,
    hash_: str,
    content: Mapping[str, Any],
) -> list[Voided]:
    """Return the approvals of this posting with another hash, and the fields that differ."""
    return [
        Voided(approval=approval, number=number, fields=_differences(approval.content, content))
        for approval in approvals
        if approval.posting_id == posting_id and approval.hash != hash_
    ]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of differing fields.

    Line fields have their line number; `lines` means added or removed lines.
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


def void_changed(session: Session, fallen: Sequence[Voided], now: datetime) -> None:
    """Void approvals of other content. `changed_fact` is the event for each."""
    rows = [
        {"id": voided.approval.id, "voided_at": now, "voided_fields": list(voided.fields)}
        for voided in fallen
    ]
    bulk.update(session, Approval, rows)


def void_own_hands(
    session: Session, company_id: int, standing: Sequence[LetStand], now: datetime
) -> None:
    """Void approvals whose giver, or represented person, has worked on the document since, and wake
    their records.
    """
    if not standing:
        return
    ids = sorted({standing_approval.approval.posting_id for standing_approval in standing})
    fresh = select(Posting).where(bulk.among(Posting.id, ids))
    postings = session.scalars(fresh.execution_options(populate_existing=True)).all()
    named = {
        standing_approval.approval.posting_id: standing_approval.named
        for standing_approval in standing
    }
    hands = separation.touched(session, postings, named=named)
    own_approvals = [
        (standing_approval, why)
        for standing_approval in standing
        if (why := _own_action(standing_approval.approval, hands))
    ]
    bulk.update(
        session,
        Approval,
        [
            {"id": standing_approval.approval.id, "voided_at": now, "voided_fields": []}
            for standing_approval, _ in own_approvals
        ],
    )
    record_events(
        session,
        [
            _fact(company_id, standing_approval.record_id, standing_approval, f"{why}.", (), now)
            for standing_approval, why in own_approvals
        ],
    )
    wake_records(
        session, {standing_approval.record_id for standing_approval, _ in own_approvals}, now
    )


def _own_action(approval: StandingApproval, hands: separation.Hands) -> str:
    hand = separation.hand_of(
        hands[approval.posting_id], approval.person_id, approval.for_person_id
    )
    if hand is None:
        return ""
    approver = f"the person for whom {approval.person} stood in" if hand.lent else approval.person
    return f"{approver} {hand.did}"


def _fact(
    company_id: int,
    record_id: int,
    voided: Voided | LetStand,
    why: str,
    fields: Sequence[str],
    now: datetime,
) -> Fact:
    """Return the event of an approval that became void without a person's action."""
    say = f"The approval of {voided.number} by {voided.approval.person} is void: {why}"
    return Fact(
        company_id=company_id,
        at=now,
        act="approval.voided",
        record_id=record_id,
        posting_id=voided.approval.posting_id,
        body={"say": say, "fields": list(fields)},
    )


def void_taken_back(
    session: Session, ids: Collection[int], person_id: int | None, now: datetime
) -> None:
    """Void the approvals that this person withdraws."""
    if ids:
        session.execute(
            update(Approval)
            .where(bulk.among(Approval.id, sorted(ids)))
            .values(voided_at=now, voided_by_id=person_id)
            .execution_options(synchronize_session=False)
        )


def changed_fact(company_id: int, record_id: int, voided: Voided, now: datetime) -> Fact:
    """Return the event of an approval of other content."""
    why = f"changed {', '.join(voided.fields)}."
    return _fact(company_id, record_id, voided, why, voided.fields, now)
