"""Sign-in with an account of an OpenID Connect provider that the test runs itself."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Event, Identity, Person
from holding.platform.settings import Settings
from portal import app as portal_app
from tests.portal.access.phones import CODE, SETUP, phone_of, require_it
from tests.portal.conftest import Browser
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock
from tests.support.oidc_provider import CLIENT, SECRET, Provider, other_key, provider

pytestmark = pytest.mark.sqlite
START = "/signin/provider"
Visit = Callable[..., Browser]


@pytest.fixture
def there(clock: SetClock) -> Iterator[Provider]:
    """The provider, where Lim is about to sign in."""
    with provider(clock.now) as made:
        made.claims = {"sub": "u-1", "email": "Lim@kedai.my", "email_verified": True}
        yield made


@pytest.fixture
def app(
    database: Database, clock: SetClock, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    monkeypatch.setenv("CLEARPOST_OIDC_ISSUER", there.url)
    monkeypatch.setenv("CLEARPOST_OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("CLEARPOST_OIDC_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("CLEARPOST_OIDC_LABEL", "Kedai ID")
    made = portal_app.create_app(database, clock, Settings.from_env())
    made.testing = True
    made.config["PROPAGATE_EXCEPTIONS"] = True
    return made


def to_provider(browser: Browser, url: str = START) -> str:
    """Follow the browser to the provider; where the provider sends it back to, as a path."""
    leads = browser.get(url, status=303).location
    answer = requests.get(leads, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def sign_in(browser: Browser, status: int = 303) -> Any:
    return browser.get(to_provider(browser), status=status)


def refused(browser: Browser, status: int = 403) -> str:
    """The sign-in page with its refusal; nobody is signed in."""
    page: str = sign_in(browser, status).get_data(as_text=True)
    assert 'id="wrong"' in page
    assert browser.get("/c", status=303).location.startswith("/signin")
    return page


def identities(database: Database) -> list[tuple[str, str, bool]]:
    with database.read() as session:
        query = select(Identity.subject, Person.email, Identity.ended_at)
        rows = session.execute(query.join(Person, Person.id == Identity.person_id))
        return [(row.subject, row.email, row.ended_at is None) for row in rows]


def acts(database: Database, act: str) -> list[dict[str, Any]]:
    with database.read() as session:
        return list(session.scalars(select(Event.body).where(Event.act == act)))


# ---- it goes well ------------------------------------------------------------------------------


def test_a_verified_address_ties_the_account_once_and_signs_in(
    visit: Visit, database: Database, there: Provider
) -> None:
    assert "Kedai ID" in visit().text("/signin")
    lim = visit()
    assert sign_in(lim).location == "/"
    assert "Lim" in lim.text("/me")
    assert identities(database) == [("u-1", "lim@kedai.my", True)]
    assert len(acts(database, "person.identity_tied")) == 1
    asked = there.asked[-1]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 20
    assert len(asked["state"]) >= 20
    sign_in(visit())
    assert len(acts(database, "person.identity_tied")) == 1
    assert len(acts(database, "person.signed_in")) == 2


def test_later_the_subject_alone_counts(visit: Visit, database: Database, there: Provider) -> None:
    """Another address at the provider, even that of a colleague, leads to nobody else."""
    sign_in(visit())
    there.claims["email"] = "farah@kedai.my"
    again = visit()
    sign_in(again)
    assert "lim@kedai.my" in again.text("/me")
    assert identities(database) == [("u-1", "lim@kedai.my", True)]


def test_it_leads_on_to_an_own_page_only(visit: Visit) -> None:
    lim = visit()
    assert lim.get(to_provider(lim, f"{START}?next=/c/kedai/holding"), status=303).location == (
        "/c/kedai/holding"
    )
    lim = visit()
    evil = to_provider(lim, f"{START}?next=//evil.example/")
    assert lim.get(evil, status=303).location == "/"


def test_password_sign_in_stays(visit: Visit) -> None:
    assert "Lim" in visit("lim").text("/me")


# ---- the second factor -------------------------------------------------------------------------


def test_the_own_app_is_asked_after_the_provider(
    visit: Visit, database: Database, clock: SetClock, there: Provider
) -> None:
    """Whatever the provider says of factors of its own."""
    phone = phone_of(database, clock, "lim")
    there.claims |= {"amr": ["pwd", "mfa"], "acr": "2"}
    lim = visit()
    assert sign_in(lim).location.startswith(CODE)
    assert lim.get("/c", status=303).location.startswith("/signin")
    lim.post(CODE, {"code": phone.code(clock.now())}, status=303)
    assert "Lim" in lim.text("/me")


def test_a_company_that_requires_one_has_it_set_up(visit: Visit, database: Database) -> None:
    require_it(database)
    lim = visit()
    assert sign_in(lim).location.startswith(CODE)
    assert lim.get(CODE, status=303).location.startswith(SETUP)
    assert lim.get("/c", status=303).location.startswith("/signin")


# ---- people ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_unverified_address_ties_nobody(
    visit: Visit, database: Database, there: Provider, verified: object
) -> None:
    there.claims["email_verified"] = verified
    refused(visit())
    assert identities(database) == []


@pytest.mark.parametrize("email", ["nobody@kedai.my", "", None])
def test_an_unknown_address_signs_nobody_in(
    visit: Visit, database: Database, there: Provider, email: str | None
) -> None:
    there.claims["email"] = email
    refused(visit())
    assert identities(database) == []


@pytest.mark.parametrize("tied", [True, False])
def test_a_disabled_person_does_not_sign_in(visit: Visit, database: Database, tied: bool) -> None:
    if tied:
        sign_in(visit())
    with database.write() as session:
        session.scalars(select(Person).where(Person.email == "lim@kedai.my")).one().active = False
    refused(visit())


def test_another_account_with_the_same_address_is_not_tied(
    visit: Visit, database: Database, there: Provider
) -> None:
    """The address was given to somebody else at the provider."""
    sign_in(visit())
    there.claims["sub"] = "u-2"
    refused(visit())
    assert identities(database) == [("u-1", "lim@kedai.my", True)]


# ---- wrong answers -----------------------------------------------------------------------------


def spoiled(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.update({name: value})


SPOILED = {
    "nonce": spoiled("nonce", "of another sign-in"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "audience": spoiled("aud", "another-client"),
    "audience for us": lambda claims: claims.update(aud="another-client", azp=CLIENT),
    "issuer": spoiled("iss", "https://elsewhere.example"),
    "expired": lambda claims: claims.update(iat=claims["iat"] - 900, exp=claims["iat"] - 61),
    "no end": lambda claims: claims.pop("exp"),
    "future": lambda claims: claims.update(iat=claims["iat"] + 3600),
    "no subject": lambda claims: claims.pop("sub"),
    "blank subject": spoiled("sub", ""),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_token_with_wrong_claims_is_refused(
    visit: Visit, database: Database, there: Provider, how: str
) -> None:
    there.change = SPOILED[how]
    refused(visit())
    assert identities(database) == []


def test_clocks_may_differ_by_a_minute(visit: Visit, there: Provider) -> None:
    there.change = lambda claims: claims.update(exp=claims["iat"] - 59)
    sign_in(visit())


@pytest.mark.parametrize("kid", ["first", "unknown"])
def test_a_token_with_another_key_is_refused(visit: Visit, there: Provider, kid: str) -> None:
    there.signing, there.header = other_key(kid), {"kid": kid}
    refused(visit())


def test_a_key_that_the_provider_changed_is_read_again(visit: Visit, there: Provider) -> None:
    sign_in(visit())
    there.key = other_key("second")
    sign_in(visit())


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_a_token_without_a_public_key_is_refused(
    visit: Visit, there: Provider, monkeypatch: pytest.MonkeyPatch, alg: str
) -> None:
    """Even where the provider lists such algorithms."""

    def forged(self: Provider, asked: dict[str, str]) -> str:
        at = int(self.now().timestamp())
        claims = {"iss": self.url, "aud": CLIENT, "iat": at, "exp": at + 300}
        return unsigned(alg, {**claims, "nonce": asked["nonce"], **self.claims})

    monkeypatch.setattr(Provider, "id_token", forged)
    refused(visit())


def unsigned(alg: str, claims: dict[str, Any]) -> str:
    """A token that anybody can make: without a signature, or signed with the client's secret."""
    key = OctKey.import_key(SECRET)
    return jwt.encode({"alg": alg}, claims, key, algorithms=[alg])


