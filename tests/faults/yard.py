"""Real processes for the fault tests: children that deliver, approve or work, and die at a point.

Here: who can reach which point, and a child for each. Not here: the amounts and what must be true
afterwards (test_f01_kills.py and its neighbours).
"""

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy import select

from connectors.transport import strict_json
from holding.access.actors import Actor
from holding.access.people import add_to_team
from holding.approvals import approve
from holding.db.database import Database
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Company, Connection, Hold, Person, Posting
from holding.evaluation.evaluate_due import POISON
from holding.operations.invariants import check
from holding.platform.settings import Settings
from holding.posting.holds import WORKERS_DIED
from holding.runs import date_ranges
from tests.faults import mutants
from tests.faults.amounts import Done
from tests.support.factories import make_person
from tests.support.house import FORKS, RULES, House
from tests.support.simulator import Simulator

APPROVER = "lim@example.test"
APPROVED = RULES + (
    "\napprove order for aiaccount.sales_invoice\n    when     total > 1.00\n"
    '    by       accounts\n    say      "{total} is above the limit."\n'
)
"""Rules by which every order needs an approval."""
WORKER, DOUBT, SENDER, APPROVAL, BATCH = "worker", "doubt", "sender", "approval", "batch"
REACHED_BY = {
    "claim.before": WORKER,
    "claim.after_commit": WORKER,
    "eval.each": WORKER,
    "eval.before_commit": WORKER,
    "eval.after_commit": WORKER,
    "approve.before_commit": APPROVAL,
    "approve.after_commit": APPROVAL,
    "push.claimed": WORKER,
    "push.before_intent": WORKER,
    "push.after_intent": WORKER,
    "push.after_connect": WORKER,
    "push.after_send": WORKER,
    "push.after_answer": WORKER,
    "push.before_answer_commit": WORKER,
    "push.after_answer_commit": WORKER,
    "lookup.before": DOUBT,
    "lookup.after": DOUBT,
    "lookup.before_commit": DOUBT,
    "sweep.mid": WORKER,
    "inbox.before_commit": SENDER,
    "inbox.after_commit": SENDER,
    "export.after_file": BATCH,
    "chain.before_link": WORKER,
    "doorbell.after_commit": WORKER,
}
"""The matrix of F1: each point, and who is killed there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A house as another process opens it."""

    url: str
    home: Path
    company_id: int
    target: Simulator
    sent: int
    environment: dict[str, str]

    def open(self) -> House:
        database = Database(self.url, durable=False)
        return House(database, self.target, self.home, self.company_id, self.environment, self.sent)


def place_of(house: House, **more: str) -> Place:
    told = {**house.environment, **more}
    return Place(house.database.url, house.home, house.company_id, house.target, house.sent, told)


def killed_at(house: House, point: str, no: int) -> list[str]:
    """Something dies by kill -9 at this point; the external ids of what was given in for it."""
    log = house.home / f"faults-{point}-{no}.jsonl"
    more = {"CLEARPOST_FAULTS": f"{point}=kill", "CLEARPOST_FAULT_LOG": str(log)}
    child, sent = _started(house, point, more)
    child.join(30)
    assert child.exitcode == -signal.SIGKILL, (point, child.exitcode)
    assert [json.loads(line)["point"] for line in log.read_text().splitlines()] == [point]
    return sent + _made_good(house, point)


def stopped_at(house: House, point: str, meanwhile: Callable[[], None]) -> list[str]:
    """Somebody stops at this point, goes on after what happens meanwhile, and ends."""
    child, sent = _started(house, point, {"CLEARPOST_FAULTS": f"{point}=stop@1"})
    until_stopped(child.pid or 0)
    meanwhile()
    os.kill(child.pid or 0, signal.SIGCONT)
    if REACHED_BY[point] not in (SENDER, APPROVAL):
        child.terminate()
    child.join(15)
    assert child.exitcode is not None, point
    return sent + _made_good(house, point)


def _started(house: House, point: str, more: dict[str, str]) -> tuple[BaseProcess, list[str]]:
    """Whoever comes to this point, and what was given in for it."""
    who = REACHED_BY[point]
    if who == DOUBT:
        house.target.control("faults", fault="timeout_after")
    sent = house.orders(2)
    if who == SENDER:
        return _child(_deliver, place_of(house, **more)), sent
    if who == APPROVAL:
        _until_held(house)
        return _child(_approve, place_of(house, **more)), sent
    if who == BATCH:
        _until_ready(house)
        ask_for_batch(house)
    return house.worker("--no-redis", **more), sent


