"""Check all invariants of a company in one snapshot."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Select, and_, exists, func, null, or_, select, text
from sqlalchemy.orm import Session

from grammar.text.finding_codes import TARGET_CODES
from holding.access.actors import Keys
from holding.connections.connections import secret_of
from holding.db import bulk, leases
from holding.db.models import (
    Attempt,
    Cause,
    Company,
    Connection,
    Delivery,
    Evaluation,
    Event,
    Hold,
    HoldTally,
    MappingEntry,
    Posting,
    PostingUse,
    Push,
    Record,
    Request,
    Run,
    Schedule,
    Singleton,
    TalliedRecord,
    TallyMark,
    Version,
)
from holding.db.models.columns import PushState, RecordState, from_minor, to_minor
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import IN_FLIGHT_STATES, TO_SEND_STATES
from holding.db.models.records import RECORD_STATES
from holding.evaluation.batch import RULES
from holding.holds import folding
from holding.holds.folding import FINE, Part
from holding.holds.shapes import Counted
from holding.operations import approval_invariants, content_invariants, journal_and_ledgers
from holding.operations.journal_and_ledgers import Breach, Look, Sent
from holding.platform.changes import has_pending_mark
from holding.platform.events import Head
from holding.platform.settings import Settings
from holding.platform.states import counted_state
from holding.posting.evidence import derived_key
from holding.posting.holds import book_amount
from holding.runs import schedules
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

Check = Callable[[Look], Iterable[Breach]]

TELLING = 12  # a shorter part of a key may be a number of seconds

AFTER_DEADLINE = timedelta(seconds=60)

WORKED_ON: tuple[type[Record | Posting | Run | Delivery], ...] = (Record, Posting, Run, Delivery)

TRIED_AGAIN = (
    "hold.retried",
    "retry.overridden",
    "hold.looked_again",
    "posting.linked",
    "posting.contradicted",
    "posting.sent_again",
)

_UNIQUE = re.compile(r'UNIQUE INDEX "?(\w+)|CONSTRAINT "?(\w+)"? UNIQUE')

THERE = ("posted", "reversed")

MOST_NAMED = 3

LOOKED = frozenset({"equal", "different", "unknown"})

PROOFS = frozenset({"accepted", "existing", "equal"})

ONE_EFFECT = {
    Push: {"uq_push_family", "uq_push_effect"},
    Posting: {"uq_posting_sent", "uq_posting_record_id_route_seq"},
    Record: {"uq_record_source_id_type_external_id"},
    Delivery: {"uq_delivery_source_id_key"},
}
"""What the database itself refuses: the last line of defence."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and every breach."""

    checked: tuple[str, ...]
    breaches: tuple[Breach, ...]


def companies(session: Session) -> dict[str, int]:
    """Return the id of every company by code."""
    query = select(Company.code, Company.id).order_by(Company.code)
    return dict(session.execute(query).all())


def posted_is_there(look: Look) -> Iterator[Breach]:
    """Yield breaches of I2: posted documents without a proven push or with several ledger lines."""
    for posting in look.journal.postings.values():
        if posting.state not in THERE:
            continue
        push = look.journal.pushes.get(posting.posted_push_id or posting.push_id or 0)
        attempt_states = look.journal.attempts.get(push.id, frozenset()) if push else frozenset()
        if push is None or push.state != PushState.ACCEPTED or not attempt_states & PROOFS:
            say = f"{posting.number} is posted, but no answer of the target says so."
            yield Breach("I2", say, (posting.record_id,))
    if look.lines is not None:
        yield from _in_ledger(look)


def _in_ledger(look: Look) -> Iterator[Breach]:
    """Yield accepted creates without one ledger line of equal content, unless entered by hand."""
    lines = look.lines or ()
    created = Counter(line.number for line in lines if line.action == "create")
    bodies = {line.sha256 for line in lines}
    for push in look.journal.pushes.values():
        if push.state != PushState.ACCEPTED or push.action != "create":
            continue
        count = created[push.number]
        if count != 1:
            times = "not at all" if not count else f"{count} times"
            say = f"{push.number} is posted here and stands in the target {times}."
            yield Breach("I2", say, (push.record_id,))
        elif _by_hand(look, push):
            continue
        elif not {digest for _, digest in look.journal.calls.get(push.id, ())} & bodies:
            say = f"{push.number} stands in the target with a content that we never sent."
            yield Breach("I2", say, (push.record_id,))


