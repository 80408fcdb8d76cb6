"""Permission in QuickBooks: the address of its page, what comes back, the code, and the end."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.contract.targets import Authorizing
from connectors.registry import targets
from connectors.transport.http import Http
from tests.connectors.recorded import BASE, Tape, expected, played, recorded
from tests.connectors.simulator_processes import Bench

FILE = "authorization/tokens"
BACK = "https://clearpost.example/c/kedai/connections/books/authorized"
CLIENT, PASTED = "qbo-client-3Rk9", "qbo-client-3Rk9:qbo-refresh-5Mx8-0"
SETTINGS = {
    "client_id": "AB-clearpost-app",
    "token_url": f"{BASE}/oauth2/v1/tokens/bearer",
    "revoke_url": f"{BASE}/v2/oauth2/tokens/revoke",
}
QUICKBOOKS = targets()["quickbooks"]
CODES = {
    "a code": ("granted", "", CLIENT),
    "a code that is over": ("code_refused", "invalid_grant", CLIENT),
    "an app that is not known": ("app_refused", "invalid_client", "wrong-secret"),
}
ENDS = {
    "the end": ("revoked", PASTED),
    "an end that came before": ("unknown", f"{CLIENT}:qbo-refresh-5Mx8-7"),
}


@pytest.fixture
def bench(emptied, http):
    found = Bench(QUICKBOOKS, emptied("quickbooks"), http)
    found.sim.control("redirect", address=BACK)
    return found


def form(sim, **changes):
    """What Intuit's page sends when somebody presses one of its buttons."""
    asked = parse_qs(urlsplit(QUICKBOOKS.authorization_address({}, state="s", back=BACK)).query)
    given = {name: value for name, (value,) in asked.items()}
    given |= {"client_id": "AB-clearpost-app", "realm": "9130347", "answer": "connect"}
    return requests.post(
        f"{sim.url}/connect/oauth2", {**given, **changes}, timeout=10, allow_redirects=False
    )


def code_in(answer):
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


@pytest.mark.parametrize("step", CODES)
def test_the_client_asks_and_reads_a_code_as_recorded(step):
    kind, words, client = CODES[step]
    tape = Tape(recorded("quickbooks", FILE)[step])
    code = "qbo-code-4Hs6-9" if step == "a code that is over" else "qbo-code-4Hs6-1"
    told = QUICKBOOKS.exchange(SETTINGS, client, code=code, back=BACK, http=tape)
    assert (told.kind, words in told.words, tape.calls) == (kind, True, [])
    assert told.secret == ("qbo-client-3Rk9:qbo-refresh-5Mx8-1" if kind == "granted" else "")
    assert "qbo-" not in repr(told)


@pytest.mark.parametrize("step", ENDS)
def test_the_client_asks_and_reads_the_end_as_recorded(step):
    kind, secret = ENDS[step]
    tape = Tape(recorded("quickbooks", FILE)[step])
    assert (QUICKBOOKS.revoke(SETTINGS, secret, tape).kind, tape.calls) == (kind, [])


@pytest.mark.parametrize("step", [*CODES, *ENDS])
def test_the_stand_in_answers_as_recorded(bench, step):
    assert form(bench.sim).status_code == 302
    (call,) = recorded("quickbooks", FILE)[step]
    assert played(bench.sim.url, call) == expected(call)


def test_the_address_is_intuits_and_names_app_scope_and_the_way_back():
    told = QUICKBOOKS.authorization_address({"client_id": " AB "}, state="once", back=BACK)
    there, _, query = told.partition("?")
    assert there == "https://appcenter.intuit.com/connect/oauth2"
    assert parse_qs(query) == {
        "client_id": ["AB"],
        "response_type": ["code"],
        "scope": ["com.intuit.quickbooks.accounting"],
        "redirect_uri": [BACK],
        "state": ["once"],
    }


