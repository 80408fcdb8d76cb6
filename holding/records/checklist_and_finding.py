"""Build the clerk's checklist of a record, and classify its failure as technical or workflow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.approvals.consent import counts
from holding.db.kept_plans import KEPT
from holding.db.models import Attempt, Company, Connection, Event, Posting, Push, Record, Request
from holding.db.models.columns import AttemptState, HoldState, RecordState
from holding.db.refusal import plural
from holding.platform.states import HOLD_LABELS, state_label
from holding.records.record_rows import OpenHold
from holding.records.story import NOBODY_ASKED, Case, Proof, is_approval_undecided
from holding.records.story_holds import HeldBy, holds_of
from holding.records.waits import Cause, waits_of
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState, in_sentence


class Tick(StrEnum):
    """The four items of the checklist."""

    COMPLETE = "Complete"
    APPROVED = "Approved"
    READY = "Ready in the source"
    POSTED = "Posted"


class Place(StrEnum):
    """Where a missing item is corrected; the text of the link."""

    NONE = ""
    HOLD = "Open the hold"
    APPROVE = "Approve"
    SOURCE = "See it as it came"
    SENDING = "See its sending"


@dataclass(frozen=True, slots=True)
class Ticked:
    """One line: whether it is done, what is known, and where it is corrected.

    `id` is the hold or posting of the place; 0 for a tab of the record. The last field is False if
    nothing will be sent, so that nothing is missing.
    """

    tick: Tick
    text: str
    done: bool
    place: Place = Place.NONE
    id: int = 0
    asked: bool = True

    @property
    def state(self) -> str:
        """Return the state in words."""
        return "done" if self.done else "missing" if self.asked else "not asked"


INCOMPLETE: Final = frozenset({"missing_field", "bad_value", "mapping_missing"})
_SETTLED: Final = (PostingState.POSTED, PostingState.REVERSED)


def build_checklist(
    case: Case, holds: Sequence[OpenHold], ruleset: Ruleset | None
) -> tuple[Ticked, ...]:
    """Return all four items in order; `holds` are the record's open holds, `ruleset` its rules."""
    ticks = (
        _complete(case, holds),
        _approved(case, holds, ruleset),
        _ready(case),
        _posted(case, holds),
    )
    if not case.over or holds:
        return ticks
    return tuple(
        tick if tick.done else replace(tick, asked=False, place=Place.NONE) for tick in ticks
    )


def _done(tick: Tick, text: str) -> Ticked:
    return Ticked(tick, text, done=True)


def _missing(tick: Tick, text: str, place: Place = Place.NONE, of: int = 0) -> Ticked:
    return Ticked(tick, text, done=False, place=place, id=of)


def _unchecked(case: Case) -> str:
    return f"Not known: {case.unknown_because}." if case.unknown_because else "Not checked yet."


def _complete(case: Case, holds: Sequence[OpenHold]) -> Ticked:
    wrong = [hold for hold in holds if hold.error_class in INCOMPLETE]
    if wrong:
        more = f" And {len(wrong) - 1} more." if len(wrong) > 1 else ""
        return _missing(Tick.COMPLETE, f"{wrong[0].message}{more}", Place.HOLD, wrong[0].id)
    if case.outcome is None:
        return _missing(Tick.COMPLETE, _unchecked(case), Place.SOURCE)
    return _done(Tick.COMPLETE, "Nothing that the document needs is missing.")


def _approved(case: Case, holds: Sequence[OpenHold], ruleset: Ruleset | None) -> Ticked:
    approval_hold = next((hold for hold in holds if hold.code == NEEDS_APPROVAL), None)
    if approval_hold is not None:
        place = (
            (Place.APPROVE, approval_hold.posting_id)
            if approval_hold.posting_id
            else (Place.HOLD, approval_hold.id)
        )
        return _missing(Tick.APPROVED, approval_hold.message, *place)
    sent = case.last_sent
    content = sent.push.hash if sent else case.posting.hash if case.posting else ""
    valid_approvals = [approval for approval in case.approvals if counts(approval, content)]
    if valid_approvals:
        who = ", ".join(
            dict.fromkeys(case.person(approval.person_id) for approval in valid_approvals)
        )
        return _done(Tick.APPROVED, f"By {who}, {case.when(valid_approvals[-1].at)}.")
    open_ = [v for v in case.verdicts if v.kind == "approve" and v.result != "pass"]
    if open_ or case.outcome is None:
        words = "It is asked for when nothing is missing." if open_ else _unchecked(case)
        first = holds[0] if holds else None
        return _missing(Tick.APPROVED, words, *((Place.HOLD, first.id) if first else ()))
    if is_approval_undecided(case, ruleset):
        return _missing(Tick.APPROVED, NOBODY_ASKED if case.over else "Not decided yet.")
    return _done(Tick.APPROVED, "The rules ask for no approval.")


