"""A morning in the browser: a missing article is mapped, an invoice approved, and found by number.

Once with JavaScript and once without; then axe on every page that the story showed.
"""

import hashlib
import re
import time
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.parts import read, state
from tests.acceptance.product import APPROVER, FINANCE, House, item, until
from tests.acceptance.quiet import BASE, download, record, timeless, until_shown, writes

pytestmark = [pytest.mark.browser, pytest.mark.slow]
APPROVAL_ASKED = "Approval is required"


class Story:
    """Three orders that wait for one article: a small one, one with a second cause, a large one."""

    def __init__(self, house: House, first: int, sku: str, *, script: bool) -> None:
        self.house, self.sku, self.script = house, sku, script
        self.small, self.stuck, self.large = first, first + 1, first + 2

    def deliver(self) -> None:
        drum = item(2, sku="TEA-JASMIN-80", name="Jasmine tea", uom="DRUM", price="80.00")
        dear = with_sku(self.sku, qty="400", price="10.00")
        for order in (
            clean(self.small, items=with_sku(self.sku)),
            clean(self.stuck, items=[*with_sku(self.sku), drum]),
            clean(self.large, items=dear),
        ):
            assert self.house.deliver(order).status_code == 202
        finance = self.house.visitor(FINANCE)
        for number in (self.small, self.stuck, self.large):
            until_shown(finance, number, "On hold")

    def person(self, browser: Any) -> Person:
        return Person(browser, self.house.address, script=self.script)

    def map(self, browser: Any) -> None:
        """The finance user opens the group, looks at the preview, saves."""
        with self.person(browser) as person:
            person.sign_in(FINANCE, self.house.passwords[FINANCE])
            page = person.go(f"{BASE}/holding")
            words = f"Map item {self.sku}"
            group = page.locator("details.group", has_text=words)
            group.locator("summary").click()
            if not self.script:
                group.get_by_role("link", name="Show 3 records").click()
            group.locator("tbody tr").nth(2).wait_for()
            assert group.locator("tbody tr").count() == 3
            at = f"_{group.get_attribute('id').removeprefix('group_')}"  # the form is in the group
            if not self.script:
                group.get_by_role("link", name="Add mapping").click()
                at = ""
            page.fill(f"#other{at}", "CUP-GLASS-20")
            page.fill(f"#reason{at}", "The glass under its old name")
            page.click(f"#previewmap{at}")
            page.locator(f"#freed{at} .frees").wait_for()
            told = " ".join(page.inner_text(f"#freed{at}").split())
            assert "clears 1 RM 11.00 " in told
            assert "1 stays on hold: units" in told
            assert "1 stays on hold: approval by accounts" in told
            assert page.input_value(f"#reason{at}") == "The glass under its old name"
            page.click(f"#savemap{at}")
            page.locator("#notice", has_text="3 records are checked again").wait_for()
            assert person.said == []

    def both_happened(self) -> None:
        finance = self.house.visitor(FINANCE)
        until_shown(finance, self.small, "Posted")
        until(
            lambda: APPROVAL_ASKED in record(finance, self.large).text, "the call for an approval"
        )
        page = until_shown(finance, self.stuck, "On hold")
        until(
            lambda: "is not mapped to an AiAccount item" not in _notes(record(finance, self.stuck)),
            "one cause less",
        )
        assert "1 DRUM of TEA-JASMIN-80" in _notes(record(finance, self.stuck))
        assert state(page) == "On hold"
        keys = (
            read(finance.get(f"{BASE}/mappings/missing"))
            .one("div", id="missing")
            .all("span", cls="mono")
        )
        assert self.sku not in [key.text for key in keys]
        assert writes(self.house, f"NS-{self.stuck}") == []
        assert writes(self.house, f"NS-{self.large}") == []

    def approve(self, browser: Any) -> None:
        """The approver ticks the large one, says why, and sees it posted."""
        with self.person(browser) as person:
            person.sign_in(APPROVER, self.house.passwords[APPROVER])
            page = person.go(f"{BASE}/holding?view=approve")
            group = page.locator("details.group").first
            group.locator("summary").click()
            if not self.script:
                group.get_by_role("link", name=re.compile(r"Show \d+ record")).click()
            row = group.locator("tbody tr", has_text=f"NS-{self.large}")
            row.locator("input[name=posting]").check()
            group.get_by_role("button", name="Approve selected").click()
            page.locator("#approvego", has_text="Approve 1 document, RM").wait_for()
            page.fill("#approvereason", "Order form is signed")
            page.click("#approvego")
            page.locator("#notice", has_text="1 approved").wait_for()
            until_shown(self.house.visitor(APPROVER), self.large, "Posted")
            page = person.go(f"{BASE}/pushes?q=NS-{self.large}")
            assert "Accepted" in page.inner_text("tbody tr")
            assert person.said == []

    def read_the_answers(self, browser: Any, started: float) -> None:
        """Found by the document's number, with all seven answers."""
        self.house.visitor(FINANCE).show_rule_lines()
        with self.person(browser) as person:
            person.sign_in(FINANCE, self.house.passwords[FINANCE])
            page = person.page
            page.fill("#find", f"NS-{self.large}")
            page.press("#find", "Enter")
            page.wait_for_url(f"**/records/netshop/order/{self.large}")
            assert page.inner_text("p.state .chip").strip() == "Posted"
            for no, expected in self.answers().items():
                text = " ".join((page.text_content(f"#answer_{no} .a") or "").split())
                assert re.fullmatch(expected, timeless(text, started)), (no, text)
            assert person.said == []
        (call,) = writes(self.house, f"NS-{self.large}")
        finance = self.house.visitor(FINANCE)
        sent = download(finance, record(finance, self.large, "pushes"))
        assert hashlib.sha256(sent).hexdigest() == call["body_sha256"]
        assert call["body_sha256"] in record(finance, self.large, "pushes").text

    def answers(self) -> dict[int, str]:
        """What the seven answers must be, as patterns; a moment of the story is <now>."""
        sku = re.escape(self.sku)
        missing = (
            r"Mapping missing \(item\), opened <now>, owner Sales administration, cleared <now>"
            rf" by finance: mapped item: {sku} <now> \(revision \d+\), The glass under its old name"
        )
        asked = (
            r"Approval needed \(approve by accounts\), opened <now>, owner Accounts team,"
            r" approved <now> by approver: Order form is signed"
        )
        return {
            1: r"paid, version 1, source time \d{4}-\d\d-\d\d \d\d:\d\d\.",
            2: r"approver, <now>, content hash [0-9a-f]{12}\. In the source: not recorded\.",
            3: r"21 of 21 fields: 9 through mapping tables, 0 constants\.",
            4: r"Yes: line 1: 400 PCS × 1 = 400 PCS\.",
            5: r"No\. Version 1 is the latest version\.",
            6: r"Yes, in rule version 1 \(hash [0-9a-f]{12}\), unique by number in history; .*"
            rf"compared number = NS-{self.large}; .*",
            7: rf"Yes: {missing}; {asked}\.",
        }


