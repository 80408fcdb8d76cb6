"""Who may let a hold go, so that a page can say it before anybody decides.

Here: that look. Not here: what counts as a hand in it (duties.py), the refusal of an act
(approval_desk.py, holds.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import duties
from holding.differences import ACCEPTED
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
    deciding: Refusal | None
    """Against any decision about it: the role, or a hand in it."""
    releasing: Refusal | None
    """Against letting it go: that, or the team."""


def of_hold(session: Session, hold: Hold, actor: Actor, *, by_people: bool) -> Releasers:
    """Those with the role, in the team that the rules ask for, and without a hand in it.

    `by_people`: whether somebody can let it go at all; else nobody is looked for on behalf of who
    has not the role.
    """
    refusal = may(actor, ACT)
    if refusal and not by_people:
        return Releasers((), refusal, refusal)
    hands, team = _hands(session, hold), _team(session, hold)
    names = who_may(session, hold.company_id, ACT, team_id=team.id if team else None, but=hands)
    deciding = refusal or _own_hand(actor, hands, names)
    if deciding or team is None or _in(session, team, actor):
        return Releasers(names, deciding, deciding)
    verb = {NEEDS_APPROVAL: "approve", ACCEPTED: "accept"}.get(hold.code, "release")
    return Releasers(names, None, outside(team, duties.could(names), verb))


def outside(team: Team, who: str, verb: str = "release") -> Refusal:
    """What is said to somebody who is not in the team that lets a hold go; `who` can."""
    done = {"accept": "accepted"}.get(verb, f"{verb}d")
    return Refusal(
        code="hold.team",
        message=f"This is {done} by {team.shown}, and you are not in it.",
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
