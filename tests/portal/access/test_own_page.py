"""One's own page, inside a company and outside."""

import re
from typing import Any

import pytest

from holding.db.database import Database
from tests.portal.conftest import Browser
from tests.portal.reading import one, plain
from tests.portal.seed import PASSWORD

pytestmark = pytest.mark.sqlite
NEW = "teh tarik satu 2026"


def test_it_says_who_one_is_and_what_one_can_do(visit: Any) -> None:
    page = plain(visit("farah").text("/me"))
    assert "Finance user in Kedai Contoh" in page
    assert "View records, view personal data, view names and tax numbers of customers," in page
    assert "Your roles do not include: approve, release and reject," in page
    assert "/c/lain/" not in visit("farah").text("/me?c=lain")
    assert 'href="/me?c=kedai"' in visit("farah").text("/c/kedai/")


def test_settings_follow_the_person(visit: Any, database: Database) -> None:
    farah = visit("farah")
    assert 'data-theme="auto"' in farah.text("/c/kedai/")
    farah.post("/me", {"name": "Farah Rahman", "theme": "dark"}, status=303)
    for browser in (farah, visit("farah")):
        page = browser.text("/c/kedai/")
        assert 'data-theme="dark"' in page
        assert 'data-keys="off"' in page
        assert "Farah Rahman" in page
    farah.post("/me", {"name": "Farah", "theme": "light", "keys": "1"}, status=303)
    assert "data-keys" not in farah.text("/c/kedai/")
    wrong = farah.post("/me", {"name": " ", "theme": "light"}, status=422)
    assert 'id="name_err"' in wrong.get_data(as_text=True)
    renamed = one(database, "SELECT count(*) FROM event WHERE act = 'person.renamed'")
    assert renamed == 2


def test_rows_are_low_and_moments_say_their_utc_for_who_wants_it(visit: Any) -> None:
    farah = visit("farah")
    first = farah.text("/c/kedai/")
    assert 'data-density="normal"' in first
    assert "data-utc" not in first
    form = {"name": "Farah", "theme": "auto", "compact": "1", "utc": "1"}
    farah.post("/me", form, status=303)
    for page in (farah.text("/c/kedai/"), visit("farah").text("/c/kedai/holding")):
        assert 'data-density="compact" data-utc' in page
    assert "data-utc" not in visit("lim").text("/c/kedai/")


def test_the_foot_of_a_page_switches_utc_on_and_off_and_leads_back(visit: Any) -> None:
    farah, where = visit("farah"), "/c/kedai/holding?view=all"
    kept = {"name": "Farah", "theme": "dark"}
    farah.post("/me", kept, status=303)
    for on, word in (("1", "Show UTC"), ("0", "Hide UTC")):
        foot = farah.text(where).partition('<footer class="foot"')[2]
        assert word in foot
        assert f'name="on" value="{on}"' in foot
        assert f'name="next" value="{where}"' in foot
        answer = farah.post("/me/utc", {"on": on, "next": where}, status=303)
        assert answer.location == where
        page = farah.text(where)
        assert ("data-utc" in page) is (on == "1")
        assert 'data-theme="dark"' in page, "what else was chosen stays"
    away = farah.post("/me/utc", {"on": "1", "next": "https://elsewhere.example/"}, status=303)
    assert away.location == "/"


def test_a_form_that_was_refused_leads_from_its_foot_to_a_page_that_can_be_asked(
    visit: Any,
) -> None:
    wrong = visit("farah").post("/me?c=kedai", {"name": " "}, status=422)
    foot = wrong.get_data(as_text=True).partition('<footer class="foot"')[2]
    assert 'name="next" value="/c/kedai/"' in foot


def test_a_new_password_keeps_this_session_and_ends_the_others(visit: Any) -> None:
    farah, other = visit("farah"), visit("farah")
    form = {"present": "wrong", "wanted": NEW}
    page = farah.post("/me/password", form, status=422).get_data(as_text=True)
    assert 'id="present_err"' in page
    assert other.get("/me").status_code == 200
    farah.post("/me/password", {"present": PASSWORD, "wanted": NEW}, status=303)
    assert farah.get("/me").status_code == 200
    other.get("/me", status=303)


def test_sessions_end_one_by_one_or_all(visit: Any, app: Any) -> None:
    phone = Browser(app.test_client())
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
    token = phone.token()
    form = {"csrf_token": token, "email": "farah@kedai.my", "password": PASSWORD}
    phone.client.post("/signin", data=form, headers={"User-Agent": agent})
    farah, third = visit("farah"), visit("farah")
    page = farah.text("/me")
    assert "3 sessions" in plain(page)
    assert "Safari, iPhone" in page
    row = next(part for part in page.split("<tr") if "Safari, iPhone" in part)
    key = re.search(r"/me/sessions/(\w+)/end", row)
    assert key
    assert page.count("/end") == 2  # not this one
    visit("lim").post(f"/me/sessions/{key[1]}/end", {}, status=404)
    farah.post(f"/me/sessions/{key[1]}/end", {}, status=303)
    phone.get("/me", status=303)
    assert third.get("/me").status_code == 200
    assert farah.post("/me/signout", {}, status=303).location == "/signin"
    for browser in (farah, third):
        browser.get("/me", status=303)
