"""The wall: sessions, CSRF, other sites, other companies, permissions, headers."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from holding.access.actors import ACTS
from holding.db.refusal import Refusal
from portal.web import store
from portal.web.permissions import FILE, PUBLIC, SIGNED_IN, permission_of
from portal.web.request_guard import POLICY, safe_next
from tests.portal.seed import PASSWORD, SCRIPT

pytestmark = pytest.mark.sqlite
VALUES = {
    "co": "kedai",
    "hold_id": 1,
    "way": "next",
    "view_id": 1,
    "deputy_id": 1,
    "run_id": 1,
    "record_id": 1,
    "ending": "json",
    "stop_id": 1,
    "upload_id": 1,
    "file_id": 1,
    "request_id": 1,
    "escalation_id": 1,
    "event_id": 1,
    "recipient_id": 1,
    "name": "aiaccount",
    "table": "item",
    "source": "netshop",
    "kind": "order",
    "external_id": "SO-10240",
    "filename": "app.css",
    "path": "shop.rules",
    "no": 1,
    "op": "none",
    "token": "none",
    "key": "none",
    "topic": "mapping-missing",
    "person_id": 1,
    "link_id": 1,
}


def routes(app, method):
    """The pages; what programs call is in test_api.py."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if method in rule.methods and not rule.endpoint.startswith("api."):
                values = {name: VALUES[name] for name in rule.arguments}
                yield rule.endpoint, app.url_for(rule.endpoint, _method=method, **values)


def test_every_route_declares_a_permission(app):
    for rule in app.url_map.iter_rules():
        assert permission_of(app, rule.endpoint) in {PUBLIC, SIGNED_IN, *ACTS}, rule.endpoint


def test_a_stranger_is_sent_to_the_sign_in_page(app, visit):
    stranger = visit()
    for endpoint, url in routes(app, "GET"):
        if permission_of(app, endpoint) == PUBLIC:
            continue
        plain = stranger.get(url, status=303)
        assert plain.location.startswith("/signin?next="), endpoint
        htmx = stranger.get(url, target="main", status=204)
        assert htmx.headers["HX-Redirect"].startswith("/signin"), endpoint


def test_every_form_needs_its_token(app, visit):
    lim = visit("lim")
    for endpoint, url in routes(app, "POST"):
        if endpoint == "hooks.receive":
            continue
        assert lim.client.post(url).status_code == 400, endpoint
        assert lim.client.post(url, data={"csrf_token": "x"}).status_code == 400, endpoint


def test_a_token_of_one_session_is_worth_nothing_in_another(visit):
    lim, tan = visit("lim"), visit("tan")
    answer = tan.client.post("/signout", data={"csrf_token": lim.token()})
    assert answer.status_code == 400


def test_a_form_sent_by_another_site_is_refused(visit):
    lim = visit("lim")
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = lim.client.post("/signout", data={"csrf_token": lim.token()}, headers=headers)
    assert answer.status_code == 403
    assert lim.get("/c").status_code == 200


@pytest.mark.slow
def test_get_writes_nothing(app, visit, statements):
    adam = visit("adam")
    for endpoint, url in routes(app, "GET"):
        statements.clear()
        adam.client.get(url)
        written = [one for one in statements if not one.startswith(("SELECT", "BEGIN", "WITH"))]
        if endpoint.endswith(FILE):  # but that a list was taken is written down
            written = [one for one in written if not one.startswith("INSERT INTO event ")]
        assert written == [], endpoint


@pytest.mark.slow
def test_another_company_looks_like_none_at_all(app, visit):
    stranger = visit("stranger", "lain")
    for endpoint, url in routes(app, "GET"):
        if not url.startswith("/c/kedai"):
            continue
        theirs = stranger.get(url, status=404).get_data()
        nobody = stranger.get(url.replace("/c/kedai", "/c/nobody"), status=404).get_data()
        assert theirs == nobody, endpoint


