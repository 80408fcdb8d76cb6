"""Real processes for the fault tests: children that deliver, approve or work, and die at a point.

Here: who can reach which point, and a child for each. Not here: the amounts and what must be true
afterwards (test_f01_kills.py and its neighbours).
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from connectors.kit import faults
from holding import approvals, runs
from holding.database import Database
from holding.evaluation import POISON
from holding.invariants.check import check
from holding.models import Company, Connection, Hold, Person, Posting
from holding.pushing.trouble import WORKERS_DIED
from holding.roles import Actor
from holding.settings import Settings
from holding.teams import add_to_team
from tests.faults import mutants
from tests.faults.amounts import Done
from tests.support.factories import make_person
from tests.support.house import FORKS, House
from tests.support.simulator import Simulator

APPROVER = "lim@example.test"
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
    who = REACHED_BY[point]
    if who == DOUBT:
        house.target.control("faults", fault="timeout_after")
    sent = house.orders(2)
    if who == SENDER:
        code = _child(_deliver, place_of(house, **more))
        sent += house.orders(1)  # the sender sends again what nobody acknowledged
    elif who == APPROVAL:
        _until_held(house)
        code = _child(_approve, place_of(house, **more))
        _approve(place_of(house))
    else:
        if who == BATCH:
            _until_ready(house)
            ask_for_batch(house)
        code = house.run_worker("--no-redis", **more)
    assert code == -signal.SIGKILL, (point, code)
    assert [json.loads(line)["point"] for line in log.read_text().splitlines()] == [point]
    return sent


def _child(work: Callable[[Place], None], place: Place) -> int | None:
    child = FORKS.Process(target=_run, args=(work, place))
    child.start()
    child.join(30)
    return child.exitcode


def _run(work: Callable[[Place], None], place: Place) -> None:
    os.environ.update(place.environment)
    faults._PLAN = faults.read_plan(place.environment)
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
        approvals.approve(session, who, ids, "Looks right.", datetime.now(UTC))
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
        runs.add_run(session, target, "range", "sales_invoice", ids, datetime.now(UTC))


def all_ended(house: House, sent: Sequence[str], done: Done, *, seconds: float) -> None:
    """Everything is posted in the end; what workers died under three times is held and says so."""
    with house.working("--no-redis"):
        house.wait_until(
            lambda states: states.get("posted", 0) + states.get("held", 0) == len(sent), seconds
        )
    with house.database.read() as session:
        held = list(session.scalars(select(Hold.code).where(Hold.state == "open")))
    assert set(held) <= {POISON, WORKERS_DIED}
    assert len(held) * 3 <= done.faults


def until_stopped(pid: int) -> None:
    """Until this process is asleep at the point where it stops."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        time.sleep(0.02)
    raise AssertionError("the worker did not come to the point where it stops")


def nothing_wrong(house: House, sent: Sequence[str], done: Done) -> None:
    """Everything given in is in the target once, by the database, the ledger and the invariants."""
    found = house.compared(sent)
    done.records += len(sent)
    done.lost += found.lost
    done.doubled += found.doubled
    settings = Settings.from_env(house.environment)
    with house.database.read() as session:
        checked = check(
            session,
            house.company_id,
            now=datetime.now(UTC),
            settings=settings,
            ledger=[house.target.ledger],
        )
        open_states = ("ready", "sending", "awaiting", "uncertain")
        stuck = list(session.scalars(select(Posting.number).where(Posting.state.in_(open_states))))
    done.stuck += len(stuck)
    assert (found.lost, found.doubled, stuck) == (0, 0, []), found.details
    assert checked.breaches == ()
