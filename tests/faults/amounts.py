"""How much of each fault: a pass of everything in `make test`, the amounts of CI, or of a night.

Here: the choice by `CLEARPOST_FAULTS_SUITE`, and the sheet on which each test writes what it did.
Not here: the tests.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

SUITES = ("smoke", "ci", "night")
SUITE = os.environ.get("CLEARPOST_FAULTS_SUITE", "smoke")
SHEET = "CLEARPOST_FAULTS_SHEET"
assert SUITE in SUITES, f"CLEARPOST_FAULTS_SUITE is {SUITE}; it can be {', '.join(SUITES)}"


def amount(smoke: int, ci: int, night: int) -> int:
    """The number for the suite that runs."""
    return (smoke, ci, night)[SUITES.index(SUITE)]


@dataclass
class Done:
    """What a test did, and what was wrong afterwards."""

    test: str
    faults: int = 0
    histories: int = 0
    records: int = 0
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    mutants_caught: int = 0
    timed: int = 0
    timed_seconds: float = 0.0
    """Histories that were timed, and the processor time that they took."""


@contextmanager
def sheet(test: str) -> Iterator[Done]:
    """A line of its own on the sheet, written however the test ends."""
    done = Done(test)
    try:
        yield done
    finally:
        path = os.environ.get(SHEET)
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(done)) + "\n")
