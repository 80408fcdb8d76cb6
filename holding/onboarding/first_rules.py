"""The first rules of a company: a draft from a template, and who is in the teams that it names.

Here: storing both together. Not here: the templates (portal/starters), publishing, which a second
person does (holding/rulesets/publication.py).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may, roles_of
from holding.access.people import add_to_team, ensure_team, names_of
from holding.db.refusal import Refusal
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.rulesets import publication
from holding.rulesets.admission import Report


def choose(
    session: Session,
    actor: Actor,
    files: Mapping[str, str],
    title: str,
    teams: Mapping[str, int],
    now: datetime,
    checked: Report | None = None,
    titles: Mapping[str, str] = MappingProxyType({}),
) -> int | Refusal:
    """The number of the change; `teams` (name -> person) is for administrators alone. They are
    called by their `titles` from now on.
    """
    refusal = may(actor, "rules.draft") or (may(actor, "people.admin") if teams else None)
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    if locked_company(session, actor.company_id).ruleset_version_id is not None:
        words = "You cannot start from a template, because rules are in force already."
        return Refusal("rules.in_force", words, "Change the files under Rules instead.")
    names = names_of(session, teams.values())
    if unknown := [team for team, person in teams.items() if not _here(session, actor, person)]:
        words = f"The person chosen for {unknown[0]} is not in this company."
        return Refusal("team.stranger", words, "Reload the page and choose another person.", 422)
    change = publication.push(session, actor.company_id, actor, files, title, now, checked)
    if isinstance(change, Refusal):
        return change
    for team, person in teams.items():
        add_to_team(session, company_id=actor.company_id, name=team, person_id=person)
        ensure_team(session, actor.company_id, team).title = titles.get(team, "")
        record_event(
            session,
            company_id=actor.company_id,
            at=now,
            actor=actor,
            act="team.joined",
            body={"say": f"{names[person]} joined the team {team}.", "person": person},
        )
    return change


def _here(session: Session, actor: Actor, person_id: int) -> bool:
    return bool(roles_of(session, actor.company_id or 0, person_id))