def _ready(case: Case) -> Ticked:
    if case.outcome is None:
        return _missing(Tick.READY, _unchecked(case), Place.SOURCE)
    gates = [verdict for verdict in case.verdicts if verdict.kind == "gate"]
    if not gates:
        return _done(Tick.READY, "The rules ask for no status.")
    status, since = case.decided_status or "not recorded", case.status_since
    text = f"Its status is {status}."
    if since:
        text = f"Its status was {status} when it was sent. The source says {since} since."
    wait = case.decision.wait if case.decision else None
    waits = wait is not None and wait.kind == "gate"
    if waits or any(verdict.result != "pass" for verdict in gates):
        return _missing(Tick.READY, text, Place.SOURCE)
    return _done(Tick.READY, text)


def _posted(case: Case, holds: Sequence[OpenHold]) -> Ticked:
    posting, target = case.posting, case.target
    if posting is not None and target is not None and posting.state in _SETTLED:
        is_reversed = posting.state == PostingState.REVERSED
        words = (
            f"Number {posting.number} in {target.name}{', reversed since' if is_reversed else ''}."
        )
        return _done(Tick.POSTED, words)
    if holds:
        words = f"{plural(len(holds), 'hold keeps', 'holds keep')} it from being posted."
        return _missing(Tick.POSTED, words, Place.HOLD, holds[0].id)
    if posting is None:
        return _missing(Tick.POSTED, "No document is planned.", Place.SOURCE)
    if case.over:
        state = in_sentence(state_label(posting.state, posting.reason))
        return _missing(Tick.POSTED, f"{posting.number}: {state}.")
    return _missing(Tick.POSTED, f"{posting.number} is not posted yet.", Place.SENDING)


class Side(StrEnum):
    """The side on which something went wrong."""

    TECHNICAL = "technical"
    WORKFLOW = "workflow"


class Verdict(StrEnum):
    """The finding in one word."""

    TECHNICAL = "Technical"
    WORKFLOW = "Workflow"
    BOTH = "Both"
    NOTHING = "Nothing went wrong"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that went wrong, with its proof.

    `over`: it no longer blocks the record. `usual`: it is listed, but nothing went wrong because of
    it.
    """

    side: Side
    say: str
    proof: Proof
    over: bool
    usual: bool = False


@dataclass(frozen=True, slots=True)
class TraceFinding:
    """The verdict and every reason for it, oldest first."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


TECHNICAL_CLASSES: Final = frozenset({"authorization_failed", "temporary", "uncertain"})
TECHNICAL_CODES: Final = frozenset(
    {"EVA02", "EVA03", "EVA04", "EVA05", "FCT01", "PSH01", "PSH04", "PSH05", "TGT03", "TGT04"}
    | {"TGT14", "TGT15", "TGT16"}
)
"""Codes where evaluation or sending itself failed, or a connection lacked a required fact."""
_NO_ANSWER: Final = (AttemptState.TEMPORARY, AttemptState.UNCERTAIN)


def trace_finding(session: Session, record_id: int, now: datetime) -> TraceFinding:
    """Return what went wrong with a record since it arrived, whether or not it is over.

    A wait for a connection that lasts at `now` is listed, too.
    """
    record = session.get_one(Record, record_id)
    reasons = [_of_hold(hold) for hold in holds_of(session, record_id)]
    reasons += _of_calls(session, record)
    reasons += _of_connection(session, record, now)
    if record.state != RecordState.WAITING:
        reasons += _list_past_waits(session, record_id)
    elif all(one.over for one in reasons):
        reasons += _of_wait(session, record)
    sides = {one.side for one in reasons if not one.usual}
    return TraceFinding(_verdict(sides), tuple(reasons))


