"""Publish a change at a scheduled time, or roll back to an earlier version."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, actor_of, may
from holding.access.people import who_may
from holding.db.models import Change, ChangeFile, RulesetVersion
from holding.db.refusal import Refusal, plural
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.rulesets import admission, recorded_backtests
from holding.rulesets.admission import inspect_without_tests
from holding.rulesets.publication import (
    OPEN_STATES,
    files_of,
    files_of_change,
    lock_publishable,
    publish_change,
)
from holding.rulesets.recorded_backtests import Entering, Published, sealed_rules

LONGEST: Final = timedelta(days=366)


def set_start(
    session: Session, change_no: int, actor: Actor, at: datetime, reason: str, now: datetime
) -> datetime | Refusal:
    """Schedule a change for a future time; this user counts as its publisher."""
    change = lock_publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if not now < at <= now + LONGEST:
        words = "The start is not in the next 12 months."
        return Refusal("change.start", words, "Choose a later time, or publish it now.", 422)
    change.starts_at, change.starts_by_id, change.starts_reason = at, actor.person_id, reason
    session.flush()
    _log_start_time(
        session, change, actor, now, "set", f"to come into force at {at:%Y-%m-%d %H:%M} UTC"
    )
    return at


def _log_start_time(
    session: Session, change: Change, actor: Actor, now: datetime, act: str, what: str
) -> None:
    at = change.starts_at
    record_event(
        session,
        company_id=change.company_id,
        at=now,
        actor=actor,
        act=f"rules.start_{act}",
        body={
            "say": f"{actor.name} had change {change.no} {what}.",
            "change": change.no,
            "starts_at": at.isoformat() if at else None,
            "reason": change.starts_reason,
        },
    )


def drop_start(session: Session, change_no: int, actor: Actor, now: datetime) -> Refusal | None:
    """Remove the start time; the change waits for publication as before."""
    change = lock_publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if change.starts_at is None:
        return Refusal("change.no_start", f"Change {change_no} has no start time.")
    _forget(change)
    session.flush()
    _log_start_time(session, change, actor, now, "dropped", "to wait: its start time was removed")
    return None


def _forget(change: Change) -> None:
    change.starts_at, change.starts_by_id, change.starts_reason = None, None, ""


def due_files(session: Session, now: datetime) -> dict[str, str] | None:
    """Return the files of the change that `publish_started` would publish, or None.

    Checking them before that transaction keeps its locks short.
    """
    change = _due(session, now)
    if change is None:
        return None
    return files_of_change(session, change.id)


def _due(session: Session, now: datetime) -> Change | None:
    return session.scalar(
        select(Change)
        .where(Change.starts_at.is_not(None), Change.starts_at <= now)
        .where(Change.state.in_(OPEN_STATES))
        .order_by(Change.starts_at, Change.id)
        .limit(1)
    )


def publish_started(session: Session, now: datetime) -> Published | Refusal | None:
    """Publish the change whose start time passed first, or return None.

    The user who set the time is the publisher, if still permitted. A change that cannot be
    published loses its start time, with an event.
    """
    change = _due(session, now)
    if change is None:
        return None
    lock_company(session, change.company_id)
    session.refresh(change)  # whoever had the lock may have taken the time back
    if change.state not in OPEN_STATES or change.starts_at is None or change.starts_at > now:
        return None
    actor = actor_of(session, change.starts_by_id or 0, change.company_id, via=SYSTEM.via)
    answer: Published | Refusal = Refusal(
        "change.nobody", "Whoever set the time is not in this company any more."
    )
    if actor is not None:
        answer = publish_change(session, change.no, actor, now, change.starts_reason)
    _forget(change)
    session.flush()
    if isinstance(answer, Refusal):
        _log_start_time(
            session, change, SYSTEM, now, "missed", f"not to come into force: {answer.message}"
        )
    return answer


def go_back(
    session: Session,
    to_no: int,
    actor: Actor,
    now: datetime,
    *,
    from_no: int | None,
    reason: str,
) -> Published | Refusal:
    """Publish the rules of an earlier version again.

    `from_no` is the version the user saw as current; if it is not, nothing changes.
    """
    refusal = may(actor, "rules.publish")
    company_id = actor.company_id
    if refusal or company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = lock_company(session, company_id)
    earlier_version = _version(session, company_id, to_no)
    in_force = session.get(RulesetVersion, company.ruleset_version_id or 0)
    if earlier_version is None or in_force is None:
        return Refusal("version.unknown", f"There is no rule version {to_no}.", status=404)
    if in_force.no != from_no or earlier_version.hash == in_force.hash:
        words = f"Rule version {in_force.no} is in force now; nothing was changed."
        return Refusal("version.moved", words, "Look at the list of versions again.")
    if refusal := _own(session, company_id, earlier_version, actor):
        return refusal
    files = files_of(session, earlier_version.id)
    inspection = inspect_without_tests(files)
    if inspection.unread:
        words = f"This version of Clearpost cannot read rule version {to_no} any more."
        return Refusal("version.unreadable", words, "Send a change with its files instead.")
    if wrong := admission.refused_rules(session, company_id, inspection.ruleset):
        return wrong
    published = recorded_backtests.publish_version(
        session,
        Entering(
            company_id=company_id,
            what=f"back to rule version {to_no}",
            reason=reason,
            files=files,
            ruleset=inspection.ruleset,
            rows=inspection.rows,
            hash=earlier_version.hash,
            change_id=earlier_version.change_id,
            author_id=earlier_version.author_id,
        ),
        actor,
        now,
    )
    _log_rollback(session, company_id, published, actor, now, rollback=(from_no, to_no, reason))
    return published


def _version(session: Session, company_id: int, no: int) -> RulesetVersion | None:
    of_company = RulesetVersion.company_id == company_id
    return session.scalar(select(RulesetVersion).where(of_company, RulesetVersion.no == no))


def _own(
    session: Session, company_id: int, version: RulesetVersion, actor: Actor
) -> Refusal | None:
    """Refuse users who wrote these rules, even in an earlier version."""
    wrote: Sequence[int | None] = session.scalars(
        select(ChangeFile.person_id).where(ChangeFile.change_id == version.change_id)
    ).all()
    authors = {person for person in (version.author_id, *wrote) if person is not None}
    if actor.person_id not in authors:
        return None
    others = who_may(session, company_id, "rules.publish", but=authors)
    return Refusal(
        "rules.own",
        f"You cannot go back to rule version {version.no}, because you wrote it.",
        f"{' or '.join(others)} can." if others else "Invite a second person as Publisher.",
        403,
    )


def _log_rollback(
    session: Session,
    company_id: int,
    published: Published,
    actor: Actor,
    now: datetime,
    *,
    rollback: tuple[int | None, int, str],
) -> None:
    from_no, to_no, reason = rollback
    say = (
        f"{actor.name} went back from rule version {from_no} to rule version {to_no}, as"
        f" version {published.no} (hash {published.hash[:12]}):"
        f" {plural(published.woken, 'record')} checked again."
    )
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.rolled_back",
        body={
            "say": f"{say} Reason: {reason or 'none given'}",
            "from": from_no,
            "to": to_no,
            "version": published.no,
            "hash": published.hash,
            "revision": published.revision,
            "reason": reason,
            **sealed_rules(session, company_id, published),
        },
    )
