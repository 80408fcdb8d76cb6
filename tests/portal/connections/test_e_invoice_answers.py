"""Set-up asks who makes the e-Invoices of a marketplace, and about AutoCount's own module."""

import pytest
from sqlalchemy import select

from holding.db.models import Company, Connection
from tests.portal.reading import plain
from tests.support.factories import make_connection

pytestmark = pytest.mark.sqlite
NEW = "/c/kedai/connections/new"
MARKETS = ("shopee", "lazada")
SETTINGS = {
    "shopee": {"base_url": "https://shop.example", "partner_id": "1", "shop_id": "88"},
    "lazada": {"base_url": "https://shop.example", "token_url": "https://shop.example"}
    | {"app_key": "1"},
}


@pytest.fixture
def books(database):
    """A way into AutoCount whose question about its module has no answer."""
    return add(database, "books", "target", "autocount")


def add(database, name, side, connector, **settings):
    with database.write() as session:
        company = session.get_one(Company, 1)
        row = make_connection(
            session, company, name, side=side, connector=connector, settings=settings
        )
        return row.name


def settings_of(database, name):
    with database.read() as session:
        return session.scalars(select(Connection).where(Connection.name == name)).one().settings


def before_more(page):
    """The part of a form that stands open: what set-up asks."""
    return page.partition("<summary>More settings</summary>")[0]


@pytest.mark.parametrize("market", MARKETS)
def test_a_marketplace_is_asked_for_and_has_no_answer_chosen(visit, market):
    page = visit("adam").text(f"{NEW}?system={market}")
    form = before_more(page)
    assert 'name="e_invoice_issuer"' in form
    for value in ("us", "platform", "unknown"):
        assert f'<option value="{value}"' in form
    assert "selected" not in form.partition('id="e_invoice_issuer"')[2].partition("</select>")[0]


@pytest.mark.parametrize("market", MARKETS)
def test_a_marketplace_is_not_added_without_an_answer(visit, database, market):
    wish = {"system": market, "name": "market", "key": "a:b", **SETTINGS[market]}
    answer = visit("adam").post(NEW, wish, status=422)
    assert 'id="e_invoice_issuer"' in answer.text
    assert "Enter the issuer of the e-Invoices." in plain(answer.text)
    with database.read() as session:
        names = session.scalars(select(Connection.name)).all()
    assert "market" not in names


def test_a_shop_of_ones_own_is_not_asked_first(visit):
    page = visit("adam").text(f"{NEW}?system=netshop")
    assert 'name="e_invoice_issuer"' in page
    assert 'name="e_invoice_issuer"' not in before_more(page)


@pytest.mark.parametrize("system", ["autocount", "autocount_aotg", "autocount_excel"])
def test_autocount_is_asked_about_its_own_module(visit, system):
    page = visit("adam").text(f"{NEW}?system={system}")
    assert 'name="marketplace_module"' in before_more(page)
    assert 'name="marketplace_module"' not in visit("adam").text(f"{NEW}?system=aiaccount")


@pytest.mark.parametrize(
    ("answer", "shown"), [({}, True), ({"e_invoice_issuer": "unknown"}, True)]
    + [({"e_invoice_issuer": one}, False) for one in ("us", "platform")]
)  # fmt: skip
def test_the_page_of_a_marketplace_says_what_is_not_answered(visit, database, answer, shown):
    add(database, "market", "source", "shopee", **answer)
    page = visit("adam").text("/c/kedai/connections/market")
    assert ('id="issuer_market"' in page) is shown
    assert ('href="/c/kedai/connections/market/settings"' in page) is True
    assert 'id="issuer_market"' not in visit("adam").text("/c/kedai/connections/netshop")


@pytest.mark.parametrize(("module", "tone"), [("", "t-warn"), ("on", "t-bad"), ("off", "")])
def test_pages_warn_that_sales_would_be_booked_twice(visit, database, module, tone):
    add(database, "books", "target", "autocount", marketplace_module=module)
    adam = visit("adam")
    assert 'id="module_books"' not in adam.text("/c/kedai/connections/books")
    add(database, "market", "source", "lazada", e_invoice_issuer="us")
    for name in ("books", "market"):
        page = adam.text(f"/c/kedai/connections/{name}")
        assert (f'class="note {tone} section" id="module_books"' in page) is bool(tone)
    assert 'id="module_books"' not in adam.text("/c/kedai/connections/netshop")


def test_who_may_not_change_settings_is_given_no_link(visit, database):
    add(database, "market", "source", "shopee")
    page = visit("farah").text("/c/kedai/connections/market")
    note = page.partition('id="issuer_market"')[2].partition("</div>\n  </div>")[0]
    assert note
    assert "Answer it under Settings" not in note


def test_an_administrator_answers_on_the_settings_page(visit, database, books):
    add(database, "market", "source", "shopee")
    adam, url = visit("adam"), "/c/kedai/connections/books/settings"
    asked = adam.text(url)
    assert 'name="marketplace_module"' in asked
    wish = {"company_id": "1042", "key_id": "k", "base_url": "https://books.example"}
    wish |= {"locked_through": "none", "marketplace_module": "off"}
    visit("farah").post(url, wish, status=403)
    assert "marketplace_module" not in settings_of(database, "books")
    adam.post(url, wish, status=303)
    assert settings_of(database, "books")["marketplace_module"] == "off"
    assert 'id="module_books"' not in adam.text("/c/kedai/connections/market")
