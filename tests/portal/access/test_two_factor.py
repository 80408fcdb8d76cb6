"""Two-factor authentication on one's own page and on the pages of people."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from holding.db.database import Database
from portal.help.topics import topics
from portal.languages import choice
from tests.portal.access.phones import (
    CODE,
    SETUP,
    codes_in,
    key_in,
    password_given,
    phone_of,
    require_it,
)
from tests.portal.access.test_people import URL
from tests.portal.access.test_second_step import signed_in
from tests.portal.conftest import Browser
from tests.portal.languages.test_walk import ASKED, english, seen
from tests.portal.listing import read_csv
from tests.portal.reading import one, plain
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Browser]
OWN = "/me/two-factor"
LOST = "Phone was stolen on Friday"


def id_of(database: Database, name: str, company: str = "kedai") -> int:
    return int(one(database, f"SELECT id FROM person WHERE email = '{name}@{company}.my'"))


def switched_on(browser: Browser, clock: SetClock) -> tuple[str, list[str]]:
    """Set it up as a person does; the secret and the recovery codes."""
    assert browser.post(f"{OWN}/begin", {}, status=303).location == OWN
    phone = key_in(browser.text(OWN))
    form = {"code": phone.code(clock.now(), -1), "present": PASSWORD}
    page = browser.post(OWN, form, status=200).get_data(as_text=True)
    return phone.secret, codes_in(page)


def test_it_is_set_up_with_password_and_code_and_other_sessions_end(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim, elsewhere = visit("lim"), visit("lim")
    assert "Off. With it," in plain(lim.text("/me"))
    lim.get(OWN, status=410)
    lim.post(f"{OWN}/begin", {}, status=303)
    page = lim.text(OWN)
    phone = key_in(page)
    assert "Account lim@kedai.my, based on time." in plain(page)
    good = phone.code(clock.now())
    for form, field in (
        ({"code": phone.wrong(clock.now()), "present": PASSWORD}, "factorcode_err"),
        ({"code": good, "present": "wrong"}, "factorpresent_err"),
        ({}, "factorpresent_err"),
    ):
        answer = lim.post(OWN, form, status=422).get_data(as_text=True)
        assert f'id="{field}"' in answer
        assert key_in(answer) == phone
    assert signed_in(elsewhere)
    answer = lim.post(OWN, {"code": good, "present": PASSWORD}, status=200)
    codes = codes_in(answer.get_data(as_text=True))
    assert len(set(codes)) == 10
    assert answer.headers["Cache-Control"] == "no-store"
    assert signed_in(lim)
    assert not signed_in(elsewhere)
    own = lim.text("/me")
    assert "10 recovery codes are unused" in plain(own)
    for shown in (own, lim.get(OWN, status=409).get_data(as_text=True)):
        assert phone.secret not in shown.replace(" ", "")
        assert not any(code in shown for code in codes)


def test_new_codes_end_the_old_ones_and_ask_for_password_and_code(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim = visit("lim")
    secret, old = switched_on(lim, clock)
    for form, field in (
        ({"code": "000000", "present": PASSWORD}, "factorcode_err"),
        ({"code": old[0], "present": "wrong"}, "factorpresent_err"),
    ):
        page = lim.post(f"{OWN}/codes", form, status=422).get_data(as_text=True)
        assert f'id="{field}"' in page
    form = {"code": old[0], "present": PASSWORD}
    fresh = codes_in(lim.post(f"{OWN}/codes", form, status=200).get_data(as_text=True))
    assert len(set(fresh) - set(old)) == 10
    other = visit()
    password_given(other)
    other.post(CODE, {"code": old[1]}, status=422)
    other.post(CODE, {"code": fresh[1]}, status=303)
    assert signed_in(other)
    assert secret not in lim.text("/me")


def test_few_codes_are_warned_of(visit: Visit, database: Database, clock: SetClock) -> None:
    lim = visit("lim")
    switched_on(lim, clock)
    assert "when your phone is lost" not in plain(lim.text("/me"))
    with database.write() as session:
        session.execute(text("UPDATE recovery_code SET used_at = made_at WHERE id % 10 > 1"))
    assert "Make new recovery codes. Without one you cannot sign in" in plain(lim.text("/me"))


def test_it_is_switched_off_with_password_and_code(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim = visit("lim")
    _, codes = switched_on(lim, clock)
    lim.post(f"{OWN}/off", {"code": "000000", "present": PASSWORD}, status=422)
    assert "10 recovery codes are unused" in plain(lim.text("/me"))
    form = {"code": codes[0], "present": PASSWORD}
    assert lim.post(f"{OWN}/off", form, status=303).location == "/me"
    assert signed_in(lim)
    assert signed_in(visit("lim"))
    assert one(database, "SELECT count(*) FROM second_factor") == 0
    assert one(database, "SELECT count(*) FROM recovery_code") == 0


def test_a_new_password_keeps_the_session_proved(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim = visit("lim")
    switched_on(lim, clock)
    lim.post("/me/password", {"present": PASSWORD, "wanted": "teh tarik satu 2026"}, status=303)
    assert signed_in(lim)
    other = visit()
    form = {"email": "lim@kedai.my", "password": "teh tarik satu 2026"}
    assert other.post("/signin", form, status=303).location.startswith(CODE)


def test_an_administrator_requires_it_of_those_who_approve_publish_or_administer(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    adam, lim, farah = visit("adam"), visit("lim"), visit("farah")
    listed = plain(adam.text(URL))
    assert "They would be signed out, and set it up when they next sign in: Adam, " in listed
    no = adam.post(f"{URL}two-factor", {"on": "1"}, status=409)
    assert "Set it up on your own page first." in plain(no.get_data(as_text=True))
    switched_on(adam, clock)
    assert adam.post(f"{URL}two-factor", {"on": "1"}, status=303).location == URL
    listed = adam.text(URL)
    assert "Required Whoever may approve, publish or administer here" in plain(listed)
    for name, word in (("lim", "Not set up yet"), ("adam", " On "), ("farah", " Off ")):
        row = listed.partition(f'id="userrow_{id_of(database, name)}"')[2].partition("</tr>")[0]
        assert word in plain(row), name
    assert not signed_in(lim)
    assert signed_in(farah)
    assert password_given(visit()).startswith(CODE)
    log = plain(adam.text("/c/kedai/audit"))
    assert "Adam requires two-factor authentication of approvers, publishers" in log
    adam.post(f"{URL}two-factor", {"on": "0"}, status=303)
    assert signed_in(lim)


def test_nobody_else_requires_it_or_sees_who_has_it(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    for name in ("farah", "lim", "olga", "nurul"):
        browser = visit(name)
        browser.post(f"{URL}two-factor", {"on": "1"}, status=403)
        browser.post(f"{URL}{id_of(database, 'tan')}/two-factor/end", {"reason": LOST}, status=403)
        page = browser.text(URL)
        assert ("Two-factor" in page) is (name == "nurul")
        assert 'id="requirefactor"' not in page
    assert one(database, "SELECT count(*) FROM company WHERE needs_second_factor") == 0


def test_the_list_of_people_as_a_file_says_who_has_it(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone_of(database, clock, "lim")
    for name, told in (("adam", "on"), ("farah", "")):
        rows = read_csv(visit(name).get(f"{URL.rstrip('/')}.csv").data).rows
        found = {row["Name"]: row["Two-factor"] for row in rows}
        assert found["Lim"] == told
        assert found["Tan"] == ("off" if told else "")


def test_an_administrator_ends_one_that_was_lost_with_a_reason(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone = phone_of(database, clock, "lim")
    lim, adam = visit(), visit("adam")
    password_given(lim)
    lim.post(CODE, {"code": phone.code(clock.now())}, status=303)
    who = id_of(database, "lim")
    end = f"{URL}{who}/two-factor/end"
    page = adam.text(f"{URL}{who}")
    assert f'action="{end}"' in page
    assert "Lim signs in with a code since" in plain(page)
    adam.post(end, {"reason": " "}, status=422)
    assert signed_in(lim)
    assert adam.post(end, {"reason": LOST}, status=303).location == URL
    assert not signed_in(lim)
    assert signed_in(visit("lim"))
    log = plain(adam.text("/c/kedai/audit"))
    assert "The two-factor authentication of Lim was ended, and so were their sessions." in log
    assert LOST in log
    assert f'action="{end}"' not in adam.text(f"{URL}{who}")
    adam.post(end, {"reason": LOST}, status=409)


def test_nobody_ends_their_own_or_that_of_another_company(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone_of(database, clock, "lim")
    phone = phone_of(database, clock, "adam")
    adam, stranger = visit(), visit("stranger", "lain")
    password_given(adam, "adam")
    adam.post(CODE, {"code": phone.code(clock.now())}, status=303)
    own, other = id_of(database, "adam"), id_of(database, "lim")
    adam.post(f"{URL}{own}/two-factor/end", {"reason": LOST}, status=403)
    stranger.post(f"{URL}{other}/two-factor/end", {"reason": LOST}, status=404)
    stranger.post(f"/c/lain/people/{other}/two-factor/end", {"reason": LOST}, status=404)
    stranger.post(f"{URL}two-factor", {"on": "1"}, status=404)
    assert one(database, "SELECT count(*) FROM second_factor") == 2


def test_no_secret_stands_in_any_page_log_packet_or_call(
    visit: Visit, database: Database, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    adam = visit("adam")
    secret, codes = switched_on(adam, clock)
    adam.post(f"{URL}two-factor", {"on": "1"}, status=303)
    who = id_of(database, "adam")
    pages = ["/me", URL, f"{URL}{who}", "/c/kedai/audit", "/metrics", "/c/kedai/audit.json"]
    pages += [f"{URL.rstrip('/')}.json", "/c/kedai/operations"]
    found = "".join(adam.client.get(page).get_data(as_text=True) for page in pages)
    found += capsys.readouterr().out + capsys.readouterr().err
    with database.read() as session:
        for table in ("event", "person", "session", "second_factor", "recovery_code", "singleton"):
            found += str(session.execute(text(f"SELECT * FROM {table}")).all())
    assert secret not in found.replace(" ", "")
    assert not any(code in found or code.replace("-", "") in found for code in codes)


@pytest.mark.parametrize("code", ASKED)
def test_each_page_of_it_is_the_same_in_each_language(
    app: Flask, visit: Visit, database: Database, clock: SetClock, code: str
) -> None:
    """The pages that nobody comes to who only opens addresses (tests/portal/languages)."""
    lim = visit("lim")
    lim.post(f"{OWN}/begin", {}, status=303)
    pages = {OWN: lim}
    phone_of(database, clock, "tan")
    tan, pua = visit(), visit()
    password_given(tan, "tan")
    pages |= {CODE: tan, f"{CODE}?recovery=1": tan}
    left = {}

    def read(browser: Browser, url: str) -> None:
        first, other = (
            browser.client.get(url, headers={"Accept-Language": asked})
            for asked in ("en", ASKED[code])
        )
        assert first.status_code == other.status_code == 200, url
        ours, theirs = (seen(page.get_data(as_text=True)) for page in (first, other))
        assert theirs.ids == ours.ids, url
        if words := english(theirs.words, set(ours.words), choice.catalogue(code)):
            left[url] = words

    for url, browser in pages.items():
        read(browser, url)
    for why in ("step", "factor"):
        read(visit(), f"/signin?ended={why}")
    require_it(database)
    password_given(pua, "pua")
    read(pua, SETUP)
    pua.post(f"{SETUP}/begin", {}, status=303)
    assert "appkey" in pua.text(SETUP)
    read(pua, SETUP)
    assert left == {}


def test_a_lost_phone_has_a_help_page_that_opens_where_one_needs_it(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    farah, guest = visit("farah"), visit()
    farah.post(f"{OWN}/begin", {}, status=303)
    phone_of(database, clock, "lim")
    at_the_code = guest.text(password_given(guest))
    require_it(database)
    adam = visit()
    password_given(adam, "adam")
    at_setting_up = adam.text(SETUP)
    for page in (farah.text("/me"), farah.text(OWN), at_the_code, at_setting_up):
        link = re.search(r'id="factorhelp" href="([^"]+)"', page)
        assert link
        assert link[1] == "/help/account-two-factor-authentication"
    inside = farah.text("/me?c=kedai")
    assert 'href="/help/account-two-factor-authentication?c=kedai"' in inside
    told = plain(guest.text("/help/account-two-factor-authentication"))
    for words in ("To turn it on", "Lost your phone?", "An administrator of your company ends it"):
        assert words in told
    assert "Two-factor authentication" in plain(guest.text("/help/"))


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_the_help_page_is_told_in_the_language(visit: Visit, code: str) -> None:
    farah, told = visit("farah"), choice.catalogue(code).translate
    form = {"name": "Farah", "theme": "auto", "keys": "1", "language": code}
    farah.post("/me", form, status=303)
    page = plain(farah.text("/help/account-two-factor-authentication"))
    topic = topics()["account-two-factor-authentication"]
    assert topic.prevent
    for text_ in topic.texts:
        assert text_ not in page
        assert told(text_) in page
    assert told("Your account") in page
