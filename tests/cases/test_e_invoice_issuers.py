"""Who makes the e-Invoice of a marketplace's sale, from the setting to the books or a hold."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.db.models import Connection
from holding.programs.replay import replay_all
from holding.rulesets.new_connections import change_settings
from tests.cases.company import CaseCompany, Plan
from tests.cases.test_corner_cases import settlement
from tests.cases.test_marketplace_cases import (
    DAY,
    INCOME,
    ITEMS,
    lazada_order,
    lazada_statement,
    orders,
    shopee_order,
    shopee_payout,
    tell_deposit,
)

pytestmark = pytest.mark.sqlite
Make = Callable[..., CaseCompany]
UNKNOWN, PLATFORM, MODULE, BUYER = "SRC02", "SRC03", "SRC04", "CHK01"
ORDER = {"shopee": "2611SH20", "lazada": "501"}
PAYOUT = {"shopee": DAY, "lazada": "S1"}
DEPOSIT = {"shopee": "54.50", "lazada": "90.00"}
ANSWER = "e_invoice_issuer"


@pytest.fixture(params=["shopee", "lazada"])
def shop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_shop(make: Make, shop: str) -> Callable[..., CaseCompany]:
    """Return a function that makes the company of a marketplace with this answer."""

    def opened(answer: str) -> CaseCompany:
        party = {"shopee": "S002", "lazada": "L001"}[shop]
        return make(
            Plan(
                template=f"{shop}-autocount",
                maps={"items": ITEMS},
                settings={ANSWER: answer} if answer else {ANSWER: ""},
            ),
            "autocount",
            debtors=[f"300-{party}"],
            creditors=[f"400-{party}"],
            products=dict.fromkeys(("MUG", "TEE-BLK-M", "SHIPPING", "VOUCHER"), "PCS"),
        )

    return opened


Open = Callable[..., CaseCompany]


@pytest.fixture
def feed(tmp_path: Path) -> Callable[[CaseCompany, Mapping[str, Any]], None]:
    """Return a function that reads a file with these contents and judges what it brought."""
    count = iter(range(100))

    def feed_file(company: CaseCompany, content: Mapping[str, Any]) -> None:
        path = tmp_path / f"{next(count)}.{company.connector}.json"
        path.write_text(json.dumps(content), "utf-8")
        company.ingest(path)
        assert company.errors == []
        company.judge()

    return feed_file


Feed = Callable[[CaseCompany, Mapping[str, Any]], None]


def sale(shop: str, *, large: bool = False) -> dict[str, Any]:
    """Return an order as the marketplace answers it; a large one comes to 12,000.00."""
    if shop == "lazada":
        free = dict.fromkeys(("voucher_amount", "voucher_seller", "voucher_platform"), 0.0)
        piece = {"item_price": 6000.0, "paid_price": 6000.0, **free} if large else {}
        return {"orders": [lazada_order(**piece)]}
    if not large:
        return orders(shopee_order(order_income=INCOME))
    item = {**shopee_order()["item_list"][0], "model_original_price": 6000.0}
    item |= {"model_discounted_price": 6000.0}
    income = {**INCOME, "buyer_total_amount": 12000.0}
    income |= dict.fromkeys(("voucher_from_seller", "voucher_from_shopee", "coins"), 0.0)
    return orders(shopee_order(total_amount=12000.0, item_list=[item], order_income=income))


def payout(shop: str) -> dict[str, Any]:
    """Return what the marketplace paid out for that order."""
    return {"statements": [lazada_statement()]} if shop == "lazada" else {
        "payouts": [shopee_payout()]
    }  # fmt: skip


def answer(company: CaseCompany, name: str, **settings: str) -> None:
    """Change settings of a connection as an administrator does."""
    with company.database.write() as session:
        query = select(Connection.id).where(Connection.name == name)
        row_id = session.scalars(query).one()
        now = company.clock.now()
        done = change_settings(session, SYSTEM, row_id, settings, now=now)
        assert done == tuple(settings), done


def held_by(company: CaseCompany, number: str) -> set[str]:
    return {hold.code for hold in company.holds(number)}


@pytest.mark.parametrize("blank", ["", "unknown"])
def test_without_an_answer_a_sale_is_held_and_goes_once_it_is_ours(
    open_shop: Open, feed: Feed, shop: str, blank: str
) -> None:
    company, number = open_shop(blank), ORDER[shop]
    feed(company, sale(shop))
    company.work()
    (hold,) = company.holds(number)
    assert (hold.code, hold.owner) == (UNKNOWN, "accounts")
    assert company.documents() == {}
    answer(company, shop, **{ANSWER: "us"})
    company.work()
    assert company.holds(number) == []
    assert set(company.documents()) == {number}


def test_of_a_payout_only_documents_without_an_e_invoice_go(
    open_shop: Open, feed: Feed, shop: str
) -> None:
    company = open_shop("unknown")
    feed(company, sale(shop))
    feed(company, payout(shop))
    tell_deposit(company, PAYOUT[shop], DEPOSIT[shop])
    assert held_by(company, PAYOUT[shop]) == set()
    made = set(company.documents())
    assert ORDER[shop] not in made
    assert {number[:3] for number in made} == {"RC-", "FB-", "FP-"}


def test_what_the_platform_invoices_is_held_until_no_e_invoice_is_made_there(
    open_shop: Open, feed: Feed, shop: str
) -> None:
    company, number = open_shop("platform"), ORDER[shop]
    feed(company, sale(shop))
    company.work()
    assert held_by(company, number) == {PLATFORM}
    assert company.documents() == {}
    answer(company, "autocount", e_invoices="none")
    company.work()
    assert company.holds(number) == []
    assert set(company.documents()) == {number}


@pytest.mark.parametrize(
    ("issuer", "codes"), [("us", {BUYER}), ("unknown", {UNKNOWN}), ("platform", {PLATFORM})]
)
def test_a_large_sale_needs_its_buyer_only_where_the_e_invoice_is_ours(
    open_shop: Open, feed: Feed, shop: str, issuer: str, codes: set[str]
) -> None:
    company, number = open_shop(issuer), ORDER[shop]
    feed(company, sale(shop, large=True))
    company.work()
    assert {one.amount for one in company.holds(number)} == {Decimal("12000.00")}
    assert held_by(company, number) == codes
    if issuer == "platform":
        answer(company, "autocount", e_invoices="none")
        company.work()
        assert set(company.documents()) == {number}
    else:
        assert company.documents() == {}


def test_a_module_that_books_the_sales_holds_them_until_it_is_off(
    open_shop: Open, feed: Feed, shop: str
) -> None:
    company = open_shop("us")
    answer(company, "autocount", marketplace_module="on")
    feed(company, sale(shop))
    feed(company, payout(shop))
    tell_deposit(company, PAYOUT[shop], DEPOSIT[shop])
    assert held_by(company, ORDER[shop]) == {MODULE}
    assert held_by(company, PAYOUT[shop]) == {MODULE}
    assert company.documents() == {}
    answer(company, "autocount", marketplace_module="off")
    company.work()
    assert company.holds() == []
    assert ORDER[shop] in company.documents()


def test_what_is_posted_stays_when_the_answer_is_taken_back(
    open_shop: Open, feed: Feed, shop: str
) -> None:
    company, number = open_shop("us"), ORDER[shop]
    feed(company, sale(shop))
    company.work()
    answer(company, shop, **{ANSWER: "unknown"})
    company.work()
    assert company.holds() == []
    assert company.states() == {number: "posted"}


# ---- statements of a marketplace, as consolidated invoices ----


@pytest.fixture
def statements(make: Make) -> Callable[[dict[str, Any]], CaseCompany]:
    def opened(settings: dict[str, Any]) -> CaseCompany:
        plan = Plan(
            template="settlements-aiaccount",
            rules={"daily    at 02:00 by settled_on": "immediately"},
            settings=settings,
        )
        return make(plan, "aiaccount", accounts=["12090", "40010", "61010"])

    return opened


def feed_statement(company: CaseCompany, folder: Path, **changed: Any) -> None:
    path = folder / "S-1.records.json"
    path.write_text(json.dumps({"records": [settlement(**changed)]}), "utf-8")
    company.ingest(path)
    assert company.errors == []
    company.judge()


@pytest.mark.parametrize("settings", [{}, {ANSWER: "unknown"}])
def test_what_was_ready_before_the_answer_changed_is_not_sent(
    statements: Callable[..., CaseCompany], tmp_path: Path, settings: dict[str, str]
) -> None:
    company = statements({ANSWER: "us"})
    feed_statement(company, tmp_path)
    assert {state for _, state, _ in company.postings("S-1")} == {"ready"}
    with company.database.write() as session:  # as an older version left it: nothing was woken
        row = session.scalars(select(Connection).where(Connection.side == "source")).one()
        row.settings = settings
    company.push()
    assert "S-1" not in company.documents()
    company.work()
    assert held_by(company, "S-1") == {UNKNOWN}
    assert set(company.documents()) == {"FB-S-1"}


@pytest.mark.parametrize(
    ("issuer", "codes"),
    [("", {UNKNOWN}), ("unknown", {UNKNOWN}), ("platform", {PLATFORM}), ("us", set())],
)
def test_a_statement_is_a_consolidated_invoice_only_where_it_is_ours(
    statements: Callable[..., CaseCompany], tmp_path: Path, issuer: str, codes: set[str]
) -> None:
    company = statements({ANSWER: issuer})
    feed_statement(company, tmp_path)
    company.work()
    assert held_by(company, "S-1") == codes
    invoice = set() if codes else {"S-1"}
    assert set(company.documents()) == {"FB-S-1"} | invoice


@pytest.mark.parametrize(
    ("issuer", "codes"), [("us", {BUYER}), ("unknown", {UNKNOWN}), ("platform", {PLATFORM})]
)
def test_a_large_order_of_a_statement_needs_its_own_e_invoice_only_where_it_is_ours(
    statements: Callable[..., CaseCompany], tmp_path: Path, issuer: str, codes: set[str]
) -> None:
    company = statements({ANSWER: issuer})
    line = {"pos": 1, "order_number": "O1", "tax": "NONE", "gross": "12000.00", "fee": "-10.00"}
    lines = [{**line, "net": "11990.00"}]
    feed_statement(company, tmp_path, gross="12000.00", net="11990.00", lines=lines)
    company.work()
    assert held_by(company, "S-1") == codes


def test_what_was_decided_replays_after_another_answer(
    open_shop: Open, feed: Feed, shop: str
) -> None:
    company = open_shop("unknown")
    feed(company, sale(shop))
    answer(company, shop, **{ANSWER: "us"})
    company.work()
    with company.database.read() as session:
        found = replay_all(session, company.company_id, 100)
    assert (found.replayed > 1, found.differences) == (True, ())
