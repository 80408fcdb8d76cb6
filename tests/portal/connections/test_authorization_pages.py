"""Connecting QuickBooks on its own pages: there and back once, every refusal by name, its end."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select

from holding.db.models import AuthorizationRequest, Connection, ConnectionKey, Event, Throttle
from tests.connectors.simulator_processes import Simulator
from tests.portal.connections.test_new_connection import NEW
from tests.portal.reading import plain
from tests.support.pills import pill

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/connections/books"
BACK = "http://localhost/c/kedai/connections/books/authorized"
CLIENT = "qbo-client-3Rk9"
OTHER_REALM = "9130999"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sim = Simulator("quickbooks", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield sim
    sim.kill()


@pytest.fixture
def sim(running):
    running.control("reset")
    running.control("redirect", address=BACK)
    return running


def wish(sim, **other):
    return {
        "system": "quickbooks",
        "name": "books",
        **{name: str(value) for name, value in sim.settings.items()},
        "authorize_url": f"{sim.url}/connect/oauth2",
        "revoke_url": f"{sim.url}/v2/oauth2/tokens/revoke",
        "key": CLIENT,
        **other,
    }


@pytest.fixture
def adam(visit, sim):
    found = visit("adam")
    found.post(NEW, wish(sim), status=303)
    return found


def begun(person, name="books"):
    """Press Connect; the address of Intuit's page that this leads to."""
    page = person.post(f"/c/kedai/connections/{name}/authorize", {}, status=200)
    found = re.search(r'id="there" href="([^"]+)"', page.get_data(as_text=True))
    return found[1].replace("&amp;", "&")


