"""F22: histories in which people do all that they may: approve, undo, release, reject, stand in for
each other, map anew, go back to other rules, cut runs; while workers die, answers get lost and
orders change. Whatever comes of it is told, agreed to and in the books once.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from sqlalchemy import select

from holding.access import operations
from holding.db.models import Hold
from holding.evaluation import batch
from holding.holds import undo
from tests.faults import mutants
from tests.faults.amounts import SUITE, Done, amount
from tests.faults.course import STEPS, Ending, end, for_a_while, heal, rough
from tests.faults.crowd import DECISIONS, UNDO_SECONDS, Crowd, crowd, crowd_template
from tests.faults.history import Chances, History
from tests.faults.test_histories import Machine, counted, write
from tests.faults.town import LIMIT, SWEEP

__all__ = ["counted"]
FIRST = int(os.environ.get("CLEARPOST_SEED", "1"))
HISTORIES = int(os.environ.get("CLEARPOST_HISTORIES", "0")) or amount(2, 40, 10_000)
EXAMPLES = amount(1, 15, 2_000)
LONG = 6 * STEPS
APPROVERS = ("lim", "siti", "ella", "farah")
DECIDERS = (*APPROVERS, "adam")


def acts(history: History, place: Crowd) -> dict[str, tuple[int, Callable[[], None]]]:
    """What people do, with how often; each is a call that dies or waits like any other."""
    chance = history.chance

    def call(name: str, act: Callable[..., None], *who: str) -> Callable[[], None]:
        def now() -> None:
            given = (chance.choice(who),) if who else ()
            history.call(name, partial(act, *given, chance.randrange(30)))

        return now

    def deciding(what: str) -> Callable[[str, int], None]:
        return lambda who, which: place.decide(who, what, which)

    return {
        "arrive": (14, lambda: history.arrive(chance.choice((20, LIMIT, LIMIT)))),
        "approve": (40, call("approve", place.agree, *APPROVERS)),
        "undo": (30, call("undo", place.take_back)),
        **{
            what: (weight, call(what, deciding(what), *DECIDERS))
            for what, weight in WEIGHTS.items()
        },
        "delegate": (2, call("delegate", lambda which: place.delegate(on=which % 3 > 0))),
        "remap": (2, call("remap", place.remap)),
        "rules": (2, call("rules", lambda _: place.turn_rules())),
        "run": (8, call("run", lambda _: place.cut_run())),
        "edit soon": (10, lambda: _edit(history)),
        "quiet": (160, lambda: None),  # else nobody comes to work
        "cancel soon": (3, lambda: history.cancel(chance.choice(list(history.sent)))),
    }


def _edit(history: History) -> None:
    known = list(history.sent)
    history.edit(history.chance.choice(known), history.chance.choice((20, 40, 260, 300, LIMIT)))


WEIGHTS = {
    "release": 20, "reject": 3, "retry": 6, "override": 3, "link": 3, "look": 3, "snooze": 2,
    "assign": 2,
}  # fmt: skip


def play(seed: int, *, steps: int = LONG) -> tuple[Ending, History]:
    """The history of this seed."""
    chance = Random(seed)
    with crowd() as place:
        history = History(place, chance, Chances())
        history.more = acts(history, place)
        for _ in range(chance.randint(1, 3)):
            history.hire()
        rough(history, steps)
        heal(history)
        history.trace += place.told
        return end(history, seed), history


def test_every_history_of_a_crowd_ends_well(done: Done) -> None:
    crowd_template()
    for seed in range(FIRST, FIRST + HISTORIES):
        ending, history = play(seed)
        write(done, ending)
        assert not ending.wrong, (f"CLEARPOST_SEED={seed}", ending.wrong, history.trace[-250:])


def test_one_seed_is_one_history_of_a_crowd() -> None:
    (first, one), (second, other) = play(3), play(3)
    assert first == second
    assert one.trace == other.trace


class CrowdMachine(Machine):
    """The same, chosen by Hypothesis."""

    def __init__(self) -> None:
        super(Machine, self).__init__()
        self._town = crowd()
        self.place: Crowd = self._town.__enter__()
        self.history = History(self.place, Random(0), Chances())
        for _ in range(2):
            self.history.hire()

    def approve(self, by: int) -> None:  # the company of this town has other approvers
        self.agree(APPROVERS[by], by)

    @rule(who=st.sampled_from(APPROVERS), which=st.integers(0, 5))
    def agree(self, who: str, which: int) -> None:
        self.history.call("approve", lambda: self.place.agree(who, which))

    @rule(which=st.integers(0, 9))
    def undo(self, which: int) -> None:
        self.history.call("undo", lambda: self.place.take_back(which))

    @rule(who=st.sampled_from(DECIDERS), what=st.sampled_from(DECISIONS), which=st.integers(0, 5))
    def decide(self, who: str, what: str, which: int) -> None:
        self.history.call(what, lambda: self.place.decide(who, what, which))

    @rule(on=st.booleans())
    def delegate(self, on: bool) -> None:
        self.history.call("delegate", lambda: self.place.delegate(on=on))

    @rule(which=st.integers(0, 5))
    def remap(self, which: int) -> None:
        self.history.call("remap", lambda: self.place.remap(which))

    @rule()
    def turn_rules(self) -> None:
        self.history.call("rules", self.place.turn_rules)

    @rule()
    def cut_run(self) -> None:
        self.history.call("run", self.place.cut_run)


def test_whatever_hypothesis_lets_a_crowd_do(counted: None) -> None:
    quick = settings(
        max_examples=EXAMPLES,
        stateful_step_count=50,
        deadline=None,
        derandomize=SUITE == "smoke",
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(CrowdMachine, settings=quick)


def waiting(place: Crowd) -> History:
    """One worker, and an order that waits for an approval."""
    history = History(place, Random(0), Chances(kill=0, sleep=0, fate=0, jump=0, lags=False))
    history.hire()
    history.arrive(LIMIT)
    for_a_while(history, 2 * SWEEP)
    assert [hold.code for hold in _open(place)] == ["APP01"]
    return history


def _open(place: Crowd) -> Sequence[Hold]:
    with place.database.read() as session:
        return session.scalars(select(Hold).where(Hold.state == "open")).all()


def woken(history: History, place: Crowd) -> None:
    """Approved while it is to be judged once more, which is long before the time is over."""
    place.world_changes()
    place.agree("lim", 0)
    for_a_while(history, UNDO_SECONDS / 2)
    place.take_back(1)


def too_late(history: History, place: Crowd) -> None:
    """Approved and sent; then they think better of it."""
    place.agree("lim", 0)
    for_a_while(history, 2 * UNDO_SECONDS)
    place.take_back(1)


def set_back(history: History, place: Crowd) -> None:
    """Approved; the clock is set back and waits no longer for that; then they think better."""
    place.agree("lim", 0)
    history.pass_(1)
    place.clock.jump(-3_600)
    for_a_while(history, 2 * UNDO_SECONDS)
    place.take_back(1)


def set_back_when_sent(history: History, place: Crowd) -> None:
    """Approved and sent; the clock is set back to when it could still be undone."""
    place.agree("lim", 0)
    for_a_while(history, 2 * UNDO_SECONDS)
    place.clock.jump(-1.5 * UNDO_SECONDS)
    place.take_back(1)


def somebody_else(history: History, place: Crowd) -> None:
    """Approved, and another tries to undo it in time."""
    place.agree("siti", 0)
    history.pass_(1)
    place.take_back(0)


Scene = Callable[[History, Crowd], None]
Change = tuple[Callable[..., Any], str, str]
_BEGUN: Change = (undo._lines, "begun=bool(row.begun)", "begun=False")
_LATE: Change = (undo._over, "now > until", "False")
SCENES: dict[Scene, tuple[tuple[Change, ...], str]] = {
    woken: (
        ((batch.Plan.due, "max(moment, self.case.undo_until or moment)", "moment"),),
        "too early to undo",
    ),
    too_late: ((_BEGUN, _LATE), "was undone, but"),
    set_back: ((_BEGUN, _LATE), "was undone, but"),
    set_back_when_sent: ((_BEGUN,), "was undone, but"),
    somebody_else: (
        ((operations.find_operation, "form.person_id == actor.person_id", "True"),),
        "back, which is siti's",
    ),
}
"""What people do about an undo, the bugs that it brings out, and what is said of them."""


def undone(scene: Scene) -> Ending:
    """An order that is approved, and what somebody tries then."""
    with crowd() as place:
        history = waiting(place)
        scene(history, place)
        heal(history)
        return end(history, 0)


@pytest.mark.parametrize("scene", SCENES)
def test_what_may_not_be_undone_is_not(scene: Scene, done: Done) -> None:
    bugs, words = SCENES[scene]
    assert undone(scene).wrong == ()
    with ExitStack() as planted:
        for function, old, new in bugs:
            planted.enter_context(mutants.changed(function, old, new))
        wrong = undone(scene).wrong
    assert any(words in told for told in wrong), wrong
    done.mutants_caught += 1


def test_a_crowd_is_able_to_fail() -> None:
    """A planted bug, that an approval counts for any content, comes out within a few histories."""
    with mutants.planted(7):
        told = (one for seed in range(1, 12) for one in play(seed)[0].wrong)
        assert "was sent without an approval of that content" in next(told, "")
