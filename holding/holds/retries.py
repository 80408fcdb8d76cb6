"""Retry held records after something outside the record changed, and set answer deadlines."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract.errors import ERROR_CLASSES, RETRY, RetryWay, class_label
from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.access.actors import Actor, may
from holding.connections import channel
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import (
    Cause,
    Company,
    Connection,
    Evaluation,
    Hold,
    Retry,
    RulesetVersion,
    Snapshot,
    Version,
)
from holding.db.models.columns import HoldState
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.holds import holds as acceptance
from holding.holds import notes
from holding.holds.holds import Desk, Done, Each, Left, ViewedDesk, apply_to_one_hold, done_with
from holding.platform.changes import lock_company, wake_records
from holding.platform.events import Fact, record_event, record_events
from holding.platform.states import (
    CREDITED_CHANGED,
    INACTIVE,
    LOOKUP_REFUSED,
    OTHER_CURRENCY,
    WITHDRAWN,
    close_holds,
    settle_closed,
)
from rules.outcomes import NEEDS_APPROVAL
from rules.values.wording import clears_when

RETRY_ACT: Final = "hold.retry"

SUPERVISOR: Final = "posting.approve"  # whoever may release may also try a second time

UNLISTED: Final = "LST01"
"""The code of a hold for a code that the target does not list."""

_A_PERSON_KNOWS: Final = frozenset(
    {CREDITED_CHANGED, INACTIVE, OTHER_CURRENCY, LOOKUP_REFUSED, WITHDRAWN}
)
"""Codes where the change happened outside: a party is active again or was given its currency, which
the target confirms first, nothing of a withdrawn file is in the target, or the target answers the
lookup again or has the credited document again, which is looked at first.
"""

LONGEST_PAUSE: Final = timedelta(seconds=RETRY["temporary"].pauses[1])


@dataclass(frozen=True, slots=True)
class _Judged:
    """The record's last evaluation."""

    record_id: int
    at: datetime
    version_id: int
    version: int


_JUDGED = Columns(
    _Judged(
        record_id=of(Evaluation.record_id),
        at=of(Evaluation.at),
        version_id=of(Evaluation.version_id),
        version=of(Version.no),
    ),
    {"version": "version.no"},
)

OVERRIDE_ACT: Final = "retry.override"

WAITS_FOR_A_CHANGE: Final = frozenset({"retry.unchanged", "retry.early"})

ANSWER_HOURS: Final = "answer_hours"  # key of company.settings: class -> hours

USUAL_HOURS: Final = 24

LONGEST_HOURS: Final = 31 * 24


def retry(
    session: Session,
    actor: Actor,
    hold_id: int,
    now: datetime,
    op: str | None = None,
    *,
    opened: bool = False,
) -> Done | Refusal:
    """Evaluate a held record and send a refused document again. Refused while nothing has changed.

    With `opened`, the user must have opened the message first.
    """

    def ask() -> Each | Refusal:
        return retry_each(session, actor, [hold_id], now, op, opened=opened)

    return apply_to_one_hold(session, actor, now, op, ("retry", hold_id), ask)


def retry_each(
    session: Session,
    actor: Actor,
    hold_ids: Iterable[int],
    now: datetime,
    op: str | None = None,
    *,
    opened: bool = False,
) -> Each | Refusal:
    """Retry several holds; each has its own result.

    For several holds of one cause the user must have opened one message.
    """
    refusal = may(actor, RETRY_ACT)
    if refusal:
        return refusal
    desk = Desk(session, actor, hold_ids)
    looked = Looked(desk, now)
    unread_causes = _unread_causes(desk) if opened else frozenset()

    good, left = desk.each(lambda hold: _retry_refusal(desk, hold, looked, unread_causes))
    _tell_refused(desk, left, now)
    retried = [done_with(hold, f"{actor.name} had {hold.number} tried again.") for hold in good]
    try_again(desk, good, retried, "hold.retried", now, op)
    return Each(tuple(retried), tuple(left))


