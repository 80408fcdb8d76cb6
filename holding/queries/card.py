"""The first tab of a record: the checks before entry and the seven answers, from one loading.

Here: putting both together. Not here: the checks (preentry.py), the answers (holding/tracing).
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from holding.queries.preentry import Check, Schema, checks
from holding.tracing.answers import Answer, answers
from holding.tracing.case import load
from holding.worlds import program
from rules.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Card:
    """What the first tab shows; `told` is what the rules only warn of."""

    checks: tuple[Check, ...] = ()
    answers: tuple[Answer, ...] = ()
    told: tuple[str, ...] = ()


def card(session: Session, record_id: int, posting_id: int | None, schema: Schema | None) -> Card:
    """The card of a record, about one of its postings."""
    case = load(session, record_id, posting_id)
    if case is None:
        return Card()
    ruleset = program(session, case.rules.id).ruleset if case.rules else None
    strip = checks(case.outcome, case.route, schema, case.files) if case.outcome and schema else ()
    return Card(strip, answers(case, ruleset), _told(case.outcome))


def _told(outcome: Outcome | None) -> tuple[str, ...]:
    decisions = outcome.decisions if outcome else ()
    found = (f.message for d in decisions for f in d.findings if f.severity == "warn")
    return tuple(dict.fromkeys(found))
