"""Whether a document has the approvals that its rules ask for, from people with no hand in it.

Here: what was asked for and what stands, in bulk. Not here: the rest of the last look (check.py),
giving approvals (holding/approvals.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import bulk, duties
from holding.models import Approval, Person, Posting
from rules.outcome import NEEDS_APPROVAL


def lacking(session: Session, judged: Sequence[tuple[Posting, Any]]) -> Mapping[int, str]:
    """Posting id -> what it is not, of those with their outcome that lack an approval."""
    asked = {one.id: asks(outcome, one.route) for one, outcome in judged}
    asking = [one for one, _ in judged if asked[one.id]]
    if not asking:
        return {}
    levels: dict[int, set[str]] = defaultdict(set)
    own: dict[int, str] = {}
    hands = duties.touched(session, asking, makers=False)  # a judging has asked who made it
    for given, name in _given(session, list(hands)):
        if deed := _own_hand(given, name, hands[given.posting_id]):
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


def _own_hand(given: Approval, name: str, hands: Mapping[int, str]) -> str:
    """What the approver, or who they stood in for, has done to it by now."""
    if given.person_id in hands:
        return f"{name} approved it and {hands[given.person_id]}"
    lender = hands.get(given.for_person_id or 0)
    return f"{name} approved it for somebody who {lender}" if lender else ""


def _said(missing: frozenset[str], own: str, *, some: bool) -> str:
    if own:
        return f"approved by somebody else: {own}"
    if some:
        return f"approved by all: {', '.join(sorted(missing))} is open"
    return "what was approved: the approval is for another content"
