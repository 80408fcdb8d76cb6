"""Evaluate the records of some days by the current rules and store only the totals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from connectors.transport.http import Clock
from holding.access.actors import Actor, may
from holding.db.database import Database
from holding.db.models import Company, Connection, Delivery, Record, Upload
from holding.db.models.columns import RecordState
from holding.db.refusal import Refusal, Sums, added, plural
from holding.evaluation.batch import Claimed, Plan, WantedHold
from holding.evaluation.evaluate_due import hold_used_numbers, plan_all
from holding.evaluation.load_facts import load_batch
from holding.evaluation.used_numbers import ReadyNumbers
from holding.intake.families import link_all
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.programs import world
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

SETTING: Final = "dry_run"  # key of company.settings: the sums of the last one
MOST: Final = 1000  # records: more would keep a page waiting
A_BATCH: Final = 200
SHOWN: Final = 3
KINDS: Final[Mapping[RecordState, str]] = {
    RecordState.READY: "ready",
    RecordState.WAITING: "waiting",
    RecordState.IGNORED: "ignored",
    RecordState.DROPPED: "ignored",
    RecordState.REFERENCE: "reference",
}
"""What a record counts as; in every other state it is held."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many records, and their money."""

    records: int
    money: Sums


@dataclass(frozen=True, slots=True)
class CauseCount:
    """A cause that holds records; a record with two causes is counted at each.

    `number`, `message` and `record_id` are its first record's, `code` is the hold's.
    """

    label: str
    error_class: str
    team: str
    found: Count
    code: str
    number: str
    message: str
    record_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSeen:
    """One record of a dry run: its result (`kind`), and the labels of the causes that hold it."""

    number: str
    source: str
    type: str
    external_id: str
    day: date | None
    party: str
    amount: int | None
    currency: str
    kind: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Work that may still change a count of records: records of other days that are being checked,
    and arrivals (deliveries and confirmed files) that are not read into records yet.
    """

    records: int
    arrivals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """The records of these days: `groups` (ready, held, waiting, ignored, reference) add up to
    `all`; the causes of those held; the first documents; each record. `left_out`: records beyond
    the limit, and `left_days` the first and the last day of these, where they have one.
    `unfinished`: work that may still add records to these days.
    """

    first: date
    last: date
    all: Count
    groups: Mapping[str, Count]
    causes: Sequence[CauseCount]
    documents: Sequence[Document]
    records: Sequence[RecordSeen]
    left_out: int
    left_days: tuple[date, date] | None = None
    unfinished: Unfinished = Unfinished(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDryRun:
    """The stored result of the last dry run.

    `current`: its data has not changed since. `left_out` records were not evaluated.
    """

    at: datetime
    first: date
    last: date
    records: int
    ready: int
    held: int
    left_out: int
    current: bool


def last_month(now: datetime, zone: str) -> tuple[date, date]:
    """Return the first and the last day of the month before this one."""
    last = now.astimezone(ZoneInfo(zone)).date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def proposed_days(session: Session, company_id: int, now: datetime, zone: str) -> tuple[date, date]:
    """Return last month if it has records, else the newest month that has some.

    Without any dated record this is last month, where records without a date are checked as well.
    """
    first, last = last_month(now, zone)
    dated = (Record.company_id == company_id, Record.version_id.is_not(None))
    in_last_month = select(Record.id).where(*dated, Record.doc_date.between(first, last)).limit(1)
    if session.scalar(in_last_month) is not None:
        return first, last
    newest = session.scalar(select(func.max(Record.doc_date)).where(*dated))
    if newest is None:
        return first, last
    begin = newest.replace(day=1)
    return begin, (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def last_dry_run(company: Company) -> LastDryRun | None:
    """Return a company's last dry run, or None."""
    stored = company.settings.get(SETTING)
    if not stored:
        return None
    return LastDryRun(
        at=datetime.fromisoformat(stored["at"]),
        first=date.fromisoformat(stored["first"]),
        last=date.fromisoformat(stored["last"]),
        records=stored["records"],
        ready=stored["ready"],
        held=stored["held"],
        left_out=stored.get("left_out", 0),
        current=stored["revision"] == company.revision,
    )


def dry_run(
    database: Database, clock: Clock, actor: Actor, first: date, last: date
) -> DryRun | Refusal:
    """Evaluate the records of these days, and records without a date, and store the counts.

    Records dated before the cutover are evaluated like the others, so that a whole month can be
    checked.
    """
    result = rehearsed(database, clock, actor, first, last)
    if isinstance(result, Refusal):
        return result
    ran, revision = result
    with database.write() as session:
        _remember(session, actor, ran, revision, clock.now())
    return ran


