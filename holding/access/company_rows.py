"""The company of an address or a command: by its code, with the rules that are in force.

Here: one row, and which codes there are. Not here: who is in it (people.py), several companies of
one person side by side (holding/worklist/own_companies.py), setting one up (holding/onboarding).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Company, RulesetVersion
from holding.db.together import KEPT


def codes(session: Session, most: int) -> tuple[str, ...]:
    """The codes of the companies of this installation, the first so many."""
    return tuple(session.scalars(select(Company.code).order_by(Company.code).limit(most)))


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """The company of a page."""

    id: int
    code: str
    name: str
    zone: str
    currency: str
    revision: int
    ruleset_no: int | None
    ruleset_version_id: int | None
    live: bool
    ages_from: datetime | None
    needs_second_factor: bool


def company(session: Session, code: str) -> CompanyRow | None:
    """The company with this code; its rules in force are loaded with it, for most pages ask."""
    of_rules = RulesetVersion.id == Company.ruleset_version_id
    query = select(Company, RulesetVersion).outerjoin(RulesetVersion, of_rules)
    row = session.execute(query.where(Company.code == code), execution_options=KEPT).first()
    if row is None:
        return None
    found, rules = row.Company, row.RulesetVersion
    return CompanyRow(
        id=found.id,
        code=found.code,
        name=found.name,
        zone=found.zone,
        currency=found.currency,
        revision=found.revision,
        ruleset_no=rules.no if rules else None,
        ruleset_version_id=found.ruleset_version_id,
        live=found.live,
        ages_from=found.ages_from,
        needs_second_factor=found.needs_second_factor,
    )
