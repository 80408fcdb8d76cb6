"""Who makes the e-Invoice of a sale by the settings, and which documents that bars."""

from collections.abc import Mapping

import pytest
from sqlalchemy.orm import Session

from connectors import registry
from holding.connections import sale_issuers
from holding.db.database import Database
from holding.db.models import Company, Connection
from tests.support.factories import make_connection

SOURCES = ("netshop", "shopify", "woocommerce", "sql", "workbook", "intake")

TYPES = {
    "aiaccount": {"sales_invoice"},
    "autocount": {"invoice", "credit_note"},
    "autocount_aotg": {"ar_invoice"},
    "autocount_excel": {"invoice", "cash_sale", "credit_note"},
    "quickbooks": {"invoice", "credit_memo"},
}
"""The document types of which each target makes an e-Invoice."""

MAKES: Mapping[str, Mapping[str, str]] = {"quickbooks": {"e_invoice_field": "E-invoice"}}


def target(connector: str, **settings: str) -> Connection:
    return Connection(name=connector, connector=connector, side="target", settings=settings)


@pytest.mark.parametrize("source", ["shopee", "lazada"])
@pytest.mark.parametrize(
    ("answer", "issuer"),
    [
        ({}, "unknown"),
        ({"e_invoice_issuer": ""}, "unknown"),
        ({"e_invoice_issuer": "unknown"}, "unknown"),
        ({"e_invoice_issuer": "somebody"}, "unknown"),
        ({"e_invoice_issuer": "platform"}, "platform"),
        ({"e_invoice_issuer": "us"}, "us"),
    ],
)
def test_a_marketplace_has_no_answer_of_its_own(
    source: str, answer: Mapping[str, str], issuer: str
) -> None:
    assert sale_issuers.sale_facts(source, answer, "order", {}).issuer == issuer


@pytest.mark.parametrize("source", SOURCES)
def test_sales_of_a_shop_of_ones_own_are_ours_unless_the_setting_says_otherwise(
    source: str,
) -> None:
    assert sale_issuers.sale_facts(source, {}, "order", {}) is sale_issuers.OURS
    answer = {"e_invoice_issuer": "platform"}
    assert sale_issuers.sale_facts(source, answer, "order", {}).issuer == "platform"


@pytest.mark.parametrize("source", ["intake", "workbook"])
def test_the_statement_of_a_marketplace_has_no_answer_of_its_own(source: str) -> None:
    assert sale_issuers.sale_facts(source, {}, "settlement", {}).issuer == "unknown"
    ours = {"e_invoice_issuer": "us"}
    assert sale_issuers.sale_facts(source, ours, "settlement", {}).barred == {}


@pytest.mark.parametrize("source", ["intake", "workbook"])
def test_an_order_that_names_its_marketplace_has_no_answer_of_its_own(source: str) -> None:
    there = {"books": target("autocount", marketplace_module="on")}
    found = sale_issuers.sale_facts(source, {}, "order", there, marketplace="Lazada")
    assert (found.issuer, found.barred["books"]) == ("unknown", "module")
    assert sale_issuers.sale_facts(source, {}, "order", there) is sale_issuers.OURS


@pytest.mark.parametrize(
    ("body", "marketplace"),
    [({}, ""), ({"marketplace": None}, ""), ({"marketplace": " Shopee "}, "Shopee")],
)
def test_a_record_names_its_marketplace(body: Mapping[str, object], marketplace: str) -> None:
    assert sale_issuers.marketplace_of(body) == marketplace


def test_the_commissions_of_a_shop_of_ones_own_are_no_statement() -> None:
    assert sale_issuers.sale_facts("netshop", {}, "settlement", {}) is sale_issuers.OURS


@pytest.mark.parametrize("connector", TYPES)
@pytest.mark.parametrize("issuer", ["us", "platform", "unknown"])
def test_only_documents_that_make_an_e_invoice_are_barred(connector: str, issuer: str) -> None:
    there = target(connector, **MAKES.get(connector, {}))
    answer = {"e_invoice_issuer": issuer}
    found = sale_issuers.sale_facts("shopee", answer, "order", {"books": there})
    wanted = {} if issuer == "us" else {f"books.{name}": issuer for name in TYPES[connector]}
    assert found.barred == wanted


