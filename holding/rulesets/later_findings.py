"""What this program says of rules that are in force already, for a later one may be stricter.

Here: the errors that its checker finds in them, and what they will mean otherwise once they are
published again. They go on as they are. Not here: whether new files come into force (admission.py).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.text.editions import Edition, changed_since
from holding.db.models import Company
from holding.rulesets.admission import checked
from holding.rulesets.check_report import MOST, Finding, finding_of
from holding.rulesets.publication import files_of
from holding.rulesets.rulebook import VersionInForce, version_in_force


@dataclass(frozen=True, slots=True)
class Later:
    """What lies between rules in force and their next publishing: `errors` must be repaired,
    `changes` are agreed to with it.
    """

    no: int
    edition: int
    errors: tuple[Finding, ...]
    changes: tuple[str, ...]


def later_findings(session: Session, version: VersionInForce) -> Later:
    """Of the rules in force of a company."""
    files = files_of(session, version.version_id)
    return Later(
        no=version.no,
        edition=version.edition,
        errors=tuple(finding_of(one, files) for one in checked(files).errors[:MOST]),
        changes=changed_since(Edition(version.edition)),
    )


def of_all(session: Session) -> dict[str, Later]:
    """Of every company that has published rules, by its code."""
    companies = session.execute(select(Company.id, Company.code).order_by(Company.code)).all()
    found = {row.code: version_in_force(session, row.id) for row in companies}
    return {code: later_findings(session, one) for code, one in found.items() if one is not None}
