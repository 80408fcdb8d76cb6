"""The rule gaps, written as rules and tried from outside: units, rounding, e-Invoice, tax, dates.

Two runs of `clearpost test` judge all cases; a case that is "told wrongly" expects what is not so,
and the words of its failure show what the rules really found. `clearpost try` shows the trace.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance import gap_rules as g
from tests.acceptance.product import Product, free_environment
from tests.installed import ROOT

Results = dict[str, str]  # title -> "" or why it failed


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The product in a folder with the rules, without and with their tests."""
    folder = tmp_path_factory.mktemp("gaps")
    first, second = g.rules(), g.rules(way=g.AT_THE_END, tolerance="0.01")
    for name, text in (
        ("first", first + g.first_run()),
        ("second", second + g.second_run()),
        ("bare", first),
    ):
        (folder / name).mkdir()
        (folder / name / "shop.rules").write_text(text, "utf-8")
    return Product(command, folder, free_environment())


def results(shop: Product, folder: str) -> Results:
    told = shop.json("test", folder, "--json", code=1)
    return {r["test"]: "" if r["passed"] else r["message"] for r in told["results"]}


@pytest.fixture(scope="module")
def per_line(shop: Product) -> Results:
    return results(shop, "first")


@pytest.fixture(scope="module")
def at_the_end(shop: Product) -> Results:
    return results(shop, "second")


SOAP = {"pos": 1, "sku": "SOAP", "name": "Soap", "uom": "CTN", "qty": "5", "price": "42.00"}
ORDER = {
    "number": "NS-9",
    "status": "paid",
    "ordered_on": "2026-11-16",
    "paid_at": "2026-11-18T10:00:00+08:00",
    "currency": "MYR",
    "customer": "C-77",
    "agent": "Zed",
    "total": "231.00",
}
DEAR = {"uom": "BOX", "qty": "1", "price": "10000.01", "tax": "NONE"}


def tried(shop: Product, line: Mapping[str, str], **changes: str) -> str:
    """What `clearpost try --trace` says of an order of one line; it is held by some route."""
    body = {**ORDER, "lines": [{**SOAP, "tax": "SST", **line}], **changes}
    file = shop.folder / "order.json"
    file.write_text(json.dumps(body), "utf-8")
    words = ("try", "bare", str(file), "--kind", "order", "--trace", "--at", "2026-11-20T04:00:00")
    return shop.run(*words, code=1).stdout


@pytest.fixture(scope="module")
def cartons(shop: Product) -> str:
    """Five cartons without a classification, sold by somebody whom nobody knows."""
    return tried(shop, {})


@pytest.fixture(scope="module")
def dear(shop: Product) -> str:
    """Above the limit, in a unit without a factor, by a buyer who gives nothing of himself."""
    return tried(shop, DEAR, total="10000.01", address=" ")


def of(row: str, results: Results, *, wrong: bool = False) -> Results:
    """The cases of a row: those that tell the truth, or those that are told wrongly."""
    return {
        title: failure
        for title, failure in results.items()
        if title.startswith(row) and ("told wrongly" in title) is wrong
    }


def all_pass(row: str, results: Results, least: int) -> None:
    told = of(row, results)
    assert len(told) >= least
    assert [f"{title}: {failure}" for title, failure in told.items() if failure] == []


def wrong(row: str, results: Results) -> str:
    """What the only case that is told wrongly was answered."""
    (failure,) = of(row, results, wrong=True).values()
    assert failure
    return failure


def test_F02_units_that_disagree_hold_and_show_all_four(per_line: Results) -> None:
    all_pass("F02", per_line, 4)
    said = wrong("F02", per_line)
    assert said.startswith("expected ready, but hold for sales because uom_mismatch")
    for part in (
        "source CTN of TEA",
        "units 1 CTN = 12 PCS",
        "item set-up 1 CTN = 24 PCS",
        "mapping TEA-01 in PCS",
    ):
        assert part in said


