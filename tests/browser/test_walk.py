"""Every screen in every state for every role, as the table walk.toml has them.

Here: what keeps the table whole, and the walk itself: axe, a quiet console, no sideways scrolling,
ids that requests may name, the keyboard, light and dark, wide and narrow, three languages, without
scripts. `make walk` goes through all of it, `make test` through each screen once and each state at
some screens. Not here: what a screen says.
"""

import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import select, text

from holding.access.actors import ROLES
from holding.tables import Company
from holding.tallies.folding import fold_all
from portal.bench.page_bench import MOST_BYTES
from portal.bench.page_rows import grow
from tests.browser.conftest import Person, Served
from tests.browser.test_accessible import SHOWN, violations
from tests.browser.walk_examples import (
    EVERY,
    FEW_LOOKS,
    LOOKS,
    ROWS,
    SCREENS,
    WHOLE,
    Look,
    Screen,
    mail,
    reader,
)
from tests.portal import reading
from tests.portal.reading import works
from tests.portal.seed import PASSWORD
from tests.support.databases import any_move


@pytest.fixture
def walker(chromium: Any, served: Served) -> Iterator["Walker"]:
    made = Walker(chromium, served)
    yield made
    made.close()


class Walker:
    """People at the served company, each signed in once; and everything that was wrong."""

    def __init__(self, chromium: Any, served: Served) -> None:
        works(served.database, served.clock)
        self._chromium, self.served = chromium, served
        self._states: dict[str, Any] = {}
        self._open: dict[tuple[str, str, bool], Person] = {}
        self.wrong: list[tuple[object, ...]] = []
        self.grown = False

    def somebody(self, email: str, language: str = "en-MY", *, script: bool = True) -> Person:
        """A window of this person, in a language."""
        at = email, language, script
        if at not in self._open:
            context = self._chromium.new_context(
                locale=language, java_script_enabled=script, storage_state=self._signed_in(email)
            )
            self._open[at] = Person(context.new_page(), self.served.url)
        return self._open[at]

    def _signed_in(self, email: str) -> Any:
        if email not in self._states:
            context = self._chromium.new_context()
            page = context.new_page()
            page.goto(f"{self.served.url}/signin")
            page.fill("#email", email)
            page.fill("#password", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(re.compile(r"/c(/.*)?$"))
            self._states[email] = context.storage_state()
            context.close()
        return self._states[email]

    def look(self, email: str, path: str, look: Look, what: str, *, says: str = "") -> None:
        """What has to be true of every page."""
        scheme, width, language = look
        person = self.somebody(email, language)
        page = person.page
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        person.go(path)
        told = [one for one in [violations(page)] if one != "[]"] + page.evaluate(FAULTS)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            told.append(f"{wide} px wide")
        if page.evaluate("document.documentElement.lang")[:2] != language[:2]:
            told.append("in another language")
        if language == LOOKS[0][2] and says not in page.content():
            told.append(f"without {says}")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") != "skip":
            told.append("the keyboard does not begin with the skip link")
        told += person.said
        person.said.clear()
        self.wrong += [(what, path, look, one) for one in told]

    def plain(self, email: str, path: str, what: str) -> None:
        """Without scripts the page is there, and each form of it leads somewhere."""
        page = self.somebody(email, script=False).page
        page.goto(f"{self.served.url}{path}")
        lost = "form:not([action]):not([method=dialog]):not([role=search])"
        if page.locator("main h1").count() != 1 or page.locator(lost).count():
            self.wrong.append((what, path, "not without scripts"))

    def close(self) -> None:
        """All windows."""
        for person in self._open.values():
            person.page.context.close()


FAULTS = """() => {
  const wrong = [], every = (what) => [...document.querySelectorAll(what)];
  for (const one of every("[hx-target^='#']")) {
    const target = one.getAttribute("hx-target");
    if (!document.querySelector(target)) wrong.push(`${target} is not there`);
  }
  for (const one of every("[hx-get], [hx-post]")) {
    const polls = (one.getAttribute("hx-trigger") || "").includes("tick");
    const way = one.href || one.action || one.formAction || one.closest("form, label");
    if (!polls && !way && !one.querySelector("a, form, summary"))
      wrong.push(`${one.tagName} ${one.id} does nothing without scripts`);
  }
  const ids = every("[id]").map((one) => one.id);
  for (const id of ids.filter((one, place) => ids.indexOf(one) !== place))
    wrong.push(`${id} is there twice`);
  if (every("h1").length !== 1) wrong.push("there is not one h1");
  return wrong;
}"""


@pytest.mark.browser
def test_every_screen_is_walked(walker: Walker) -> None:
    """Each with each look in `make walk`; in `make test` each with one of them by turns."""
    turns = cycle(FEW_LOOKS)
    for one in SCREENS:
        for address in (one.cells["shown"], *one.cells.get("views", ())[:: 1 if WHOLE else 6]):
            who, says = mail(reader(one)), SHOWN.get(address, "")
            for look in LOOKS if WHOLE else (next(turns),):
                walker.look(who, address, look, one.route, says=says)
            if WHOLE:
                walker.plain(who, address, one.route)
    assert walker.wrong == []


@pytest.mark.browser
def test_every_state_is_walked(walker: Walker) -> None:
    """Each state of each screen in `make walk`; in `make test` some of each."""
    for state, reach in REACHED.items():
        cells = [one for one in SCREENS if one.at(state)]
        assert cells, state
        for one in cells if WHOLE else cells[::EVERY]:
            reach(walker, one, one.at(state))
    assert walker.wrong == []


def _refused(walker: Walker, one: Screen, _: str) -> None:
    role = next(role for role in ROLES if role not in one.roles)
    walker.look(mail(role), one.cells["shown"], LOOKS[0], f"{one.route} refused")


def _empty(walker: Walker, one: Screen, address: str) -> None:
    walker.look("stranger@lain.my", address, LOOKS[0], f"{one.route} empty")


def _loading(walker: Walker, one: Screen, part: str) -> None:
    """While a part is asked for the old content stays, and something says that it is asked for."""
    person = walker.somebody(mail(reader(one)))
    page, held = person.page, []
    person.go(one.cells["shown"])
    before = page.inner_text("#main")
    page.route("**/*", lambda route: held.append(route))
    page.evaluate(
        "(part) => { const one = document.querySelector(part);"
        " one instanceof HTMLFormElement ? one.requestSubmit() : one.click(); }",
        part,
    )
    page.locator(".htmx-request").first.wait_for(state="attached")
    if page.inner_text("#main") != before:
        walker.wrong.append((one.route, "loading", "the old content went before the new was there"))
    for route in held:
        route.continue_()
    page.unroute("**/*")
    page.locator(".htmx-request").wait_for(state="detached")


def _stale(walker: Walker, one: Screen, way: str) -> None:
    """What changed since the page was made is told with the difference, and nothing is saved."""
    person, served = walker.somebody(mail(reader(one))), walker.served
    page, address = person.page, one.cells["shown"]
    if way == "set":
        cause = reading.cause(served.database, "approve:%")
        address = f"{address}?cause={cause}"
    person.go(address)
    if way == "revision":
        page.evaluate("document.querySelector('input[name=rev]').value = '0'")
        page.fill("#other", "TEA-2")
    else:
        with served.database.write() as session, any_move(session):
            session.execute(text("UPDATE posting SET hash = 'other' WHERE number = 'SO-10220'"))
    page.locator("input[name=reason]").first.fill("looked at it")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.locator("main button.main-act").first.click()
    if answered.value.status != 409:
        walker.wrong.append((one.route, "stale", answered.value.status))
    page.locator("text=changed >> visible=true").first.wait_for()
    found = violations(page)
    if found != "[]" or person.said:
        walker.wrong.append((one.route, "stale", found, *person.said))


def _lost(walker: Walker, one: Screen, _: str) -> None:
    """A network that is gone is told, and the page stays."""
    person = walker.somebody(mail(reader(one)))
    page = person.page
    person.go(one.cells["shown"])
    before = page.inner_text("h1")
    page.route("**/*", lambda route: route.abort())
    asked = "htmx.ajax('GET', location.href, {target: '#main', source: document.body})"
    page.evaluate(f"{asked}.catch(() => null)")
    page.locator("#netbar").wait_for()
    if page.inner_text("h1") != before or violations(page) != "[]":
        walker.wrong.append((one.route, "error", violations(page)))
    page.unroute("**/*")
    person.said.clear()  # the lost request is what was asked for


def _many(walker: Walker, one: Screen, address: str) -> None:
    """With ten thousand records a page is as long as ever."""
    served = walker.served
    with served.database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        if not walker.grown:
            grow(session, company.id, ROWS, ROWS // 10)
            walker.grown = True
    fold_all(served.database, turns=ROWS)
    walker.look(mail(reader(one)), address, LOOKS[0], f"{one.route} with {ROWS:,} records")
    size = len(walker.somebody(mail(reader(one))).page.request.get(f"{served.url}{address}").body())
    if size > MOST_BYTES:
        walker.wrong.append((one.route, "many", f"{size:,} bytes"))


REACHED = {
    "refused": _refused,
    "empty": _empty,
    "loading": _loading,
    "stale": _stale,
    "error": _lost,
    "many": _many,
}