def _by_hand(look: Look, push: Sent) -> bool:
    return any(line.by_hand and line.number == push.number for line in look.lines or ())


def effects_were_meant(look: Look) -> Iterator[Breach]:
    """Yield breaches of I3: effects in the target without an earlier intent, and foreign keys."""
    for push in look.journal.pushes.values():
        if push.key != _derived(look, push):
            say = f"{push.number}: the key of its push no. {push.no} does not follow from it."
            yield Breach("I3", say, (push.record_id,))
        if push.id not in look.journal.calls and not _only_seen(look, push):
            say = f"{push.number}: its push no. {push.no} has no call."
            yield Breach("I3", say, (push.record_id,))
    our_lines = [line for line in look.lines or () if not line.by_hand]
    for line, push_behind in zip(our_lines, look.journal.behind(our_lines), strict=True):
        if push_behind is None:
            yield Breach("I3", f"{line.number} stands in the target and we never meant to send it.")


def _derived(look: Look, push: Sent) -> str:
    return derived_key(
        company_id=look.company_id,
        connection_id=push.connection_id,
        doc_type=push.doc_type,
        number=push.number,
        action=push.action,
        content_hash=push.hash,
        no=push.no,
    )


def _only_seen(look: Look, push: Sent) -> bool:
    """Check whether nothing was sent, because a look-up or a person reported the target's content.

    A refused look-up counts, too.
    """
    attempt_states = look.journal.attempts.get(push.id, frozenset())
    return bool(attempt_states) and attempt_states <= LOOKED


def no_effect_twice(look: Look) -> Iterator[Breach]:
    """Yield breaches of I4: postings with two created documents, and missing unique indexes."""
    accepted = Counter(
        push.posting_id
        for push in look.journal.pushes.values()
        if push.action == "create" and push.state == PushState.ACCEPTED
    )
    for posting_id, count in accepted.items():
        if count > 1:
            posting = look.journal.postings[posting_id]
            say = f"{posting.number} was created {count} times."
            yield Breach("I4", say, (posting.record_id,))
    yield from _twice_in_ledger(look)
    existing_names = _refused_twice(look.session)
    for table, required_names in ONE_EFFECT.items():
        for missing_name in sorted(required_names - existing_names):
            name = table.__tablename__
            yield Breach(
                "I4", f"The database lacks {missing_name}, so it would take a second {name}."
            )


def _twice_in_ledger(look: Look) -> Iterator[Breach]:
    our_lines = [line for line in look.lines or () if line.action == "create" and not line.by_hand]
    meant: dict[int, list[str]] = defaultdict(list)
    for line, push in zip(our_lines, look.journal.behind(our_lines), strict=True):
        if push is not None:
            meant[push.posting_id].append(line.number)
    for posting_id, numbers in meant.items():
        if len(numbers) > 1:
            say = f"{' and '.join(numbers)} stand in the target for one posting."
            yield Breach("I4", say, (look.journal.postings[posting_id].record_id,))


def _refused_twice(session: Session) -> set[str]:
    """Return the names of all unique indexes and constraints; SQLite drops a constraint's name."""
    if session.get_bind().dialect.name == "postgresql":
        query = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'"
        return set(session.scalars(text(query)))
    definitions = session.scalars(text("SELECT sql FROM sqlite_master WHERE sql LIKE '%UNIQUE%'"))
    return {"".join(either) for definition in definitions for either in _UNIQUE.findall(definition)}


def versions_increase(look: Look) -> Iterator[Breach]:
    """Yield breaches of I5: versions that reached the target out of order."""
    lines = look.lines or ()
    last: dict[int, int] = {}
    for line, push in zip(lines, look.journal.behind(lines), strict=True):
        if push is None:
            continue
        if push.no < last.get(push.posting_id, 0):
            say = f"{line.number}: push no. {push.no} reached the target after a later one."
            yield Breach("I5", say, (push.record_id,))
        last[push.posting_id] = push.no