@pytest.mark.parametrize(
    "path",
    [
        "/holding/1",
        "/runs/1",
        "/requests/1/body",
        "/records/netshop/order/SO-10240",
        "/holding?open=1",
    ],
)
def test_an_object_of_another_company_does_not_exist(visit, path):
    stranger = visit("stranger", "lain")
    answer = stranger.client.get(f"/c/lain{path}")
    if "open=" in path:
        assert "SO-10" not in answer.get_data(as_text=True)
        return
    assert answer.status_code == 404
    missing = stranger.client.get(f"/c/lain{path}".replace("1", "99999"))
    asked, other = "SO-10240", "SO-10240".replace("1", "99999")
    pages = [answer.get_data(as_text=True).replace(asked, other), missing.get_data(as_text=True)]
    # A form's token has the second in which it was made.
    found, not_found = [re.sub(r'"X-CSRFToken": "[^"]+"', "", page) for page in pages]
    assert found == not_found


def test_acts_on_a_hold_of_another_company_are_refused(visit, database):
    stranger = visit("stranger", "lain")
    for act in ("release", "reject", "assign"):
        answer = stranger.post(f"/c/lain/holding/1/{act}", {"reason": "mine now", "person": "0"})
        assert answer.status_code == 404, act
    with database.read() as session:
        assert session.execute(text("SELECT state FROM hold WHERE id = 1")).scalar() == "open"


def test_who_lacks_a_permission_is_told_who_has_it(visit):
    answer = visit("vera").post("/c/kedai/mappings/fix", {"table": "item", "key": "AB-100 "})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "You cannot add and change mappings, because your role does not include it." in page
    assert "Farah" in page
    assert "Adam" in page


def test_pages_carry_the_policy_and_are_kept_nowhere(visit):
    for url in ("/signin", "/c", "/c/kedai/", "/nowhere"):
        headers = visit("farah").client.get(url).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "HX-Request" in headers["Vary"]
        assert "HX-Target" in headers["Vary"]


def test_the_cookie_is_http_only_and_same_site(visit):
    browser = visit()
    answer = browser.post("/signin", {"email": "farah@kedai.my", "password": PASSWORD})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("clearpost="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_on_https_the_cookie_is_bound_to_the_host(app):
    app.config["SESSION_COOKIE_SECURE"] = True
    client = app.test_client()
    page = client.get("/signin", base_url="https://localhost").get_data(as_text=True)
    token = re.search(r'csrf_token" value="([^"]+)', page)[1]
    data = {"email": "farah@kedai.my", "password": PASSWORD, "csrf_token": token}
    answer = client.post(
        "/signin", data=data, base_url="https://localhost", headers={"Referer": "https://localhost"}
    )
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-"))
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_signing_in_makes_a_new_token_and_signing_out_ends_it(visit):
    farah = visit("farah")
    first = farah.client.get_cookie("clearpost").value
    farah.post("/signout", {}, status=303)
    farah.client.set_cookie("clearpost", first)
    farah.get("/c", status=303)
    again = visit("farah")
    assert again.client.get_cookie("clearpost").value != first


def test_a_session_ends_after_an_hour_without_use(visit, clock):
    farah = visit("farah")
    clock.advance(timedelta(minutes=59))
    farah.get("/c")
    clock.advance(timedelta(minutes=59))
    farah.get("/c")
    clock.advance(timedelta(minutes=61))
    assert "ended=1" in farah.get("/c/kedai/", status=303).location


def test_wrong_password_and_unknown_person_read_the_same(visit):
    texts = set()
    for address in ("farah@kedai.my", "nobody@kedai.my"):
        answer = visit().post("/signin", {"email": address, "password": "wrong"}, status=422)
        page = answer.get_data(as_text=True).replace(address, "")
        texts.add(re.sub(r'value="[^"]*"', "", page))
    assert len(texts) == 1


def test_the_sixth_try_waits_and_others_are_not_locked_out(visit):
    guesser = visit()
    for _ in range(5):
        guesser.post("/signin", {"email": "tan@kedai.my", "password": "x"}, status=422)
    answer = guesser.post("/signin", {"email": "tan@kedai.my", "password": "x"}, status=429)
    assert "60 seconds" in answer.get_data(as_text=True)
    assert answer.headers["Retry-After"] == "60"
    assert visit("lim").get("/c").status_code == 200


def test_a_throttled_account_is_told_how_long(visit, monkeypatch):
    monkeypatch.setattr("holding.db.leases.MOST", 1)
    guess = {"email": "tan@kedai.my", "password": "x"}
    visit().post("/signin", guess, status=422)
    answer = visit().post("/signin", guess, status=429)
    assert "15 minutes" in answer.get_data(as_text=True)
    assert answer.headers["Retry-After"] == "900"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "",
    ],
)
def test_next_never_leads_away(wanted):
    assert safe_next(wanted) == "/"


