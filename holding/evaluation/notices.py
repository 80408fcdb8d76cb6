"""The events of a judging: one sentence for its result, one for each approval that became void.

Here: the sentences, and the approvals that a judging leaves in force, as plain values. Not here:
writing them (holding/audit/events.py), the words of an approval that became void
(holding/approvals/voiding.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from holding.approvals.consent import StandingApproval, counting
from holding.approvals.makers import excluded
from holding.approvals.voiding import LetStand, changed_fact
from holding.audit.events import Fact
from holding.evaluation.batch import Batch
from holding.evaluation.plan_parts import Plan, Planned
from holding.lifecycle.stored_postings import PostingRow
from holding.tables.postings import UNSENT_STATES
from holding.tables.row_states import RecordState
from rules.decisions.posting_steps import READY
from rules.outcomes.outcome import Outcome
from rules.values.posting_states import PostingState


def let_stand(plans: Iterable[Plan]) -> list[LetStand]:
    """The approvals of exactly what is planned and not sent yet, with who is named as the maker of
    each document, as it was judged just now.
    """
    return [
        LetStand(
            approval=one,
            record_id=plan.case.record_id,
            number=row.number,
            named=_named(plan.judged.outcome, row.route),
        )
        for plan in plans
        for one, row in _standing(plan)
    ]


def _standing(plan: Plan) -> Iterator[tuple[StandingApproval, PostingRow]]:
    """The approvals with their postings, in the order in which they were given."""
    rows = {row.id: row for row in plan.case.postings}
    planned = {one.id: one.hash for one in plan.postings if one.state in UNSENT_STATES}
    planned |= {o.id: o.hash for o in plan.acting if o.hash != rows[o.id].standing_hash}
    for one in plan.case.approvals:
        if counting([one], one.posting_id, planned.get(one.posting_id, "")):
            yield one, rows[one.posting_id]


def _named(outcome: Outcome | None, route: str) -> frozenset[str]:
    """The makers whom the rules exclude; nobody where there is no outcome."""
    return frozenset(excluded(outcome, route)) if outcome is not None else frozenset()


SAID = {
    "ready": "is ready to post",
    "waiting": "is waiting",
    "held": "is on hold",
    "failed": "stays rejected",
    "ignored": "is not posted",
    "dropped": "is cancelled before posting",
}


def facts_of(
    batch: Batch, plan: Plan, posting_ids: Mapping[tuple[int, str, int], int], now: datetime
) -> list[Fact]:
    """What happened to one record, if anything did."""
    record_id = plan.case.record_id
    facts = [changed_fact(batch.company_id, record_id, one, now) for one in plan.voided]
    if not _changed(plan):
        return facts
    single = plan.postings[0] if len(plan.postings) == 1 else None
    posting_id = posting_ids.get((record_id, single.route, single.seq)) if single else None
    body = {
        "say": _say(plan),
        "version": plan.case.subject.version,
        "revision": batch.revision,
        "state": plan.state,
        "held": sorted(str(one.cause_key) for one in plan.wanted.values()),
        "cleared": sorted(str(closed.hold.cause_key) for closed in plan.closed),
    }
    facts.append(
        Fact(
            company_id=batch.company_id,
            at=now,
            act="record.judged",
            record_id=record_id,
            posting_id=posting_id,
            fence=plan.case.claimed.fence,
            body=body,
        )
    )
    return facts


def _changed(plan: Plan) -> bool:
    """Whether a person would see a difference."""
    opened = set(plan.wanted) - {hold.key for hold in plan.kept}
    moved = any(one.before != one.state for one in plan.postings)
    return bool(opened or plan.closed or plan.silenced or moved or plan.state != plan.case.state)


def _say(plan: Plan) -> str:
    no = plan.case.subject.version
    if plan.judged.outcome is None:
        return f"Version {no} could not be checked: {plan.judged.error}"
    if not plan.postings and not plan.wanted:
        return f"Version {no} checked: {_nothing(plan)}"
    parts = [_posting(one) for one in plan.postings]
    said = {"", *(one.reason for one in plan.postings)}  # behind its document, once is enough
    reasons = [one.message for one in plan.wanted.values() if one.message not in said]
    if reasons:
        parts.append(" ".join(reasons))
    return f"Version {no} checked: {'; '.join(parts)}"


def _nothing(plan: Plan) -> str:
    if plan.case.postings:
        return f"{plan.case.postings[-1].number} stands as it is."
    if plan.state == RecordState.REFERENCE:
        return "no rule posts records of this kind, so it is for reference."
    return "no posting rule applies, so it waits."


def _posting(one: Planned) -> str:
    number, why = one.number or one.route, one.reason
    if one.state == PostingState.WAITING and why:
        return f"{number} {why}"
    if why in ("", READY):
        return f"{number} {SAID[one.state]}"
    return f"{number} {SAID[one.state]} ({why})"
