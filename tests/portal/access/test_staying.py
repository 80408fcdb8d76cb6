"""A session that is about to end says so, and goes on for who is there."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.web.request_guard import TICK
from tests.portal.conftest import Browser
from tests.portal.reading import plain
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Browser]
PAGE = "/c/kedai/holding"
HERE = {"HX-Request": "true", "HX-Target": "staying",
        "HX-Current-URL": "http://localhost/c/kedai/holding?view=all"}  # fmt: skip


def asks_in(page: str) -> int:
    """After how many seconds the page looks again."""
    found = re.search(r'hx-get="/stay" hx-trigger="load delay:(\d+)s"', page)
    assert found, page
    return int(found[1])


def bar(browser: Browser) -> str:
    answer = browser.client.get("/stay", headers=HERE)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_page_looks_five_minutes_before_the_end_and_then_says_so(
    visit: Visit, clock: SetClock
) -> None:
    farah = visit("farah")
    page = farah.text(PAGE)
    assert asks_in(page) == 55 * 60 + 1
    assert "Stay signed in" not in re.sub(r"<noscript>.*?</noscript>", "", page, flags=re.DOTALL)
    clock.advance(timedelta(minutes=54))
    assert asks_in(bar(farah)) == 61, "to look is no use: the end stays where it was"
    clock.advance(timedelta(minutes=1, seconds=1))
    told = bar(farah)
    assert "You will be signed out within 5 minutes" in plain(told)
    assert 'role="alert"' in told
    assert asks_in(told) == 5 * 60
    clock.advance(timedelta(minutes=3))
    assert "within 2 minutes" in plain(bar(farah))


def test_who_stays_has_another_hour(visit: Visit, clock: SetClock) -> None:
    farah = visit("farah")
    token = farah.token()
    clock.advance(timedelta(minutes=57))
    form = {"csrf_token": token}
    answer = farah.client.post("/stay", data=form, headers=HERE)
    assert asks_in(answer.get_data(as_text=True)) == 55 * 60 + 1
    clock.advance(timedelta(minutes=59))
    farah.get(PAGE)


def test_without_a_script_the_button_opens_a_page_that_says_how_long(
    visit: Visit, clock: SetClock
) -> None:
    farah = visit("farah")
    hidden = re.findall(r"<noscript>(.*?)</noscript>", farah.text(PAGE), re.DOTALL)
    (form,) = [one for one in hidden if "Stay signed in" in one]
    assert 'target="_blank"' in form
    assert 'class="floatbar later"' in form
    token = farah.token()
    clock.advance(timedelta(minutes=50))
    page = farah.client.post("/stay", data={"csrf_token": token}).get_data(as_text=True)
    assert "You stay signed in for 60 minutes" in page


def test_a_page_that_renews_itself_is_no_use_of_the_session(visit: Visit, clock: SetClock) -> None:
    """Else nobody would ever be signed out beside a page that is open."""
    farah, lim = visit("farah"), visit("lim")
    for _ in range(5):
        clock.advance(timedelta(minutes=10))
        for browser in (farah, lim):
            answer = browser.client.get(PAGE, headers={TICK: "1"} if browser is farah else {})
            assert answer.status_code == 200
    clock.advance(timedelta(minutes=10))
    lim.get(PAGE)
    farah.get(PAGE, status=303)


def test_who_was_signed_out_is_told_on_the_page_that_is_open(visit: Visit, clock: SetClock) -> None:
    farah = visit("farah")
    clock.advance(timedelta(minutes=61))
    told = bar(farah)
    assert "You were signed out. Copy what you have typed" in plain(told)
    assert 'href="/signin?next=/c/kedai/holding?view%3Dall"' in told
    assert "hx-get" not in told
    away = {**HERE, "HX-Current-URL": "https://elsewhere.example//x.example/"}
    assert 'next=/"' in farah.client.get("/stay", headers=away).get_data(as_text=True)


def test_the_end_after_twelve_hours_is_told_and_not_moved(visit: Visit, clock: SetClock) -> None:
    farah = visit("farah")
    for _ in range(14):
        clock.advance(timedelta(minutes=50))
        farah.get(PAGE)
    clock.advance(timedelta(minutes=17))
    told = bar(farah)
    assert "within 3 minutes , 12 hours after you signed in" in plain(told)
    assert "<button" not in told
