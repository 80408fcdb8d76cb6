"""Start, stop and summarize backtests of rule changes."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, may
from holding.db.models import BacktestResult, BacktestRun, Change, Evaluation, Record
from holding.db.models.columns import BacktestEnd
from holding.db.refusal import Refusal, plural
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.rulesets.publication import OPEN_STATES
from holding.trials import shadows
from rules.comparison.two_sides import Change as VerdictChange
from rules.comparison.two_sides import Money, Sum, Tally
from rules.values.canonical import number_text

ENDINGS: Final = {
    BacktestEnd.DONE: "every record was checked",
    BacktestEnd.PERSON: "stopped by a person",
    BacktestEnd.CLOSED: "the change does not wait any more",
}

NOTHING: Final[Mapping[str, Any]] = {
    "records": 0,
    "same": 0,
    "bad": 0,
    "cells": [],
    "stopped": {},
    "freed": {},
    "judged": {},
    "fired": [],
}


def begin(
    session: Session,
    change_no: int,
    actor: Actor,
    days: tuple[date | None, date | None],
    now: datetime,
) -> int | Refusal:
    """Start a backtest of an open change, for records with a document date between the days.

    Returns the number of records. Results of the change's earlier backtests are deleted.
    """
    refusal = may(actor, "rules.draft")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = lock_company(session, actor.company_id)
    change = session.scalar(
        select(Change).where(Change.company_id == company.id, Change.no == change_no)
    )
    if change is None:
        return Refusal("change.unknown", f"There is no change {change_no}.", status=404)
    if company.ruleset_version_id is None:
        words = "No rules are in force that a backtest could compare with."
        return Refusal("backtest.first", words, "The first rules need no backtest.")
    if change.state not in OPEN_STATES or change.base_id != company.ruleset_version_id:
        words = f"Change {change_no} does not wait to be published."
        return Refusal("backtest.not_waiting", words, "Only a change that waits has a backtest.")
    if refusal := _of_no_record(session, company.id, days):
        return refusal
    first, last = days
    if running(session, company.id) is not None:
        words = "Another backtest is running in this company."
        return Refusal("backtest.running", words, "Wait for its end, or stop it.")
    _forget(session, change.id)
    run = BacktestRun(
        company_id=company.id,
        change_id=change.id,
        old_id=company.ruleset_version_id,
        person_id=actor.person_id,
        first=first,
        last=last,
        started_at=now,
        until_id=session.scalar(select(func.max(Evaluation.id))) or 0,
        total=_records(session, company.id, first, last),
        counted=dict(NOTHING),
    )
    session.add(run)
    session.flush()
    _tell(session, run, actor, now, "began", f"began a backtest of change {change_no}")
    return run.total


def _of_no_record(
    session: Session, company_id: int, days: tuple[date | None, date | None]
) -> Refusal | None:
    """Return a refusal if no record has a document date between the days, although the company has
    records.

    Else an empty result would look like a result without differences.
    """
    first, last = days
    if first and last and last < first:
        words = "The last day lies before the first."
        return Refusal("backtest.days", words, "Enter the days the other way round.", 422)
    if _records(session, company_id, first, last):
        return None
    dates = select(func.min(Record.doc_date), func.max(Record.doc_date))
    oldest, newest = session.execute(dates.where(Record.company_id == company_id)).one()
    if oldest is None:
        return None
    return Refusal(
        code="backtest.empty",
        message="No record has a document date in this period.",
        hint=f"The records are of {oldest} to {newest}. Choose days of these, or leave both blank.",
        status=422,
    )


def _records(session: Session, company_id: int, first: date | None, last: date | None) -> int:
    query = select(func.count(Record.id)).where(Record.company_id == company_id)
    query = query if first is None else query.where(Record.doc_date >= first)
    query = query if last is None else query.where(Record.doc_date <= last)
    return session.scalar(query) or 0


def _forget(session: Session, change_id: int) -> None:
    """Delete the records of the change's earlier backtests. Their counts are kept."""
    earlier = select(BacktestRun.id).where(BacktestRun.change_id == change_id)
    session.execute(delete(BacktestResult).where(BacktestResult.run_id.in_(earlier)))


def _tell(
    session: Session, run: BacktestRun, actor: Actor, now: datetime, act: str, what: str
) -> None:
    record_event(
        session,
        company_id=run.company_id,
        at=now,
        actor=actor,
        act=f"backtest.{act}",
        body={
            "say": f"{actor.name} {what}.",
            "run": run.id,
            "change_id": run.change_id,
            "records": run.looked,
        },
    )


def running(session: Session, company_id: int) -> BacktestRun | None:
    """Return the company's running backtest, or None."""
    return session.scalar(
        select(BacktestRun).where(
            BacktestRun.company_id == company_id, BacktestRun.ended_at.is_(None)
        )
    )


def stop(
    session: Session, company_id: int, change_id: int, actor: Actor, now: datetime
) -> Refusal | None:
    """Stop the backtest of a change. Its counts so far are kept."""
    if refusal := may(actor, "rules.draft"):
        return refusal
    run = running(session, company_id)
    if run is None or run.change_id != change_id:
        return Refusal("backtest.ended", "No backtest of this change is running.")
    end(session, run, BacktestEnd.PERSON, now, actor)
    return None


def end(
    session: Session, run: BacktestRun, why: BacktestEnd, now: datetime, actor: Actor = SYSTEM
) -> None:
    """End it, for this reason."""
    run.ended_at, run.ending = now, why
    session.flush()
    shadows.delete_trial_keys(session, run.company_id)
    counted = f"{plural(run.looked, 'record')} of {run.total:,}"
    _tell(session, run, actor, now, "ended", f"ended a backtest: {ENDINGS[why]}; {counted}")


def stored(tally: Tally) -> dict[str, Any]:
    """Return the counts and sums of a tally for storage. Amounts are exact text."""
    return {
        "records": tally.records,
        "same": tally.same,
        "bad": tally.bad,
        "cells": [[*change, _money(money)] for change, money in sorted(tally.cells.items())],
        "stopped": _money(tally.stopped),
        "freed": _money(tally.freed),
        "judged": tally.judged,
        "fired": [[kind, rule, times] for (kind, rule), times in sorted(tally.fired.items())],
    }


def _money(money: Money) -> dict[str, list[Any]]:
    return {
        code: [total.records, number_text(total.amount)] for code, total in sorted(money.items())
    }


def counted(encoded: Mapping[str, Any]) -> Tally:
    """Decode the counts of a backtest from their stored JSON."""
    return Tally(
        records=encoded["records"],
        same=encoded["same"],
        cells={VerdictChange(*words): _sums(money) for *words, money in encoded["cells"]},
        stopped=_sums(encoded["stopped"]),
        freed=_sums(encoded["freed"]),
        judged=dict(encoded["judged"]),
        fired={(kind, rule): times for kind, rule, times in encoded["fired"]},
        bad=encoded["bad"],
    )


def _sums(encoded: Mapping[str, Any]) -> Money:
    return {code: Sum(records, Decimal(amount)) for code, (records, amount) in encoded.items()}
