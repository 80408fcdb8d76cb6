"""What a company itself settles: its name, by when holds are due, who answers for an empty team.

Here: these values as they stand, and changing them, each with a reason. Not here: what has a page
of its own, such as the safety stop, signals and digests; what rules say; what the installation
sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract.errors import ERROR_CLASSES
from holding.access.actors import Actor, may
from holding.access.people import FALLBACK_TEAM
from holding.db.models import Company, Team
from holding.db.refusal import Refusal
from holding.holds import retries as deadlines
from holding.platform.changes import locked_company
from holding.platform.events import record_event

ACT: Final = "company.setup"
LONGEST_NAME: Final = 200
REASON: Final = (3, 500)


@dataclass(frozen=True, slots=True)
class DueHours:
    """How many hours a hold of a class may stand; `own`: the company has set them."""

    error_class: str
    hours: int
    own: bool


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """A company's own values. `fallback`: the name of the team that answers where a team has no
    members, None without one; `teams`: name and title of each. `due`: all classes of holds.
    """

    registration: str
    fallback: str | None
    teams: tuple[tuple[str, str], ...]
    due: tuple[DueHours, ...]


def settings_of(session: Session, company_id: int) -> CompanySettings:
    """What stands now."""
    company = session.get_one(Company, company_id)
    own = company.settings.get(deadlines.ANSWER_HOURS, {})
    name = company.settings.get(FALLBACK_TEAM)
    return CompanySettings(
        registration=company.registration,
        fallback=str(name) if name else None,
        teams=tuple((team.name, team.shown) for team in _teams(session, company_id)),
        due=tuple(
            DueHours(one, own.get(one, deadlines.USUAL_HOURS), one in own) for one in ERROR_CLASSES
        ),
    )


def rename(session: Session, actor: Actor, name: str, reason: str, now: datetime) -> Refusal | None:
    """Call the company so from now on; its code, which addresses have, stays."""
    wanted, why = " ".join(name.split()), " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    if not wanted or len(wanted) > LONGEST_NAME:
        words = f"Enter a name of 1 to {LONGEST_NAME} characters."
        return Refusal("company.name", words, "", 422)
    company = locked_company(session, actor.company_id or 0)
    before, company.name = company.name, wanted
    if before == wanted:
        return Refusal("company.same", f"The company is called {wanted} already.", "", 422)
    say = f"{actor.name} changed the name of the company from {before} to {wanted}: {why}"
    _tell(session, actor, "company.renamed", say, why, now)
    return None


def set_fallback(
    session: Session, actor: Actor, team: str, reason: str, now: datetime
) -> Refusal | None:
    """Have this team answer for teams without members; what is assigned to a person stays."""
    why = " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    found = next((t for t in _teams(session, actor.company_id or 0) if t.name == team), None)
    if found is None:
        return Refusal("company.team", "Choose a team of the company.", "", 422)
    company = locked_company(session, actor.company_id or 0)
    if company.settings.get(FALLBACK_TEAM) == found.name:
        words = f"{found.shown} answers for teams without members already."
        return Refusal("company.same", words, "", 422)
    company.settings = {**company.settings, FALLBACK_TEAM: found.name}
    say = f"{actor.name} let {found.shown} answer for teams without members: {why}"
    _tell(session, actor, "company.fallback_set", say, why, now)
    return None


def set_due(
    session: Session, actor: Actor, error_class: str, hours: int, reason: str, now: datetime
) -> Refusal | None:
    """Let holds of a class that open from now on be due after so many hours."""
    why = " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    return deadlines.set_hours(
        session, actor, actor.company_id or 0, error_class, hours, now, reason=why
    )


def _unreasoned(why: str) -> Refusal | None:
    least, most = REASON
    if least <= len(why) <= most:
        return None
    return Refusal("company.reason", "Enter why, in a sentence.", "", 422)


def _teams(session: Session, company_id: int) -> Sequence[Team]:
    query = select(Team).where(Team.company_id == company_id).order_by(Team.name)
    return session.scalars(query).all()


def _tell(session: Session, actor: Actor, act: str, say: str, why: str, now: datetime) -> None:
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act=act,
        body={"say": say, "reason": why},
    )
