"""The cutover, and the moment from which documents of a company are sent.

Here: setting the first document date that is posted, what the first run would send, going live.
Not here: leaving out what is dated earlier (holding/evaluation/plan.py), sending nothing
before (holding/posting/claims.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Company, Connection, Posting, Record
from holding.db.refusal import Refusal, Sums, by_key, check_figure, of_posting, plural, sums
from holding.onboarding.checklist import Checklist, Step, checklist
from holding.platform.changes import locked_company, next_revision, wake_records
from holding.platform.events import record_event
from rules.values.posting_states import PostingState

NAMES = {
    Step.SOURCE: "source",
    Step.TARGET: "accounting system",
    Step.RULES: "rules",
    Step.DRY_RUN: "dry run",
    Step.CUTOVER: "cutover",
}


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of one type for one target, with their money."""

    target: str
    doc_type: str
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What is ready to be sent when the company goes live; `to_check` records may still join it."""

    documents: Sequence[Documents]
    count: int
    money: Sums
    to_check: int

    @property
    def figure(self) -> int:
        """One figure that is another where the money is; it is never shown."""
        return check_figure(self.money)


def suggested_start(closed_through: date | None, now: datetime, zone: str) -> date:
    """The day after the closed books, else the first of this month."""
    if closed_through is not None:
        return closed_through + timedelta(days=1)
    return now.astimezone(ZoneInfo(zone)).date().replace(day=1)


def set_cutover(session: Session, actor: Actor, starts_on: date, now: datetime) -> Refusal | None:
    """Post only what is dated on this day or later; every record is checked again for it."""
    refusal = may(actor, "company.setup")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = locked_company(session, actor.company_id)
    if company.live:
        return _live_already(company)
    closed = company.closed_through
    if closed is not None and starts_on <= closed:
        words = f"You cannot start on {starts_on}, because the books are closed through {closed}."
        hint = f"Enter {closed + timedelta(days=1)} or a later day."
        return Refusal("cutover.closed", words, hint, 422)
    if company.starts_on == starts_on:
        return None
    next_revision(
        session,
        company.id,
        kind="setting",
        what=f"cutover date {starts_on}",
        person_id=actor.person_id,
        reason="set-up",
        now=now,
    )
    company.starts_on = starts_on
    session.flush()
    records = session.scalars(select(Record.id).where(Record.company_id == company.id)).all()
    wake_records(session, records, now)
    say = f"{actor.name} set the cutover date to {starts_on}: earlier documents are not posted."
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.cutover",
        body={"say": say, "starts_on": starts_on.isoformat()},
    )
    return None


def first_run(session: Session, company_id: int, now: datetime) -> FirstRun:
    """What would be sent first if the company went live now."""
    currency, minor = of_posting()
    rows = session.execute(
        select(
            Connection.name,
            Posting.doc_type,
            currency,
            func.count().label("documents"),
            func.sum(minor).label("minor"),
        )
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.company_id == company_id, Posting.state == PostingState.READY)
        .group_by(Connection.name, Posting.doc_type, currency)
        .order_by(Connection.name, Posting.doc_type)
    ).all()
    places = dict.fromkeys((row.name, row.doc_type) for row in rows)
    money = by_key(((row.name, row.doc_type), row.currency, row.minor) for row in rows)
    counts = {
        place: sum(row.documents for row in rows if (row.name, row.doc_type) == place)
        for place in places
    }
    total = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    due = select(func.count()).where(Record.company_id == company_id, Record.due_at <= now)
    return FirstRun(
        documents=[
            Documents(
                target=place[0],
                doc_type=place[1],
                count=counts[place],
                money=money.get(place, {}),
            )
            for place in places
        ],
        count=sum(counts.values()),
        money=total,
        to_check=session.scalars(due).one(),
    )


def go_live(
    session: Session, actor: Actor, expected_count: int, expected_figure: int, now: datetime
) -> FirstRun | Refusal:
    """Send from now on; refused while a step is left, and where the first run is not as shown."""
    refusal = may(actor, "company.setup")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = locked_company(session, actor.company_id)
    refusal = _live_already(company) if company.live else not_ready(checklist(session, company.id))
    if refusal:
        return refusal
    found = first_run(session, company.id, now)
    if (found.count, found.figure) != (expected_count, expected_figure):
        total = sums(found.money, company.currency)
        words = (
            f"You cannot go live yet, because the first run changed: {_documents(found)}, {total}."
        )
        return Refusal("live.changed", words, "Look at the new numbers, then go live.")
    company.live, company.went_live_at = True, now
    session.flush()
    total = sums(found.money, company.currency)
    say = (
        f"{actor.name} took {company.name} live, from document date {company.starts_on}."
        f" First run: {_documents(found)}, {total}."
    )
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.went_live",
        body={"say": say, "documents": found.count, "money": dict(found.money)},
    )
    return found


def not_ready(found: Checklist) -> Refusal | None:
    """Why the company cannot go live yet."""
    if not found.left:
        return None
    left, names = found.left, [NAMES[step] for step in found.left]
    told = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    words = f"You cannot go live yet, because {told} {'is' if len(left) == 1 else 'are'} not done."
    return Refusal("live.not_ready", words, "The checklist says what each step needs.")


def _documents(found: FirstRun) -> str:
    return plural(found.count, "document")


def _live_already(company: Company) -> Refusal:
    words = f"{company.name} is live already."
    return Refusal("live.already", words, "The dashboard shows what is posted and what is on hold.")
