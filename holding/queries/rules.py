"""Lines of rule files around a place.

Here: an excerpt of the files an evaluation was judged by. Not here: whole files and their review.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Evaluation, RulesetVersion
from holding.queries.rows import first
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
    at: object
    version_id: int
    hash: str


def judged(session: Session, evaluation_id: int) -> Judged | None:
    """The ruleset version and moment of an evaluation."""
    row = session.execute(
        select(
            Evaluation.id,
            RulesetVersion.no,
            RulesetVersion.hash,
            RulesetVersion.id,
            Evaluation.at,
            Evaluation.version_id,
            Evaluation.hash,
        )
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.id == evaluation_id)
    ).first()
    return first(Judged, row)


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
