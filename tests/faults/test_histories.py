"""Histories of one company, each from a seed: nothing is lost, doubled or stuck whatever breaks."""

import os
import time
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from connectors.transport.strict_json import POINT_NAMES
from tests.faults.amounts import SUITE, Done, amount
from tests.faults.course import Ending, end, heal, run
from tests.faults.history import Chances, History
from tests.faults.target import FATES
from tests.faults.town import LIMIT, template, town

FIRST = int(os.environ.get("CLEARPOST_SEED", "1"))
HISTORIES = int(os.environ.get("CLEARPOST_HISTORIES", "0")) or amount(6, 300, 20_000)
EXAMPLES = amount(2, 120, 5_000)
ELSEWHERE = frozenset({"export.after_file", "doorbell.after_commit"})
"""Points of batches and of the doorbell, which histories have none of: test_points.py."""


def write(done: Done, ending: Ending) -> None:
    done.histories += 1
    done.faults += ending.kills
    done.records += ending.records
    done.lost += len(ending.lost)
    done.doubled += len(ending.doubled)
    done.stuck += len(ending.stuck)


def test_every_history_ends_well(done: Done) -> None:
    template()  # made once, whatever is counted
    began, seen = time.process_time(), set()
    for seed in range(FIRST, FIRST + HISTORIES):
        ending, history = run(seed)
        write(done, ending)
        seen |= set(ending.points)
        assert not ending.wrong, (f"CLEARPOST_SEED={seed}", ending.wrong, history.trace[-200:])
    done.timed, done.timed_seconds = HISTORIES, time.process_time() - began
    if SUITE != "smoke":
        assert set(POINT_NAMES) - ELSEWHERE <= seen, set(POINT_NAMES) - ELSEWHERE - seen


def test_one_seed_is_one_history() -> None:
    (first, one), (second, other) = run(7), run(7)
    assert first == second
    assert one.trace == other.trace


class Machine(RuleBasedStateMachine):
    """The same acts, chosen by Hypothesis, which finds short ways to what is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._town = town(dedupe="nothing")
        place = self._town.__enter__()
        self.history = History(place, Random(0), Chances())
        for _ in range(2):
            self.history.hire()

    @rule(price=st.sampled_from((20, 50, LIMIT)))
    def arrive(self, price: int) -> None:
        self.history.arrive(price)

    @precondition(lambda self: self.history.sent)
    @rule(which=st.integers(0, 9), price=st.sampled_from((20, 300, LIMIT)))
    def edit(self, which: int, price: int) -> None:
        known = list(self.history.sent)
        self.history.edit(known[which % len(known)], price)

    @precondition(lambda self: self.history.sent)
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        known = list(self.history.sent)
        self.history.cancel(known[which % len(known)])

    @rule(by=st.integers(0, 1))
    def approve(self, by: int) -> None:
        self.history.approve(by)

    @rule(fate=st.sampled_from(FATES))
    def misfortune(self, fate: str) -> None:
        self.history.place.wire.fates.append(fate)  # type: ignore[arg-type]

    @rule(which=st.integers(0, 9), steps=st.integers(1, 12))
    def step(self, which: int, steps: int) -> None:
        for _ in range(steps):
            ready = self.history.runnable()
            if ready:
                self.history.go_on(ready[which % len(ready)], rough=False)

    @rule(which=st.integers(0, 9))
    def kill(self, which: int) -> None:
        stopped = [task for task in self.history.tasks if "." in task.at]
        if stopped:
            self.history.kill(stopped[which % len(stopped)])

    @precondition(lambda self: self.history.place.wire.pending)
    @rule()
    def target_takes_one(self) -> None:
        self.history.place.wire.step(0)

    @rule(seconds=st.sampled_from((0.5, 5.0, 20.0, 70.0)))
    def time_goes_by(self, seconds: float) -> None:
        if all(self.history._may_sleep(task.at) for task in self.history.tasks):
            self.history.pass_(seconds)

    def teardown(self) -> None:
        try:
            heal(self.history)
            ending = end(self.history, 0)
            assert not ending.wrong, (ending.wrong, self.history.trace)
            write(_DONE[-1], ending)
        finally:
            for task in list(self.history.tasks):
                task.kill()
            self._town.__exit__(None, None, None)


_DONE: list[Done] = []


@pytest.fixture
def counted(done: Done) -> Iterator[None]:
    _DONE.append(done)
    yield
    _DONE.pop()


def test_whatever_hypothesis_chooses(counted: None) -> None:
    quick = settings(
        max_examples=EXAMPLES,
        stateful_step_count=40,
        deadline=None,
        derandomize=SUITE == "smoke",
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=quick)
