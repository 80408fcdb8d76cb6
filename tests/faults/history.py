"""What can happen in a history, each act an arrow that the course, or Hypothesis, may choose.

Here: arrivals, edits, approvals, kills, steps of a task, time. Not here: the company (town.py), in
which order it happens and how it ends (course.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from connectors.contract import IncomingRecord
from tests.faults.tasks import Task, pause
from tests.faults.town import LEASE, START, Town

LATEST = 35.0  # seconds that a request may be on its way, less than an answer may take
QUIET_POINTS = ("push.after_connect",)  # a sleep here is a send that nobody can call back
STAMP = START - timedelta(days=1)


@dataclass
class Chances:
    """How rough a history is, in the hundred."""

    kill: float = 6
    sleep: float = 3
    fate: float = 30
    jump: float = 2
    lags: bool = True
    dedupe: tuple[str, ...] = ("nothing", "nothing", "none", "number+customer")


@dataclass
class History:
    """One company with everybody who does something, and what was given in so far."""

    place: Town
    chance: Random
    chances: Chances
    tasks: list[Task] = field(default_factory=list)
    sent: dict[str, list[IncomingRecord]] = field(default_factory=dict)
    keys: dict[str, tuple[IncomingRecord, ...]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    kills: int = 0
    trace: list[str] = field(default_factory=list)
    more: dict[str, tuple[int, Callable[[], None]]] = field(default_factory=dict)
    """What else may happen, with its weight: crowd.py."""

    def __post_init__(self) -> None:
        self._no = count(1)
        self._workers = count(1)

    def hire(self) -> None:
        """A new worker process."""
        name = f"worker-{next(self._workers)}"
        turns = self.place.worker(name, self.chance.getrandbits(32))

        def work() -> None:
            for done in turns:
                pause("turn" if done else "idle")

        self.tasks.append(Task(name, work))

    def call(self, name: str, work: Callable[[], object]) -> None:
        """A web call or a command, a process of its own."""
        self.tasks.append(Task(name, work))

    def arrive(self, price: int) -> None:
        """A new order."""
        no = next(self._no)
        self._deliver(f"x-{no}", order(no, price, minute=0))

    def edit(self, which: str, price: int) -> None:
        """The source changes an order."""
        versions = self.sent[which]
        body: dict[str, Any] = dict(versions[0].body)
        self._deliver(which, order(int(body["number"]), price, minute=len(versions)))

    def cancel(self, which: str) -> None:
        """The source cancels an order."""
        versions = self.sent[which]
        last = versions[-1]
        body = dict(last.body) | {"status": "cancelled"}
        self._deliver(which, order_of(body, minute=len(versions)))

    def late(self, which: str) -> None:
        """An old version of an order comes once more, in a new delivery."""
        self._send(f"late-{next(self._no)}", (self.sent[which][0],))

    def repeat(self, key: str) -> None:
        """The source sends a delivery again that was not acknowledged, or that was."""
        self._send(key, self.keys[key])

    def approve(self, by: int) -> None:
        """An approver looks at what waits."""
        self.call("approve", lambda: self.place.approve(by))

    def _deliver(self, which: str, record: IncomingRecord) -> None:
        self.sent.setdefault(which, []).append(record)
        self._send(f"evt-{next(self._no)}", (record,))

    def _send(self, key: str, records: tuple[IncomingRecord, ...]) -> None:
        self.keys[key] = records

        def work() -> None:
            if self.place.deliver(key, *records) == "kept":
                self.acknowledged.add(key)

        self.call(f"deliver {key}", work)

    def go_on(self, task: Task, *, rough: bool) -> None:
        """One step of a task, and perhaps its end or a long sleep."""
        where = task.step()
        self.trace.append(f"{self.place.clock.seconds:.1f} {task.name}: {where or 'over'}")
        if task.over:
            self.tasks.remove(task)
        elif rough and "." in where:
            dice = self.chance.random() * 100
            if dice < self.chances.kill:
                self.kill(task)
            elif dice < self.chances.kill + self.chances.sleep and self._may_sleep(where):
                task.until = self.place.clock.seconds + self.chance.uniform(0, 3 * LEASE)
                self.trace.append(f"  sleeps until {task.until:.1f}")

    def kill(self, task: Task) -> None:
        """kill -9; a dead worker is replaced."""
        self.trace.append(f"  killed at {task.at}")
        self.kills += 1
        task.kill()
        self.tasks.remove(task)
        if task.name.startswith("worker"):
            self.hire()

    def _may_sleep(self, where: str) -> bool:
        """A target that compares nothing can be told late by who sleeps with an open connection."""
        return where not in QUIET_POINTS or self.place.wire.dedupe == "number+customer"

    def runnable(self) -> list[Task]:
        """Tasks that could go on now; whoever holds a connection open goes on at once."""
        now = self.place.clock.seconds
        ready = [task for task in self.tasks if task.until <= now and task.waits_for()]
        hasty = [task for task in ready if not self._may_sleep(task.at)]
        return hasty[:1] or ready

    def pass_(self, seconds: float) -> None:
        """Time goes by; what is on its way for too long arrives."""
        self.place.clock.pass_(seconds)
        self.place.settle(LATEST)


def order(no: int, price: int, *, minute: int) -> IncomingRecord:
    """An order of two pieces at this price."""
    line = {"pos": 1, "sku": "TEE-BLK-M", "name": "Tee", "qty": "2", "price": f"{price}.00"}
    body: dict[str, Any] = {
        "number": str(10_000 + no) if no < 10_000 else str(no),
        "status": "paid",
        "ordered_on": "2026-11-19",
        "currency": "MYR",
        "customer_name": "Aisyah Rahman",
        "total": f"{2 * price}.00",
        "lines": [line],
    }
    return order_of(body, minute=minute)


def order_of(body: dict[str, Any], *, minute: int) -> IncomingRecord:
    number = str(body["number"])
    stamp = (STAMP + timedelta(minutes=minute)).isoformat()
    return IncomingRecord(
        kind="order", external_id=f"x-{number}", number=number, stamp=stamp, body=body
    )
