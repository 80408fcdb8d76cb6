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
    """An approval that is not void: of which content and level of a posting, and by whom."""

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
    """What the hash covers of a document; `rules.outcomes.Document` fits."""

    @property
    def document(self) -> str:
        """The document type."""

    @property
    def number(self) -> str:
        """Our number of it."""

    @property
    def fields(self) -> Any:
        """Header fields."""

    @property
    def lines(self) -> Any:
        """Lines."""


def posting_hash(connection_id: int, target_company: str, document: Planned, action: str) -> str:
    """The hash over connection, company there, document type, number, action, fields and lines."""
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
    """The same hash of a document that the rules made, whose text is made once."""
    head = [connection_id, target_company, document.document, document.number, action]
    return sha256_hex(b"%b,%b,%b]" % (json_bytes(head)[:-1], *parts_of(document)))


def content_hash(
    connection_id: int, target_company: str, content: dict[str, Any], action: str
) -> str:
    """The same hash from a posting's stored content."""
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
    """The hash of its parts."""
    parts = [connection_id, target_company, document_type, number, action, fields, lines]
    return sha256_hex(dumps(parts))


def standing(session: Session, posting_ids: Sequence[int]) -> tuple[StandingApproval, ...]:
    """The approvals of these postings that are not void, of any content, as they were given."""
    return _STANDING.each(session.execute(_STANDING_OF, {"ids": list(posting_ids)}))


def counting(
    given: Iterable[StandingApproval], posting_id: int, hash_: str
) -> list[StandingApproval]:
    """Those that count for this content of the posting: what was agreed to is exactly it."""
    return [one for one in given if one.posting_id == posting_id and one.hash == hash_]


def counts(given: Approval, hash_: str) -> bool:
    """Whether a stored approval counts for this content."""
    return given.voided_at is None and given.hash == hash_


def lacking(session: Session, judged: Sequence[tuple[Posting, Any]]) -> Mapping[int, str]:
    """Posting id -> what it is not, of those with their outcome that lack an approval."""
    asked = {one.id: asks(outcome, one.route) for one, outcome in judged}
    asking = [one for one, _ in judged if asked[one.id]]
    if not asking:
        return {}
    levels: dict[int, set[str]] = defaultdict(set)
    own: dict[int, str] = {}
    hands = separation.touched(session, asking, makers=False)  # a judging has asked who made it
    for given, name in _given(session, list(hands)):
        if deed := _approver_action(given, name, hands[given.posting_id]):
            own[given.posting_id] = deed
        else:
            levels[given.posting_id].add(given.level)
    return {
        one.id: _said(
            asked[one.id] - levels[one.id], own.get(one.id, ""), some=bool(levels[one.id])
        )
        for one in asking
        if asked[one.id] - levels[one.id]
    }


def _given(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """The standing approvals of exactly what is to be sent, with the approver's name."""
    query = (
        select(Approval, Person.name)
        .join(Person, Person.id == Approval.person_id)
        .join(Posting, Posting.id == Approval.posting_id)
        .where(bulk.among(Approval.posting_id, ids), Approval.voided_at.is_(None))
        .where(Approval.hash == Posting.hash)
    )
    return session.execute(query).all()


def _approver_action(given: Approval, name: str, hands: Mapping[int, str]) -> str:
    """What the approver, or who they stood in for, has done to it by now."""
    hand = separation.hand_of(hands, given.person_id, given.for_person_id)
    if hand is None:
        return ""
    return f"{name} approved it {'on behalf of a person who' if hand.lent else 'and'} {hand.did}"


def _said(missing: frozenset[str], own: str, *, some: bool) -> str:
    if own:
        return f"approved by another person: {own}"
    if some:
        return f"approved by all: {', '.join(sorted(missing))} is open"
    return "what was approved: the approval is for another content"


def asks(outcome: Any, route: str) -> frozenset[str]:
    """The levels of approval that the rules asked for on this route; a finding names its route
    where it is another than its decision's.
    """
    return frozenset(
        rule
        for decision in (outcome or {}).get("decisions", ())
        for code, rule, _, _, *of in decision["findings"]
        if code == NEEDS_APPROVAL and (of or [decision["route"]]) == [route]
    )


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
    own = [(one, why) for one in standing if (why := _own_action(one.approval, hands))]
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


def _own_action(one: StandingApproval, hands: separation.Hands) -> str:
    hand = separation.hand_of(hands[one.posting_id], one.person_id, one.for_person_id)
    if hand is None:
        return ""
    whose = f"the person for whom {one.person} stood in" if hand.lent else one.person
    return f"{whose} {hand.did}"


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
