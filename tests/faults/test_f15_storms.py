"""F15: ten minutes in which a target refuses every call, and what its neighbour notices of that."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from holding.connections import breaker
from tests.faults.amounts import Done
from tests.faults.course import Ending, end, heal, until_idle
from tests.faults.history import Chances, History
from tests.faults.neighbour import Neighbour
from tests.faults.target import Fate
from tests.faults.town import SETTLE, SWEEP, town

SECONDS = 600  # of the storm
EVERY = 25  # seconds between two orders of the neighbour
ORDERS = 5
WINDOW = SECONDS / breaker.SHARE + SWEEP  # after so long away it is asked so often


@dataclass(frozen=True)
class Seen:
    """What a storm came to, in virtual seconds since it began."""

    asked: tuple[float, ...]
    posted: tuple[float, ...]
    neighbour: tuple[float, ...]
    ending: Ending


def play(storm: Fate | None) -> Seen:
    """Two companies, each with a target that takes a second to answer; the first one's storms."""
    with town(dedupe="nothing") as place:
        place.wire.takes = 1.0
        history, beside = History(place, Random(15), Chances()), Neighbour(place)
        for _ in range(2):
            history.hire()
        for _ in range(ORDERS):
            history.arrive(20)
        place.wire.storm = storm
        began = place.clock.monotonic()
        for second in range(SECONDS + 180):
            if second % EVERY == 0 and second < SECONDS:
                beside.arrive()
            if second == SECONDS:
                place.wire.storm = None
            until_idle(history)
            history.pass_(1)
        heal(history)
        return Seen(
            tuple(at - began for at in place.wire.asked),
            tuple(at - began for at in place.wire.wrote),
            tuple(beside.latencies()),
            end(history, 15),
        )


calm = cache(play)


@pytest.mark.parametrize("storm", ["busy", "full", "later"])
def test_f15_a_storm_of_refusals(done: Done, storm: Fate) -> None:
    """429 with and without a time to wait, and 503: few calls, a quick end, no harm beside it."""
    seen, usual = play(storm), calm(None)
    done.faults += 1
    done.records += seen.ending.records
    assert not seen.ending.wrong
    assert seen.ending.posted == ORDERS
    during = [at for at in seen.asked if at < SECONDS]
    shortest = breaker.SHORTEST.total_seconds()
    soon = [later for one, later in pairwise(during) if later - one < shortest]
    assert len(soon) <= breaker.FAILURES  # until it is known to be away
    assert soon == [at for at in soon if at <= during[2 * breaker.FAILURES]]
    assert SECONDS / WINDOW / 2 < len(during) <= 2 * breaker.FAILURES + SECONDS / shortest
    assert min(at for at in seen.asked if at >= SECONDS) <= SECONDS + WINDOW
    proved = 2 * SETTLE if storm == "later" else 0  # a doubt has to be absent for so long
    assert min(seen.posted) <= SECONDS + WINDOW + proved
    assert len(seen.neighbour) == len(usual.neighbour) == SECONDS / EVERY
    assert all(
        one == pytest.approx(other, rel=0.1)
        for one, other in zip(seen.neighbour, usual.neighbour, strict=True)
    ), (seen.neighbour, usual.neighbour)
