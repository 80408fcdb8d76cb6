"""A shadow: a change that judges what the rules in force judge, without effect.

Here: beginning and ending one. Not here: the judging, which a worker does (shadow_turns.py), and
what is shown of one (shown_shadows.py).
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, may
from holding.db.models import Change, Evaluation, Shadow
from holding.db.models.columns import ShadowEnd
from holding.db.refusal import Refusal, plural
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.rulesets.publication import OPEN_STATES
from holding.trials import other_records

MOST_DAYS: Final = 14
MOST_VERDICTS: Final = 20_000
ENDINGS: Final = {
    ShadowEnd.PERSON: "ended by a person",
    ShadowEnd.TIME: "its time was over",
    ShadowEnd.LIMIT: f"it had checked {MOST_VERDICTS:,} times",
    ShadowEnd.CLOSED: "the change does not wait any more",
}


def begin(
    session: Session, change_no: int, actor: Actor, days: int, now: datetime
) -> datetime | Refusal:
    """Let a change that waits judge what comes, for so many days at most; when that ends."""
    refusal = may(actor, "rules.draft")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = locked_company(session, actor.company_id)
    change = session.scalar(
        select(Change).where(Change.company_id == company.id, Change.no == change_no)
    )
    if change is None:
        return Refusal("change.unknown", f"There is no change {change_no}.", status=404)
    if change.state not in OPEN_STATES or change.base_id != company.ruleset_version_id:
        words = f"Change {change_no} does not wait to be published."
        return Refusal("shadow.not_waiting", words, "Only a change that waits can be a shadow.")
    if not 1 <= days <= MOST_DAYS:
        words = f"A shadow lasts from 1 to {MOST_DAYS} days."
        return Refusal("shadow.days", words, "Enter a number of days.", 422)
    if running(session, company.id) is not None:
        words = "Another shadow is running in this company."
        return Refusal("shadow.running", words, "End that one first.")
    last = session.scalar(select(func.coalesce(func.max(Evaluation.id), 0))) or 0
    shadow = Shadow(
        company_id=company.id,
        change_id=change.id,
        person_id=actor.person_id,
        started_at=now,
        until=now + timedelta(days=days),
        since_id=last,
        seen_id=last,
    )
    session.add(shadow)
    session.flush()
    _tell(session, shadow, actor, now, "began", f"began to shadow change {change_no}")
    return shadow.until


def end(
    session: Session, shadow: Shadow, why: ShadowEnd, now: datetime, actor: Actor = SYSTEM
) -> Refusal | None:
    """End it, for this reason; what it found stays."""
    if why is ShadowEnd.PERSON and (refusal := may(actor, "rules.draft")):
        return refusal
    if shadow.ended_at is not None:
        return Refusal("shadow.ended", "The shadow has ended already.")
    shadow.ended_at, shadow.ending = now, why
    session.flush()
    other_records.forget(session, shadow.company_id)
    counted = f"{plural(shadow.judged, 'verdict')}, {plural(shadow.differ, 'differs', 'differ')}"
    _tell(session, shadow, actor, now, "ended", f"ended a shadow: {ENDINGS[why]}; {counted}")
    return None


def running(session: Session, company_id: int) -> Shadow | None:
    """The shadow of a company, if one is running."""
    return session.scalar(
        select(Shadow).where(Shadow.company_id == company_id, Shadow.ended_at.is_(None))
    )


def end_by_hand(
    session: Session, company_id: int, change_id: int, actor: Actor, now: datetime
) -> Refusal | None:
    """End the last shadow of a change."""
    shadow = session.scalar(
        select(Shadow)
        .where(Shadow.company_id == company_id, Shadow.change_id == change_id)
        .order_by(Shadow.id.desc())
        .limit(1)
    )
    if shadow is None:
        return Refusal("shadow.none", "This change was never a shadow.", status=404)
    return end(session, shadow, ShadowEnd.PERSON, now, actor)


def _tell(
    session: Session, shadow: Shadow, actor: Actor, now: datetime, act: str, what: str
) -> None:
    record_event(
        session,
        company_id=shadow.company_id,
        at=now,
        actor=actor,
        act=f"shadow.{act}",
        body={
            "say": f"{actor.name} {what}.",
            "shadow": shadow.id,
            "change_id": shadow.change_id,
            "judged": shadow.judged,
            "differ": shadow.differ,
        },
    )
