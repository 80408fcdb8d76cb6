"""Two parties that are not one: a merge proposal that somebody refused, for good.

Here: saying so, and whether it was said. Not here: the proposal and the merge (party_merge.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.db import bulk
from holding.db.models import KeptApart, Person
from holding.db.refusal import Refusal
from holding.platform import row_seals
from holding.platform.events import record_event


@dataclass(frozen=True, slots=True)
class Apart:
    """Who said that two parties are not one, why and when (as text of the moment)."""

    first: str
    second: str
    by: str
    reason: str
    at: str

    @property
    def refusal(self) -> Refusal:
        """What somebody is told who would merge them all the same."""
        message = (
            f"You cannot merge {self.first} and {self.second}, because {self.by} refused it for "
            f"good: {self.reason}."
        )
        return Refusal("merge.apart", message, "Change the keys one by one if that was wrong.")


def keep(
    session: Session,
    actor: Actor,
    pair: tuple[str, str],
    number: str,
    reason: str,
    now: datetime,
) -> Apart | Refusal:
    """Note that two parties are not one, for who may and has locked the company. `number` is the
    hold that proposed it; a reason is needed, and what was said once stays.
    """
    company_id, (first, second) = actor.company_id or 0, sorted(pair)
    if not reason.strip():
        return Refusal(code="reason.missing", message="A refusal needs a reason.", status=422)
    if (said := said_of(session, company_id, first, second)) is not None:
        return said.refusal
    row = KeptApart(
        company_id=company_id,
        first=first,
        second=second,
        person_id=actor.person_id,
        reason=reason.strip(),
        at=now,
    )
    session.add(row)
    session.flush()
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="party.kept_apart",
        body={
            "say": f"{actor.name} refused to merge {first} and {second}, proposed on {number} "
            f"({reason.strip()}). It is not proposed again.",
            "first": first,
            "second": second,
            "reason": reason.strip(),
            **row_seals.seals(session, company_id, {row_seals.APART: [row.id]}),
        },
    )
    return Apart(first, second, actor.name, reason.strip(), now.isoformat())


def said_of(session: Session, company_id: int, one: str, other: str) -> Apart | None:
    """What was said of these two; None: nothing."""
    first, second = sorted((one, other))
    return all_of(session, company_id, [first]).get((first, second))


def all_of(
    session: Session, company_id: int, parties: Collection[str]
) -> dict[tuple[str, ...], Apart]:
    """What was said of two of these, by the two in their order."""
    rows = session.execute(
        select(KeptApart.first, KeptApart.second, KeptApart.reason, KeptApart.at, Person.name)
        .outerjoin(Person, Person.id == KeptApart.person_id)
        .where(KeptApart.company_id == company_id, bulk.among(KeptApart.first, parties))
    )
    return {
        (row.first, row.second): Apart(
            row.first, row.second, row.name or "Clearpost", row.reason, row.at.isoformat()
        )
        for row in rows
    }


def read(stored: Mapping[str, Any]) -> Apart:
    """What a form was answered before."""
    return Apart(**stored)
