"""The sample month as AiAccount reckons it: which line totals it would store otherwise."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Accepted
from connectors.registry import schemas, targets
from connectors.sources.netshop.connector import NetShop
from grammar.parsing.parser import parse
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Decision, Document
from rules.program import compile_ruleset
from rules.types.symbol_table import Schemas
from sandbox.demo import shop
from sandbox.demo.generator import Delivery, encode_body, generate_month
from sandbox.demo.setup import starter_files
from sandbox.demo.shop import Order
from sandbox.simulators.aiaccount.books import Opened, opened
from sandbox.simulators.aiaccount.kinds import Company, default_companies, totals
from sandbox.simulators.aiaccount.kinds import Document as Sent
from tests.support.zones import BOOKS, SHOP_ZONE

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    november = generate_month(TODAY)
    calls = (*november.first, *november.later)
    return [*november.workbook, *(order for call in calls for order in call.orders)]


@pytest.mark.slow
def test_aiaccount_comes_to_the_same_total_of_every_line(orders: list[Order]) -> None:
    lines = warnings = 0
    for document in documents(orders):
        invoice = sent(document)
        lines += sum(line["TaxCode"] == "MY-SALES10" for line in invoice.lines)
        warnings += len(totals(invoice, company()).warnings)
    assert (lines > 500, warnings) == (True, 0)


def test_a_piece_without_an_exact_price_makes_the_amount_of_its_carton(orders: list[Order]) -> None:
    plain = next(order for order in orders if order.status == "paid" and order.total < 100)
    line = plain.lines[0]
    carton_of_tea = {"sku": "TEA-OOLONG-50", "uom": "CTN", "discount": None, "tax": "SST"}
    carton = plain.changed(lines=(line,)).with_line(
        line.pos, **carton_of_tea, qty=Decimal(7), price=Decimal("10.00")
    )
    [decision] = decisions([carton])
    assert decision.state == "ready"
    assert decision.document is not None
    first = decision.document.lines[0]
    assert (first["Quantity"], first["UnitPrice"], first["LineTotal"]) == ("336", "0.2084", "77.00")
    result = totals(sent(decision.document), company())
    assert not result.warnings
    assert str(result.total) == "77.00"


def documents(orders: Iterable[Order]) -> Iterator[Document]:
    """The invoice of each order that the starter rules find ready."""
    for decision in decisions(orders):
        if decision.state == "ready" and decision.document:
            yield decision.document


def decisions(orders: Iterable[Order]) -> Iterator[Decision]:
    """What the starter rules say of each order."""
    files = starter_files()
    ruleset, problems = parse({p: text for p, text in files.items() if p.endswith(".rules")})
    assert problems == ()
    program = compile_ruleset(ruleset, hash="", schemas=Schemas(*schemas()))
    world = load_seeds(ruleset, files).world(1, {"aiaccount": TargetState(known=True)})
    for order in orders:
        subject = Subject("order", "netshop", body(order), 1)
        yield from program.evaluate(subject, Facts(NOW), world, NOW).decisions


def body(order: Order) -> dict[str, Any]:
    """The canonical body of an order, as its webhook is read."""
    read = NetShop().read("", encode_body(Delivery("1", "order.paid", (order,))), SHOP_ZONE)
    assert isinstance(read, Accepted), read
    [record] = [one for one in read.records if one.kind == "order"]
    return record.body


def sent(document: Document) -> Sent:
    """The invoice as AiAccount reads it."""
    payload = targets()["aiaccount"].build([document], BOOKS, batch=False, batch_name="")
    read = opened(payload.body, "json")
    assert isinstance(read, Opened)
    [invoice] = read.documents
    return invoice


def company() -> Company:
    """The company in AiAccount that the sample shop posts to."""
    name, rounding = shop.COMPANY_NAME, "per_line"
    known = default_companies(name=name, locked_through=None, quota=None, rounding=rounding)
    return known[shop.TARGET_COMPANY]
