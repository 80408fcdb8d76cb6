"""Who may let a hold go, so that a page can say it before anybody decides.

Here: that look. Not here: what counts as a hand in it (duties.py), the refusal of an act
(approval_desk.py, holds.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import duties
from holding.models import Hold, Posting, Team
from holding.people import who_may
from holding.refusal import Refusal
from holding.roles import Actor, may, voices
from holding.teams import in_team
from rules.outcome import NEEDS_APPROVAL

ACT = "posting.approve"
BY = "by:"


@dataclass(frozen=True, slots=True)
class Releasers:
    """The names of those who may, and what speaks against the person who asks."""

    names: tuple[str, ...]
    against: Refusal | None


def of_hold(session: Session, hold: Hold, actor: Actor) -> Releasers:
    """Those with the role, in the team that the rules ask for, and without a hand in it."""
    hands, team = _hands(session, hold), _team(session, hold)
    names = who_may(session, hold.company_id, ACT, team_id=team.id if team else None, but=hands)
    refusal = may(actor, ACT) or _own_hand(actor, hands, names)
    if refusal is None and team is not None and not _in(session, team, actor):
        verb = "approve" if hold.code == NEEDS_APPROVAL else "release"
        refusal = outside(team, duties.could(names), verb)
    return Releasers(names, refusal)


def outside(team: Team, who: str, verb: str = "release") -> Refusal:
    """What is said to somebody who is not in the team that lets a hold go; `who` can."""
    return Refusal(
        code="hold.team",
        message=f"This is {verb}d by {team.shown}, and you are not in it.",
        hint=f"{who} {verb} it.",
        status=403,
    )


def _hands(session: Session, hold: Hold) -> Mapping[int, str]:
    """Person id -> what they did, of those who may not let this hold go."""
    posting = session.get(Posting, hold.posting_id) if hold.posting_id else None
    if posting is None:
        return {}
    asks = hold.code == NEEDS_APPROVAL
    found = duties.touched(session, [posting], releases=asks, makers=asks, approvals=not asks)
    return found.get(posting.id, {})


def _team(session: Session, hold: Hold) -> Team | None:
    """The team that the rules let release; None where the role alone decides."""
    if hold.code == NEEDS_APPROVAL:
        return session.get(Team, hold.team_id) if hold.team_id else None
    if not hold.clears.startswith(BY):
        return None
    named = select(Team).where(Team.company_id == hold.company_id)
    return session.scalar(named.where(Team.name == hold.clears.removeprefix(BY)))


def _own_hand(actor: Actor, hands: Mapping[int, str], names: tuple[str, ...]) -> Refusal | None:
    said = hands.get(actor.person_id or 0)
    if said is None:
        return None
    return Refusal("hold.own_hand", f"You {said}.", f"{duties.could(names)}.", 403)


def _in(session: Session, team: Team, actor: Actor) -> bool:
    """Whether they answer for the team, in their own name or in that of somebody else."""
    return any(in_team(session, team.id, voice.answers) for voice in voices(actor, ACT))