def no_call_forgotten(look: Look) -> Iterator[Breach]:
    """Yield breaches of I6: calls long past their time limit that are not marked as a doubt."""
    late = look.now - AFTER_DEADLINE - look.lease - look.sweep
    query = (
        select(Push.number, Posting.record_id, func.max(Request.deadline_at))
        .join(Posting, Posting.push_id == Push.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .join(Connection, Connection.id == Push.connection_id)
        .where(
            Posting.company_id == look.company_id,
            Push.state.in_((PushState.INTENT, PushState.SENDING)),
        )
        .where(Connection.paused_at.is_(None), Request.kind == "push")
        .group_by(Push.number, Posting.record_id)
        .having(func.max(Request.deadline_at) < late)
    )
    for number, record_id, deadline in look.session.execute(query):
        say = (
            f"{number} was to be answered by {deadline:%Y-%m-%d %H:%M:%S} and was not asked again."
        )
        yield Breach("I6", say, (record_id,))


def no_lease_forgotten(look: Look) -> Iterator[Breach]:
    """Yield breaches of I7: leases that outlive their worker, and work without a due time."""
    longest = look.lease + look.answer
    ended = look.now - 2 * longest - look.sweep
    far = look.now + 2 * longest
    for table in WORKED_ON:
        record = Record.id if table is Record else Posting.record_id
        query = (
            select(table.id, table.lease_owner, table.lease_until)
            .add_columns((record if table in (Record, Posting) else null()).label("about"))
            .where(table.company_id == look.company_id, text("lease_until IS NOT NULL"))
            .where(or_(table.lease_until < ended, table.lease_until > far))
        )
        for row in look.session.execute(query):
            say = f"The lease of {row.lease_owner} on {table.__tablename__} {row.id} ends at"
            about = (row.about,) if row.about else ()
            yield Breach("I7", f"{say} {row.lease_until:%Y-%m-%d %H:%M:%S}.", about)
    duties = select(Singleton).where(Singleton.until > far, ~leases.is_count())
    for duty in look.session.scalars(duties):
        yield Breach("I7", f"{duty.owner} has the duty {duty.name} until {duty.until:%Y-%m-%d}.")
    for left_query in (_left_records(look), _left_postings(look)):
        for row in look.session.execute(left_query):
            say = f"{row.number} is {row.state}, and neither a due time nor a worker will come back"
            yield Breach("I7", f"{say} to it.", (row.record_id,))
    for row in look.session.execute(_changed_postings(look)):
        say = f"{row.number} was made with a mapping that was changed, and is not checked again."
        yield Breach("I7", say, (row.record_id,))
    yield from _left_out_of_runs(look)


def _left_records(look: Look) -> Select[str, str, int]:
    """Return records that were not checked and are not due."""
    return (
        select(Record.number, Record.state, Record.id.label("record_id"))
        .join(Company, Company.id == Record.company_id)
        .where(Record.company_id == look.company_id, Company.ruleset_version_id.is_not(None))
        .where(Record.state == RecordState.RECEIVED, Record.version_id.is_not(None))
        .where(Record.due_at.is_(None), Record.lease_until.is_(None))
    )


def _left_postings(look: Look) -> Select[str, str, int]:
    """Return postings on their way or ready that are not due.

    A daily route may wait for its hour or for its paused run, a batch for its turn.
    """
    daily = exists().where(
        Schedule.company_id == Posting.company_id,
        Schedule.route == Posting.route,
        Schedule.next_at.is_not(None),
    )
    batch = exists().where(
        Run.connection_id == Posting.connection_id, Run.ended_at.is_(None), Run.kind != "immediate"
    )
    record = exists().where(
        Record.id == Posting.record_id,
        or_(Record.due_at.is_not(None), Record.lease_until.is_not(None)),
    )
    return select(Posting.number, Posting.state, Posting.record_id).where(
        Posting.company_id == look.company_id,
        Posting.due_at.is_(None),
        Posting.lease_until.is_(None),
        or_(
            Posting.state.in_(IN_FLIGHT_STATES),
            and_(Posting.state == PostingState.READY, ~daily, ~batch, ~record),
        ),
    )


def _changed_postings(look: Look) -> Select[str, int]:
    """Return unsent postings whose mapping entry ended after their last check."""
    last = select(func.max(Evaluation.revision)).where(Evaluation.record_id == Posting.record_id)
    used = exists().where(
        PostingUse.posting_id == Posting.id,
        MappingEntry.id == PostingUse.entry_id,
        MappingEntry.to_revision > last.correlate(Posting).scalar_subquery(),
    )
    return (
        select(Posting.number, Posting.record_id)
        .join(Record, Record.id == Posting.record_id)
        .where(Posting.company_id == look.company_id, Posting.state.in_(TO_SEND_STATES))
        .where(Record.due_at.is_(None), Record.lease_until.is_(None), used, ~has_pending_mark())
    )


def _left_out_of_runs(look: Look) -> Iterator[Breach]:
    """Report ready documents that the daily run of their day left out and that are in no run.

    They were ready before it, or their record fell due by its hour and was evaluated later. A
    document that became ready otherwise goes with the next run. A worker may store an evaluation
    up to one lease after its start, so an evaluation of the last lease before the run counts as
    later.
    """
    query = (
        select(Posting.id, Posting.number, Posting.record_id, Run.day, Schedule)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .join(
            Schedule,
            and_(Schedule.company_id == Posting.company_id, Schedule.route == Posting.route),
        )
        .join(
            Run,
            and_(
                Run.company_id == Posting.company_id,
                Run.connection_id == Posting.connection_id,
                Run.route == Posting.route,
                Run.day == Schedule.last_day,
            ),
        )
        .where(Posting.company_id == look.company_id, Posting.state == PostingState.READY)
        .where(Posting.due_at.is_(None), Posting.lease_until.is_(None))
        .where(Schedule.active, Run.kind == "daily", Posting.doc_date <= Run.day)
        .add_columns(Evaluation.at, Run.made_at)
    )
    rows = look.session.execute(query).all()
    early = {row.id for row in rows if row.at < row.made_at - look.lease - look.answer}
    late = [row for row in rows if row.id in early or _was_due(look, row)]
    if not late:
        return
    first = min(row.made_at for row in late)
    is_new = or_(Run.ended_at.is_(None), Run.ended_at >= first)
    carried: set[int] = set()
    for content in look.session.scalars(
        select(Run.filter).where(Run.company_id == look.company_id, is_new)
    ):
        carried.update((content or {}).get("postings", ()))
    for row in late:
        if row.id not in carried:
            what = "was ready" if row.id in early else "fell due"
            say = f"{row.number} {what} before the daily run of {row.day} and is in no run."
            yield Breach("I7", say, (row.record_id,))


def _was_due(look: Look, row: Any) -> bool:
    """Check whether the record of a document that its run left out fell due by the run's hour."""
    if row.at < row.made_at:
        return False
    hour = schedules.start_of(row.Schedule, row.day)
    before = look.session.execute(
        select(Evaluation.version_id, Evaluation.valid_until)
        .where(Evaluation.record_id == row.record_id, Evaluation.at < row.made_at)
        .order_by(Evaluation.id.desc())
        .limit(1)
    ).one_or_none()
    if before is not None and before.valid_until is not None and before.valid_until <= hour:
        return True
    arrived = select(Version.id).where(Version.record_id == row.record_id, Version.at <= hour)
    newer = arrived.where(Version.id > (before.version_id if before else 0))
    return look.session.scalar(newer.where(Version.stale.is_(False)).limit(1)) is not None


def holds_have_owner(look: Look) -> Iterator[Breach]:
    """Yield breaches of I8: holds without reason, owner or time, and wrong counters."""
    bare = select(Hold.number, Hold.code, Hold.record_id).where(
        Hold.company_id == look.company_id,
        HOLD_OPEN,
        or_(
            Hold.error_class == "",
            Hold.message == "",
            and_(Hold.team_id.is_(None), Hold.person_id.is_(None)),
        ),
    )
    for number, code, record_id in look.session.execute(bare):
        yield Breach(
            "I8", f"The hold {code} of {number} has no class, words or owner.", (record_id,)
        )
    yield from _wrong_states(look)
    yield from _wrong_counts(look)
    yield from wrong_tally(look)


def _wrong_states(look: Look) -> Iterator[Breach]:
    """Yield records whose state does not follow from their postings and open holds."""
    is_held = exists().where(Hold.record_id == Record.id, HOLD_OPEN)
    query = (
        select(
            Record.id,
            Record.number,
            Record.state,
            Posting.state.label("posting_state"),
            Posting.reverses_id,
            is_held.label("held"),
        )
        .outerjoin(Posting, Posting.record_id == Record.id)
        .where(Record.company_id == look.company_id, Record.state != RecordState.RECEIVED)
        .order_by(Record.id)
    )
    states_by_record: dict[tuple[int, str, str], set[str]] = {}
    for row in look.session.execute(query):
        states = states_by_record.setdefault((row.id, row.number, row.state), set())
        states |= (
            {counted_state(row.posting_state, row.reverses_id)} if row.posting_state else set()
        )
        states |= {"held"} if row.held else set()
    for (record_id, number, state), states in states_by_record.items():
        settled = state == RecordState.REFERENCE and not states
        meant = next(
            (candidate for candidate in RECORD_STATES if candidate in states), RecordState.WAITING
        )
        if state != meant and not settled:
            say = f"{number} is {state}, but what it became and what holds it make it {meant}."
            yield Breach("I8", say, (record_id,))


def _wrong_counts(look: Look) -> Iterator[Breach]:
    counted = (
        select(Hold.cause_id, func.count(func.distinct(Hold.record_id)).label("records"))
        .where(Hold.company_id == look.company_id, HOLD_OPEN)
        .group_by(Hold.cause_id)
        .subquery()
    )
    live = func.coalesce(counted.c.records, 0)
    query = (
        select(Cause.label, Cause.records, live)
        .outerjoin(counted, counted.c.cause_id == Cause.id)
        .where(Cause.company_id == look.company_id, Cause.records != live)
    )
    for label, stored_count, true in look.session.execute(query):
        yield Breach("I8", f"“{label}” counts {stored_count} records; {true} are held by it.")


def wrong_tally(look: Look) -> Iterator[Breach]:
    """Yield differences between tally and holds; marked rows may differ until they are folded."""
    rows = look.session.execute(folding.WAITING.where(Hold.company_id == look.company_id))
    true = folding.count_with_owners(rows)
    tallied, sums = _kept(look)
    marked = set(
        look.session.scalars(
            select(TallyMark.record_id).where(TallyMark.company_id == look.company_id)
        )
    )
    for part in sorted({*true, *tallied}):
        _, record_id, cause_id = part
        if record_id not in marked and true.get(part) != tallied.get(part):
            of = f"cause {cause_id % FINE}" if cause_id > 0 else "all its holds"
            of = "an owner's holds" if cause_id < 0 else of
            yield Breach("I8", f"The tally of {of} is not what is open now.", (record_id,))
    yield from _wrong_sums(look, sums)


def _kept(look: Look) -> tuple[dict[Part, Counted], dict[int, list[int]]]:
    """Return the tally's counts per record and the resulting sums of its rows."""
    query = (
        select(
            TalliedRecord.record_id,
            TalliedRecord.cause_id,
            TalliedRecord.minor,
            TalliedRecord.tally_id,
            HoldTally.shape,
            HoldTally.currency,
        )
        .join(HoldTally, HoldTally.id == TalliedRecord.tally_id)
        .where(TalliedRecord.company_id == look.company_id)
    )
    tallied: dict[Part, Counted] = {}
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in look.session.execute(query):
        part = look.company_id, row.record_id, row.cause_id
        tallied[part] = Counted(row.shape, row.currency, row.minor)
        row_sums = sums[row.tally_id]
        row_sums[0] += 1
        row_sums[1] += row.minor or 0
        row_sums[2] += row.minor is None
    return tallied, sums


def _wrong_sums(look: Look, sums: dict[int, list[int]]) -> Iterator[Breach]:
    query = select(
        HoldTally.id, HoldTally.cause_id, HoldTally.records, HoldTally.minor, HoldTally.blank
    ).where(HoldTally.company_id == look.company_id)
    for row in look.session.execute(query):
        true = sums[row.id]
        if [row.records, row.minor, row.blank] != true:
            cause = row.cause_id % FINE
            say = f"The tally counts {row.records} records of cause {cause}; {true[0]} are."
            yield Breach("I8", say)


def sums_agree(look: Look) -> Iterator[Breach]:
    """Yield breaches of I14: amounts and taxes here that differ from the target's, to the sen."""
    if look.lines is None:
        return
    lines_by_number = {line.number: line for line in look.lines if line.total is not None}
    off: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    records: dict[str, list[int]] = defaultdict(list)
    for record_id, number, amount, currency in _posted(look):
        line = lines_by_number.get(number)
        target_minor = to_minor(Decimal(line.total or 0), line.currency or currency) if line else 0
        if target_minor != amount:
            off[currency].append((number, amount, target_minor))
            records[currency].append(record_id)
    for currency, amount_rows in sorted(off.items()):
        our_sum, target_sum = (
            sum(amount_row[1] for amount_row in amount_rows),
            sum(amount_row[2] for amount_row in amount_rows),
        )
        say = (
            f"{currency}: where they differ, our amounts make {_shown(our_sum, currency)}, those "
            f"in the target {_shown(target_sum, currency)}: "
        )
        first = (
            f"{number} {_shown(our_minor, currency)}, there {_shown(their_minor, currency)}"
            for number, our_minor, their_minor in amount_rows[:MOST_NAMED]
        )
        yield Breach("I14", f"{say}{'; '.join(first)}.", tuple(records[currency]))


def _posted(look: Look) -> Iterator[tuple[int, str, int, str]]:
    """Yield (record, number, minor units, currency) of every posted document as last accepted.

    The target's amount counts where rounding explains its difference from the sent one.
    """
    query = (
        select(Posting.record_id, Push.number, Push.content, Push.kept)
        .join(Posting, Posting.posted_push_id == Push.id)
        .where(Posting.company_id == look.company_id, Posting.state == PostingState.POSTED)
    )
    for record_id, number, content, kept_amounts in look.session.execute(query):
        document = revive(Document, content)
        yield record_id, number, book_amount(document, kept_amounts), document.currency


def _shown(minor: int, currency: str) -> str:
    return str(from_minor(minor, currency))


def sent_again_after_a_change(look: Look) -> Iterator[Breach]:
    """Yield breaches of I15: refused documents sent again without a change.

    A retry needs other content, a changed cause, or a person with the right to retry.
    """
    query = (
        select(
            Push.id,
            Push.posting_id,
            Push.no,
            Push.number,
            Push.hash,
            Push.error_class,
            Push.made_at,
            Posting.record_id,
            Evaluation.version_id,
            Evaluation.revision,
            Evaluation.ruleset_version_id,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(Posting.company_id == look.company_id)
        .order_by(Push.posting_id, Push.no)
    )
    failed = _failed(look)
    pairs = [
        (earlier, other)
        for earlier, other in pairwise(look.session.execute(query).all())
        if earlier.posting_id == other.posting_id
        and earlier.id in failed
        and _same_again(earlier, other)
    ]
    acted = _acted(look, {earlier.record_id for earlier, _ in pairs})
    posting_ids = {earlier.posting_id for earlier, _ in pairs}
    moved, held_since = _causes_moved(look, posting_ids), _other_causes_moved(look, posting_ids)
    for earlier, other in pairs:
        is_explained = any(
            look.before(earlier.made_at, at) and look.before(at, other.made_at)
            for at in (*acted[earlier.record_id], *held_since[earlier.posting_id])
        )
        if not is_explained and earlier.posting_id not in moved:
            say = f"{earlier.number} was refused and sent again, though nothing had changed since."
            yield Breach("I15", say, (earlier.record_id,))


def _failed(look: Look) -> set[int]:
    """Return pushes that ended with a hold; others are retried automatically."""
    query = select(Event.body).where(
        Event.company_id == look.company_id,
        Event.act.in_(("posting.refused", "posting.conflict", "posting.contradicted")),
    )
    return {int(body.get("push") or 0) for body in look.session.scalars(query)}


def _same_again(earlier: Any, other: Any) -> bool:
    """Check whether no difference could concern this refusal."""
    if (earlier.hash, earlier.version_id) != (other.hash, other.version_id):
        return False
    if earlier.error_class in RULES:
        return bool(earlier.ruleset_version_id == other.ruleset_version_id)
    return True


def _acted(look: Look, ids: Collection[int]) -> dict[int, list[Any]]:
    """Return when people retried these records."""
    retries_by_record: dict[int, list[Any]] = defaultdict(list)
    query = select(Event.record_id, Event.at).where(
        bulk.among(Event.record_id, sorted(ids)), Event.act.in_(TRIED_AGAIN)
    )
    for record_id, at in look.session.execute(query) if ids else ():
        retries_by_record[record_id or 0].append(at)
    return retries_by_record


def _causes_moved(look: Look, ids: Collection[int]) -> set[int | None]:
    """Return postings held by the target whose cause has changed since."""
    query = (
        select(Hold.posting_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.posting_id, sorted(ids)), Hold.code.in_(sorted(TARGET_CODES)))
        .where(Cause.changed_revision > Hold.revision)
    )
    return set(look.session.scalars(query)) if ids else set()


def _other_causes_moved(look: Look, ids: Collection[int]) -> dict[int, list[Any]]:
    """Return, for each posting, the opening times of its holds by rules whose cause has changed.

    Such a change explains a resend: for example, the locked period of a refused file was opened.
    """
    opened: dict[int, list[Any]] = defaultdict(list)
    query = (
        select(Hold.posting_id, Hold.opened_at)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.posting_id, sorted(ids)), Hold.code.not_in(sorted(TARGET_CODES)))
        .where(Cause.changed_revision > Hold.revision)
    )
    for posting_id, at in look.session.execute(query) if ids else ():
        opened[posting_id or 0].append(at)
    return opened


