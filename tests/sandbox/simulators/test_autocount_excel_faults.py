"""AutoCount desktop's import goes wrong with one document where that was planned for its number."""

import subprocess
import sys

import pytest
import requests

from connectors.kit.workbook import write
from sandbox.simulators.autocount_excel.imports import FAULTS, SWITCHES, Books
from tests.connectors.simulator_processes import Simulator

HEADS = (
    *("DocNo", "DocDate", "DebtorCode", "DisplayTerm", "CurrencyCode", "CurrencyRate"),
    *("InclusiveTax", "AccNo", "DtlDescription", "Qty", "UnitPrice"),
)
LOCKED = "Transaction date is locked, you can unlock it from Tools"


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    found = Simulator("autocount_excel", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield found
    found.kill()


@pytest.fixture(autouse=True)
def new_book(sim):
    sim.control("reset")


def imported(sim, *numbers: str) -> list[tuple[str, str, str]]:
    """Documents of two rows each; number, state and message of each row."""
    head = ("2026-11-19", "300-W001", "C.O.D.", "MYR", 1, "F", "500-0000")
    rows = [[number, *head, words, 1, 10] for number in numbers for words in ("Tea", "Cup")]
    body = write("Data", [list(HEADS), *rows])
    told = requests.post(
        f"{sim.url}/desktop/import", params={"type": "invoice"}, data=body, timeout=20
    )
    assert told.ok, told.text
    return [(one["doc_no"], one["state"], one.get("message", "")) for one in told.json()["rows"]]


def totals(sim) -> dict[str, str]:
    return {one["number"]: one["total"] for one in sim.show("documents")}


ENDS = {
    "closed_period": ([("Error", LOCKED), ("Error", LOCKED)], None),
    "failed_after": ([("Error", "Import failed"), ("Error", "Import failed")], "20.00"),
    "row_left_out": ([("Error", "Item code not found"), ("New", "")], "10.00"),
    "silent_drop": ([("New", ""), ("New", "")], None),
}


def test_each_fault_is_here():
    assert ENDS.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", sorted(ENDS))
def test_a_fault_meets_the_document_of_its_number_alone_and_once(sim, fault):
    sim.control("faults", fault=fault, number="A-2")
    rows, total = ENDS[fault]
    good = [("New", ""), ("New", "")]
    told = imported(sim, "A-1", "A-2", "A-22")
    assert told == [
        (number, *row)
        for number, states in (("A-1", good), ("A-2", rows), ("A-22", good))
        for row in states
    ]
    assert totals(sim).get("A-2") == total
    assert (totals(sim)["A-1"], totals(sim)["A-22"]) == ("20.00", "20.00")
    again = "Update" if total else "New"
    assert [state for _, state, _ in imported(sim, "A-2")] == [again, again]
    assert totals(sim)["A-2"] == "20.00"


def test_faults_of_no_number_meet_the_next_documents_in_their_order(sim):
    sim.control("faults", plan=["silent_drop", "closed_period"])
    sim.control("faults", fault="row_left_out", number="A-2")
    told = imported(sim, "A-1", "A-2", "A-3", "A-4")
    states = [state for _, state, _ in told]
    assert states == ["New", "New", "Error", "New", "Error", "Error", "New", "New"]
    assert totals(sim) == {"A-2": "10.00", "A-4": "20.00"}
    assert [one["fault"] for one in sim.ledger("fault")[-3:]] == [
        "silent_drop",
        "row_left_out",
        "closed_period",
    ]


def test_what_is_planned_is_there_after_a_restart(sim):
    sim.control("faults", fault="silent_drop", number="A-1", count=2)
    imported(sim, "A-1")
    sim.kill()
    sim.start()
    imported(sim, "A-1")
    assert totals(sim) == {}
    imported(sim, "A-1")
    assert totals(sim) == {"A-1": "20.00"}


def test_a_fault_that_there_is_not_is_refused(sim):
    answer = requests.post(f"{sim.url}/_sim/faults", json={"fault": "timeout_after"}, timeout=10)
    assert (answer.status_code, sorted(FAULTS)[0] in answer.text) == (400, True)


def test_help_tells_every_switch_and_fault():
    words = [sys.executable, "-m", "sandbox.simulators.autocount_excel", "--help"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    for name, does in SWITCHES.items():
        assert f"POST /_sim/{name}: {does}" in told
    for name, does in FAULTS.items():
        assert f"fault {name}: {does}" in told
    assert "--withhold" not in told
    assert "--hang" not in told


def test_the_switches_that_are_told_are_those_that_there_are():
    acts = Books(withhold=0, seed=0).acts().keys()
    assert SWITCHES.keys() == acts | {"by_hand"}