def test_F03_base_quantity_and_rate_before_and_after(
    per_line: Results, cartons: str, dear: str
) -> None:
    all_pass("F03", per_line, 21)
    assert "before = 5 CTN × 12 = 60 PCS" in cartons
    assert "after = 60 PCS × 1 = 60 PCS" in cartons
    assert "line total = 210.00 = 210.00" in cartons
    assert "UOM01 units [sales]: Nobody told what a BOX of SOAP holds." in dear
    assert "× 1 =" not in dear
    assert "Quantity = (missing) (line 1)" in dear


def test_F04_the_targets_own_sum_is_first_and_rounding_has_its_name(
    per_line: Results, at_the_end: Results
) -> None:
    all_pass("F04", per_line, 3)
    all_pass("F04", at_the_end, 3)
    sen = per_line["F04 told wrongly"]
    assert "because rounding: Total is 33.13, but aiaccount makes 33.12 of the lines" in sen
    assert "per line then sum; sum then round makes 33.13" in sen
    assert sen.endswith("0.01 more, which is rounding.")
    five = per_line["F04 five told wrongly"]
    assert "because tolerance: " in five
    assert five.endswith("0.05 more, which is no rounding.")
    other = at_the_end["F04 five told wrongly"]
    assert "33.13 of the lines (quantity times price, sum then round; per line then sum" in other


def test_F06_twenty_valid_and_twenty_invalid_tax_numbers(per_line: Results, shop: Product) -> None:
    assert (len(set(g.TINS)), len(set(g.NO_TINS))) == (20, 20)
    assert "EI00000000010" in g.TINS
    all_pass("F06", per_line, 40)
    told = tried(shop, {}, tin="C25845632021")
    assert "passes when tin has the form of a TIN (it ends in 0; perhaps C258456320210)" in told
    page = (ROOT / "docs" / "language.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `is_tin(text)` |")]
    assert re.search(r"FAQ of the MyInvois SDK, read on \d{4}-\d\d-\d\d", row)


def test_F07_a_missing_classification_is_a_marked_default_or_a_hold(
    per_line: Results, cartons: str
) -> None:
    all_pass("F07", per_line, 2)
    assert "MAP01 class_of [tax_desk]: SOAP has no classification." in cartons
    row = _field(cartons, "ClassificationCode")
    assert row.startswith("ClassificationCode = 022 (line 1)")
    assert row.endswith('"022" by default, since class_of(line.sku) is missing')


def _field(trace: str, name: str) -> str:
    (row,) = [r.strip() for r in trace.splitlines() if r.strip().startswith(f"{name} = ")]
    return row


def test_F08_above_ten_thousand_the_buyer_must_be_complete(per_line: Results, dear: str) -> None:
    all_pass("F08", per_line, 3)
    found = "CHK01 buyer_complete [tax_desk]: Above RM 10000.00 the buyer must be complete."
    assert found in dear
    assert "passes when tin is filled in; address is given" in dear


def test_F20_the_rate_of_the_source_is_that_of_the_code(per_line: Results) -> None:
    all_pass("F20", per_line, 2)
    said = wrong("F20", per_line)
    assert "because tax_mismatch: 10% here, 8% there." in said


def test_F21_the_price_is_that_of_the_customers_level(per_line: Results) -> None:
    all_pass("F21", per_line, 3)
    said = wrong("F21", per_line)
    assert "because price_of_level: TEA costs 10.00, at level B 9.00." in said


def test_F22_three_rules_make_three_dates_of_one_record(
    per_line: Results, at_the_end: Results
) -> None:
    all_pass("F22", per_line, 1)
    assert wrong("F22", per_line) == "InvoiceDate is 2026-11-16, expected 2026-11-17"
    assert at_the_end["F22 other samples too"] == ""


def test_F23_a_salesperson_is_held_or_left_out_by_rule_never_in_silence(
    per_line: Results, cartons: str
) -> None:
    all_pass("F23", per_line, 5)
    said = wrong("F23", per_line)
    assert "warn for sales because agent_left_out: The invoice names no salesperson: Zed" in said
    row = _field(cartons, "SalesRep")
    assert row.endswith('"" by default, since agent_code(agent) is missing')
