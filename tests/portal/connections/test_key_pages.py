"""A new key beside the one in use; a source's new secret, its test delivery and its rejections."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from holding.connections.connections import ask_key_again
from holding.db.models import Connection, ConnectionKey, Event, HookCall, Record
from tests.portal.connections.test_new_connection import NEW, there, wish
from tests.portal.reading import plain
from tests.support.simulator import DEMO_KEY

__all__ = ["there"]  # a fixture
pytestmark = pytest.mark.sqlite
URL = "/c/kedai/connections/second"
OTHER_KEY = "aia_live_nobills_3Yd6"


@pytest.fixture
def adam(visit, there):
    found = visit("adam")
    found.post(NEW, wish(there), status=303)
    return found


def states(database):
    with database.read() as session:
        row = session.scalars(select(Connection).where(Connection.name == "second")).one()
        query = select(ConnectionKey).where(ConnectionKey.connection_id == row.id)
        keys = session.scalars(query.order_by(ConnectionKey.no)).all()
        in_use = {key.no for key in keys if key.id == row.key_id}
    return {key.no: key.state for key in keys}, in_use


@pytest.mark.slow
def test_a_new_key_that_fails_its_test_waits_beside_the_one_in_use(adam, visit, database):
    page = adam.post(f"{URL}/keys", {"key": "aia_live_of_nobody"}, status=200)
    told = plain(page.get_data(as_text=True))
    assert "It did not pass its test and is not used. The key before it stays in use." in told
    assert "Connection test of the new key: 2 of 8 passed, 1 failed, 5 not run" in told
    assert states(database) == ({1: "active", 2: "new"}, {1})
    assert "Connection test: 8 of 8 passed" in plain(adam.text(URL)), "that of the key in use"
    adam.post(f"{URL}/keys", {"key": "aia_live_nor_of_them"}, status=200)
    assert states(database) == ({1: "active", 2: "new"}, {1}), "it replaced the one before"
    assert visit("farah").post(f"{URL}/keys", {"key": OTHER_KEY}, status=403)
    adam.post(f"{URL}/keys/2/delete", {}, status=303)
    assert states(database) == ({1: "active"}, {1})


def test_a_new_key_that_passes_is_used_at_once_and_the_old_one_is_kept_a_week(
    adam, visit, database, clock
):
    adam.post(f"{URL}/keys", {"key": f"{OTHER_KEY} "}, status=303)
    assert states(database) == ({1: "disabled", 2: "active"}, {2})
    page = adam.text(URL)
    assert "It passed its test and is in use now. The old key is disabled." in plain(page)
    assert OTHER_KEY not in page
    for no, status in ((2, 409), (1, 409), (9, 404)):
        adam.post(f"{URL}/keys/{no}/delete", {}, status=status)
    clock.advance(timedelta(days=6, hours=23))
    adam = visit("adam")
    told = adam.post(f"{URL}/keys/1/delete", {}, status=409).get_data(as_text=True)
    assert "because it was replaced less than 7 days ago." in plain(told)
    clock.advance(timedelta(hours=2))
    adam = visit("adam")
    adam.post(f"{URL}/keys/1/delete", {}, status=303)
    assert states(database) == ({2: "active"}, {2})
    with database.read() as session:
        said = [event.act for event in session.scalars(select(Event).order_by(Event.id))]
    acts = ["connection.key_added", "connection.key", "connection.key_deleted"]
    assert [act for act in said if act in acts][-3:] == acts


def test_a_key_that_was_never_used_is_no_former_key_after_another_host(adam, database):
    with database.write() as session:
        row = session.scalars(select(Connection).where(Connection.name == "second")).one()
        key = session.get_one(ConnectionKey, row.key_id)
        waiting = {"no": 2, "secret": "x", "tail": "body", "state": "new", "made_at": key.made_at}
        session.add(ConnectionKey(connection_id=row.id, **waiting))
        session.flush()
        assert ask_key_again(session, row, key.made_at)
        made_at, there = key.made_at, row.id
    assert states(database) == ({1: "disabled", 2: "disabled"}, set())
    with database.read() as session:
        kept = select(ConnectionKey.no).where(
            ConnectionKey.connection_id == there, ConnectionKey.keep_until > made_at
        )
        assert session.scalars(kept).all() == [1]


def test_the_key_in_use_stored_again_disables_no_other(adam, database):
    adam.text(URL)  # the notice of the new connection is shown once
    notices = []
    for _ in range(2):
        adam.post(f"{URL}/keys", {"key": OTHER_KEY}, status=303)
        notices.append(plain(adam.text(URL).partition('id="notice"')[2].partition("</p></div>")[0]))
    assert states(database) == ({1: "disabled", 3: "active"}, {3})
    assert ["The old key is disabled." in notice for notice in notices] == [True, False]
    with database.read() as session:
        changes = session.scalars(select(Event).where(Event.act == "connection.key"))
        said = [event.body["say"] for event in changes.all()][-2:]
    assert ["disabled" in words for words in said] == [True, False]


def test_keys_and_settings_are_shown_to_who_may_change_them(adam, visit):
    shown = {who: visit(who).text(URL) for who in ("adam", "farah", "olga")}
    for mark in ('id="keys"', 'id="settings"', 'id="addkey"'):
        assert [who for who, page in shown.items() if mark in page] == ["adam"], mark
    listed = {who: visit(who).text("/c/kedai/connections") for who in ("adam", "farah")}
    assert [who for who, page in listed.items() if 'id="addconn"' in page] == ["adam"]


def test_a_key_with_a_space_inside_is_told_beside_its_field(adam, database):
    page = adam.post(f"{URL}/keys", {"key": "aia live"}, status=422).get_data(as_text=True)
    assert 'id="key_err"' in page
    assert "Copy it again, in one piece." in plain(page)
    assert states(database) == ({1: "active"}, {1})


def own(visit):
    adam = visit("adam")
    page = adam.post(NEW, {"system": "intake", "name": "own"}, status=200).get_data(as_text=True)
    return adam, re.search(r'id="secret" readonly value="([^"]+)"', page)[1]


def test_a_test_delivery_is_read_and_not_kept_as_a_record(visit, database):
    adam, _ = own(visit)
    with database.read() as session:
        before = session.scalar(select(func.count(Record.id)))
    adam.post("/c/kedai/connections/own/sendtest", {}, status=303)
    page = plain(adam.text("/c/kedai/connections/own"))
    told = "Test receipt RC-TEST-1: signed, accepted and read. It was not stored as a record."
    assert told in page
    with database.read() as session:
        assert session.scalar(select(func.count(Record.id))) == before
        assert [(one.outcome, one.status) for one in session.scalars(select(HookCall))] == [
            ("test", 202)
        ]
    visit("olga").post("/c/kedai/connections/own/sendtest", {}, status=403)


def test_a_rejected_delivery_is_listed_with_what_its_sender_was_told(visit, database):
    adam, _ = own(visit)
    for _ in range(3):
        assert adam.client.post("/hooks/kedai/own", data=b"{}").status_code == 401
    page = plain(adam.text("/c/kedai/connections/own"))
    assert (
        "Rejected 3 times The header x-clearpost-timestamp is missing. Sign the delivery. 401"
        in page
    )
    assert adam.client.post("/hooks/kedai/nobody", data=b"{}").status_code == 404
    with database.read() as session:
        assert [one.times for one in session.scalars(select(HookCall))] == [3]


def test_a_replaced_secret_is_accepted_beside_the_new_one(visit, database):
    adam, first = own(visit)
    page = adam.post("/c/kedai/connections/own/secret", {}, status=200).get_data(as_text=True)
    second = re.search(r'id="secret" readonly value="([^"]+)"', page)[1]
    assert second != first
    assert "The one before is accepted for 7 days." in plain(page)
    again = adam.text("/c/kedai/connections/own")
    assert second not in again
    assert "Accepted until" in plain(again)
    assert visit("farah").post("/c/kedai/connections/own/secret", {}, status=403)


def test_the_example_is_signed_cut_short_and_tells_no_secret(visit):
    adam, secret = own(visit)
    page = adam.text("/c/kedai/connections/own")
    shown = re.search(r'<pre class="sample"[^>]*>(.*?)</pre>', page, re.DOTALL)[1]
    assert shown.startswith("POST /hooks/kedai/own")
    assert re.search(r"X-Clearpost-Signature: sha256=[0-9a-f]{4}…", shown)
    assert DEMO_KEY not in page
    assert secret not in page
