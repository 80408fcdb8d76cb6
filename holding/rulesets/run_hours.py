"""The hours of daily runs, picked on a page: a draft of the rules in force with other hours.

Here: the draft with its title, and the changes of this kind that wait to be published. Not here:
how the files change (rules/editing/daily_hours.py), the runs (holding/runs/schedules.py), and
whether a draft comes into force: it is pushed and published as every change of the rules is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from grammar.parsing.parser import parse
from holding.access.people import names_of, who_may
from holding.db.models import Change, Company
from holding.db.refusal import Refusal
from holding.rulesets.admission import rule_sources
from holding.rulesets.publication import OPEN_STATES, files_of
from rules.editing.daily_hours import daily_routes, retimed
from rules.programs.program import hash_of

SAME = Refusal(
    "hours.same",
    "You cannot submit these hours, because the rules say the same already.",
    "Enter another hour.",
    422,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """Rule files with other hours; `title` names the target, its documents and their hours."""

    title: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """A change of hours that is not published: its number, title, author, and who can publish."""

    no: int
    title: str
    author: str
    publishers: tuple[str, ...]


def draft(
    session: Session, company_id: int, target: str, connector: str, hours: Mapping[str, time]
) -> Draft | Refusal:
    """The rules in force with these hours (document type -> hour) for the target of this name.

    Refused where nothing would change, and where a change that waits says the same.
    """
    version = session.get_one(Company, company_id).ruleset_version_id
    files = files_of(session, version) if version is not None else {}
    ruleset, _ = parse(rule_sources(files))
    wanted = {}
    for route, at in daily_routes(ruleset).items():
        word, _, doc_type = route.partition(".")
        if word in (target, connector) and hours.get(doc_type, at) != at:
            wanted[route] = hours[doc_type]
    if not wanted:
        return SAME
    changed = retimed(ruleset, files, wanted)
    digest = hash_of(changed)
    if (
        known := session.scalar(_open(company_id, version).where(Change.hash == digest))
    ) is not None:
        return Refusal(
            "hours.waiting",
            f"You cannot submit these hours again, because change {known.no} has them already.",
            f"Publish change {known.no}.",
        )
    told = (f"{_plain(route)} at {at:%H:%M}" for route, at in sorted(wanted.items()))
    return Draft(f"{_prefix(target)}{', '.join(told)}", changed)


def waiting(session: Session, company_id: int, target: str) -> tuple[WaitingChange, ...]:
    """The changes of hours of this target that can still be published, the oldest first."""
    version = session.get_one(Company, company_id).ruleset_version_id
    mine = Change.title.startswith(_prefix(target), autoescape=True)
    found = session.scalars(_open(company_id, version).where(mine).order_by(Change.no)).all()
    names = names_of(session, [one.author_id for one in found])
    return tuple(
        WaitingChange(
            one.no,
            one.title,
            names.get(one.author_id or 0, ""),
            who_may(session, company_id, "rules.publish", but={one.author_id or 0}),
        )
        for one in found
    )


def _open(company_id: int, version: int | None) -> Select[Change]:
    return select(Change).where(
        Change.company_id == company_id, Change.state.in_(OPEN_STATES), Change.base_id == version
    )


def _prefix(target: str) -> str:
    return f"Daily runs of {target}: "


def _plain(route: str) -> str:
    return route.partition(".")[2].replace("_", " ")
