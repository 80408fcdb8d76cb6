"""Who may release a hold, so that a page can say it before anybody decides.

Here: that look, which hands count against releasing one, and the refusal of an own hand. Not here:
what is a hand in it (separation.py), approvals (candidates.py), the act (exceptions/releases.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, Voice, may, voices
from holding.access.people import in_team, who_may
from holding.approvals import separation
from holding.db.models import Hold, Posting, Team
from holding.db.refusal import Refusal, plural
from holding.programs.posted_differences import ACCEPTED
from rules.outcomes.outcome import NEEDS_APPROVAL

ACT = "posting.approve"
OWN_HAND = "hold.own_hand"


@dataclass(frozen=True, slots=True)
class Releasers:
    """The names of those who may, and what speaks against the person who asks.

    `nobody`: where there is none, why, and who can change that.
    """

    names: tuple[str, ...]
    deciding: Refusal | None
    """Against any decision about it: the role, or a hand in it."""
    releasing: Refusal | None
    """Against releasing it: that, or the team."""
    nobody: str = ""


def of_hold(session: Session, hold_id: int, actor: Actor, *, by_people: bool) -> Releasers:
    """Those with the role, in the team that the rules ask for, and without a hand in it.

    `by_people`: whether somebody can release it at all; else nobody is looked for on behalf of who
    has not the role.
    """
    refusal = may(actor, ACT)
    if refusal and not by_people:
        return Releasers((), refusal, refusal)
    hold = session.get_one(Hold, hold_id)
    hands, team = _hands(session, hold), teams_of(session, [hold]).get(hold.id)
    names = who_may(session, hold.company_id, ACT, team_id=team.id if team else None, but=hands)
    verb = {NEEDS_APPROVAL: "approve", ACCEPTED: "accept"}.get(hold.code, "release")
    nobody = "" if names or not by_people else _nobody(session, hold.company_id, team, verb)
    deciding = refusal or _own_hand(actor, hands, names)
    if deciding or team is None or _in(session, team, actor):
        return Releasers(names, deciding, deciding, nobody)
    releasing = outside(team, separation.could(names), verb)
    return Releasers(names, None, replace(releasing, hint=nobody or releasing.hint), nobody)


def _nobody(session: Session, company_id: int, team: Team | None, verb: str) -> str:
    """Why nobody may decide it, and who sees to it that somebody does."""
    admins = " or ".join(who_may(session, company_id, "people.admin")) or "an administrator"
    if team is None:
        return f"Nobody who may {verb} it had no hand in it. Ask {admins} to add somebody."
    where = team.shown
    return (
        f"{where} has nobody who may {verb} it and had no hand in it. Ask {admins} to add somebody."
    )


def outside(team: Team, who: str, verb: str = "release") -> Refusal:
    """What is said to somebody who is not in the team that releases a hold; `who` can."""
    done = {"accept": "accepted"}.get(verb, f"{verb}d")
    return Refusal(
        code="hold.team",
        message=f"This is {done} by {team.shown}, and you are not in it.",
        hint=f"{who} {verb} it.",
        status=403,
    )


def teams_of(session: Session, holds: Collection[Hold]) -> Mapping[int, Team]:
    """Hold id -> the team that releases it, or approves what it asks for. A hold that nobody can
    release, and one that the role alone decides, is missing.
    """
    asked = [one for one in holds if one.code == NEEDS_APPROVAL or one.clears.by_people]
    if not asked:
        return {}
    query = select(Team).where(Team.company_id.in_({one.company_id for one in asked}))
    teams = session.scalars(query).all()
    by_id = {team.id: team for team in teams}
    by_name = {(team.company_id, team.name): team for team in teams}
    found = {
        one.id: by_id.get(one.team_id or 0)
        if one.code == NEEDS_APPROVAL
        else by_name.get((one.company_id, one.clears.team))
        for one in asked
    }
    return {hold_id: team for hold_id, team in found.items() if team is not None}


def hands_of(session: Session, postings: Sequence[Posting]) -> separation.Hands:
    """Who had a hand in each posting, or agreed to it: they release no hold of it. Earlier releases
    do not count against a further one.
    """
    return separation.touched(session, postings, releases=False, makers=False, approvals=True)


def own_hand(
    hands: Mapping[int, str], voice: Voice, verb: str, who: Callable[[], str]
) -> Refusal | None:
    """Refuse who had a hand in it, and who stands in for such a person; `who` could."""
    said = separation.said_to(voice, hands, you="You")
    if not said:
        return None
    return Refusal(
        code=OWN_HAND,
        message=f"{said}, so you cannot {verb} this.",
        hint=f"{who()}.",
        status=403,
    )


def none_of(refusals: Sequence[Refusal]) -> Refusal | None:
    """The one refusal of many holds, where each was refused because of who asks."""
    if not refusals or any(one.status != 403 for one in refusals):
        return None
    told = f"Nothing was done: {plural(len(refusals), 'hold is', 'holds are')} not yours to decide."
    return Refusal(OWN_HAND, told, refusals[0].words, 403)


def _hands(session: Session, hold: Hold) -> Mapping[int, str]:
    """Person id -> what they did, of those who may not release this hold."""
    posting = session.get(Posting, hold.posting_id) if hold.posting_id else None
    if posting is None:
        return {}
    of = separation.touched if hold.code == NEEDS_APPROVAL else hands_of
    return of(session, [posting]).get(posting.id, {})


def _own_hand(actor: Actor, hands: Mapping[int, str], names: tuple[str, ...]) -> Refusal | None:
    hand = separation.hand_of(hands, actor.person_id, None)
    if hand is None:
        return None
    return Refusal(OWN_HAND, f"You {hand.did}.", f"{separation.could(names)}.", 403)


def _in(session: Session, team: Team, actor: Actor) -> bool:
    """Whether they answer for the team, in their own name or in that of somebody else."""
    return any(in_team(session, team.id, voice.answers) for voice in voices(actor, ACT))
