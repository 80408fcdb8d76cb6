"""The trace of a record: seven answers, the timeline, the lineage and the verdicts.

Here: the doors that pages and the command line use. Not here: how each is told (`tracing/`).
Everything comes from stored rows; nothing is asked of a target.
"""

from sqlalchemy.orm import Session

from holding.models import Record
from holding.tracing.answers import Answer, answers
from holding.tracing.case import Case, Proof, decided_by, load
from holding.tracing.changes import differences
from holding.tracing.timeline import Step, timeline
from holding.tracing.verdicts import LineageRow, UsedEntry, VerdictRow, lineage, verdicts
from holding.worlds import program

__all__ = [
    "Answer",
    "Case",
    "LineageRow",
    "Proof",
    "Step",
    "UsedEntry",
    "VerdictRow",
    "deciding_evaluation",
    "differences",
    "lineage",
    "seven",
    "timeline",
    "verdicts",
]


def seven(session: Session, record_id: int, posting_id: int | None = None) -> tuple[Answer, ...]:
    """The seven questions about a record, or about one of its postings; none = no such record."""
    case = load(session, record_id, posting_id)
    if case is None:
        return ()
    ruleset = program(session, case.rules.id).ruleset if case.rules else None
    return answers(case, ruleset)


def deciding_evaluation(
    session: Session, record_id: int, posting_id: int | None = None
) -> int | None:
    """The evaluation whose document was sent; of what was not sent, the newest."""
    record = session.get(Record, record_id)
    evaluation = decided_by(session, record, posting_id) if record else None
    return evaluation.id if evaluation else None