def _verdict(sides: set[Side]) -> Verdict:
    if len(sides) == len(Side):
        return Verdict.BOTH
    if Side.TECHNICAL in sides:
        return Verdict.TECHNICAL
    return Verdict.WORKFLOW if sides else Verdict.NOTHING


def side_of(error_class: str, code: str) -> Side:
    """Return the side of a hold by its class and code."""
    technical = error_class in TECHNICAL_CLASSES or code in TECHNICAL_CODES
    return Side.TECHNICAL if technical else Side.WORKFLOW


def _of_hold(held: HeldBy) -> Reason:
    hold = held.hold
    over = hold.state != HoldState.OPEN
    return Reason(
        side=side_of(hold.error_class, hold.code),
        say=hold.message,
        proof=Proof(
            "hold", str(hold.id), f"hold {hold.id}, {in_sentence(HOLD_LABELS[hold.state])}"
        ),
        over=over,
    )


def _of_calls(session: Session, record: Record) -> Iterator[Reason]:
    """Yield one reason per target and class for calls that ended without a clear answer."""
    rows = session.execute(
        select(Attempt.id, Attempt.error_class, Attempt.error, Connection.name)
        .join(Request, Request.id == Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .join(Posting, Posting.id == Push.posting_id)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id == record.id, Request.kind == "push")
        .where(Attempt.state.in_(_NO_ANSWER) | Attempt.error_class.in_(sorted(TECHNICAL_CLASSES)))
        .order_by(Attempt.id)
    ).all()
    errors: dict[tuple[str, str | None], list[str]] = {}
    last: dict[tuple[str, str | None], int] = {}
    for row in rows:
        key = (row.name, row.error_class)
        errors.setdefault(key, []).append((row.error or "no answer").rstrip("."))
        last[key] = row.id
    for (name, error_class), said in errors.items():
        yield Reason(
            side=Side.TECHNICAL,
            say=f"{plural(len(said), 'call')} to {name} failed: {said[-1]}.",
            proof=Proof("attempt", str(last[name, error_class]), "the last of them"),
            over=record.state in (RecordState.POSTED, RecordState.REVERSED),
        )


def _of_connection(session: Session, record: Record, now: datetime) -> Iterator[Reason]:
    """Yield each wait for a connection; only a refused or missing key is a failure."""
    company = session.get_one(Company, record.company_id)
    for wait in waits_of(session, [record.id], now):
        first = str(wait.events[0])
        yield Reason(
            side=Side.TECHNICAL if wait.cause in _OF_SETUP else Side.WORKFLOW,
            say=wait.sentence(company),
            proof=Proof("event", first, f"event {first}"),
            over=wait.until is not None,
            usual=wait.cause not in _OF_SETUP,
        )


_OF_SETUP: Final = (Cause.KEY, Cause.TEST)


def _of_wait(session: Session, record: Record) -> Iterator[Reason]:
    """Yield the reason why a record waits for its source, which is no failure."""
    waits = select(Posting.reason).where(Posting.record_id == record.id)
    why = session.scalar(waits.order_by(Posting.id).limit(1))
    say = f"Waiting: {why or record.status or 'not yet due'}."
    proof = Proof("version", str(record.version_id), "newest version")
    yield Reason(Side.WORKFLOW, say, proof, over=False)


def _list_past_waits(session: Session, record_id: int) -> list[Reason]:
    """Return each past wait once; an order that is paid a day later is no failure."""
    judged = (Event.record_id == record_id, Event.act == "record.judged")
    rows = session.execute(
        select(Event.id, Event.body).where(*judged).order_by(Event.id), execution_options=KEPT
    )
    waited = {one.body["say"]: one.id for one in rows if one.body["state"] == RecordState.WAITING}
    return [
        Reason(
            Side.WORKFLOW,
            f"It waited. {said.rstrip('.')}.",
            Proof("event", str(event_id), f"record.judged {event_id}"),
            over=True,
            usual=True,
        )
        for said, event_id in waited.items()
    ]
