"""From an empty home to the first posted invoice, by two people with a browser each.

Here: what they do, page by page from the checklist, and how many forms it takes. Not here: the
shops and the books (first_pairs.py), what is insisted on at the end (test_from_nothing.py).
"""

import re
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from tests.acceptance.browser import Person
from tests.acceptance.product import Product, until

ZONE = ZoneInfo("Asia/Kuala_Lumpur")
BASE, NAME = "/c/kedai-contoh", "Kedai Contoh Sdn Bhd"
WORD = "a long enough password"
MOST = 12
"""Forms of both persons' browsers, at most."""


class Pair(Protocol):
    """A shop and the books that its orders go to, both stand-ins."""

    source: str
    target: str
    limit: str
    taxes: ClassVar[dict[str, str]]

    def fill_source(self, page: Any) -> None:
        """What the form of the shop is told."""

    def sell(self, page: Any) -> None:
        """The shop learns where to deliver, from the page of its connection, and sells."""

    def fill_target(self, page: Any) -> None:
        """What the form of the accounting system is told."""

    def allow(self, desk: "Desk") -> None:
        """What else the accounting system asks for."""

    def map(self, desk: "Desk") -> None:
        """Give the values that are missing."""

    def sell_again(self) -> str:
        """One more order; the number of its invoice."""

    def posted(self) -> list[str]:
        """The numbers of the invoices in the stand-in's own ledger."""


class Desk(Person):
    """A person with a browser, whose forms are counted; with `axe` each page is looked at."""

    def __init__(
        self, browser: Any, address: str, *, script: bool, width: int, axe: bool = False
    ) -> None:
        super().__init__(browser, address, script=script, width=width)
        self.script, self.width, self.axe = script, width, axe
        self.base, self.name = BASE, NAME
        self.forms: list[str] = []
        self.page.on("request", self._count)

    def __enter__(self) -> "Desk":
        return self

    def _count(self, request: Any) -> None:
        if request.method == "POST" and request.url.startswith(self.address):
            self.forms.append(request.url.removeprefix(self.address))

    def step(self, word: str) -> Any:
        """From the checklist to the page of a step, by its button."""
        self.go(f"{self.base}/")
        self.page.click(f"#step_{word} a.btn")
        self.page.wait_for_url(lambda url: not url.endswith(f"{self.base}/"))
        return self.page

    def until_checked(self) -> None:
        """The checklist says so, too."""

        def checked() -> bool:
            told = self.go(f"{self.base}/").inner_text("#step_mappings")
            return "No record was checked yet" not in told

        until(checked, "a record that was checked")

    def map_all(self, codes: dict[str, str]) -> None:
        """Follow the main button of the missing values, and save all codes in one form."""
        self.until_checked()
        page = self.step("mappings")
        self.looked("missing")
        self.press("#mapall", "**/mappings/missing/all")
        self.looked("fill-in")
        rows = page.locator("#fillrows tr[data-row]")
        assert rows.count() == len(codes), page.inner_text("main")
        for key, code in codes.items():
            rows.filter(has_text=key).locator("input.in").fill(code)
        page.fill("#reason", "As the accounting system has them")
        page.click("#saveall")
        page.wait_for_selector(f"text={len(codes)} mappings saved.")
        self.looked("mapped")

    def press(self, button: str, there: str) -> None:
        """Press it, and wait for the page that it leads to."""
        self.page.click(button)
        try:
            self.page.wait_for_url(there)
        except Exception as problem:
            raise AssertionError(self.page.inner_text("main")) from problem

    def looked(self, name: str) -> None:
        """The page fits its window; axe finds nothing."""
        if self.script and self.page.url.startswith(self.address):
            wide = self.page.locator("main").evaluate("document.documentElement.scrollWidth")
            assert wide <= self.width, f"{name}: {wide} pixels"
            assert not self.axe or self.violations() == [], name


def last_month() -> tuple[date, date]:
    """Its first and its last day."""
    last = datetime.now(ZONE).date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def link_in(product: Product) -> str:
    """The address of the set-up, as `clearpost up` prints it."""
    found: str = until(
        lambda: re.search(r"/setup/[\w-]+", product.notes("up").read_text("utf-8")), "the address"
    )[0]
    return found


def walk(pair: Pair, mei: Desk, lim: Desk, link: str) -> None:
    """The whole of it, up to going live."""
    begin(mei, link)
    connect(pair, mei)
    choose_rules(pair, mei)
    publish(mei, lim)
    finish(pair, mei, lim)


def walk_another(pair: Pair, mei: Desk, lim: Desk) -> None:
    """The same in a further company, which has its people already."""
    connect(pair, mei)
    choose_rules(pair, mei)
    publish_rules(lim)
    finish(pair, mei, lim)


def finish(pair: Pair, mei: Desk, lim: Desk) -> None:
    """From the rules in force to going live."""
    pair.map(lim)
    rehearse(mei)
    go_live(mei)


