"""The events of a judging: one sentence for what came out, one for each approval that fell.

Here: words. Not here: writing them (holding/events.py).
"""

from collections.abc import Mapping
from datetime import datetime

from holding.events import Fact
from holding.judging.batch import Batch
from holding.judging.planned import Plan, Planned
from rules.plans import READY

SAID = {
    "ready": "ready to be sent",
    "waiting": "waits",
    "held": "held",
    "failed": "stays refused",
    "ignored": "is ignored",
    "dropped": "is dropped",
}


def facts_of(
    batch: Batch, plan: Plan, posting_ids: Mapping[tuple[int, str, int], int], now: datetime
) -> list[Fact]:
    """What happened to one record, if anything did."""
    record_id = plan.case.record_id
    facts = [
        Fact(
            company_id=batch.company_id,
            at=now,
            act="approval.voided",
            record_id=record_id,
            posting_id=one.approval.posting_id,
            body={
                "say": f"The approval of {one.number} by {one.approval.person} is void:"
                f" changed {', '.join(one.fields)}.",
                "fields": list(one.fields),
            },
        )
        for one in plan.voided
    ]
    if not _changed(plan):
        return facts
    single = plan.postings[0] if len(plan.postings) == 1 else None
    posting_id = posting_ids.get((record_id, single.route, single.seq)) if single else None
    body = {
        "say": _say(plan),
        "version": plan.case.subject.version,
        "revision": batch.revision,
        "state": plan.state,
        "held": sorted(key[3] for key in plan.wanted),
        "cleared": sorted(closed.hold.cause_key for closed in plan.closed),
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
        return f"Version {no} could not be judged: {plan.judged.error}"
    if not plan.postings and not plan.wanted:
        return f"Version {no} judged: {_nothing(plan)}"
    parts = [_posting(one) for one in plan.postings]
    reasons = [wanted.message for wanted in plan.wanted.values() if wanted.message]
    if reasons:
        parts.append(" ".join(reasons))
    return f"Version {no} judged: {'; '.join(parts)}"


def _nothing(plan: Plan) -> str:
    if plan.case.postings:
        return f"{plan.case.postings[-1].number} stands as it is."
    return "no route applies, so it waits."


def _posting(one: Planned) -> str:
    if one.reason.startswith(f"{SAID['waiting']} "):
        return f"{one.number or one.route} {one.reason}"
    said = f"{one.number or one.route} {SAID[one.state]}"
    return f"{said} ({one.reason})" if one.reason not in ("", READY) else said
