"""Totals that a shop rounds to 5 sen: AutoCount rounds them itself where its book does so."""

from decimal import Decimal

import pytest

from connectors import registry
from tests.connectors.sample_documents import autocount_invoice, bill_line
from tests.connectors.simulator_processes import Bench
from tests.support.zones import BOOKS

ROUNDS = {**BOOKS, "five_sen_rounding": "on"}
TEN = bill_line(Qty="1", UnitPrice="10.03", SubTotal="10.03", TaxAmount="1.00")


def sale(total="11.05", adjustment="0.02"):
    """A sale of 11.03, which the shop rounded."""
    return autocount_invoice(lines=[TEN], amount=total, RoundingAdjustment=adjustment)


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def built(document, settings=ROUNDS, action="create"):
    target = registry.targets()["autocount"]
    return target.build([document], settings, batch=False, batch_name="b", action=action)


def send(bench, document, settings=ROUNDS):
    payload = built(document, settings)
    there = {**bench.sim.settings, **settings}
    (answer,) = bench.target.send(payload, there, bench.sample.secret, "k", bench.http).answers
    return answer


@pytest.mark.parametrize("book", ["on", "enforced"])
def test_the_book_rounds_what_the_shop_rounded(bench, book):
    bench.sim.control("book", five_sen=book)
    assert send(bench, sale()).words == "Accepted, and read back."
    (there,) = bench.sim.show("documents")
    master = there["master"]
    assert [Decimal(master[n]) for n in ("netTotal", "roundAdj", "finalTotal")] == [
        Decimal("11.03"),
        Decimal("0.02"),
        Decimal("11.05"),
    ]
    assert [Decimal(row["taxAdjustment"]) for row in there["details"]] == [0]
    assert bench.look_up(sale()).kind == "equal"


def test_a_book_that_does_not_round_is_never_taken_for_one_that_does(bench):
    """Its total is not the one that was sent, so the document does not count as posted."""
    answer = send(bench, sale())
    assert (answer.kind, answer.code) == ("uncertain", "not_confirmed")
    assert "roundAdj is 0 there, not 0.02" in answer.words
    assert bench.look_up(sale()).kind == "different"


def test_a_book_that_rounds_unasked_is_noticed(bench):
    """The total of the shop stands as it is, and the book has another one."""
    bench.sim.control("book", five_sen="enforced")
    answer = send(bench, sale("11.03", "0"), BOOKS)
    assert (answer.kind, answer.code) == ("uncertain", "not_confirmed")
    assert "roundAdj is 0.02 there, not 0" in answer.words


@pytest.mark.parametrize("book", ["off", "on"])
def test_without_the_setting_a_sen_goes_into_the_tax_of_a_line(bench, book):
    bench.sim.control("book", five_sen=book)
    assert send(bench, sale("11.04", "0.01"), BOOKS).kind == "accepted"
    (there,) = bench.sim.show("documents")
    assert there["master"]["isRoundAdj"] is False
    assert Decimal(there["master"]["finalTotal"]) == Decimal("11.04")
    assert [Decimal(row["taxAdjustment"]) for row in there["details"]] == [Decimal("0.01")]


@pytest.mark.parametrize(
    ("total", "adjustment", "rounded"),
    [
        ("11.05", "0.02", True),
        ("11.00", "-0.03", False),
        ("11.04", "0.01", False),
        ("11.03", "0", False),
    ],
)
def test_only_the_rounding_to_5_sen_is_left_to_autocount(total, adjustment, rounded):
    payload = built(sale(total, adjustment))
    assert (b'"isRoundAdj":true' in payload.body) is rounded
    assert (payload.expected.get("roundAdj") == adjustment) is (rounded or adjustment == "0")


def test_an_untaxed_sale_has_room_for_it_only_there():
    document = autocount_invoice(
        lines=[bill_line(Qty="1", UnitPrice="11.03", SubTotal="11.03", TaxCode="NT")],
        amount="11.05",
        RoundingAdjustment="0.02",
    )
    document.lines[0]["TaxAmount"] = "0.00"
    assert built(document, BOOKS).refused
    assert not built(document).refused


def test_an_update_keeps_it(bench):
    bench.sim.control("book", five_sen="on")
    send(bench, sale())
    payload = built(sale(), action="update")
    there = {**bench.sim.settings, **ROUNDS}
    sent = bench.target.send(payload, there, bench.sample.secret, "k2", bench.http)
    assert sent.answers[0].kind == "accepted"


@pytest.mark.parametrize(("length", "kind"), [(50, "accepted"), (30, "refused")])
def test_a_number_has_50_characters_by_the_model_and_perhaps_fewer_in_a_book(bench, length, kind):
    bench.sim.control("book", number_length=length)
    number = "NS-".ljust(50, "7")
    assert bench.send(autocount_invoice(number)).answers[0].kind == kind
    (refused,) = bench.send(autocount_invoice(f"{number}7")).answers
    assert (refused.kind, refused.code) == ("refused", "preflight")