def begin(mei: Desk, link: str) -> None:
    """The company and the first person."""
    page = mei.go(link)
    mei.looked("setup")
    for name, value in {
        "name": NAME,
        "code": "kedai-contoh",
        "registration": "202001012345",
        "closed": (last_month()[0] - timedelta(days=1)).isoformat(),
        "person": "Mei Ling",
        "email": "mei@kedai.example",
        "password": WORD,
    }.items():
        page.fill(f"#{name}", value)
    mei.press("#createcompany", f"**{mei.base}/")
    assert "0 of 8 done" in page.inner_text("main")
    mei.looked("checklist")


def add_another(mei: Desk, lim: Desk, name: str, code: str, registration: str) -> None:
    """A further company, with the people of the first; both work on in it."""
    page = mei.go("/c/")
    mei.press("#addcompany", "**/companies/new")
    mei.looked("another")
    for field, value in {
        "name": name,
        "registration": registration,
        "closed": (last_month()[0] - timedelta(days=1)).isoformat(),
    }.items():
        page.fill(f"#{field}", value)
    page.select_option("#pattern", label=NAME)
    for desk in (mei, lim):
        desk.base, desk.name = f"/c/{code}", name
    mei.press("#createcompany", f"**{mei.base}/")
    told = " ".join(page.inner_text("#page").split())
    assert "1 of 8 done" in told, "its people are there"
    assert "Lim can publish rules" in told
    mei.looked("another-checklist")


def connect(pair: Pair, mei: Desk) -> None:
    """The shop, and the accounting system."""
    page = mei.step("source")
    mei.looked("systems")
    page.click(f"ul.systems a:has-text('{pair.source}')")
    page.wait_for_selector("#addform")
    pair.fill_source(page)
    mei.looked("source-form")
    page.click("#saveconn")
    page.wait_for_selector("#deliveries")
    mei.looked("source")
    pair.sell(page)
    page = mei.step("target")
    page.click(f"ul.systems a:has-text('{pair.target}')")
    page.wait_for_selector("#addform")
    pair.fill_target(page)
    mei.looked("target-form")
    page.click("#saveconn")
    page.wait_for_selector("#endpoints")
    mei.looked("target")
    pair.allow(mei)


def choose_rules(pair: Pair, mei: Desk) -> None:
    """A template with its questions."""
    page = mei.step("rules")
    if pair.limit:
        page.fill("#limit", pair.limit)
    for box in page.query_selector_all("select[name^=team_]"):
        box.select_option(label="Mei Ling")
    for key, code in pair.taxes.items():
        page.get_by_label(f"Tax code of “{key}”").select_option(label=code)
    mei.looked("rules")
    mei.press("#saverules", "**/rules/changes/1")
    mei.looked("change")


def publish(mei: Desk, lim: Desk) -> None:
    """A second person is invited, joins, and publishes."""
    page = mei.step("people")
    mei.looked("people")
    mei.press("#invite", "**/people/invite")
    page.fill("#email", "lim@kedai.example")
    page.fill("#name", "Lim")
    page.check("#role_publisher")
    page.check("#role_finance")
    mei.looked("invite")
    page.click("#sendinvite")
    page.wait_for_selector("#link")
    mei.looked("invited")
    link = page.input_value("#link")
    page = lim.go(link.removeprefix(lim.address))
    page.fill("#password", WORD)
    lim.looked("join")
    lim.press("#join", f"**{lim.base}/")
    lim.looked("joined")
    publish_rules(lim)


def publish_rules(lim: Desk) -> None:
    """The change of the checklist comes into force."""
    lim.go(f"{lim.base}/")
    lim.press("#step_rules a.btn", "**/rules/changes/1")
    lim.looked("to-publish")
    lim.page.click("#publishchange")
    lim.page.wait_for_selector("text=version 1 published.")
    lim.looked("published")


def rehearse(mei: Desk) -> None:
    """Last month without sending, and the day from which documents are sent."""
    page = mei.step("dry_run")
    page.click("#startdryrun")
    page.wait_for_selector("#dryrun #h_result")
    mei.looked("dryrun")
    told = " ".join(page.inner_text("#dryrun").split())
    assert "Ready to post 1" in told, told
    (amount,) = re.findall(r"All records 1 (RM [\d,.]+)", told)
    assert f"· {amount}" in page.inner_text("article[aria-labelledby=doc1]")
    page = mei.step("cutover")
    mei.looked("cutover")
    assert page.input_value("#starts") == last_month()[0].isoformat()
    page.click("#setcutover")
    page.wait_for_selector("text=Cutover date set to")


def go_live(mei: Desk) -> None:
    """As soon as the first run is whole, it is sent."""

    def ready() -> bool:
        mei.step("go_live")
        told = mei.page.inner_text("main")
        return "1 document" in told and "still being checked" not in told

    until(ready, "the first run")
    mei.looked("golive")
    mei.page.click("#golive")
    mei.page.wait_for_selector(f"text={mei.name} is live.")
    mei.looked("live")
    assert mei.page.query_selector("#checklist") is None
