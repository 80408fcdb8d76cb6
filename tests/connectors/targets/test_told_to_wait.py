"""A target that has enough calls says so: no read makes another one, and the wait is told."""

import pytest

from connectors.contract import Found
from connectors.contract.pulls import ImportedByHand
from connectors.contract.targets import Readable, Searchable
from connectors.registry import targets
from tests.connectors.simulator_processes import Bench

NONE = ("--calls-a-minute", "0")
FEW = dict.fromkeys(("autocount", "autocount_aotg", "quickbooks"), NONE)
CALLS_OF_A_READING = {"autocount": 2}  # the listing, and what it did not tell


SEARCHABLE = sorted(name for name, target in targets().items() if isinstance(target, Searchable))
READABLE = sorted(name for name, target in targets().items() if isinstance(target, Readable))


CALLED = sorted(name for name, one in targets().items() if not isinstance(one, ImportedByHand))


@pytest.fixture(params=CALLED)
def bench(request, start, http):
    """A target that takes no call any more: AiAccount's stand-in takes at least one."""
    sim = start(*FEW.get(request.param, ("--rate", "1")), target=request.param)
    found = Bench(targets()[request.param], sim, http)
    if request.param not in FEW:
        found.look_up(found.make())
    return found


def calls(bench) -> int:
    return len(bench.sim.ledger())


def told(found) -> None:
    assert (found.kind, found.status) == ("unknown", 429)
    assert 0 < found.retry_after <= 60


def test_a_look_up(bench):
    before = calls(bench)
    told(bench.look_up(bench.make()))
    assert calls(bench) - before == 1


def test_who_shows_what_is_posted():
    assert CALLED == READABLE


@pytest.mark.parametrize("bench", READABLE, indirect=True)
def test_a_reading_of_many(bench):
    before = calls(bench)
    many = [bench.make(f"NS-{at}") for at in range(6)]
    for one in bench.target.read(many, bench.sim.settings, bench.sample.secret, bench.http):
        told(one)
    assert calls(bench) - before == CALLS_OF_A_READING.get(bench.target.name, 1)


@pytest.mark.parametrize("bench", SEARCHABLE, indirect=True)
def test_a_search(bench):
    before = calls(bench)
    found = bench.target.alike(bench.make(), bench.sim.settings, bench.sample.secret, bench.http)
    assert isinstance(found, Found)
    told(found)
    assert calls(bench) - before == 1


def test_what_quickbooks_must_read_before_it_writes(start, http):
    sim = start("--calls-a-minute", "0", target="quickbooks")
    bench = Bench(targets()["quickbooks"], sim, http)
    (answer,) = bench.send(bench.make(), action="update").answers
    assert (answer.kind, answer.code, answer.status) == ("temporary", "not_sent", 429)
    assert answer.retry_after == 60.0
    assert calls(bench) == 1
