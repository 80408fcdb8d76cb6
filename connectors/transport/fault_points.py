"""Named fault points: where a test may kill, stop, delay or break this process.

Here: the register of names, the plan in `CLEARPOST_FAULTS`, and what happens when a point is
reached. Not here: the points themselves; they stand where the work is done, each as
`point("push.after_intent")`.

A plan is `name=action` parts joined by `;`. An action is `kill`, `stop`, `raise`, `note` (only
log), `sleep:SECONDS` or `error:locked|full|io`, then perhaps `@n` (only at the n-th hit) or `%p`
(with a chance of p in 100, from `CLEARPOST_SEED`). Without the variable a point does nothing.
"""

import errno
import json
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

POINTS = {
    "claim.before": "a worker is about to take records that are due",
    "claim.after_commit": "records are leased, none is judged yet",
    "eval.each": "one record is about to be judged",
    "eval.before_commit": "decisions are written and not yet committed",
    "eval.after_commit": "decisions are committed, nobody was told",
    "approve.before_commit": "an approval is written and not yet committed",
    "approve.after_commit": "an approval is committed",
    "push.claimed": "postings are leased, nothing is written down yet",
    "push.before_intent": "the intent is about to be written",
    "push.after_intent": "the intent is committed, no byte has left",
    "push.after_connect": "the target is connected, no byte has left",
    "push.after_send": "the whole request has left",
    "push.after_answer": "the answer is here, and nobody wrote it down",
    "push.before_answer_commit": "the answer is written and not yet committed",
    "push.after_answer_commit": "the answer is committed",
    "lookup.before": "a doubt is about to be looked up",
    "lookup.after": "the look-up is answered, and nobody wrote it down",
    "lookup.before_commit": "the look-up is written and not yet committed",
    "sweep.mid": "leases of the dead are taken and not yet committed",
    "inbox.before_commit": "a delivery is stored and not yet committed",
    "inbox.after_commit": "a delivery is committed, the sender was not told",
    "export.after_file": "the file of a batch is made and not yet written down",
    "chain.before_link": "events are about to be chained",
    "doorbell.after_commit": "work is committed, nobody was rung for",
}
"""Every point, and what has just happened or is about to."""
NAMES = tuple(POINTS)

_PART = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<action>kill|stop|raise|note|sleep|error)(?::(?P<argument>[a-z0-9.]+))?"
    r"(?:@(?P<nth>[1-9]\d*)|%(?P<chance>\d+(?:\.\d+)?))?"
)
_ERRORS = ("locked", "full", "io")


class FaultError(Exception):
    """Raised at a point by the action `raise`, and at start when the plan itself cannot be used."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One part of a plan: what to do at a point, and at which hits."""

    name: str
    action: str
    argument: str
    nth: int | None
    chance: float | None


class Plan:
    """The faults of this process, with the hits counted so far."""

    def __init__(self, faults: Mapping[str, Fault], *, seed: str, log: Path | None) -> None:
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311 - a test plan, repeatable on purpose
        self._log = log
        self._hits: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """Count a hit of a point, and do what is planned for it."""
        fault = self._faults.get(name)
        if fault is None:
            return
        with self._lock:
            self._hits[name] += 1
            hit = self._hits[name]
            chance = self._random.random() * 100 if fault.chance is not None else 0.0
        if fault.nth not in (None, hit) or chance >= (
            100 if fault.chance is None else fault.chance
        ):
            return
        self._write(fault, hit)
        _act(fault)

    def _write(self, fault: Fault, hit: int) -> None:
        if self._log is None:
            return
        line = {"pid": os.getpid(), "point": fault.name, "hit": hit, "action": fault.action}
        with self._log.open("a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def point(name: str) -> None:
    """A place where a planned fault may happen. Costs nothing when there is no plan."""
    if _PLAN is not None:
        _PLAN.reach(name)


def read_plan(environment: Mapping[str, str]) -> Plan | None:
    """The plan that the environment asks for. Raises FaultError for an unreadable one, or
    outside a test.
    """
    text = environment.get("CLEARPOST_FAULTS", "")
    if not text:
        return None
    if environment.get("CLEARPOST_ENV") != "test":
        raise FaultError(
            "CLEARPOST_FAULTS is set, but CLEARPOST_ENV is not test: refusing to start"
        )
    faults = dict(_fault(part) for part in text.split(";") if part)
    log = environment.get("CLEARPOST_FAULT_LOG")
    return Plan(faults, seed=environment.get("CLEARPOST_SEED", "0"), log=Path(log) if log else None)


def _fault(part: str) -> tuple[str, Fault]:
    match = _PART.fullmatch(part.strip())
    if match is None or match["name"] not in NAMES:
        raise FaultError(f"CLEARPOST_FAULTS: {part!r} is no fault at a known point")
    if match["action"] == "error" and match["argument"] not in _ERRORS:
        raise FaultError(f"CLEARPOST_FAULTS: {part!r}: error is one of {', '.join(_ERRORS)}")
    nth, chance = match["nth"], match["chance"]
    fault = Fault(
        name=match["name"],
        action=match["action"],
        argument=match["argument"] or "",
        nth=int(nth) if nth else None,
        chance=float(chance) if chance else None,
    )
    return fault.name, fault


def _act(fault: Fault) -> None:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault.action == "sleep":
        time.sleep(float(fault.argument or "1"))
    elif fault.action == "raise":
        raise FaultError(f"planned fault at {fault.name}")
    elif fault.argument == "locked":
        raise sqlite3.OperationalError("database is locked")
    elif fault.argument == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif fault.argument == "io":
        raise OSError(errno.EIO, "Input/output error")


_PLAN = read_plan(os.environ)
