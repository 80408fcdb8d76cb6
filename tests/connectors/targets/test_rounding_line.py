"""The rounding line that a target can take: AutoCount's, in the tax of the lines."""

from decimal import Decimal

import pytest

from connectors import registry
from connectors.targets.autocount.payload import moved
from connectors.targets.autocount.payload import rounding_line_fault as fault
from tests.connectors.sample_documents import autocount_invoice, bill_line
from tests.connectors.simulator_processes import Bench

TEN = bill_line(Qty="1", UnitPrice="10.04", SubTotal="10.04")
FREE = bill_line(Qty="1", UnitPrice="5.00", SubTotal="5.00", TaxCode="NT", TaxAmount="0.00")


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def test_T02e_the_field_exists_where_a_target_can_take_it():
    taken = {
        (target.name, document.name)
        for target in registry.targets().values()
        for document in target.documents
        if any(field.name == "RoundingAdjustment" for field in document.header)
    }
    assert taken == {("autocount", "invoice"), ("autocount", "credit_note")}


@pytest.mark.parametrize(
    ("total", "adjustment", "parts"),
    [
        ("38.13", "0.01", ["0.0", "0.01", "0.0", "0.0"]),
        ("38.10", "-0.02", ["0.0", "-0.01", "-0.01", "0.0"]),
        ("38.12", "0.00", ["0.0"] * 4),
    ],
)
def test_T02e_the_books_have_the_total_that_was_sent(bench, total, adjustment, parts):
    document = autocount_invoice(
        lines=[FREE, TEN, TEN, TEN], amount=total, RoundingAdjustment=adjustment
    )
    (answer,) = bench.send(document).answers
    assert (answer.kind, answer.words) == ("accepted", "Accepted, and read back.")
    (there,) = bench.sim.show("documents")
    assert there["master"]["finalTotal"] == total
    found = [Decimal(row["taxAdjustment"]) for row in there["details"]]
    assert found == [Decimal(part) for part in parts]
    assert bench.look_up(document).kind == "equal"
    bench.sim.control("by_hand", number="NS-1", details=[{}, {"taxAdjustment": "0.05"}])
    assert bench.look_up(document).kind == "different"


def test_T02e_without_it_the_books_keep_their_own_total(bench):
    document = autocount_invoice(lines=[TEN, TEN, TEN], amount="33.13")
    assert bench.send(document).answers[0].total == Decimal("33.12")


@pytest.mark.parametrize("adjustment", ["0.04", "-0.05"])
def test_T02e_what_the_lines_have_no_room_for_is_refused_before_it_is_sent(bench, adjustment):
    document = autocount_invoice(
        lines=[FREE, TEN, TEN, TEN], amount="38.16", RoundingAdjustment=adjustment
    )
    (answer,) = bench.send(document).answers
    assert (answer.kind, answer.code) == ("refused", "preflight")
    assert "the tax of a line by a sen" in answer.words
    assert bench.sim.show("documents") == []


@pytest.mark.parametrize(
    ("adjustment", "taken"),
    [("0.03", True), ("-0.03", True), ("0.04", False), ("0.005", False), ("0.015", False)],
)
def test_what_a_document_has_room_for_is_a_whole_sen_in_each_taxed_line(adjustment, taken):
    document = autocount_invoice(lines=[FREE, TEN, TEN, TEN], RoundingAdjustment=adjustment)
    assert (fault(document) is None) is taken


def test_the_tax_moves_in_the_currency_of_the_document_and_in_that_of_the_book():
    document = autocount_invoice(
        lines=[FREE, TEN], RoundingAdjustment="-0.01", CurrencyRate="4.6667"
    )
    rows = moved(document, [{"qty": "1"}, {"qty": "2"}])
    assert rows == [
        {"qty": "1"},
        {
            "qty": "2",
            "taxAdjustment": Decimal("-0.01"),
            "localTaxAdjustment": Decimal("-0.05"),
        },
    ]