def rehearsed(
    database: Database, clock: Clock, actor: Actor, first: date, last: date
) -> tuple[DryRun, int] | Refusal:
    """Return a dry run without storing it, and the company's revision."""
    refusal = may(actor, "company.setup")
    company_id = actor.company_id
    if refusal or company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    now = clock.now()
    with database.read(many=True) as session:
        company = session.get_one(Company, company_id)
        if company.live:
            words = f"You cannot start a dry run, because {company.name} is live."
            hint = "A backtest compares other rules with what was posted."
            return Refusal("dry_run.live", words, hint)
        if company.ruleset_version_id is None:
            words = "You cannot start a dry run, because no rules are in force."
            return Refusal("dry_run.no_rules", words, "Publish rules first.")
        rules, revision = company.ruleset_version_id, company.revision
    link_all(database, company_id, rules, world.program)
    with database.read(many=True) as session:
        rows = _records(session, company_id, first, last)
        record_ids, days = _taken(rows)
        plans: list[Plan] = []
        ready_numbers: ReadyNumbers = {}
        teams: dict[int, str] = {}
        for at in range(0, len(record_ids), A_BATCH):
            claims = [Claimed(record_id, 0, 0) for record_id in record_ids[at : at + A_BATCH]]
            batch = load_batch(session, company_id, claims, now, world.program)
            without_cutover = replace(batch, starts_on=None)
            plans += hold_used_numbers(
                session, without_cutover, plan_all(without_cutover, now), ready_numbers
            )[1]
            teams |= {id_: name for name, id_ in batch.teams.items()}
        plans_in_period = [plan for plan in plans if _is_within(plan, first, last)]
        records = _seen(session, plans_in_period)
        run = _summed(plans_in_period, teams, first, last, len(rows) - len(record_ids))
        unfinished = _unfinished(session, company_id, first, last, now)
    return replace(run, records=records, left_days=days, unfinished=unfinished), revision


def count_arrivals(session: Session, company_id: int) -> int:
    """Return how many deliveries and confirmed files are not read into records yet."""
    deliveries = select(func.count()).where(
        Delivery.company_id == company_id, Delivery.due_at.is_not(None)
    )
    files = select(func.count()).where(
        Upload.company_id == company_id,
        Upload.due_at.is_not(None),
        Upload.confirmed_at.is_not(None),
    )
    return sum(session.scalars(count).one() for count in (deliveries, files))


def _unfinished(
    session: Session, company_id: int, first: date, last: date, now: datetime
) -> Unfinished:
    """Return the work that may still move records into these days.

    The run evaluated records of these days itself; a record of another day may get a new date.
    """
    due = (Record.company_id == company_id, Record.due_at <= now, Record.version_id.is_not(None))
    records = select(func.count()).where(*due, ~Record.doc_date.between(first, last))
    return Unfinished(session.scalars(records).one(), count_arrivals(session, company_id))


def _seen(session: Session, plans: Sequence[Plan]) -> tuple[RecordSeen, ...]:
    """Return the records, newest first."""
    names = {row.id: row for row in session.execute(_NAMED, {"ids": [_id(p) for p in plans]})}
    return tuple(
        RecordSeen(
            number=names[_id(plan)].number,
            source=names[_id(plan)].source,
            type=names[_id(plan)].type,
            external_id=names[_id(plan)].external_id,
            day=plan.listed.doc_date if plan.listed else None,
            party=plan.listed.party if plan.listed else "",
            amount=plan.listed.amount if plan.listed else None,
            currency=plan.listed.currency if plan.listed else "",
            kind=KINDS.get(plan.state, "held"),
            causes=tuple(
                dict.fromkeys(wanted_hold.cause_label for wanted_hold in plan.wanted.values())
            ),
        )
        for plan in sorted(plans, key=_id, reverse=True)
    )


def _id(plan: Plan) -> int:
    return plan.case.record_id


_NAMED = (
    select(
        Record.id, Record.number, Record.type, Record.external_id, Connection.name.label("source")
    )
    .join(Connection, Connection.id == Record.source_id)
    .where(Record.id.in_(bindparam("ids", expanding=True)))
)


