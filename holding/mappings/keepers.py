"""Who keeps the entries of a table: the team that the rules in force name (`kept by TEAM`).

Here: that team with its people, and whether somebody may change an entry. Not here: the permission
that every change of an entry needs as well (`access/actors.py`), the change itself (`fixes.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.access.actors import Actor, may
from holding.access.people import asked_able, in_team, who_may
from holding.db.models import Team
from holding.db.refusal import Refusal
from holding.db.together import Question, answer
from holding.mappings.preview import active_program
from rules.values.cause_keys import UNITS
from rules.values.names import term

ACT: Final = "mapping.fix"


@dataclass(frozen=True, slots=True)
class Keeper:
    """The team that keeps a table, and the names of those in it who may change an entry."""

    table: str
    team_id: int
    team: str
    names: tuple[str, ...]

    @property
    def refusal(self) -> Refusal:
        """What somebody else is told."""
        can = (
            f"{' or '.join(self.names)} can."
            if self.names
            else f"No member of {self.team} can yet."
        )
        return Refusal(
            code="mapping.kept",
            message=f"You cannot change {term(self.table)}, because {self.team} keeps its entries.",
            hint=can,
            status=403,
        )


def named(ruleset: Ruleset) -> dict[str, str]:
    """Table -> the role that keeps it, of those that somebody keeps."""
    tables = [(table.name, table.kept) for table in ruleset.maps]
    tables += [(UNITS, units.kept) for units in ruleset.units[:1]]
    return {name: kept.role for name, kept in tables if kept is not None}


def keeper(session: Session, company_id: int, table: str) -> Keeper | None:
    """Who keeps a table by the rules in force; None: everybody who may change entries at all."""
    judge = active_program(session, company_id)
    role = named(judge.ruleset).get(table) if judge else None
    same = select(Team).where(Team.company_id == company_id, Team.name == role)
    team = session.scalar(same) if role is not None else None
    if team is None:
        return None
    names = who_may(session, company_id, ACT, team_id=team.id)
    return Keeper(table, team.id, team.shown, names)


def refused(
    session: Session,
    actor: Actor,
    tables: Iterable[str],
    *,
    fixers: Sequence[str] | None = None,
) -> Refusal | None:
    """Why somebody may not change entries of these tables: the permission, or another's table.

    `fixers`: who may, where a page has asked for them already.
    """
    if refusal := may(actor, ACT):
        names = answer(session, asked_fixers(actor)) if fixers is None else fixers
        return replace(refusal, hint=f"{' or '.join(names)} can.") if names else refusal
    others = (kept_by_others(session, actor, table) for table in dict.fromkeys(tables))
    return next((one.refusal for one in others if one is not None), None)


def asked_fixers(actor: Actor) -> Question[Sequence[str]]:
    """Who may change entries, asked with other questions; nobody is asked for by who may."""
    found: Mapping[int, str] = {}
    if may(actor, ACT):
        found = yield from asked_able(actor.company_id or 0, ACT)
    return tuple(found.values())


def kept_by_others(session: Session, actor: Actor, table: str) -> Keeper | None:
    """The team that keeps a table, where somebody is not in it."""
    found = keeper(session, actor.company_id or 0, table)
    if found is None or in_team(session, found.team_id, actor.person_id):
        return None
    return found