def allowed(address, answer="connect", realm="9130347"):
    """Fill in Intuit's page; the path and query that the browser is sent back to."""
    page = requests.get(address, timeout=10)
    assert page.status_code == 200, page.text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    there = urlsplit(address)
    url = f"{there.scheme}://{there.netloc}{there.path}"
    given = {**hidden, "realm": realm, "answer": answer}
    told = requests.post(url, given, timeout=10, allow_redirects=False)
    assert told.status_code == 302, told.text
    back = urlsplit(told.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    return f"{back.path}?{back.query}"


def connected(person):
    return person.get(allowed(begun(person)), status=303)


def row_of(session):
    return session.scalars(select(Connection).where(Connection.name == "books")).one()


def keys(database):
    """State of each key of the connection, and which is in use."""
    with database.read() as session:
        row = row_of(session)
        query = select(ConnectionKey).where(ConnectionKey.connection_id == row.id)
        found = session.scalars(query.order_by(ConnectionKey.no)).all()
        return [key.state for key in found], [key.no for key in found if key.id == row.key_id]


def status(database):
    with database.read() as session:
        return pill(session, 1, row_of(session).id, "invoice").text


def acts(database):
    with database.read() as session:
        row = row_of(session)
        query = select(Event.act).where(Event.object == f"connection:{row.id}").order_by(Event.id)
        return list(session.scalars(query))


def exchanges(sim):
    lines = sim.ledger()
    start = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
    return [one for one in lines[start:] if one.get("effect") == "token"]


def refused(person, path, status=409):
    return plain(person.get(path, status=status).get_data(as_text=True))


def test_a_client_secret_alone_waits_for_its_permission(adam, sim, database):
    page = adam.text(URL)
    assert "Connect it next: nothing is sent there before." in plain(page)
    assert BACK in page
    assert CLIENT not in page
    assert keys(database) == (["new"], [])
    assert status(database) == "Not connected · 0 waiting"
    assert exchanges(sim) == []


def test_the_whole_way_gives_a_tested_key_and_the_code_is_worth_nothing_after(adam, sim, database):
    address = begun(adam)
    asked = parse_qs(urlsplit(address).query)
    assert {name: asked[name] for name in ("client_id", "response_type", "scope")} == {
        "client_id": ["AB-clearpost-app"],
        "response_type": ["code"],
        "scope": ["com.intuit.quickbooks.accounting"],
    }
    assert asked["redirect_uri"] == [BACK]
    assert len(asked["state"][0]) >= 32
    back = allowed(address)
    assert adam.get(back, status=303).location.startswith(URL)
    page = adam.text(URL)
    told = plain(page)
    granted = "The connection books has the permission of QuickBooks."
    assert f"{granted} It passed its test and is in use now." in told
    assert "9 of 9 passed" in told
    assert keys(database) == (["active"], [1])
    assert status(database) == "Never synced"
    assert len(exchanges(sim)) == 2, "the code, then the refresh token"
    with database.read() as session:
        stored = str([key.secret for key in session.scalars(select(ConnectionKey))])
        said = str([event.body for event in session.scalars(select(Event))])
        kept = session.scalars(select(AuthorizationRequest)).one()
    for secret in ("qbo-refresh", "qbo-access", "qbo-code", CLIENT, asked["state"][0]):
        assert secret not in page + stored + said + kept.state_hash
    assert "connected books to QuickBooks, company 9130347." in said
    assert "was used already. Open the connection and press Connect again." in refused(adam, back)
    assert len(exchanges(sim)) == 2


def test_with_a_script_the_browser_goes_there_at_once(adam, sim):
    answer = adam.post(f"{URL}/authorize", {}, target="main", status=204)
    assert answer.headers["HX-Redirect"].startswith(f"{sim.url}/connect/oauth2?client_id=")


def test_who_declines_is_told_who_can_allow_it(adam, sim, database):
    told = refused(adam, allowed(begun(adam), "cancel"))
    assert "because it was declined in QuickBooks." in told
    assert "Who administers the company in QuickBooks can allow it." in told
    assert exchanges(sim) == []
    assert acts(database)[-1] == "connection.not_authorized"
    assert keys(database) == (["new"], [])


def test_another_company_is_refused_before_its_code_is_exchanged(adam, sim, database):
    told = refused(adam, allowed(begun(adam), realm=OTHER_REALM))
    assert f"because company {OTHER_REALM} was chosen there, not 9130347." in told
    assert "correct the company ID under Settings" in told
    assert exchanges(sim) == []
    assert keys(database) == (["new"], [])


def test_a_way_back_counts_for_ten_minutes(adam, sim, clock):
    back = allowed(begun(adam))
    clock.advance(timedelta(minutes=10))
    assert "because it was begun more than 10 minutes ago." in refused(adam, back)
    assert exchanges(sim) == []


def test_a_code_that_is_over_is_told_apart(adam, sim):
    back = allowed(begun(adam))
    sim.control("clock", offset_seconds=600)
    told = refused(adam, back)
    assert "because the code that you came back with is not valid any more." in told
    assert "Intuit answered 400 to the code: invalid_grant." in told


@pytest.mark.parametrize("how", ["unknown", "session", "person", "connection"])
def test_a_word_of_another_session_or_connection_is_worth_nothing(adam, visit, sim, how, database):
    back, who = allowed(begun(adam)), adam
    if how == "unknown":
        back = re.sub(r"state=[^&]+", "state=made-up", back)
    elif how == "session":
        who = visit("adam")
    elif how == "person":
        visit("farah").get(back, status=403)
        assert exchanges(sim) == []
        return
    else:
        adam.post(NEW, wish(sim, name="other"), status=303)
        back = back.replace("/books/", "/other/")
    told = refused(who, back, 403)
    assert "because your session asked for nothing of the kind." in told
    assert exchanges(sim) == []
    assert "connection.not_authorized" not in acts(database)
    if how in ("session", "connection"):
        adam.get(back.replace("/other/", "/books/"), status=303)
        assert len(exchanges(sim)) == 2, "who began it finishes it"


def test_an_app_that_is_not_known_and_a_server_that_is_away(adam, sim, database):
    adam.post(f"{URL}/keys", {"key": "a-wrong-secret"}, status=303)
    told = refused(adam, allowed(begun(adam)))
    assert "because its client ID and client secret were not accepted." in told
    assert "or paste the client secret again." in told
    away = wish(sim, name="books", token_url="http://127.0.0.1:9/tokens")
    adam.post(f"{URL}/settings", {n: v for n, v in away.items() if n != "key"}, status=303)
    page = adam.post(f"{URL}/authorize", {}, status=409).get_data(as_text=True)
    assert "because its client secret is not stored." in plain(page), (
        "it was given for another host"
    )
    adam.post(f"{URL}/keys", {"key": CLIENT}, status=303)
    told = refused(adam, allowed(begun(adam)))
    assert "because the code could not be exchanged now." in told
    assert "Try again in a few minutes." in told
    assert keys(database)[0][-1] == "new"


def test_a_key_that_fails_its_test_leaves_the_one_before_in_use(adam, sim, database):
    connected(adam)
    settings = wish(sim, company_name="Somebody Sdn Bhd")
    adam.post(f"{URL}/settings", {n: v for n, v in settings.items() if n != "key"}, status=303)
    before = keys(database)
    adam.get(allowed(begun(adam)), status=303)
    told = plain(adam.text(URL))
    assert "It did not pass its test and is not used. The key before it stays in use." in told
    assert "Company: The key belongs to another company: Kedai Contoh Sdn Bhd" in told
    assert keys(database)[1] == before[1]


def test_disconnecting_stops_it_at_once_and_ends_the_token_there(adam, sim, database):
    connected(adam)
    adam.post(f"{URL}/disconnect", {}, status=303)
    told = plain(adam.text(URL))
    assert "books was disconnected. Nothing is sent there. QuickBooks was told, too." in told
    assert status(database).startswith("Not connected")
    states, in_use = keys(database)
    assert (states[-1], in_use) == ("new", [])
    assert "active" not in states
    (ended,) = sim.ledger("revoked")[-1:]
    assert ended["path"] == "/v2/oauth2/tokens/revoke"
    with database.read() as session:
        throttle = session.get_one(Throttle, row_of(session).id)
        assert throttle.breaker != "closed"
    assert "connection.disconnected" in acts(database)
    assert "connection.revoked" in acts(database)
    assert "because it is not connected." in plain(
        adam.post(f"{URL}/disconnect", {}, status=409).get_data(as_text=True)
    )
    connected(adam)
    assert status(database) == "Never synced", "the client secret was kept"


def test_disconnecting_is_said_whole_where_quickbooks_is_not_reached(adam, sim, database):
    connected(adam)
    away = wish(sim, revoke_url=f"{sim.url}/nowhere")
    adam.post(f"{URL}/settings", {n: v for n, v in away.items() if n != "key"}, status=303)
    adam.post(f"{URL}/disconnect", {}, status=303)
    told = plain(adam.text(URL))
    assert "books was disconnected. Nothing is sent there." in told
    assert "Disconnect Clearpost in QuickBooks, too." in told
    assert status(database).startswith("Not connected")


def test_only_who_may_edit_connections_connects_and_disconnects(adam, visit, sim):
    for who in ("farah", "lim", "olga"):
        person = visit(who)
        assert 'id="authorization"' not in person.text(URL)
        person.post(f"{URL}/authorize", {}, status=403)
        person.post(f"{URL}/disconnect", {}, status=403)
        person.get(f"{URL}/authorized?state=x&code=y&realmId=1", status=403)
    for end in ("authorize", "disconnect"):
        adam.post(f"/c/kedai/connections/aiaccount/{end}", {}, status=404)
    adam.get("/c/kedai/connections/aiaccount/authorized", status=404)


@pytest.mark.slow
def test_a_whole_key_is_pasted_as_before(adam, sim, database):
    adam.post(f"{URL}/keys", {"key": f"{CLIENT}:qbo-refresh-5Mx8-0"}, status=303)
    assert "9 of 9 passed" in plain(adam.text(URL))
    assert keys(database)[0] == ["active"], "the half key is not needed any more"