def _records(session: Session, company_id: int, first: date, last: date) -> Sequence[Any]:
    """Return id and day of each record: those without a date first, then newest first."""
    day = Record.doc_date
    query = select(Record.id, day).where(Record.company_id == company_id)
    query = query.where(
        or_(day.between(first, last), day.is_(None)), Record.version_id.is_not(None)
    )
    return session.execute(query.order_by(day.is_not(None), day.desc(), Record.id.desc())).all()


def _taken(rows: Sequence[Any]) -> tuple[list[int], tuple[date, date] | None]:
    """Return the ids of as many records as allowed, in whole days unless one day is too much.

    Also return the days of the records that were left out.
    """
    cut = rows[MOST].doc_date if len(rows) > MOST else None
    taken_rows = [row for row in rows[:MOST] if cut is None or row.doc_date != cut] or rows[:MOST]
    left_days = [row.doc_date for row in rows[len(taken_rows) :] if row.doc_date is not None]
    return [row.id for row in taken_rows], (min(left_days), max(left_days)) if left_days else None


def _summed(
    plans: Sequence[Plan], teams: Mapping[int, str], first: date, last: date, left_out: int
) -> DryRun:
    """Return the sums of the records dated in these days, now that their dates are known."""
    groups: dict[str, list[Plan]] = defaultdict(list)
    for plan in plans:
        groups[KINDS.get(plan.state, "held")].append(plan)
    causes: dict[tuple[str, str, str], list[Plan]] = defaultdict(list)
    first_holds: dict[tuple[str, str, str], WantedHold] = {}
    for plan in groups["held"]:
        holds_by_cause = {_cause(hold, teams): hold for hold in reversed(plan.wanted.values())}
        for cause, wanted_hold in holds_by_cause.items():
            causes[cause].append(plan)
            first_holds.setdefault(cause, wanted_hold)
    counted = [
        CauseCount(
            label=cause[0],
            error_class=cause[1],
            team=cause[2],
            found=_count(held_plans),
            code=first_holds[cause].code,
            number=first_holds[cause].number or _number(held_plans[0]),
            message=first_holds[cause].message,
            record_id=_id(held_plans[0]),
        )
        for cause, held_plans in causes.items()
    ]
    ready = [
        posting.content
        for plan in plans
        for posting in plan.postings
        if posting.state == PostingState.READY
    ]
    return DryRun(
        first=first,
        last=last,
        all=_count(plans),
        groups={kind: _count(group) for kind, group in groups.items()},
        causes=sorted(
            counted, key=lambda cause_count: (-cause_count.found.records, cause_count.label)
        ),
        documents=[revive(Document, content) for content in ready if content][:SHOWN],
        records=(),
        left_out=left_out,
    )


def _number(plan: Plan) -> str:
    """Return the record's own number, for a document that cannot be made."""
    return str(plan.case.subject.body.get("number") or "")


def _is_within(plan: Plan, first: date, last: date) -> bool:
    day = plan.listed.doc_date if plan.listed else None
    return day is None or first <= day <= last


def _cause(wanted_hold: WantedHold, teams: Mapping[int, str]) -> tuple[str, str, str]:
    return wanted_hold.cause_label, wanted_hold.error_class, teams.get(wanted_hold.team_id or 0, "")


def _count(plans: Iterable[Plan]) -> Count:
    all_plans = list(plans)
    listings = [plan.listed for plan in all_plans if plan.listed and plan.listed.amount is not None]
    money = added(
        {"" if listing.book is not None else listing.currency: listing.amount or 0}
        for listing in listings
    )
    return Count(len(all_plans), money)


def _remember(session: Session, actor: Actor, run: DryRun, revision: int, now: datetime) -> None:
    company = lock_company(session, actor.company_id or 0)
    numbers = {kind: run.groups.get(kind, Count(0, {})).records for kind in ("ready", "held")}
    stored: dict[str, Any] = {
        "at": now.isoformat(),
        "first": run.first.isoformat(),
        "last": run.last.isoformat(),
        "records": run.all.records,
        "left_out": run.left_out,
        "revision": revision,
        **numbers,
    }
    company.settings = {**company.settings, SETTING: stored}
    session.flush()
    missed = plural(run.left_out, "record was", "records were")
    left_text = f" {missed} not checked." if run.left_out else ""
    say = (
        f"{actor.name} made a dry run of {run.first} to {run.last}:"
        f" {plural(run.all.records, 'record')}, {numbers['ready']} ready to post,"
        f" {numbers['held']} on hold. Nothing was sent.{left_text}"
    )
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.dry_run",
        body={"say": say, **stored},
    )
