"""Signing in with a code after the password: the way, and every way around it that is closed."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from holding.access.enrolment import STEP_LASTS
from holding.db import leases
from holding.db.database import Database
from tests.portal.access.phones import (
    CODE,
    SETUP,
    codes_in,
    key_in,
    password_given,
    phone_of,
    require_it,
)
from tests.portal.access.test_people import NEW, URL, invite, link_in
from tests.portal.conftest import Browser
from tests.portal.reading import one, plain
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Browser]
WRONG = "Incorrect code. Enter the code that your app shows now. Each code works once."


def body(answer: object) -> str:
    """A page without what differs each time: tokens of forms."""
    text = answer.get_data(as_text=True)  # type: ignore[attr-defined]
    return re.sub(r'name="csrf_token" value="[^"]*"', "", text)


def signed_in(browser: Browser) -> bool:
    return browser.client.get("/c").status_code == 200


def test_after_the_password_a_code_signs_in_and_leads_where_one_wanted(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, lim = phone_of(database, clock, "lim"), visit()
    there = password_given(lim, onward="/c/kedai/runs?view=all")
    assert there == "/signin/code?next=/c/kedai/runs?view%3Dall"
    assert not signed_in(lim)
    page = lim.text(there)
    assert 'autocomplete="one-time-code"' in page
    assert 'name="next" value="/c/kedai/runs?view=all"' in page
    wrong = lim.post(CODE, {"code": phone.wrong(clock.now())}, status=422)
    assert WRONG in plain(body(wrong))
    assert not signed_in(lim)
    form = {"code": phone.code(clock.now()), "next": "/c/kedai/runs?view=all"}
    assert lim.post(CODE, form, status=303).location == "/c/kedai/runs?view=all"
    assert signed_in(lim)
    assert lim.client.get_cookie("clearpost-step") is None


def test_who_has_none_and_needs_none_signs_in_as_before(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone_of(database, clock, "lim")
    require_it(database, "lain")
    for name in ("farah", "adam", "tan"):
        assert signed_in(visit(name))
    assert visit("farah").get(CODE, status=303).location == "/signin?next=/&ended=step"


def test_a_wrong_code_and_one_that_was_used_read_the_same(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, first, second = phone_of(database, clock, "lim"), visit(), visit()
    for browser in (first, second):
        password_given(browser)
    code = phone.code(clock.now())
    first.post(CODE, {"code": code}, status=303)
    recovery = phone.recovery[0]
    first.post("/signout", {})
    password_given(first)
    first.post(CODE, {"code": recovery}, status=303)
    bad = [phone.wrong(clock.now()), code, recovery, "", "abcd-efgh-ijkl-mnop"]
    found = {body(second.post(CODE, {"code": one_}, status=422)) for one_ in bad}
    assert len(found) == 1
    assert WRONG in plain(found.pop())


def test_a_recovery_code_signs_in_once(visit: Visit, database: Database, clock: SetClock) -> None:
    phone = phone_of(database, clock, "lim")
    lim = visit()
    password_given(lim)
    page = lim.text(f"{CODE}?recovery=1")
    assert "Recovery code" in plain(page)
    assert "one-time-code" not in page
    form = {"recovery": "1", "code": f" {phone.recovery[4].upper()} "}
    lim.post(CODE, form, status=303)
    assert signed_in(lim)
    assert "9 recovery codes are unused" in plain(lim.text("/me"))
    other = visit()
    password_given(other)
    again = other.post(CODE, form, status=422)
    assert 'name="recovery" value="1"' in body(again)


def test_no_page_opens_at_the_step(
    app: Flask, visit: Visit, database: Database, clock: SetClock
) -> None:
    """By address, by any method, and with the step's own token as a session."""
    phone_of(database, clock, "lim")
    lim = visit()
    password_given(lim)
    step = lim.client.get_cookie("clearpost-step")
    assert step is not None
    for address in ("/", "/c", "/c/kedai/", "/me", "/me/two-factor", "/c/kedai/holding"):
        assert lim.get(address, status=303).location.startswith("/signin?next=")
    for address in ("/me/two-factor/off", "/me/two-factor/codes", "/me/two-factor", "/me/password"):
        answer = lim.post(address, {"present": PASSWORD, "code": "1", "wanted": NEW}, status=303)
        assert answer.location.startswith("/signin?next=")
    lim.client.set_cookie("clearpost", step.value)
    assert not signed_in(lim)
    assert lim.client.get("/c/kedai/").status_code == 303
    answer = app.test_client().get(
        "/api/v1/companies/kedai/holds", headers={"Authorization": f"Bearer {step.value}"}
    )
    assert answer.status_code in {401, 404}


