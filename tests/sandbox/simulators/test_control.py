"""The control calls that every simulator has: what they refuse is refused before it is kept."""

import pytest
import requests

from connectors.registry import targets
from tests.connectors.simulator_processes import SAMPLES, Bench, Simulator

NAMES = sorted({sample.split()[0] for sample in SAMPLES})


@pytest.fixture(params=NAMES)
def sim(request, emptied):
    return emptied(request.param)


def said(sim: Simulator, act: str, body: str) -> tuple[int, dict[str, object]]:
    answer = requests.post(f"{sim.url}/_sim/{act}", data=body, timeout=10)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("act", "body", "words"),
    [
        ("lunch", "{}", "No such act: lunch"),
        ("clock", "{}", "offset_seconds is a number"),
        ("clock", '{"offset_seconds": "soon"}', "offset_seconds is a number"),
        ("clock", "[]", "The body is no JSON object"),
        ("clock", "{", "The body is no JSON object"),
        ("lock", '{"company": "0", "through": "2026-10-31"}', "No such "),
    ],
)
def test_what_it_cannot_do_is_refused_and_not_kept(sim, act, body, words):
    before = sim.ledger()
    status, told = said(sim, act, body)
    assert status == 400
    assert str(told["error"]).startswith(words)
    assert sim.ledger() == before


def test_a_plan_names_faults_that_it_knows(sim):
    status, told = said(sim, "faults", '{"plan": ["slow", "hiccup"]}')
    assert (status, sim.show_plan()) == (400, [])
    assert str(told["error"]).startswith("No such fault; known: closed_period, ")
    sim.control("faults", plan=["slow", "silent_drop"])
    assert sim.show_plan() == ["slow", "silent_drop"]


@pytest.mark.parametrize("name", ["aiaccount", "autocount", "quickbooks"])
def test_a_fault_of_a_document_meets_that_one_alone_and_once(start, name, http):
    """Whatever is sent before it; and a restart knows that it was met."""
    own = start(target=name)
    bench = Bench(targets()[name], own, http)
    number = bench.sample.make().number
    for other in (f"{number}-9", number.partition("-")[0]):
        own.control("faults", fault="error_500_after", number=other)
    own.control("faults", fault="error_500_after", number=number)
    assert own.show_plan() == []
    (first,) = bench.send(bench.sample.make(), key="cp-1").answers
    assert first.kind == "uncertain"
    assert [one["planned"] for one in own.ledger() if one.get("planned")] == [number]
    own.kill()
    own.start()
    (second,) = bench.send(bench.sample.make(), key="cp-1").answers
    assert second.kind != "uncertain"


def test_what_there_is_to_show(sim):
    assert sim.show("documents") == []
    answer = requests.get(f"{sim.url}/_sim/secrets", timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": "Nothing to show: secrets"})


@pytest.mark.slow
def test_the_clock_is_moved_and_stays_moved_in_another_process(start):
    for name in NAMES:
        own = start(target=name)
        own.control("clock", offset_seconds=86_400.5)
        line = own.ledger()[-1]
        assert (line["call"], line["act"], line["effect"]) == ("control", "clock", "control")
        own.kill()
        own.start()
        own.control("faults", fault="slow")
        moved = own.ledger()[-1]["at"]
        assert moved[:10] > line["at"][:10]