def test_a_wrong_state_is_refused(visit: Visit, there: Provider) -> None:
    lim = visit()
    path = to_provider(lim)
    state = parse_qs(urlsplit(path).query)["state"][0]
    lim.get(path.replace(state, "of-another"), status=403)
    assert lim.get("/c", status=303).location.startswith("/signin")


def test_another_browser_cannot_finish_a_sign_in(visit: Visit) -> None:
    """So nobody is signed in as who sends them a link."""
    path = to_provider(visit())
    stranger = visit()
    stranger.get(path, status=403)
    assert stranger.get("/c", status=303).location.startswith("/signin")


def test_a_code_of_another_sign_in_is_refused(visit: Visit) -> None:
    """PKCE: the code is worth nothing without the verifier of the browser that began."""
    mine, theirs = visit(), visit()
    code = parse_qs(urlsplit(to_provider(theirs)).query)["code"][0]
    path = to_provider(mine)
    own = parse_qs(urlsplit(path).query)["code"][0]
    mine.get(path.replace(own, code), status=403)


def test_without_pkce_the_provider_gives_no_code(visit: Visit, app: Flask, there: Provider) -> None:
    app.extensions["clearpost_oidc"].client_kwargs.pop("code_challenge_method")
    refused(visit())
    assert there.codes == {}


