"""A session that is about to end, in a browser: the bar, its button, and what counts as use."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.browser.conftest import Open, Served

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "axe.min.js").read_text()
PAGE = "/c/kedai/holding"
FORM = "/c/kedai/connections/aiaccount"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_bar_comes_by_itself_and_its_button_keeps_what_was_typed(
    somebody: Open, served: Served, width: int, scheme: str
) -> None:
    farah = somebody("farah", width=width, scheme=scheme)
    page = farah.page
    page.clock.install()
    farah.go(FORM)
    page.fill("#pausereason", "stock count")
    served.clock.advance(timedelta(minutes=56))
    page.clock.fast_forward(55 * 60 * 1000)
    page.locator("#staysignedin").wait_for(timeout=5000)
    assert "within 4 minutes" in page.locator("#staying").inner_text()
    page.evaluate(AXE)
    found = page.evaluate("axe.run('#staying').then((all) => all.violations.map((one) => one.id))")
    assert found == []
    box = page.locator("#staying .floatbar").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.click("#staysignedin", timeout=2000)
    page.locator("#staysignedin").wait_for(state="detached", timeout=5000)
    assert page.input_value("#pausereason") == "stock count"
    served.clock.advance(timedelta(minutes=58))
    farah.go(PAGE)
    assert page.url.endswith(PAGE), "another hour"
    assert farah.said == []


def test_a_page_that_only_renews_itself_says_that_nobody_is_signed_in(
    somebody: Open, served: Served
) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go(PAGE)
    with page.expect_request(lambda one: "clearpost-tick" in one.headers) as asked:
        page.evaluate("htmx.trigger(document.body, 'tick')")
    assert asked.value.method == "GET"
    with page.expect_request(lambda one: "hx-request" in one.headers) as opened:
        page.locator("summary[id^=groupsum_]").first.click()
    assert "clearpost-tick" not in opened.value.headers
    assert farah.said == []


def test_without_a_script_the_bar_waits_for_its_time(somebody: Open) -> None:
    farah = somebody("farah", script=False)
    farah.go(PAGE)
    bar = farah.page.locator("#staying .later")
    assert bar.count() == 1
    assert not bar.is_visible()
    said = bar.evaluate("(one) => getComputedStyle(one).animation")
    assert "3000s" in said