def _made_good(house: House, point: str) -> list[str]:
    """What was not acknowledged is done once more."""
    if REACHED_BY[point] == SENDER:
        return house.orders(1)
    if REACHED_BY[point] == APPROVAL:
        _approve(place_of(house))
    return []


def _child(work: Callable[[Place], None], place: Place) -> BaseProcess:
    child = FORKS.Process(target=_run, args=(work, place))
    child.start()
    return child


def _run(work: Callable[[Place], None], place: Place) -> None:
    os.environ.update(place.environment)
    strict_json._PLAN = strict_json.read_plan(place.environment)
    mutants.plant_from(place.environment)
    work(place)


def _deliver(place: Place) -> None:
    place.open().orders(1)


def _approve(place: Place) -> None:
    house = place.open()
    with house.database.write() as session:
        person = session.scalars(select(Person).where(Person.email == APPROVER)).one()
        who = Actor(person.id, person.name, person.email, house.company_id, frozenset({"approver"}))
        waiting = select(Hold.posting_id).where(Hold.state == "open", Hold.code == "APP01")
        ids = [key for key in session.scalars(waiting) if key]
        approve.approve(session, who, ids, "Looks right.", datetime.now(UTC))
    house.database.close()


def hire_approver(house: House) -> None:
    hire(house, APPROVER, "approver", team="accounts")


def hire(house: House, email: str, role: str, *, team: str) -> None:
    with house.database.write() as session:
        company = session.get_one(Company, house.company_id)
        person = make_person(session, company, email, role)
        add_to_team(session, company_id=company.id, name=team, person_id=person.id)


def _until_held(house: House) -> None:
    with house.working("--no-redis"):
        house.wait_until(lambda states: not states.get("received") and states.get("held", 0) > 0)


def _until_ready(house: House) -> None:
    with house.working("--no-redis"):
        house.wait_until(lambda states: not states.get("received"))


def ask_for_batch(house: House) -> None:
    """What an operator's date range is: a run over everything that is ready."""
    with house.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        ready = select(Posting.id).where(Posting.state == "ready")
        ids = list(session.scalars(ready))
        date_ranges.add_run(session, target, "range", "sales_invoice", ids, datetime.now(UTC))


def all_ended(house: House, sent: Sequence[str], done: Done, *, seconds: float) -> None:
    """Everything is posted in the end; what workers died under alone, three times, is held."""
    with house.working("--no-redis"):
        house.wait_until(
            lambda states: states.get("posted", 0) + states.get("held", 0) == len(sent), seconds
        )
    with house.database.read() as session:
        held = list(session.scalars(select(Hold.code).where(Hold.state == "open")))
    assert set(held) <= {POISON, WORKERS_DIED}
    assert len(held) * (1 + DEATHS_ALONE) <= done.faults


def until_stopped(pid: int) -> None:
    """Until this process is asleep at the point where it stops."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        time.sleep(0.02)
    raise AssertionError("the worker did not come to the point where it stops")


def nothing_wrong(
    house: House, sent: Sequence[str], done: Done, *, known: Collection[str] = ()
) -> None:
    """Everything given in is in the target once, by the database, the ledger and the invariants;
    but for what is `known`, the sentences about what the test itself brought about.
    """
    found = house.compared(sent)
    done.records += len(sent)
    done.lost += found.lost
    done.doubled += found.doubled
    settings = Settings.from_env(house.environment)
    with house.database.read() as session:
        checked = check(
            session,
            house.company_id,
            now=_now(house),
            settings=settings,
            ledger=[house.target.ledger],
        )
        open_states = ("ready", "sending", "awaiting", "uncertain")
        stuck = list(session.scalars(select(Posting.number).where(Posting.state.in_(open_states))))
    done.stuck += len(stuck)
    assert (found.lost, found.doubled, stuck) == (0, 0, []), found.details
    assert sorted(one.say for one in checked.breaches) == sorted(known), checked.breaches


def _now(house: House) -> datetime:
    """The moment at which its workers believe to be."""
    moved = house.home / "clock"
    return datetime.now(UTC) + timedelta(seconds=float(moved.read_text()) if moved.exists() else 0)
