"""What a page asks by itself, and what somebody does in the meantime: theirs comes first."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from holding.platform import events
from tests.browser.conftest import Open, Served

pytestmark = pytest.mark.browser


class Held:
    """The answers to what a page asks by itself: made at once, and held back until let go."""

    def __init__(self, page: Any) -> None:
        self.page, self.kept = page, list[tuple[Any, Any]]()
        page.route(lambda _: True, self._take)

    def _take(self, route: Any) -> None:
        if "clearpost-tick" in route.request.headers:
            self.kept.append((route, route.fetch()))
        else:
            route.continue_()

    def tick(self) -> None:
        """Let the page ask, and wait until its answers are made."""
        before = len(self.kept)
        self.page.evaluate("htmx.trigger(document.body, 'tick')")
        while len(self.kept) == before:
            self.page.evaluate("1")

    def let_go(self) -> None:
        """Give all answers; the page has worked on them afterwards."""
        for route, answer in self.kept:
            route.fulfill(response=answer)
        self.kept.clear()
        self.page.evaluate("new Promise((done) => setTimeout(done, 200))")


def test_a_late_answer_does_not_put_a_list_back(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/holding")
    shown = page.locator("details.group")
    assert shown.count() > 1
    held = Held(page)
    held.tick()
    page.fill("#q", "SO-10203")
    page.locator("#holdchips").wait_for()
    narrowed = shown.count()
    held.let_go()
    assert page.locator("#holdchips").count() == 1
    assert shown.count() == narrowed
    assert farah.said == []


def test_a_late_answer_leaves_the_part_of_a_record_that_was_opened(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/records/netshop/order/SO-10203")
    held = Held(page)
    held.tick()
    page.click("#tabtrace")
    page.locator("#tabtrace[aria-current]").wait_for()
    held.let_go()
    assert page.locator("#tabtrace[aria-current]").count() == 1
    assert farah.said == []


def test_what_a_check_of_the_audit_log_found_stays(somebody: Open, served: Served) -> None:
    events.link_due_events(served.database, now=served.clock.now(), all_events=True)
    nurul = somebody("nurul")
    page = nurul.page
    nurul.go("/c/kedai/audit")
    held = Held(page)
    held.tick()
    page.click("#verifyevents")
    told = page.locator("#verified .note").first
    told.wait_for()
    held.let_go()
    assert told.is_visible()
    page.unroute_all()
    with page.expect_response(lambda one: "clearpost-tick" in one.request.headers):
        page.evaluate("htmx.trigger(document.body, 'tick')")
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert told.is_visible()
    assert nurul.said == []


def test_nothing_is_asked_while_somebody_waits_for_an_answer(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/holding")
    waits: list[Any] = []
    ticks: list[str] = []
    page.route(re.compile(r"holding\?.*q="), lambda route: waits.append(route))
    page.on(
        "request",
        lambda one: ticks.append(one.url) if "clearpost-tick" in one.headers else None,
    )
    page.fill("#q", "SO-10203")
    while not waits:
        page.evaluate("1")
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert ticks == []
    waits[0].continue_()
    page.locator("#holdchips").wait_for()
    page.unroute_all()
    with page.expect_request(lambda one: "clearpost-tick" in one.headers):
        page.evaluate("htmx.trigger(document.body, 'tick')")
    assert farah.said == []


def test_nothing_moves_under_a_pressed_button(somebody: Open, served: Served) -> None:
    """What comes between press and release would take the click to whatever stands there then."""
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/")
    held = Held(page)
    with served.database.write() as session:
        session.execute(text("UPDATE record SET number = 'SO-MOVED'"))
    before = page.locator("#dash").inner_text()
    held.tick()
    page.locator("#dashtargets a").first.hover()
    page.mouse.down()
    held.let_go()
    assert page.locator("#dash").inner_text() == before
    page.mouse.up()
    page.wait_for_url("**/connections/*")
    farah.go("/c/kedai/")
    assert "SO-MOVED" in page.locator("#dash").inner_text()
    assert farah.said == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_preview_that_comes_late_moves_no_button_and_takes_nothing_that_is_typed(
    somebody: Open, width: int
) -> None:
    farah = somebody("farah", width=width)
    page = farah.page
    farah.go("/c/kedai/mappings/missing")
    page.locator("[id^=openmiss_]").first.click()
    save = page.locator("#savemap")
    save.wait_for()
    waits: list[Any] = []
    page.route("**/mappings/preview", lambda route: waits.append(route))
    page.fill("#other", "AB-100")
    page.click("#previewmap")
    while not waits:
        page.evaluate("1")
    page.fill("#reason", "the same bolt")
    page.fill("#other", "AB-1000")
    stood = save.bounding_box()
    waits[0].continue_()
    page.locator("#freed", has_text="Nothing is saved yet").wait_for()
    assert save.bounding_box() == stood
    assert page.input_value("#reason") == "the same bolt"
    assert page.input_value("#other") == "AB-1000"
    assert farah.said == []