def test_without_the_password_there_is_no_step(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, guest = phone_of(database, clock, "lim"), visit()
    for cookie in ("", "x" * 43):
        if cookie:
            guest.client.set_cookie("clearpost-step", cookie)
        for address in (CODE, SETUP):
            assert guest.get(address, status=303).location == "/signin?next=/&ended=step"
        for address in (CODE, SETUP, f"{SETUP}/begin"):
            answer = guest.post(address, {"code": phone.code(clock.now())}, status=303)
            assert answer.location == "/signin?next=/&ended=step"
    assert not signed_in(guest)
    said = plain(guest.text("/signin?next=/&ended=step"))
    assert "This sign-in has ended, because it took more than 15 minutes" in said


def test_the_step_is_over_in_time_and_after_use(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, lim = phone_of(database, clock, "lim"), visit()
    password_given(lim)
    step = lim.client.get_cookie("clearpost-step")
    assert step is not None
    assert step.max_age == STEP_LASTS.total_seconds()
    lim.post(CODE, {"code": phone.code(clock.now())}, status=303)
    lim.post("/signout", {})
    lim.client.set_cookie("clearpost-step", step.value)
    late = clock.advance(60)
    over = lim.post(CODE, {"code": phone.code(late)}, status=303)
    assert over.location.endswith("ended=step")
    password_given(lim)
    later = clock.advance(STEP_LASTS)
    over = lim.post(CODE, {"code": phone.code(later)}, status=303)
    assert over.location.endswith("ended=step")
    assert not signed_in(lim)


def test_tokens_are_new_at_each_step_and_cookies_are_closed(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    """A session, or a step, that somebody planted before is worth nothing after."""
    phone, lim = phone_of(database, clock, "lim"), visit()
    lim.client.set_cookie("clearpost", "planted")
    lim.client.set_cookie("clearpost-step", "planted-step")
    answer = lim.post("/signin", {"email": "lim@kedai.my", "password": PASSWORD}, status=303)
    (made,) = [one for one in answer.headers.getlist("Set-Cookie") if "clearpost-step=" in one]
    assert "HttpOnly" in made
    assert "SameSite=Lax" in made
    step = lim.client.get_cookie("clearpost-step")
    assert step is not None
    assert step.value not in {"planted-step", "planted"}
    assert lim.client.get_cookie("clearpost") is None
    lim.post(CODE, {"code": phone.code(clock.now())}, status=303)
    session = lim.client.get_cookie("clearpost")
    assert session is not None
    assert session.value not in {"planted", step.value}
    stranger = visit()
    stranger.client.set_cookie("clearpost", "planted")
    assert not signed_in(stranger)


def test_whoever_was_signed_in_here_is_not_any_more_while_another_is_at_the_step(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone_of(database, clock, "lim")
    browser = visit("farah")
    password_given(browser)
    assert not signed_in(browser)


def test_the_sixth_code_waits_whatever_browser_it_comes_from(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, guesser = phone_of(database, clock, "lim"), visit()
    password_given(guesser)
    for _ in range(5):
        guesser.post(CODE, {"code": phone.wrong(clock.now())}, status=422)
    for browser in (guesser, visit()):
        password_given(browser)
        answer = browser.post(CODE, {"code": phone.code(clock.now())}, status=429)
        assert "Wait 60 seconds" in plain(body(answer))
        assert answer.headers["Retry-After"] == "60"
        assert not signed_in(browser)
    assert signed_in(visit("tan")), "nobody else waits"


def test_an_account_of_ten_wrong_codes_waits_longer(
    visit: Visit, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MOST", 2)
    phone, guesser = phone_of(database, clock, "lim"), visit()
    password_given(guesser)
    for _ in range(2):
        guesser.post(CODE, {"code": phone.wrong(clock.now())}, status=422)
    answer = guesser.post(CODE, {"code": phone.code(clock.now())}, status=429)
    assert "15 minutes" in plain(body(answer))
    assert answer.headers["Retry-After"] == "900"
    assert one(database, "SELECT count(*) FROM event WHERE act = 'person.factor_failures'") == 1


@pytest.mark.parametrize("away", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_next_never_leads_away_at_any_step(
    visit: Visit, database: Database, clock: SetClock, away: str
) -> None:
    phone, lim = phone_of(database, clock, "lim"), visit()
    assert password_given(lim, onward=away) == "/signin/code?next=/"
    assert "evil" not in lim.client.get(CODE, query_string={"next": away}).text
    form = {"code": phone.code(clock.now()), "next": away}
    assert lim.post(CODE, form, status=303).location == "/"


def test_the_code_needs_the_token_of_its_form(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, lim = phone_of(database, clock, "lim"), visit()
    password_given(lim)
    for address in (CODE, SETUP, f"{SETUP}/begin"):
        answer = lim.client.post(address, data={"code": phone.code(clock.now())})
        assert answer.status_code == 400
    assert not signed_in(lim)


def test_a_new_password_by_a_link_still_needs_the_code(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone = phone_of(database, clock, "tan")
    tan = one(database, "SELECT id FROM person WHERE email = 'tan@kedai.my'")
    made = visit("adam").post(f"{URL}{tan}/reset", {}, status=200).get_data(as_text=True)
    guest, link = visit(), link_in(made)
    answer = guest.post(link, {"password": NEW}, status=303)
    assert answer.location == "/signin/code?next=/c/kedai/"
    assert not signed_in(guest)
    guest.post(CODE, {"code": phone.wrong(clock.now())}, status=422)
    form = {"code": phone.code(clock.now()), "next": "/c/kedai/"}
    assert guest.post(CODE, form, status=303).location == "/c/kedai/"
    assert signed_in(guest)


def test_a_new_password_ends_a_step_that_was_begun_with_the_old_one(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone, thief = phone_of(database, clock, "tan"), visit()
    password_given(thief, "tan")
    tan = one(database, "SELECT id FROM person WHERE email = 'tan@kedai.my'")
    made = visit("adam").post(f"{URL}{tan}/reset", {}, status=200).get_data(as_text=True)
    visit().post(link_in(made), {"password": NEW}, status=303)
    over = thief.post(CODE, {"code": phone.code(clock.now())}, status=303)
    assert over.location.endswith("ended=step")


def test_who_joins_a_second_company_gives_a_code_and_who_joins_as_approver_sets_it_up(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    phone = phone_of(database, clock, "stranger", "lain")
    guest = visit()
    link = link_in(invite(visit("adam"), "stranger@lain.my"))
    answer = guest.post(link, {"password": PASSWORD}, status=303)
    assert answer.location == "/signin/code?next=/c/kedai/"
    assert not signed_in(guest)
    guest.post(CODE, {"code": phone.code(clock.now())}, status=303)
    assert signed_in(guest)
    adam = visit("adam")
    first, second = (
        link_in(invite(adam, f"{name}@kedai.my", role=role))
        for name, role in (("siti", ["approver"]), ("mei", ["viewer"]))
    )
    require_it(database)
    # Adam has none himself, so the links were made before; they work while he is an administrator.
    siti, mei = visit(), visit()
    answer = siti.post(first, {"name": "Siti", "password": NEW}, status=303)
    assert answer.location == "/signin/code?next=/c/kedai/"
    there = siti.get(answer.location, status=303).location
    assert there == "/signin/setup?next=/c/kedai/"
    assert not signed_in(siti)
    mei.post(second, {"name": "Mei", "password": NEW}, status=303)
    assert signed_in(mei), "a viewer needs none"


def test_who_has_to_is_led_to_set_it_up_and_can_do_nothing_before(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim = visit("lim")
    require_it(database)
    assert lim.get("/c/kedai/", status=303).location == "/signin?next=/c/kedai/&ended=factor"
    said = plain(lim.text("/signin?next=/c/kedai/&ended=factor"))
    assert "a company of yours now requires two-factor authentication" in said
    password_given(lim, onward="/c/kedai/runs")
    there = lim.get(f"{CODE}?next=/c/kedai/runs", status=303).location
    assert there == "/signin/setup?next=/c/kedai/runs"
    page = lim.text(there)
    assert "Kedai Contoh Sdn Bhd requires two-factor authentication of you" in plain(page)
    assert "appkey" not in page
    assert not signed_in(lim)
    early = lim.post(SETUP, {"code": "123456"}, status=410)
    assert "Begin it again." in plain(body(early))
    form = {"next": "/c/kedai/runs"}
    assert lim.post(f"{SETUP}/begin", form, status=303).location == there
    page = lim.text(there)
    phone = key_in(page)
    assert '<svg class="picture" aria-hidden="true"' in page
    assert not signed_in(lim)
    lim.post(SETUP, {"code": phone.wrong(clock.now()), **form}, status=422)
    assert not signed_in(lim)
    done = lim.post(SETUP, {"code": phone.code(clock.now()), **form}, status=200)
    shown = done.get_data(as_text=True)
    assert len(set(codes_in(shown))) == 10
    assert 'id="onward" href="/c/kedai/runs"' in shown
    assert signed_in(lim)
    own = plain(lim.text("/me"))
    assert "10 recovery codes are unused" in own
    assert "Kedai Contoh Sdn Bhd requires it, so you cannot switch it off." in own
    other = visit()
    assert password_given(other) == "/signin/code?next=/"
    other.get(SETUP, status=303)
    recovery = codes_in(shown)[0]
    other.post(CODE, {"code": recovery}, status=303)
    assert signed_in(other)


def test_who_knows_the_password_as_well_does_not_learn_the_key_beforehand(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    """Each sign-in begins with a key of its own; that of another one is neither shown nor taken."""
    require_it(database)
    thief, lim = visit(), visit()
    keys = []
    for browser in (thief, lim):
        password_given(browser)
        assert "appkey" not in browser.text(SETUP)
        browser.post(f"{SETUP}/begin", {}, status=303)
        keys.append(key_in(browser.text(SETUP)))
    assert keys[0] != keys[1]
    assert "appkey" not in thief.text(SETUP)
    thief.post(SETUP, {"code": keys[0].code(clock.now())}, status=410)
    thief.post(SETUP, {"code": keys[1].code(clock.now())}, status=410)
    lim.post(SETUP, {"code": keys[1].code(clock.now())}, status=200)
    assert signed_in(lim)
    over = thief.post(f"{SETUP}/begin", {}, status=303)
    assert over.location.endswith("ended=step")
    assert not signed_in(thief)


def test_who_works_in_two_companies_is_asked_where_one_requires_it(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    require_it(database, "lain")
    there = password_given(visit(), "stranger", "lain")
    assert there == "/signin/code?next=/"
    assert signed_in(visit("tan"))


def test_the_time_of_an_answer_does_not_tell_what_was_wrong(
    visit: Visit, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many codes are computed and compared for each answer, whatever was given."""
    from holding.access import enrolment

    made, code_at = [], enrolment.code_at
    monkeypatch.setattr(enrolment, "code_at", lambda *of: (made.append(of), code_at(*of))[1])
    phone, lim = phone_of(database, clock, "lim"), visit()
    password_given(lim)
    used = phone.code(clock.now(), -1)
    counts = set()
    for code in (phone.wrong(clock.now()), used, "", "abcdef"):
        made.clear()
        lim.post(CODE, {"code": code}, status=422)
        counts.add(len(made))
    assert counts == {3}


def test_an_installation_with_another_key_file_says_so_and_takes_recovery_codes(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    from cryptography.fernet import Fernet

    from holding.platform.settings import Settings

    phone, lim = phone_of(database, clock, "lim"), visit()
    file = Settings.from_env().key_file
    assert file is not None
    kept = file.read_bytes()
    try:
        file.write_bytes(Fernet.generate_key() + b"\n")
        password_given(lim)
        answer = lim.post(CODE, {"code": phone.code(clock.now())}, status=409)
        assert "cannot be decrypted with the current key file" in plain(body(answer))
        lim.post(CODE, {"code": phone.recovery[0]}, status=303)
        assert signed_in(lim)
    finally:
        file.write_bytes(kept)


def test_a_session_of_before_is_asked_for_by_a_page_that_renews_itself_too(
    visit: Visit, database: Database, clock: SetClock
) -> None:
    lim = visit("lim")
    require_it(database)
    clock.advance(timedelta(minutes=1))
    answer = lim.client.get("/c/kedai/", headers={"HX-Request": "true", "HX-Target": "page"})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/signin?next=/&ended=factor"
    assert 'href="/signin' in lim.text("/stay")
