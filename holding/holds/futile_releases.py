"""Find releases of a check after which the proof of the amounts would hold the document at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Evaluation, Hold, Posting
from holding.db.refusal import Refusal
from holding.programs.replay import replay_all_released
from rules.outcomes import Finding, Outcome

PROOFS: Final = frozenset({"RND02", "RND06"})
"""Findings about what the accounting system makes of the lines: no release covers more than
rounding, as the document would come to another total there.
"""

CHECKED: Final = "CHK01"

HINT: Final = "Correct the wrong amount here, or enter it manually and reject it here."


def refuse_futile_releases(session: Session, holds: Iterable[Hold]) -> dict[int, Refusal]:
    """Return hold id -> refusal for each hold whose release would only lead to the next hold."""
    return {
        hold_id: Refusal(
            code="hold.release_futile",
            message=f"A release would not post it: {proof.message}",
            hint=HINT,
        )
        for hold_id, proof in find_proofs(session, holds).items()
    }


def find_proof(session: Session, hold_id: int) -> Finding | None:
    """Return the finding on amounts that would hold the document again after the hold's release.

    None if no such finding is known.
    """
    return find_proofs(session, [session.get_one(Hold, hold_id)]).get(hold_id)


def find_proofs(session: Session, holds: Iterable[Hold]) -> dict[int, Finding]:
    """Return hold id -> the finding on amounts that would hold the document again.

    It is computed as if every hold that people can release were released. Holds without such a
    finding are left out.
    """
    checked = [hold for hold in holds if hold.code == CHECKED and hold.clears.by_people]
    evaluation_ids = _evaluation_ids(session, checked)
    outcomes = replay_all_released(session, set(evaluation_ids.values())) if checked else {}
    proofs = {
        evaluation_id: _new_proof(*outcome_pair) for evaluation_id, outcome_pair in outcomes.items()
    }
    return {
        hold.id: proof for hold in checked if (proof := proofs.get(evaluation_ids.get(hold.id, 0)))
    }


def _evaluation_ids(session: Session, holds: Sequence[Hold]) -> Mapping[int, int]:
    """Return by hold id the evaluation that explains it: the posting's or the record's last one."""
    postings = sorted({hold.posting_id for hold in holds if hold.posting_id})
    records = sorted({hold.record_id for hold in holds if not hold.posting_id})
    of_postings = dict[int, int]()
    if postings:
        query = select(Posting.id, Posting.evaluation_id).where(bulk.among(Posting.id, postings))
        of_postings = {row.id: row.evaluation_id for row in session.execute(query)}
    of_records = dict[int, int]()
    if records:
        last = select(Evaluation.record_id, func.max(Evaluation.id).label("last"))
        last = last.where(bulk.among(Evaluation.record_id, records)).group_by(Evaluation.record_id)
        of_records = {row.record_id: row.last for row in session.execute(last)}
    evaluation_by_hold = {
        hold.id: of_postings.get(hold.posting_id or 0) or of_records.get(hold.record_id)
        for hold in holds
    }
    return {
        hold_id: evaluation_id
        for hold_id, evaluation_id in evaluation_by_hold.items()
        if evaluation_id
    }


def _new_proof(before: Outcome, after: Outcome) -> Finding | None:
    """Return a finding on amounts that appears only after everything else is released, or None."""
    earlier_proofs = set(_proofs(before))
    return next((proof for proof in _proofs(after) if proof not in earlier_proofs), None)


def _proofs(outcome: Outcome) -> list[Finding]:
    """Return the outcome's findings on amounts that hold a document and cannot be released."""
    return [
        finding
        for decision in outcome.decisions
        for finding in decision.findings
        if finding.code in PROOFS and finding.severity == "hold" and not finding.clears.by_people
    ]