@pytest.mark.parametrize("connector", TYPES)
def test_nothing_is_barred_where_the_target_makes_no_e_invoice(connector: str) -> None:
    settings = {} if connector == "quickbooks" else {"e_invoices": "none"}
    there = {"books": target(connector, **settings)}
    answer = {"e_invoice_issuer": "platform"}
    assert sale_issuers.sale_facts("shopee", answer, "order", there).barred == {}


@pytest.mark.parametrize("connector", ["autocount", "autocount_aotg", "autocount_excel"])
@pytest.mark.parametrize(
    ("source", "kind", "module", "barred"),
    [
        ("shopee", "order", "on", True),
        ("lazada", "payout", "on", True),
        ("intake", "settlement", "on", True),
        ("shopee", "order", "off", False),
        ("shopee", "order", "", False),
        ("netshop", "order", "on", False),
        ("intake", "order", "on", False),
    ],
)
def test_a_module_that_books_marketplaces_bars_all_their_documents(
    connector: str, source: str, kind: str, module: str, barred: bool
) -> None:
    there = {"books": target(connector, marketplace_module=module)}
    answer = {"e_invoice_issuer": "us"}
    found = sale_issuers.sale_facts(source, answer, kind, there)
    assert found.barred == ({"books": "module"} if barred else {})


def test_each_way_into_autocount_asks_about_its_module_and_no_other_target_does() -> None:
    asked = {
        name
        for name in registry.targets()
        if (form := registry.form_of("target", name))
        and any(one.name == "marketplace_module" and one.prominent for one in form.settings)
    }
    assert asked == {"autocount", "autocount_aotg", "autocount_excel"}


def test_only_marketplaces_require_the_answer() -> None:
    required = {
        name
        for name in registry.sources()
        if (form := registry.form_of("source", name))
        and any(one.name == "e_invoice_issuer" and one.required for one in form.settings)
    }
    assert required == {"shopee", "lazada"}


# ---- what is still to be answered ----


def add(session: Session, company: Company, name: str, side: str, **settings: str) -> None:
    make_connection(session, company, name, side=side, settings=settings)


@pytest.mark.parametrize(
    ("market", "books", "unknown", "bookings"),
    [
        ({}, {}, ("shopee",), [("autocount", False)]),
        ({"e_invoice_issuer": "unknown"}, {"marketplace_module": "off"}, ("shopee",), []),
        ({"e_invoice_issuer": "platform"}, {"marketplace_module": "on"}, (), [("autocount", True)]),
        ({"e_invoice_issuer": "us"}, {"marketplace_module": "off"}, (), []),
        ({"deliveries": "off"}, {"marketplace_module": "on"}, (), []),
    ],
)
def test_what_is_open_is_told_of_sources_that_deliver(
    database: Database,
    company: Company,
    market: Mapping[str, str],
    books: Mapping[str, str],
    unknown: tuple[str, ...],
    bookings: list[tuple[str, bool]],
) -> None:
    with database.write() as session:
        add(session, company, "shopee", "source", **market)
        add(session, company, "autocount", "target", **books)
    with database.read() as session:
        found = sale_issuers.find_open_answers(session, company.id)
    assert found.unknown == unknown
    assert [(one.target, one.is_on) for one in found.bookings] == bookings
    assert found.of("netshop") == sale_issuers.OpenAnswers((), ())
    for name in (*unknown, *(target for target, _ in bookings)):
        assert found.of(name) != sale_issuers.OpenAnswers((), ())


def test_a_company_without_a_marketplace_is_asked_nothing(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        add(session, company, "autocount", "target", marketplace_module="on")
    with database.read() as session:
        found = sale_issuers.find_open_answers(session, company.id)
    assert found == sale_issuers.OpenAnswers((), ())
