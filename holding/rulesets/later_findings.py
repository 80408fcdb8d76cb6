"""What this program says of rules that are in force already, for a later one may be stricter.

Here: the errors that its checker finds in them, and what they will mean otherwise once they are
published again. They go on as they are. Not here: whether new files come into force (admission.py).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.text.editions import Edition, changed_since
from holding.rulesets.admission import checked
from holding.rulesets.check_report import MOST, Finding, finding_of
from holding.rulesets.publication import files_of
from holding.tables import Company, RulesetVersion


@dataclass(frozen=True, slots=True)
class Later:
    """What stands between rules in force and their next publishing: `errors` must be repaired,
    `changes` are agreed to with it.
    """

    code: str
    no: int
    edition: int
    errors: tuple[Finding, ...]
    changes: tuple[str, ...]


def later_findings(session: Session, company_id: int) -> Later | None:
    """Of the rules in force of a company; None where nothing is published."""
    query = (
        select(RulesetVersion.id, RulesetVersion.no, RulesetVersion.edition, Company.code)
        .join(Company, Company.ruleset_version_id == RulesetVersion.id)
        .where(Company.id == company_id)
    )
    version = session.execute(query).one_or_none()
    if version is None:
        return None
    files = files_of(session, version.id)
    return Later(
        code=version.code,
        no=version.no,
        edition=version.edition,
        errors=tuple(finding_of(one, files) for one in checked(files).errors[:MOST]),
        changes=changed_since(Edition(version.edition)),
    )


def of_all(session: Session) -> tuple[Later, ...]:
    """Of every company that has published rules."""
    ids = session.scalars(select(Company.id).order_by(Company.code))
    return tuple(one for one in (later_findings(session, no) for no in ids) if one is not None)
