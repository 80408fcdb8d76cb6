"""The bars at the edge of a page (approve, undo, lost network) never lie on one another."""

import re
from itertools import pairwise

import pytest
from sqlalchemy import text

from tests.browser.conftest import Open, Served

pytestmark = pytest.mark.browser
LIST = "/c/kedai/holding?view=approve"


def apart(*boxes: dict[str, float]) -> bool:
    """Whether no two boxes touch."""
    ordered = sorted(boxes, key=lambda box: box["y"])
    return all(one["y"] + one["height"] <= other["y"] for one, other in pairwise(ordered))


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_approve_bar_and_the_undo_bar_can_both_be_pressed(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = somebody("lim", width=width)
    page = lim.page
    lim.go(LIST)
    page.click("summary[id^=groupsum_]")
    page.get_by_label("Select SO-10220").check()
    page.get_by_role("button", name="Approve selected…").click()
    page.fill("#approvereason", "compared with the orders")
    page.click("#approvego")
    page.get_by_text(re.compile("1 approved, RM")).wait_for()
    page.click("summary[id^=groupsum_]")
    approve, undo = page.locator(".floatbar.stick"), page.locator("#undobar")
    approve.wait_for()
    boxes = [approve.bounding_box(), undo.bounding_box()]
    if width < 960:
        boxes.append(page.locator("#nav").bounding_box())
    assert apart(*boxes), boxes
    for box in boxes[:2]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    everything = page.locator("a[id^=approveall_]").bounding_box()
    assert everything["height"] >= 32
    page.get_by_label("Select SO-10221").check(timeout=2000)
    page.get_by_role("button", name="Approve selected…").click(timeout=2000)
    page.click("#dialog [data-close]")
    page.click("#undo", timeout=2000)
    page.get_by_text("Undone: 1 document is on hold again.").wait_for()
    assert lim.said == []


def test_a_lost_network_is_told_beside_the_undo_bar(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = somebody("lim", width=390)
    page = lim.page
    lim.go(LIST)
    page.evaluate(
        "document.getElementById('undobar').innerHTML = '<span>1 approved.</span>';"
        "document.getElementById('netbar').hidden = false"
    )
    boxes = [page.locator(f"#{word}").bounding_box() for word in ("undobar", "netbar", "nav")]
    assert apart(*boxes), boxes


def test_a_refusal_is_brought_into_sight(somebody: Open, served: Served) -> None:
    lim = somebody("lim", width=390)
    page = lim.page
    with served.database.read() as session:
        query = text("SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
        hold = session.execute(query).scalar()
    lim.go(f"/c/kedai/holding/{hold}")
    page.locator(f"#more_{hold}").click()
    page.locator(f"#message{hold}").click()
    page.locator("[id^=opened]").wait_for()
    # The button is closed where a retry cannot work; the form is sent past it.
    page.locator(f"#retry{hold}").evaluate("button => button.form.requestSubmit()")
    page.locator("#notice [role=alert]").wait_for()
    page.wait_for_function(
        "() => { const box = document.querySelector('#notice').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }",
        timeout=3000,
    )
    assert lim.said == []