def test_a_code_works_once(visit: Visit) -> None:
    lim = visit()
    path = to_provider(lim)
    lim.get(path, status=303)
    again = visit()
    again.get(path, status=403)
    lim.get(path, status=403)


@pytest.mark.parametrize(
    ("error", "status"), [("access_denied", 403), ("server_error", 403), ("<b>x</b>", 403)]
)
def test_an_error_of_the_provider_is_a_page(
    visit: Visit, there: Provider, error: str, status: int
) -> None:
    there.error = error
    assert "<b>x</b>" not in refused(visit(), status)


@pytest.mark.parametrize(("broken", "status"), [("token", 503), ("issuer", 403), ("metadata", 403)])
def test_a_provider_out_of_order_is_a_page(
    visit: Visit, there: Provider, broken: str, status: int
) -> None:
    there.broken = broken
    lim = visit()
    if broken == "token":
        refused(lim, status)
    else:
        assert 'id="wrong"' in lim.text(START, status=status)


def test_a_provider_that_does_not_answer_is_a_page(
    app: Flask, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_OIDC_ISSUER", "http://127.0.0.1:9")
    closed = portal_app.create_app(database, clock, Settings.from_env())
    assert 'id="wrong"' in Browser(closed.test_client()).text(START, status=503)


def test_an_address_inside_the_network_is_not_called(
    visit: Visit, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "0")
    assert 'id="wrong"' in visit().text(START, status=503)
    assert there.asked == []


# ---- connecting and disconnecting --------------------------------------------------------------


def connect(browser: Browser, status: int = 303) -> None:
    page = browser.post("/me/account/connect", {"present": PASSWORD}, status=200)
    assert f'href="{START}?connect=1"' in page.get_data(as_text=True)
    browser.get(to_provider(browser, f"{START}?connect=1"), status=status)


def test_a_signed_in_person_connects_any_account(
    visit: Visit, database: Database, there: Provider
) -> None:
    there.claims = {"sub": "u-9", "email": "private@example.com", "email_verified": False}
    farah = visit("farah")
    farah.post("/me/account/connect", {"present": "wrong"}, status=422)
    farah.get(f"{START}?connect=1", status=403)
    connect(farah)
    assert identities(database) == [("u-9", "farah@kedai.my", True)]
    assert "private@example.com" in farah.text("/me")
    other = visit()
    sign_in(other)
    assert "farah@kedai.my" in other.text("/me")
    tan = visit("tan")
    connect(tan, status=409)
    assert identities(database) == [("u-9", "farah@kedai.my", True)]


def test_the_permission_to_connect_ends_after_ten_minutes(visit: Visit, clock: SetClock) -> None:
    farah = visit("farah")
    farah.post("/me/account/connect", {"present": PASSWORD}, status=200)
    clock.advance(timedelta(minutes=11))
    farah.get(f"{START}?connect=1", status=403)


def test_a_disconnected_account_comes_back_by_the_password_only(
    visit: Visit, database: Database
) -> None:
    lim = visit()
    sign_in(lim)
    lim.post("/me/account/disconnect", {"present": "wrong"}, status=422)
    lim.post("/me/account/disconnect", {"present": PASSWORD}, status=303)
    assert identities(database) == [("u-1", "lim@kedai.my", False)]
    assert len(acts(database, "person.identity_untied")) == 1
    refused(visit())
    connect(visit("lim"))
    sign_in(visit())
    assert identities(database) == [("u-1", "lim@kedai.my", True)]


def test_an_administrator_ends_an_account_and_its_sessions(
    visit: Visit, database: Database
) -> None:
    lim = visit()
    sign_in(lim)
    with database.read() as session:
        lim_id = session.scalars(select(Person.id).where(Person.email == "lim@kedai.my")).one()
    url = f"/c/kedai/people/{lim_id}/account/end"
    visit("farah").post(url, {}, status=403)
    adam = visit("adam")
    assert url in adam.text(f"/c/kedai/people/{lim_id}")
    adam.post(url, {}, status=303)
    assert lim.get("/c", status=303).location.startswith("/signin")
    refused(visit())
    adam.post(url, {}, status=409)


# ---- secrets, and an installation without a provider --------------------------------------------


def test_the_secret_is_shown_nowhere(
    visit: Visit, capsys: pytest.CaptureFixture[str], there: Provider
) -> None:
    settings = Settings.from_env()
    assert SECRET not in repr(settings)
    there.error = SECRET
    lim = visit()
    pages = [refused(lim), lim.text("/signin")]
    assert all(SECRET not in page for page in pages)
    assert SECRET not in "".join(capsys.readouterr())


def test_without_a_provider_there_is_no_button(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLEARPOST_OIDC_ISSUER", raising=False)
    browser = Browser(portal_app.create_app(database, clock, Settings.from_env()).test_client())
    assert START not in browser.text("/signin")
    browser.get(START, status=404)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLEARPOST_OIDC_ISSUER", "http://login.example.com"),
        ("CLEARPOST_OIDC_ISSUER", "login.example.com"),
        ("CLEARPOST_OIDC_CLIENT_ID", ""),
        ("CLEARPOST_OIDC_CLIENT_SECRET", ""),
    ],
)
def test_settings_that_cannot_work_stop_the_start(name: str, value: str) -> None:
    given = {
        "CLEARPOST_OIDC_ISSUER": "https://login.example.com",
        "CLEARPOST_OIDC_CLIENT_ID": "id",
        "CLEARPOST_OIDC_CLIENT_SECRET": "secret",
    }
    assert Settings.from_env(given).oidc is not None
    with pytest.raises(ValueError, match=name):
        Settings.from_env({**given, name: value})