def test_next_leads_back(visit):
    browser = visit()
    data = {"email": "farah@kedai.my", "password": PASSWORD, "next": "/c/kedai/runs"}
    assert browser.post("/signin", data, status=303).location == "/c/kedai/runs"


def test_record_data_is_shown_as_text(visit):
    page = visit("farah").text("/c/kedai/find?q=SO-1021")
    hold = visit("farah").text("/c/kedai/records/netshop/order/SO-10210?tab=raw")
    assert "<script>alert" not in page + hold
    assert "&lt;script&gt;alert" in hold


def test_a_viewer_sees_no_personal_data(visit):
    url = "/c/kedai/records/netshop/order/SO-10210"
    for tab in ("seven", "raw", "versions", "lineage", "ruletree", "pushes"):
        assert "alert(1)" not in visit("vera").text(f"{url}?tab={tab}"), tab
    assert "alert(1)" in visit("farah").text(f"{url}?tab=raw")
    visit("vera").get("/c/kedai/requests/1/body", status=403)


def quoted(database):
    """A hold, an ended one and a set-aside document whose words quote a customer's name."""
    of = "WHERE record_id = (SELECT id FROM record WHERE number = 'SO-10210')"
    with database.write() as session:
        for change in (
            "UPDATE hold SET message = :said",
            "UPDATE posting SET reason = :said, state = 'ignored'",
        ):
            session.execute(text(f"{change} {of}"), {"said": f"Ask {SCRIPT} first"})


@pytest.mark.parametrize("view", ["cleared", "ignored"])
def test_lists_hide_personal_data_too(visit, database, view):
    quoted(database)
    with database.write() as session:
        session.execute(text("UPDATE hold SET state = 'cleared', closed_at = opened_at"))
    for name, shown in (("vera", False), ("farah", True)):
        page = visit(name).text(f"/c/kedai/holding?view={view}")
        assert "SO-10210" in page
        assert ("alert(1)" in page) is shown


NUL = "\0"


@pytest.mark.parametrize(
    "path",
    [
        "/find?q=%00",
        "/holding?q=%00",
        "/holding?class=%00",
        "/records/netshop/order/%00",
        "/connections/%00",
        "/mappings/item?%00=1",
    ],
)
def test_an_address_with_a_sign_that_is_no_text_is_refused(visit, path):
    visit("farah").get(f"/c/kedai{path}", status=400)


def test_a_form_with_a_sign_that_is_no_text_changes_nothing(visit, database):
    lim, farah = visit("lim"), visit("farah")
    lim.post("/c/kedai/holding/1/release", {"reason": f"so{NUL}be it"}, status=400)
    entry = {"table": "item", "key": f"AB{NUL}", "to": "AB-100", "reason": "because"}
    farah.post("/c/kedai/mappings/fix", entry, status=400)
    visit().post("/signin", {"email": f"a{NUL}@b", "password": "x"}, status=400)
    with database.read() as session:
        assert session.execute(text("SELECT state FROM hold WHERE id = 1")).scalar() == "open"


@pytest.mark.parametrize("path", ["/holding/{}", "/runs/{}", "/requests/{}/body"])
def test_a_number_that_no_row_can_have_names_nothing(visit, path):
    missing = visit("farah").get(f"/c/kedai{path}".format(99999), status=404)
    for number in (2**63, "9" * 40):
        found = visit("farah").get(f"/c/kedai{path}".format(number), status=404)
        assert found.get_data() == missing.get_data()


@pytest.mark.parametrize("person", ["²", "9" * 30, "-1", "Lim"])
def test_who_gets_a_hold_is_chosen_from_the_list(visit, person):
    answer = visit("lim").post("/c/kedai/holding/1/assign", {"person": person}, status=422)
    assert "Choose a person from the list." in answer.get_data(as_text=True)


def test_a_sentence_in_a_header_is_short_however_much_it_quotes(app):
    with app.test_request_context("/c/kedai/", headers={"HX-Request": "true"}):
        answer = store.refuse(Refusal("x.unknown", f"“{'长' * 20_000}” is not known.", "", 404))
    assert len(answer.headers["HX-Trigger"]) < 4_000