def test_what_comes_back_is_read_and_not_shown():
    came = QUICKBOOKS.returned({"code": "c-1", "state": "s-1", "realmId": "913", "more": "x"})
    assert (came.code, came.state, came.company, came.denied) == ("c-1", "s-1", "913", False)
    assert "c-1" not in repr(came)
    assert QUICKBOOKS.returned({"error": "access_denied", "state": "s-1"}).denied
    assert not QUICKBOOKS.returned({"error": "server_error"}).denied


@pytest.mark.parametrize(
    ("secret", "own", "lacks"),
    [
        (CLIENT, CLIENT, True),
        (PASTED, CLIENT, False),
        (f"{PASTED}:access:4102444800", CLIENT, False),
        ("a:b:c", "", False),
        ("", "", False),
    ],
)
def test_a_key_is_the_client_secret_alone_or_more(secret, own, lacks):
    assert QUICKBOOKS.app_secret(secret) == own
    assert QUICKBOOKS.lacks_permission(secret) is lacks


def test_a_test_with_a_client_secret_alone_says_what_is_missing(bench):
    report = QUICKBOOKS.test(bench.sim.settings, CLIENT, bench.http)
    assert "press Connect to QuickBooks" in report.steps[0].words


def test_nobody_is_there(http: Http):
    away = dict.fromkeys(("token_url", "revoke_url"), "http://127.0.0.1:9/nobody")
    told = QUICKBOOKS.exchange(away, CLIENT, code="c", back=BACK, http=http)
    assert (told.kind, QUICKBOOKS.revoke(away, PASTED, http).kind) == ("away", "away")
    assert QUICKBOOKS.revoke(away, CLIENT, http).kind == "unknown"


def test_the_page_sends_back_to_entered_addresses_alone(bench):
    asked = QUICKBOOKS.authorization_address(
        {"client_id": "AB-clearpost-app", "authorize_url": f"{bench.sim.url}/connect/oauth2"},
        state="<s>",
        back=BACK,
    )
    page = requests.get(asked, timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'name="state" value="&lt;s&gt;"' in page.text
    for wrong in ({"redirect_uri": f"{BACK}/"}, {"client_id": "X"}, {"scope": "openid"}):
        told = form(bench.sim, **wrong)
        assert (told.status_code, "value is invalid" in told.text) == (400, True)
    told = form(bench.sim, answer="cancel")
    assert told.headers["Location"] == f"{BACK}?error=access_denied&state=s"


def test_a_code_counts_once_for_its_address_and_ten_minutes(bench):
    there = bench.sim.settings

    def exchanged(code, back=BACK):
        return QUICKBOOKS.exchange(there, CLIENT, code=code, back=back, http=bench.http).kind

    first = code_in(form(bench.sim))
    assert exchanged(first, f"{BACK}?x") == "code_refused"
    assert exchanged(first) == "granted"
    assert exchanged(first) == "code_refused"
    late = code_in(form(bench.sim))
    bench.sim.control("clock", offset_seconds=600)
    assert exchanged(late) == "code_refused"


def test_after_the_end_no_token_counts_until_somebody_connects_anew(bench):
    there = {**bench.sim.settings, "revoke_url": f"{bench.sim.url}/v2/oauth2/tokens/revoke"}
    assert QUICKBOOKS.revoke(there, PASTED, bench.http).kind == "revoked"
    assert QUICKBOOKS.renew(there, PASTED, bench.http).kind == "refused"
    assert QUICKBOOKS.revoke(there, PASTED, bench.http).kind == "unknown"
    code = code_in(form(bench.sim))
    told = QUICKBOOKS.exchange(there, CLIENT, code=code, back=BACK, http=bench.http)
    assert QUICKBOOKS.renew(there, told.secret, bench.http).kind == "renewed"
    assert QUICKBOOKS.renew(there, PASTED, bench.http).kind == "refused"


def test_only_quickbooks_is_allowed_on_its_own_pages():
    can = [name for name, target in targets().items() if isinstance(target, Authorizing)]
    assert can == ["quickbooks"]