def _unread_causes(desk: Desk) -> frozenset[int]:
    """Return the causes of the desk's holds for which this user has opened no message."""
    holds = list(desk.holds.values())
    if len(holds) == 1 and notes.unread_holds(desk.session, desk.actor, holds):
        return frozenset({holds[0].cause_id})  # one alone: its own message
    opened = notes.opened_causes(desk.session, desk.actor, holds)
    return frozenset(hold.cause_id for hold in holds) - opened


@dataclass(frozen=True, slots=True)
class RetryOffer:
    """A retry as a page offers it.

    `refusal`: why it cannot be retried now, or None. `at`: the earliest time, or blank.
    """

    refusal: Refusal | None = None
    at: str = ""


def retry_offer(session: Session, actor: Actor, hold_id: int, now: datetime) -> RetryOffer:
    """Return whether this user can retry an open hold now, as `retry` would decide."""
    return retry_offers(session, actor, [hold_id], now).get(hold_id, RetryOffer(None))


def retry_offers(
    session: Session,
    actor: Actor,
    hold_ids: Collection[int],
    now: datetime,
    *,
    opened: bool = False,
) -> Mapping[int, RetryOffer]:
    """Return for each open hold whether this user can retry it now, as `retry_each` would decide.

    With `opened`, the user must have opened a message of its cause.
    """
    refusal = may(actor, RETRY_ACT)
    if refusal is not None:
        return dict.fromkeys(hold_ids, RetryOffer(refusal))
    desk = ViewedDesk(session, actor, hold_ids)
    looked = Looked(desk, now)
    unread_causes = _unread_causes(desk) if opened else frozenset()
    return {hold.id: _offer(desk, hold, looked, unread_causes) for hold in desk.holds.values()}


class Looked:
    """The state in which each hold was opened, and what has changed since."""

    def __init__(self, desk: Desk, now: datetime) -> None:
        self.desk, self.now = desk, now
        session = desk.session
        company = session.get_one(Company, desk.company_id)
        self.zone = ZoneInfo(company.zone)
        rules = session.get(RulesetVersion, company.ruleset_version_id or 0)
        self.rules = rules.no if rules else 0
        self.rules_revision = rules.revision if rules else 0
        holds = list(desk.holds.values())
        self.causes = _by_id(session, Cause, {hold.cause_id for hold in holds})
        self.judged = _judged(session, {hold.record_id for hold in holds})
        self.told = _snapshots(session, {hold.connection_id or 0 for hold in holds})
        self.tried = _tried(session, desk)

    def refusal(self, hold: Hold) -> Refusal | None:
        """Return why a retry cannot help, if it cannot."""
        posting = self.desk.postings.get(hold.posting_id or 0)
        if hold.code == NEEDS_APPROVAL:
            words = "You cannot retry this document, because it is waiting for approval."
            return Refusal("retry.approval", words)
        if posting is not None and posting.state in IN_FLIGHT_STATES:
            return Refusal(
                code="retry.in_flight",
                message=f"{posting.number} is being sent: its result is looked up automatically.",
                hint=RETRY["uncertain"].action,
            )
        advice = RETRY[hold.error_class]
        if hold.of_push and advice.retry == RetryWay.NEVER:
            return Refusal("retry.decide", f"Retrying will not help. {advice.cause}", advice.action)
        if hold.code in _A_PERSON_KNOWS or self._changed(hold):
            return None
        if hold.error_class == "temporary":
            return self._early(hold)
        return self._unchanged(hold)

    def _changed(self, hold: Hold) -> bool:
        record, judged = self.desk.records[hold.record_id], self.judged.get(hold.record_id)
        woken = record.due_at is not None and record.due_at <= self.now
        version = judged is None or record.version_id != judged.version_id
        moved = self.causes[hold.cause_id].changed_revision > hold.revision
        rules = self.rules_revision > hold.revision
        _, told = self.told.get(hold.connection_id or 0, ("", 0))
        return woken or version or moved or rules or told > hold.revision

    def _early(self, hold: Hold) -> Refusal | None:
        """Refuse a retry of a temporary error before its longest pause is over."""
        if self.now >= hold.opened_at + LONGEST_PAUSE:
            return None
        return Refusal(
            code="retry.early",
            message=f"Nothing changed since {self._clock(hold.opened_at)}: {hold.message}",
            hint=f"It can be tried again at {self.retry_time(hold)}, or when the connection was"
            " tested.",
        )

    def retry_time(self, hold: Hold) -> str:
        """Return from when a temporary error may be retried, in the company's zone."""
        return self._clock(hold.opened_at + LONGEST_PAUSE)

    def _unchanged(self, hold: Hold) -> Refusal:
        judged = self.judged[hold.record_id]
        since = max(judged.at, hold.opened_at)
        same = [f"version {judged.version} of the record", f"rule version {self.rules}"]
        if (key := self.causes[hold.cause_id]).table_name:
            same.insert(0, f"{key.key.table} “{key.key.entry}” (still missing)")
        name, _ = self.told.get(hold.connection_id or 0, ("", 0))
        same += [f"what is known of {name}"] if name else []
        *others, t_last = same
        unchanged_parts = f"{', '.join(others)} and {t_last} are as they were."
        return Refusal(
            code="retry.unchanged",
            message=f"Nothing changed since {self._clock(since)}: {unchanged_parts}",
            hint=clears_when(hold.would_pass) or RETRY[hold.error_class].ends_by,
        )

    def _clock(self, moment: datetime) -> str:
        there, today = moment.astimezone(self.zone), self.now.astimezone(self.zone)
        return f"{there:%H:%M}" if there.date() == today.date() else f"{there:%Y-%m-%d %H:%M}"