def _notes(page: Any) -> str:
    """What the open holds at the head of a record say."""
    parts = [*page.all("h2", id="h_verdict"), *page.all("div", cls="note")]
    return " ".join(part.text for part in parts)


@pytest.mark.parametrize("script", [True, False], ids=["javascript", "plain"])
def test_map_approve_and_read_the_answers(house: House, chromium: Any, script: bool) -> None:
    started = time.time()
    story = Story(house, 9101 if script else 9201, "OLD-GLASS" + "-JS" * script, script=script)
    story.deliver()
    story.map(chromium)
    story.both_happened()
    story.approve(chromium)
    story.read_the_answers(chromium, started)


def test_no_violation_on_pages_that_show_rows(house: House, chromium: Any) -> None:
    finance = house.visitor(FINANCE)
    unknown = [clean(9300 + n, items=with_sku("NEVER-HEARD-OF")) for n in range(3)]
    dear = clean(9310, items=with_sku("CUP-GLASS-20", qty="400", price="11.00"))
    clear = clean(9311)
    assert house.deliver(*unknown, dear, clear).status_code == 202
    for number in (9300, 9301, 9302, 9310):
        until_shown(finance, number, "On hold")
    until_shown(finance, 9311, "Posted")

    def group(view: str, words: str) -> str:
        page = read(finance.get(f"{BASE}/holding?view={view}"))
        found = next(part for part in page.all("details", cls="group") if words in part.text)
        return found.attributes["id"].removeprefix("group_")

    pages = {
        f"{BASE}/holding?open={group('todo', 'NEVER-HEARD-OF')}": 3,
        f"{BASE}/holding?view=approve&open={group('approve', 'Approval needed')}": 1,
        f"{BASE}/mappings/missing": 1,
        f"{BASE}/pushes": 1,
        f"{BASE}/find?q=NS-93": 4,
        f"{BASE}/records/netshop/order/9311": 1,
        f"{BASE}/records/netshop/order/9311?tab=lineage": 15,
    }
    wrong = []
    with Person(chromium, house.address) as person:
        person.sign_in(APPROVER, house.passwords[APPROVER])
        for path, count in pages.items():
            person.now(390, "light")
            page = person.go(path)
            assert page.locator("main tbody tr").count() >= count, path
            wrong += [(path, "narrow", each) for each in person.violations()]
            person.now(1280, "dark")
            wrong += [(path, "wide", each) for each in person.violations()]
        assert person.said == []
    assert wrong == []
