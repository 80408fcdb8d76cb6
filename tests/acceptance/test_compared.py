"""What is compared before anything is posted: keys, days of other records, and what is unusual.

The distributor on AutoCount under the shipped template, whose pages are served and whose workers
run when they are told.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.depot import Depot, cut_for_the_cloud, day, opened_depot, refund, sale, van
from tests.acceptance.parts import holds_of, state
from tests.acceptance.product import Product, free_environment


@pytest.fixture(scope="module")
def depot(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    product = Product(command, tmp_path_factory.mktemp("compared"), free_environment())
    rules = cut_for_the_cloud(product, product.folder / "rules")
    _say_their_currency(rules)
    with opened_depot(product, rules) as found:
        yield found


def _say_their_currency(rules: Path) -> None:
    """Orders may be in another currency than the source; refunds never say one."""
    for name, begin, more in (
        ("records", "record order from intake\n", "    currency          text   optional\n"),
        ("changes", "on edit of order\n    amounts  = ", "currency, "),
    ):
        file = rules / f"{name}.rules"
        text = file.read_text("utf-8")
        assert text.count(begin) == 1
        file.write_text(text.replace(begin, begin + more), "utf-8")


def test_T18a_one_customer_in_two_spellings_is_not_billed_twice(depot: Depot) -> None:
    """The map of debtors forgets case, so both orders would go to one account."""
    depot.take(sale("1801", price="18.01"), van("D-1801", "1801", "10"))
    assert depot.effects("1801") == [("created", "IV-1801-1")]
    depot.take(sale("1802", price="18.01", customer="k-210 "), van("D-1802", "1802", "10"))
    page = depot.page("order", "1802")
    assert state(page) == "On hold"
    assert "compare 1802 with the earlier order" in page.text
    assert depot.effects("1802") == []
    assert "customer as debtor + ordered on + total in history" in page.text


def test_T08a_a_return_stays_held_while_its_sale_is_of_a_later_day(depot: Depot) -> None:
    """It comes first and waits. The sale that comes then is of a later day, and is posted; the
    return is judged again, and held. It goes when the sale turns out to be of a day before.
    """
    back = refund("RF-1821", "1821", "refunded", refunded_on=day(3))
    depot.take(back)
    assert state(depot.page("refund", "RF-1821")) == "Waiting"
    depot.take(sale("1821", price="18.21", ordered_on=day(1)), van("D-1821", "1821", "10"))
    assert depot.effects("1821") == [("created", "IV-1821-1")]
    page = depot.page("refund", "RF-1821")
    assert state(page) == "On hold"
    wrong = f"Refund before sale: RF-1821 is dated {day(3)}, order 1821 {day(1)}."
    assert wrong in page.text
    depot.move(minutes=1)
    depot.work()
    assert state(depot.page("refund", "RF-1821")) == "On hold"
    assert ("created", "CN-RF-1821") not in depot.effects("1821")
    depot.take(sale("1821", price="18.21", version=2, ordered_on=day(5)))
    depot.work_on(1)
    assert ("created", "CN-RF-1821") in depot.effects("1821")
    assert state(depot.page("refund", "RF-1821")) == "Posted"


def test_T13a_a_negative_quantity_is_held_until_the_source_sends_it_right(depot: Depot) -> None:
    """Nothing is called in AutoCount before somebody says that it is right."""
    depot.take(sale("1831", price="18.31"), van("D-1831", "1831", "10"))
    right = refund("RF-1831", "1831", "refunded")
    (line,) = right["lines"]
    below = {"total": "-2.50", "lines": [{**line, "qty": "-1", "amount": "-2.50"}]}
    depot.take({**right, **below})
    page = depot.page("refund", "RF-1831")
    assert state(page) == "On hold"
    assert "The qty is -1 on line 1." in page.text
    assert "The total is -2.50." in page.text
    assert depot.effects("RF-1831") == []
    depot.take(right)
    assert depot.effects("RF-1831") == [("created", "CN-RF-1831")]


def test_T13a_an_order_without_lines_is_held(depot: Depot) -> None:
    depot.take(sale("1832", price="18.32", lines=[]))
    page = depot.page("order", "1832")
    assert state(page) == "On hold"
    assert "This order has no lines." in page.text


def test_T13b_a_person_releases_what_is_right_so_with_a_reason(depot: Depot) -> None:
    """The way out stands on the page of the hold; whoever releases it has it sent."""
    depot.take(sale("1833", price="18.33"), van("D-1833", "1833", "10"))
    depot.take(refund("RF-1833", "1833", "refunded", lines=[], total="0.00"))
    page = depot.page("refund", "RF-1833")
    assert state(page) == "On hold"
    assert "This refund has no lines." in page.text
    approver = depot.person("approver")
    [link] = [link for link in holds_of(page) if "This refund has no lines." in approver.get(link)]
    answer = approver.post(f"{link}/release", approver.get(link), reason="Its number is wanted")
    assert answer.ok, answer.text[:500]
    depot.work()
    page = depot.page("refund", "RF-1833")
    assert len(holds_of(page)) == 1
    assert "The document has no lines." in page.text, "AutoCount could never take it"
    assert not [call for call in depot.calls() if call.get("number") == "CN-RF-1833"]


def test_T13e_amounts_of_two_currencies_hold_and_are_never_compared(depot: Depot) -> None:
    """An order of SGD 182.00 and a refund of RM 2.50: as bare numbers, the refund would fit."""
    dear = sale("1841", price="18.20", currency="SGD")
    depot.take(dear, van("D-1841", "1841", "10"), refund("RF-1841", "1841", "refunded"))
    page = depot.page("order", "1841")
    assert state(page) == "On hold"
    told = "counts in MYR, as all amounts of intake do, and this order is in SGD."
    assert f"e_invoice_limit {told} Amounts of two currencies are not compared." in page.text
    page = depot.page("refund", "RF-1841")
    assert state(page) == "On hold"
    assert "orders: order 1841 is in SGD, this refund in MYR." in page.text
    assert depot.effects("1841") == []
    depot.take(sale("1841", price="18.20", currency="MYR", version=2))
    assert depot.effects("1841") == [("created", "IV-1841-1"), ("created", "CN-RF-1841")]
