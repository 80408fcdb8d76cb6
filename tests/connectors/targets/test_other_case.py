"""Numbers that differ by the case of their letters alone, which AutoCount takes for one number."""

import pytest

from connectors.registry import targets
from tests.connectors.simulator_processes import Bench

NAMES = ("autocount", "autocount_aotg")


@pytest.fixture(params=NAMES)
def bench(request, running, http):
    found = Bench(targets()[request.param], running(request.param), http, request.param)
    found.afresh()
    return found


def test_the_same_content_under_another_case_is_another_document(bench):
    """Two orders of one customer and day may be alike: neither is taken for the other."""
    assert bench.send(bench.make("NS-1A")).answers[0].kind == "accepted"
    assert bench.look_up(bench.make("NS-1A")).kind == "equal"
    found = bench.look_up(bench.make("NS-1a"), key="cp-other")
    assert found.kind == "different"
    assert found.stands.number == "NS-1A"
    assert "NS-1A" in found.words


def test_it_is_refused_where_nobody_looked_before(bench):
    bench.send(bench.make("NS-1A"))
    (answer,) = bench.send(bench.make("NS-1a"), key="cp-other").answers
    assert answer.kind == "refused"
    assert "NS-1A" in answer.words
    assert len(bench.standing()) == 1
