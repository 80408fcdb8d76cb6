"""Lines of rule files around a place.

Here: an excerpt of the files an evaluation was judged by. Not here: whole files and their review.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.models import Evaluation, RulesetVersion
from holding.rulesets import files_of

AROUND = 4


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of a rule file; the deciding one is lit."""

    number: int
    text: str
    lit: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """With what an evaluation was made."""

    evaluation_id: int
    ruleset_no: int
    ruleset_hash: str
    ruleset_version_id: int
    at: datetime
    version_id: int
    hash: str


JUDGED = Columns(
    Judged(
        evaluation_id=of(Evaluation.id),
        ruleset_no=of(RulesetVersion.no),
        ruleset_hash=of(RulesetVersion.hash),
        ruleset_version_id=of(RulesetVersion.id),
        at=of(Evaluation.at),
        version_id=of(Evaluation.version_id),
        hash=of(Evaluation.hash),
    ),
    {"ruleset_no": "ruleset_version.no", "ruleset_hash": "ruleset_version.hash"},
)


def judged(session: Session, evaluation_id: int) -> Judged | None:
    """The ruleset version and moment of an evaluation."""
    found = session.execute(
        JUDGED.select()
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.id == evaluation_id)
    )
    return JUDGED.first(found)


def excerpt(session: Session, ruleset_version_id: int, place: str) -> tuple[CodeLine, ...]:
    """The lines around FILE:LINE."""
    path, _, number = place.rpartition(":")
    text = files_of(session, ruleset_version_id).get(path)
    if text is None or not number.isdigit():
        return ()
    lit = int(number)
    lines = text.split("\n")
    first, last = max(1, lit - AROUND), min(len(lines), lit + AROUND)
    return tuple(CodeLine(n, lines[n - 1], n == lit) for n in range(first, last + 1))
