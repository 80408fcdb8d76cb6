"""What saving a connection does: secrets of several fields, tests that run, keys that stay told."""

import re

import pytest
from sqlalchemy import select

from holding.access.actors import load_keys
from holding.connections.connections import secrets_of
from holding.db.models import Company, Connection, ConnectionKey
from holding.platform.settings import Settings
from tests.portal.connections.test_authorization_pages import adam, running, sim, wish
from tests.portal.reading import plain
from tests.support.factories import make_connection

__all__ = ["adam", "running", "sim"]
pytestmark = pytest.mark.sqlite
NEW = "/c/kedai/connections/new"
SHOP = {"system": "woocommerce", "name": "woocommerce"}
KEYS = {"key_consumer_key": "ck_1", "key_consumer_secret": "cs_1"}


def secret(database, clock, name):
    with database.read() as session:
        row = session.scalars(select(Connection).where(Connection.name == name)).one()
        assert load_keys(Settings.from_env())
        (found, *_) = secrets_of(session, row.id, clock.now())
        return found


def test_the_three_values_of_woocommerce_have_a_field_each(visit):
    page = visit("adam").text(f"{NEW}?system=woocommerce")
    form = page[page.index('id="addform"') :]
    fields = ("base_url", "key_webhook_secret", "key_consumer_key", "key_consumer_secret")
    assert [name for name in fields if f'name="{name}"' in form] == list(fields)
    assert 'name="key"' not in page


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (KEYS, "cs_1:ck_1:cs_1"),
        ({**KEYS, "key_webhook_secret": "hush-hush"}, "hush-hush:ck_1:cs_1"),
        ({"key_webhook_secret": " hush-hush "}, "hush-hush"),
        ({"key": "hush-hush:ck_1:cs_1"}, "hush-hush:ck_1:cs_1"),
    ],
)
def test_they_are_stored_as_one_secret(visit, database, clock, given, stored):
    visit("adam").post(NEW, {**SHOP, **given}, status=200)
    assert secret(database, clock, "woocommerce") == stored


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "key"),
        ({"key_consumer_key": "ck_1", "key_webhook_secret": "hush-hush"}, "key_consumer_secret"),
        ({**KEYS, "key_consumer_key": "ck:1"}, "key_consumer_key"),
    ],
)
def test_what_is_missing_stands_beside_its_field(visit, database, given, field):
    page = visit("adam").post(NEW, {**SHOP, **given}, status=422).get_data(as_text=True)
    assert f'id="{field}_err"' in page
    with database.read() as session:
        query = select(Connection).where(Connection.name == "woocommerce")
        assert session.scalars(query).all() == []


def test_a_refused_form_says_which_keys_have_to_be_pasted_again(visit):
    sent = {**SHOP, **KEYS, "base_url": "no address"}
    page = visit("adam").post(NEW, sent, status=422).get_data(as_text=True)
    assert 'id="base_url_err"' in page
    assert all(f'id="{field}_err"' in page for field in KEYS)
    assert 'id="key_webhook_secret_err"' not in page
    assert plain(page).count("Paste it again, because nothing was saved.") == len(KEYS)


def test_a_replaced_secret_has_the_same_fields(visit, database, clock):
    browser = visit("adam")
    browser.post(NEW, {**SHOP, **KEYS}, status=200)
    page = browser.text("/c/kedai/connections/woocommerce")
    assert 'id="key_consumer_secret"' in page
    url = "/c/kedai/connections/woocommerce/secret"
    browser.post(url, {"key_consumer_key": "ck_2"}, status=422)
    browser.post(url, {"key_consumer_key": "ck_2", "key_consumer_secret": "cs_2"}, status=200)
    assert secret(database, clock, "woocommerce") == "cs_2:ck_2:cs_2"
    browser.post(url, {"key_webhook_secret": "own"}, status=200)
    assert secret(database, clock, "woocommerce") == "own:ck_2:cs_2"
    browser.post(url, {"key_consumer_key": "ck_3", "key_consumer_secret": "cs_3"}, status=200)
    assert secret(database, clock, "woocommerce") == "own:ck_3:cs_3"


def test_a_replaced_secret_is_tested_where_the_shop_has_an_address(visit):
    browser = visit("adam")
    browser.post(NEW, {**SHOP, **KEYS, "base_url": "http://127.0.0.1:1"}, status=303)
    url = "/c/kedai/connections/woocommerce"
    answer = browser.post(f"{url}/secret", KEYS, status=303)
    assert answer.location.endswith("#conntest")
    assert "WooCommerce has a new secret." in (page := plain(browser.text(url)))
    assert "Its test failed: below is what to correct." in page


def test_a_shop_without_an_address_says_that_it_was_not_tested(visit):
    page = plain(visit("adam").post(NEW, {**SHOP, **KEYS}, status=200).get_data(as_text=True))
    assert "It was not tested, because it has no address." in page


def test_saving_settings_tests_also_what_nobody_changed(visit):
    browser = visit("adam")
    url = "/c/kedai/connections/aiaccount/settings"
    page = browser.text(url)
    assert "Save and test AiAccount" in plain(page)
    names = "base_url|app_url|company_id|company_name"
    stored = dict(re.findall(rf'id="({names})" name="\w+" value="([^"]*)"', page))
    answer = browser.post(url, stored, status=303)
    assert answer.location.endswith("#conntest")
    told = plain(browser.text("/c/kedai/connections/aiaccount"))
    assert "Nothing of AiAccount was changed. Its test failed" in told  # its stand-in has ended


def test_a_workbook_has_no_webhook_and_no_secret(visit, database):
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        make_connection(session, company, "sheets", side="source", connector="workbook")
    page = visit("adam").text("/c/kedai/connections/sheets")
    for name in ("hook", "secret", "h_hook", "newsecret", "keys"):
        assert f'id="{name}"' not in page
    assert 'id="deliveries"' in page


def test_quickbooks_is_not_said_to_be_tested_before_it_is_connected(visit):
    page = plain(visit("adam").text(f"{NEW}?system=quickbooks"))
    assert "Add QuickBooks Online" in page
    assert "Save and test QuickBooks Online" not in page


def test_a_stand_in_of_quickbooks_needs_its_address_alone(visit, sim):
    browser = visit("adam")
    own = {"token_url": "", "authorize_url": "", "revoke_url": ""}
    browser.post(NEW, {**wish(sim), **own}, status=303)
    page = browser.post("/c/kedai/connections/books/authorize", {}, status=200)
    assert f'href="{sim.url}/connect/oauth2?' in page.get_data(as_text=True)


def test_a_key_that_waits_for_its_permission_is_not_dropped_in_silence(adam, sim, database):
    settings = {name: str(value) for name, value in sim.settings.items()}
    sent = {**settings, "base_url": "https://books.example"}
    answer = adam.post("/c/kedai/connections/books/settings", sent, status=303)
    assert answer.location.endswith("#keys")
    page = plain(adam.text("/c/kedai/connections/books"))
    assert "Its key was given for another host: paste it again." in page
    with database.read() as session:
        states = session.scalars(
            select(ConnectionKey.state)
            .join(Connection, Connection.id == ConnectionKey.connection_id)
            .where(Connection.name == "books")
        ).all()
        assert set(states) == {"disabled"}
    same = adam.post("/c/kedai/connections/books/settings", {**sent, "company_id": "7"}, status=303)
    assert same.location.endswith("/connections/books"), "nothing was dropped this time"