def _offer(desk: Desk, hold: Hold, looked: Looked, unread_causes: Collection[int]) -> RetryOffer:
    refusal = _retry_refusal(desk, hold, looked, unread_causes)
    if refusal is not None and refusal.code == "retry.early":
        return RetryOffer(refusal, looked.retry_time(hold))
    return RetryOffer(refusal)


def _retry_refusal(
    desk: Desk, hold: Hold, looked: Looked, unread_causes: Collection[int]
) -> Refusal | None:
    """Return why this user cannot retry a hold, or None.

    `unread_causes`: causes for which the user must open a message first.
    """
    return (
        _not_theirs(desk, hold, looked)
        or acceptance.refuse_retry_of_difference(desk.session, hold)
        or (notes.UNREAD if hold.cause_id in unread_causes else None)
        or looked.refusal(hold)
    )


def _not_theirs(desk: Desk, hold: Hold, looked: Looked) -> Refusal | None:
    """Refuse users outside the owning team, and a second retry without supervisor permission."""
    if not desk.in_team(hold.team_id, desk.actor.person_id):
        names = desk.names(RETRY_ACT, hold.team_id)
        return Refusal(
            code="retry.team",
            message="You cannot act on this hold, because it belongs to another team.",
            hint=f"{names} can try it again." if names else "No other user can try it again yet.",
            status=403,
        )
    key = (hold.record_id, hold.cause_id, desk.contents.get(hold.record_id, ""))
    if key not in looked.tried or may(desk.actor, SUPERVISOR) is None:
        return None
    return Refusal(
        code="retry.once",
        message=f"{hold.number} was already retried once and is still on hold.",
        hint=f"Ask a supervisor: {desk.who(SUPERVISOR, hold.team_id)} try it again.",
        status=403,
    )


def _tell_refused(desk: Desk, left: Iterable[Left], now: datetime) -> None:
    """Record one event for each refused retry, with the user and the reason."""
    facts = [
        Fact(
            company_id=desk.company_id,
            at=now,
            actor=desk.actor,
            act="retry.refused",
            record_id=hold.record_id,
            posting_id=hold.posting_id,
            object=f"retry:{hold.id}",
            body={
                "say": f"{desk.actor.name} asked for a new try of {hold.number}:"
                f" {one.refusal.message}",
                "code": one.refusal.code,
            },
        )
        for one in left
        if (hold := desk.holds.get(one.hold_id)) is not None
    ]
    record_events(desk.session, facts)


