"""axe finds nothing at the sign-in, in panes and dialogs; and what the pages of the walk show.

Here: what a page that really shows rows says, and reading a page by axe. Not here: every screen
(test_walk.py).
"""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "axe.min.js").read_text()
ONE = "/c/kedai/records/netshop/order/SO-10240"
SHOWN = {
    "/c/kedai/": "SO-10200",
    "/c/kedai/holding?open=1": "Mapping missing",
    "/c/kedai/holding/1": "SO-10200",
    "/c/kedai/holding/10": "NetShop now says",
    "/c/kedai/holding?view=accepted": "No accepted difference",
    "/c/kedai/holding?view=approve": "above the limit",
    "/c/kedai/holding?view=ignored": "SO-10231",
    "/c/kedai/holding/inbox": "SO-10220",
    "/c/kedai/holding/ageing": "Sales administration",
    "/c/kedai/holding/many?act=snooze&view=all": "SO-10203",
    "/c/kedai/mappings/missing": "AB-100",
    "/c/kedai/mappings/item": "TEA-1",
    "/c/kedai/mappings/item/entry?key=TEA-1&other=TEA-2": "Contradicts",
    "/c/kedai/stops/": "Safety limit for a single change",
    "/c/kedai/runs": "Run 1",
    "/c/kedai/runs/1": "SO-10240",
    "/c/kedai/pushes": "SO-10241",
    "/c/kedai/reconcile?from=2026-11-14&to=2026-11-20&day=2026-11-18": "SO-10200",
    "/c/kedai/reconcile?from=2026-11-14&to=2026-11-20&target_from=2026-11-18": "not compared",
    "/c/kedai/connections": "AiAccount",
    "/c/kedai/uploads": "Uploads so far",
    "/c/kedai/connections/aiaccount": "Last sync",
    "/c/kedai/connections/netshop": "/hooks/kedai/netshop",
    "/c/kedai/find?q=SO-102": "SO-10232",
    "/c/kedai/late": "SO-10203",
    "/c/kedai/operations": "Due work by age",
    "/c/kedai/escalate/netshop/order/SO-10203": "What changed recently",
    "/c/kedai/signals": "Month-end close",
    "/c/kedai/notices": "Last messages",
    "/c/kedai/evidence/netshop/order/SO-10240": "Notes of auditors",
    "/c/kedai/audit": "All people",
    "/c/kedai/deputies/": "Delegates",
    "/c/kedai/access": "What do you want to be allowed?",
    "/c/kedai/people/": "What each role may do",
    "/me": "Sign out everywhere",
    "/help/mapping-missing": "Now in Kedai",
    "/help/CAN01": "What to do",
    "/c/kedai/rules/book": "check adds_up",
    "/c/kedai/rules/holds": "MIS01",
    "/c/kedai/rules/files/shop.rules": "check adds_up on order",
    "/c/kedai/rules/draft/shop.rules": "check adds_up on order",
    "/c/kedai/rules/changes": "in force",
    "/c/kedai/rules/changes/1": "Published.",
    "/c/kedai/rules/versions/1": "shop.rules",
    "/c": "Kedai Contoh",
    **{
        f"{ONE}?tab={tab}": "SO-10240"
        for tab in ("seven", "trace", "lineage", "way", "ruletree", "versions", "pushes", "raw")
    },
}


LOOK = (
    "typeof axe === 'undefined' ? '' : axe.run(document, {resultTypes: ['violations']}).then(r => "
    "JSON.stringify("
    "r.violations.map(v => v.id + ': ' + "
    "v.nodes.map(n => n.html.slice(0, 160)).join(' | '))))"
)


def violations(page: Any) -> str:
    # run in the page's own world through the debugger, so that the page's policy stays as it is
    session = page.context.new_cdp_session(page)
    asked = {"expression": LOOK, "awaitPromise": True, "returnByValue": True}
    if not (found := session.send("Runtime.evaluate", asked)["result"]["value"]):
        session.send("Runtime.evaluate", {"expression": AXE})
        found = session.send("Runtime.evaluate", asked)["result"]["value"]
    session.detach()
    return str(found)


@pytest.mark.slow
def test_the_sign_in_page_has_no_violation(somebody: Open) -> None:
    for scheme in ("light", "dark"):
        person = somebody(scheme=scheme)
        person.go("/signin")
        assert violations(person.page) == "[]"
        assert person.said == []


@pytest.mark.slow
def test_panes_and_dialogs_have_no_violation(somebody: Open) -> None:
    person = somebody("lim")
    page = person.page
    person.go("/c/kedai/holding?view=approve")
    page.click("summary[id^=groupsum_]")
    page.click("a[id^=approveall_]")
    page.wait_for_selector("#dialog[open] h2")
    assert violations(page) == "[]"
    page.click("#dialog [data-close]")
    page.click("a[id^=open_]")
    page.wait_for_selector("[id^=holdpane_] h2")
    assert violations(page) == "[]"
    assert person.said == []
