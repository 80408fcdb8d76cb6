"""One suite for every target of the registry, each against the process of its simulator."""

import pytest

from connectors.contract.pulls import ImportedByHand
from connectors.registry import targets
from sandbox.conformance.target_bench import Guarded
from sandbox.conformance.target_suite import (
    DeclarationSuite,
    GuardSuite,
    LateSuite,
    TargetSuite,
)
from tests.connectors.recorded_autocount_excel import DOCUMENTS as EXCEL
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.support.zones import LISTED

WAYS = [
    (sample, batch)
    for sample in sorted(SAMPLES)
    for batch in (False, True)
    if not batch or targets()[sample.split()[0]].file_limits.documents > 1
]
"""A document of every target with every way in which it goes: alone, and many in a file."""
TAX_CODES = {"aiaccount": {"NT", "MY-SALES10"}, "quickbooks": {"3", "5"}}
"""What a target lists, where it can."""


def test_every_target_is_tried():
    called = {name for name, one in targets().items() if not isinstance(one, ImportedByHand)}
    assert {sample.split()[0] for sample in SAMPLES} == called
    assert targets().keys() - called == {"autocount_excel"}, "its part is test_autocount_excel.py"


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{'many' * way[1]}")
def world(request, running):
    sample, batch = request.param
    name = sample.split()[0]
    return targets()[name], running(name), sample, batch


@pytest.fixture
def bench(world, http):
    target, sim, sample, _ = world
    found = Bench(target, sim, http, sample)
    found.afresh()
    return found


@pytest.fixture
def batch(world):
    return world[3]


class TestEveryTarget(TargetSuite):
    """Each way of each document."""


class TestEveryLateness(LateSuite):
    """The same ways, when an answer or a call is late."""


@pytest.fixture(params=sorted(targets()))
def target(request):
    return targets()[request.param]


class TestEveryDeclaration(DeclarationSuite):
    """Also of those that nobody calls."""


FOLLOWS = {("autocount", "knock_off"), ("aiaccount", "sales_refund")}
"""Documents in the currency of those that they name."""
GOOD = {
    (name, document.document): document
    for name, files in {**DOCUMENTS, "autocount_excel": EXCEL}.items()
    for documents in reversed(files.values())
    for document in documents
}


def test_each_type_of_each_target_is_guarded():
    assert {name for name, _ in GOOD} == set(targets())
    for name, target in targets().items():
        assert {one.name for one in target.documents} == {doc for at, doc in GOOD if at == name}


@pytest.fixture(params=sorted(GOOD), ids=" ".join)
def guarded(request):
    name, kind = request.param
    document = GOOD[request.param]
    return Guarded(
        target=targets()[name],
        document=document,
        settings={**LISTED, "number_prefix": document.number[:2], "locked_through": "none"},
        follows=(name, kind) in FOLLOWS,
    )


class TestEveryGuard(GuardSuite):
    """Each type of document."""


def test_a_connection_test_passes_and_tells_what_is_known(bench):
    report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
    assert report.ok
    assert report.snapshot.company_name == "Kedai Contoh Sdn Bhd"
    listed = report.snapshot.codes()
    assert all(listed.values())
    assert listed.get("tax_code") == TAX_CODES.get(bench.target.name)