def try_again(
    desk: Desk,
    good: Sequence[Hold],
    results: Sequence[Done],
    act: str,
    now: datetime,
    op: str | None,
) -> None:
    """Store the retries, close holds of refused documents, and wake the records."""
    session, actor = desk.session, desk.actor
    rows = [
        {
            "record_id": hold.record_id,
            "hold_id": hold.id,
            "cause_id": hold.cause_id,
            "content_sha256": desk.contents.get(hold.record_id, ""),
            "person_id": actor.person_id,
            "at": now,
        }
        for hold in good
    ]
    bulk.insert_rows(session, Retry, rows)
    of_push = [hold for hold in good if hold.of_push]
    close_holds(
        session,
        of_push,
        actor,
        state=HoldState.CLEARED,
        why=f"tried again by {actor.name}",
        now=now,
    )
    desk.tell(results, act, now, op)
    wake_records(session, {hold.record_id for hold in good}, now)
    settle_closed(session, of_push)


def _by_id(session: Session, model: type[Cause], ids: set[int]) -> dict[int, Cause]:
    rows = session.scalars(select(model).where(bulk.among(model.id, sorted(ids))))
    return {row.id: row for row in rows}


def _judged(session: Session, record_ids: set[int]) -> dict[int, _Judged]:
    latest = (
        select(func.max(Evaluation.id))
        .where(bulk.among(Evaluation.record_id, sorted(record_ids)))
        .group_by(Evaluation.record_id)
    )
    query = (
        _JUDGED.select()
        .join(Version, Version.id == Evaluation.version_id)
        .where(Evaluation.id.in_(latest))
    )
    return {judged.record_id: judged for judged in _JUDGED.each(session.execute(query))}


def _snapshots(session: Session, connections: set[int]) -> Mapping[int, tuple[str, int]]:
    """Return by connection its name and the revision of its latest snapshot."""
    query = (
        select(Connection.id, Connection.name, func.max(Snapshot.revision).label("revision"))
        .join(Snapshot, Snapshot.connection_id == Connection.id)
        .where(bulk.among(Connection.id, sorted(connections)))
        .group_by(Connection.id, Connection.name)
    )
    return {row.id: (row.name, row.revision or 0) for row in session.execute(query)}


def _tried(session: Session, desk: Desk) -> set[tuple[int, int, str]]:
    """Return (record, cause, content hash) of each earlier retry."""
    records = sorted({hold.record_id for hold in desk.holds.values()})
    query = select(Retry.record_id, Retry.cause_id, Retry.content_sha256)
    rows = session.execute(query.where(bulk.among(Retry.record_id, records)))
    return {(row.record_id, row.cause_id, row.content_sha256) for row in rows}


def look_for_entry(
    session: Session, actor: Actor, hold_id: int, now: datetime, op: str | None = None
) -> Done | Refusal:
    """Look again for an entry that the target lacked: a user has created it there.

    A document that the target refused is sent once more, because no list may show such an entry.
    For a code that its list lacks, the list is read again.
    """

    def ask() -> Each | Refusal:
        refusal = may(actor, RETRY_ACT)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        good, refused_holds = desk.each(lambda hold: _refuse_look(desk, hold))
        results = [
            done_with(hold, f"{actor.name} had {hold.number} looked for again.") for hold in good
        ]
        unlisted = [hold for hold in good if hold.code == UNLISTED]
        if unlisted:
            names = {hold.connection_id: _target_name(session, hold) for hold in unlisted}
            answer = channel.read_lists_again(session, actor, names.values(), now)
            if isinstance(answer, Refusal):
                return answer
            desk.tell(results, "hold.looked_again", now, op)
        else:
            try_again(desk, good, results, "hold.looked_again", now, op)
        return Each(tuple(results), tuple(refused_holds))

    return apply_to_one_hold(session, actor, now, op, ("look for", hold_id), ask)


def _target_name(session: Session, hold: Hold) -> str:
    return session.get_one(Connection, hold.connection_id).name


def lacks_entry(code: str, error_class: str) -> bool:
    """Check whether the target refused a document because it lacks an entry, such as a debtor."""
    return code in PUSH_CODES and error_class == "mapping_missing"


def look_refusal(session: Session, actor: Actor, hold_id: int) -> Refusal | None:
    """Return why `look_for_entry` would refuse this user, or None."""
    refusal = may(actor, RETRY_ACT)
    if refusal is not None:
        return refusal
    desk = ViewedDesk(session, actor, [hold_id])
    hold = desk.holds.get(hold_id)
    return _refuse_look(desk, hold) if hold else None


