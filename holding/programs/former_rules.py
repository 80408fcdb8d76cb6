"""What the rules that posted a document say of its record now, where its route is in force no more.

Here: posted documents that their former rules would not leave as they are, and the rules that a
document was posted by. Not here: the hold that tells a person (holding/evaluation/plan.py), the
fields that differ (posted_differences.py).

The rules in force know nothing of such a document: they answer neither an edit nor a cancellation
of it. The rules that it was posted by still can, and are only asked: nothing is changed or made
void by rules that are not in force.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Evaluation, Posting, Push
from holding.programs.world import Programs, UnreadableRulesError
from rules.decisions.record import Asked
from rules.decisions.verdict import DOES
from rules.outcomes.outcome import PASS, STOPS, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A posted document that its former rules would not leave as it is, and why."""

    route: str
    seq: int
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int
    owner: str
    reason: str


def left_behind(
    session: Session, asked: Mapping[int, Asked], programs: Programs
) -> dict[int, list[LeftBehind]]:
    """Record -> its documents that somebody has to look at. `asked`: by the id of each document
    whose route is in force no more, its record as it is now.
    """
    found: dict[int, list[LeftBehind]] = defaultdict(list)
    for row in session.execute(_BY, {"ids": sorted(asked)}) if asked else ():
        try:
            judge = programs(session, row.ruleset_version_id)
        except UnreadableRulesError:
            continue
        (outcome,) = judge.decisions([asked[row.id]])
        told = _against(outcome, row.route) if isinstance(outcome, Outcome) else None
        if told is not None:
            reason, owner = told
            found[row.record_id].append(
                LeftBehind(
                    route=row.route,
                    seq=row.seq,
                    number=row.number,
                    doc_type=row.doc_type,
                    doc_date=row.doc_date,
                    connection_id=row.connection_id,
                    owner=owner,
                    reason=reason,
                )
            )
    return dict(found)


def _against(outcome: Outcome, route: str) -> tuple[str, str] | None:
    """Why these rules would not leave the document as it is, and whom they would ask; None where
    they would.
    """
    decision = next((one for one in outcome.decisions if one.route == route), None)
    if decision is None:
        return None
    stops = [one for one in decision.findings if one.severity in STOPS]
    if not stops and all(step.action not in DOES for step in decision.plan):
        return None
    said = [one.text for one in outcome.verdicts if _is_change(one, route)]
    reason = said[0] if said else decision.reason
    return reason, stops[0].owner if stops else ""


def _is_change(verdict: Verdict, route: str) -> bool:
    changed = verdict.kind == "change" and verdict.result != PASS
    return changed and verdict.route == route and bool(verdict.text)


def posted_by(session: Session, record_id: int, route: str) -> int | None:
    """The version of the rules that made what is posted of a route, the last of them."""
    given = {"record": record_id, "route": route}
    return session.scalar(_POSTED_BY, given)


_BY = (
    select(
        Posting.id,
        Posting.record_id,
        Posting.route,
        Posting.seq,
        Posting.number,
        Posting.doc_type,
        Posting.doc_date,
        Posting.connection_id,
        Evaluation.ruleset_version_id,
    )
    .join(Push, Push.id == Posting.posted_push_id)
    .join(Evaluation, Evaluation.id == Push.evaluation_id)
    .where(bulk.among_given(Posting.id, "ids"))
    .order_by(Posting.id)
)
_POSTED_BY = (
    select(Evaluation.ruleset_version_id)
    .join(Push, Push.evaluation_id == Evaluation.id)
    .join(Posting, Posting.posted_push_id == Push.id)
    .where(Posting.record_id == bindparam("record"), Posting.route == bindparam("route"))
    .order_by(Posting.id.desc())
    .limit(1)
)
