"""A system is connected in the browser: its form, its key, its test, and who may do it."""

import html
import re

import pytest
from sqlalchemy import select

from holding.db.models import Connection, ConnectionKey, Event, Throttle
from tests.portal.reading import plain
from tests.support.simulator import DEMO_KEY, simulator

pytestmark = pytest.mark.sqlite
NEW = "/c/kedai/connections/new"
MORE = {"company_id": "CMP-1042", "company_name": "Kedai Contoh Sdn Bhd"}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with simulator(tmp_path_factory.mktemp("aiaccount")) as running:
        yield running


def wish(there, **other):
    given = {"system": "aiaccount", "name": "second", "base_url": there.url, "key": DEMO_KEY}
    return {**given, **MORE, **other}


def stored(database, name):
    with database.read() as session:
        query = select(Connection).where(Connection.name == name, Connection.company_id == 1)
        return session.scalars(query).one_or_none()


def test_every_system_can_be_chosen_and_asks_what_it_declares(visit):
    adam = visit("adam")
    page = plain(adam.text(NEW))
    for title in ("AiAccount", "AutoCount Cloud", "QuickBooks Online", "NetShop"):
        assert title in page
    form = adam.text(f"{NEW}?system=autocount")
    for label in ("Number of the account book", "Key ID", "Books closed through", "API key"):
        assert label in plain(form)
    assert 'type="password"' in form
    netshop = adam.text(f"{NEW}?system=netshop")
    assert 'name="key"' not in netshop
    assert "Add NetShop" in netshop  # it is tested once NetShop has the secret
    adam.get(f"{NEW}?system=nobody", status=404)


@pytest.mark.parametrize(
    ("asked", "offered", "other"),
    [
        ("side=source", "NetShop", "AiAccount"),
        ("side=target", "AiAccount", "NetShop"),
        ("system=netshop", "NetShop", "AiAccount"),
    ],
)
def test_a_step_of_the_checklist_offers_one_side_alone(visit, asked, offered, other):
    page = visit("adam").text(f"{NEW}?{asked}")
    assert f"<b>{offered}</b>" in page
    assert f"<b>{other}</b>" not in page


def test_only_an_admin_connects(visit, there, database):
    for who in ("farah", "lim", "olga"):
        visit(who).get(NEW, status=403)
        visit(who).post(NEW, wish(there), status=403)
    assert stored(database, "second") is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "new"}, "A connection cannot be called “new”."),
        ({"name": "Second one"}, "a letter first, such as books_2."),
        ({"name": "aiaccount"}, "There is a connection “aiaccount” already."),
        ({"base_url": "books"}, "is not an address that begins with https://"),
        ({"company_id": " "}, "Enter the company ID."),
        ({"key": ""}, "Paste the API key."),
        ({"key": "aia live"}, "The key has white space inside."),
    ],
)
def test_a_form_with_faults_stores_nothing_and_keeps_what_was_typed(
    visit, there, database, changed, told
):
    page = visit("adam").post(NEW, wish(there, **changed), status=422).get_data(as_text=True)
    assert told in plain(page)
    assert "Kedai Contoh Sdn Bhd" in page
    assert DEMO_KEY not in page
    assert stored(database, "second") is None


def test_a_good_key_is_stored_tested_and_used(visit, there, database):
    adam = visit("adam")
    answer = adam.post(NEW, wish(there, key=f" {DEMO_KEY}\n"), status=303)
    assert answer.location == "/c/kedai/connections/second#conntest"
    page = adam.text("/c/kedai/connections/second")
    told = plain(page)
    assert (
        "AiAccount was added as second. Spaces or line ends around the key were left out." in told
    )
    assert "Its test passed." in told
    assert "Connection test: 8 of 8 passed" in told
    assert "key ends …7Qk2" in told
    assert "Not tested OK" not in told
    assert DEMO_KEY not in page
    row = stored(database, "second")
    assert row.untested_since is None
    with database.read() as session:
        assert session.get(Throttle, row.id).breaker == "closed"
        told = str([event.body for event in session.scalars(select(Event))])
        assert "Accounting system second was added." in told
        assert DEMO_KEY not in told
        keys = session.scalars(
            select(ConnectionKey).where(ConnectionKey.connection_id == row.id)
        ).all()
        assert [key.state for key in keys] == ["active"]
        assert DEMO_KEY not in keys[0].secret


def test_a_test_tells_each_line_and_what_follows_was_not_run(visit, there):
    adam = visit("adam")
    adam.post(NEW, wish(there, key="aia_live_of_nobody"), status=303)
    page = plain(adam.text("/c/kedai/connections/second"))
    assert "Its test failed, so nothing is sent there yet." in page
    assert "Connection test: 2 of 8 passed, 1 failed, 5 not run" in page
    assert "AiAccount does not know this API key, ending in …body." in page
    assert "Copy the key again at Settings > Integrations > API Keys" in html.unescape(page)
    assert "Not run: key accepted comes first." in page
    assert "Not tested OK" in page
    copied = html.unescape(
        re.search('data-copy="(second [^"]*)"', adam.text("/c/kedai/connections/second"))[1]
    )
    head, *lines = copied.splitlines()
    assert head.startswith("second (aiaccount), 2026-")
    assert len(lines) == 8, "line by line, for whoever helps"
    assert lines[2].startswith("Key accepted: failed. AiAccount does not know this API key")
    assert ": not run. " in lines[3]
    assert "aia_live_of_nobody" not in copied


def test_a_source_gets_a_secret_that_is_shown_once(visit, database):
    adam = visit("adam")
    page = adam.post(NEW, {"system": "intake", "name": "own"}, status=200).get_data(as_text=True)
    secret = re.search(r'id="secret" readonly value="([^"]+)"', page)[1]
    assert len(secret) >= 32
    assert f"…{secret[-4:]}" in plain(page)
    assert "/hooks/kedai/own" in page
    again = adam.text("/c/kedai/connections/own")
    assert secret not in again
    assert 'id="secret"' not in again
    assert f"…{secret[-4:]}" in plain(again)
    with database.read() as session:
        assert secret not in str([event.body for event in session.scalars(select(Event))])


@pytest.mark.slow
def test_settings_are_changed_where_they_are_declared(visit, there, database):
    adam = visit("adam")
    adam.post(NEW, wish(there), status=303)
    page = adam.text("/c/kedai/connections/second/settings")
    assert f'value="{there.url}"' in page
    url = "/c/kedai/connections/second/settings"
    given = {"base_url": there.url, **MORE}
    wrong = adam.post(url, {**given, "zone": "Mars/Base"}, status=422).get_data(as_text=True)
    assert "“Mars/Base” is not a time zone." in wrong
    adam.post(url, {**given, "company_id": "CMP-2001"}, status=303)
    page = plain(adam.text("/c/kedai/connections/second"))
    assert "second was changed: Company ID. Its test failed, so nothing is sent there yet." in page
    assert "The key belongs to another company: Kedai Lain Sdn Bhd, ID CMP-2001" in page
    assert stored(database, "second").untested_since is not None
    adam.post(url, given, status=303)
    assert stored(database, "second").untested_since is None
    adam.post(url, given, status=303)
    page = plain(adam.text("/c/kedai/connections/second"))
    assert "Nothing of second was changed. Its test passed." in page
    adam.post(url, {**given, "base_url": "http://127.0.0.1:1"}, status=303)
    page = plain(adam.text("/c/kedai/connections/second"))
    assert "Its key was given for another host: paste it again." in page
    assert "no key yet" in page
    for who in ("farah", "olga"):
        visit(who).get(url, status=403)
        visit(who).post(url, given, status=403)