def _refuse_look(desk: Desk, hold: Hold) -> Refusal | None:
    """Refuse holds of other reasons and teams, and documents that are being sent."""
    if hold.code != UNLISTED and not lacks_entry(hold.code, hold.error_class):
        words = "This hold has nothing to look for in the accounting system."
        return Refusal("hold.no_look", words, clears_when(hold.would_pass))
    if not desk.in_team(hold.team_id, desk.actor.person_id):
        words = "You cannot act on this hold, because it belongs to another team."
        who = f"{desk.who(RETRY_ACT, hold.team_id)} try it again."
        return Refusal("retry.team", words, who, status=403)
    posting = desk.postings.get(hold.posting_id or 0)
    if posting is not None and posting.state in IN_FLIGHT_STATES:
        words = f"{posting.number} is being sent: its result is looked up automatically."
        return Refusal("retry.in_flight", words, RETRY["uncertain"].action)
    return None


def override(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a refused document again although nothing has changed."""

    def ask() -> Each | Refusal:
        refusal = may(actor, OVERRIDE_ACT)
        if refusal is None and not reason.strip():
            refusal = Refusal(code="reason.missing", message="Enter a reason.", status=422)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        looked = Looked(desk, now)
        good, refused_holds = desk.each(lambda hold: _senseless(hold, looked))
        why = reason.strip()
        retried = [
            done_with(hold, f"{actor.name} had {hold.number} tried again: {why}") for hold in good
        ]
        try_again(desk, good, retried, "retry.overridden", now, op)
        return Each(tuple(retried), tuple(refused_holds))

    return apply_to_one_hold(session, actor, now, op, ("override", hold_id, reason), ask)


def _senseless(hold: Hold, looked: Looked) -> Refusal | None:
    """Return why there is nothing to override, or why it would not help."""
    refusal = looked.refusal(hold)
    if refusal is None:
        return Refusal(
            code="override.needless",
            message="Something has changed since. Use Retry instead.",
            hint="Use Try again.",
        )
    if refusal.code not in WAITS_FOR_A_CHANGE:
        return refusal
    if not hold.of_push:
        return Refusal(
            code="override.senseless",
            message="The rules of Clearpost hold this, not the accounting system: checked again"
            " as it is, it stays on hold.",
            hint=clears_when(hold.would_pass),
        )
    return None


def answer_by(settings: Mapping[str, Any], error_class: ErrorClass, now: datetime) -> datetime:
    """Return when a hold of this class that opens now is due."""
    hours = settings.get(ANSWER_HOURS, {}).get(error_class, USUAL_HOURS)
    return now + timedelta(hours=hours)


def due_time_text(error_class: str, hours: int) -> str:
    """Return a sentence about the due time that was set."""
    return f"Holds of the class “{class_label(error_class)}” are due after {plural(hours, 'hour')}."


def set_hours(
    session: Session,
    actor: Actor,
    company_id: int,
    error_class: str,
    hours: int,
    now: datetime,
    *,
    reason: str = "",
) -> Refusal | None:
    """Set the answer time in hours for new holds of a class. Open holds keep their due time."""
    if error_class not in ERROR_CLASSES:
        class_texts = "; ".join(
            f"`{class_name}` ({class_label(class_name)})" for class_name in ERROR_CLASSES
        )
        words = f"There is no class of holds called “{error_class}”."
        return Refusal("due.class", words, f"Classes: {class_texts}.", 422)
    if not 1 <= hours <= LONGEST_HOURS:
        hint = f"From 1 to {LONGEST_HOURS} hours, which is a month."
        return Refusal("due.hours", f"{hours} hours is not a time to answer in.", hint, 422)
    company = lock_company(session, company_id)
    hours_by_class = {**company.settings.get(ANSWER_HOURS, {}), error_class: hours}
    company.settings = {**company.settings, ANSWER_HOURS: hours_by_class}
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="company.due_set",
        body={"say": due_time_text(error_class, hours), "hours": hours}
        | ({"reason": reason} if reason else {}),
    )
    return None