CHECKS: dict[str, tuple[str, Check]] = {
    "I1": ("What arrived became versions.", content_invariants.arrivals_became_versions),
    "I2": ("What is posted stands in the target, once.", posted_is_there),
    "I3": ("What stands in the target was meant.", effects_were_meant),
    "I4": ("Nothing was created twice.", no_effect_twice),
    "I5": ("Changes arrived in their order.", versions_increase),
    "I6": ("No call is forgotten.", no_call_forgotten),
    "I7": ("Everything that waits is taken up again.", no_lease_forgotten),
    "I8": ("What is held has a reason and an owner.", holds_have_owner),
    "I9": ("What needed approval was approved.", approval_invariants.pushes_were_approved),
    "I10": (
        "What happened follows the table of moves.",
        content_invariants.history_follows_the_table,
    ),
    "I11": ("Everything is told.", content_invariants.every_version_is_told),
    "I12": (
        "Rules were in force when they decided.",
        content_invariants.judged_by_rules_of_the_time,
    ),
    "I13": ("No secret lies about.", content_invariants.no_secret_lies_about),
    "I14": ("The sums agree.", sums_agree),
    "I15": ("Nothing refused was sent again unchanged.", sent_again_after_a_change),
}


def check(
    session: Session,
    company_id: int,
    *,
    now: datetime,
    settings: Settings,
    ledger: Sequence[Path] | None = None,
    keys: Keys | None = None,
    anchors: Sequence[Head] = (),
    only: Collection[str] = tuple(CHECKS),
) -> Checked:
    """Check all invariants of one company without writing.

    `ledger` are files of target simulators, `keys` make I13 search for the connections' own
    secrets, `anchors` are chain heads noted elsewhere, for I11. Raise OSError or ValueError for a
    ledger that cannot be read.
    """
    connections = session.scalars(
        select(Connection).where(Connection.company_id == company_id)
    ).all()
    places = {str(connection.settings.get("company_id", "")) for connection in connections}
    lines = (
        None
        if ledger is None
        else journal_and_ledgers.of_company(journal_and_ledgers.read(ledger), places)
    )
    secrets = (
        [secret_of(session, connection, keys) for connection in connections if connection.key_id]
        if keys
        else []
    )
    look = Look(
        session=session,
        company_id=company_id,
        now=now,
        lease=timedelta(seconds=settings.lease_seconds),
        answer=timedelta(seconds=settings.answer_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
        lines=lines,
        secrets=tuple(part for key in secrets if isinstance(key, str) for part in _parts(key)),
        anchors=tuple(anchors),
    )
    names = tuple(name for name in CHECKS if name in only)
    breaches = tuple(breach for name in names for breach in CHECKS[name][1](look))
    return Checked(names, breaches)


def _parts(key: str) -> set[str]:
    """Return a secret and its parts, because each part would reveal it."""
    return {key, *(part for part in key.split(":") if len(part) >= TELLING)}
