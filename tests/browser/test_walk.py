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

from bench.page_bench import MOST_BYTES, grow
from holding.access.actors import ROLES
from holding.db.models import Company
from holding.holds.folding import fold_all
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
from tests.browser.walk_makers import MAKERS, Making
from tests.portal import reading
from tests.portal.reading import works
from tests.portal.seed import PASSWORD
from tests.support.databases import any_move
from tests.support.grown import grow_lists


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
        self._made: dict[str, str] = {}

    def address(self, one: Screen) -> str:
        """Where a screen is; what somebody has to make first is made once."""
        if not one.made:
            return str(one.cells["shown"])
        if one.made not in self._made:
            making = Making(self.served.app, self.served.database, self.served.clock)
            self._made[one.made] = MAKERS[one.made](making)
        return self._made[one.made]

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
        if not email:
            return None
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

    def claims(self, one: Screen, look: Look) -> None:
        """What the page has and its line says it has not: a part that is asked for alone, a form
        that carries what was seen.
        """
        page = self.somebody(mail(reader(one)), look[2]).page
        for state, found in page.evaluate(HAS).items():
            if found and not one.at(state):
                self.wrong.append((one.route, state, "the table says that there is none", found))

    def plain(self, email: str, path: str, what: str) -> None:
        """Without scripts the page is there, and each form of it leads somewhere."""
        page = self.somebody(email, script=False).page
        page.goto(f"{self.served.url}{path}")
        lost = "form:not([action]):not([method=dialog]):not([role=search])"
        if page.locator("main h1").count() != 1 or page.locator(lost).count():
            self.wrong.append((what, path, "not without scripts"))

    def told(self) -> str:
        """All that was wrong, a line each: a list is cut short."""
        return "\n".join(map(str, self.wrong))

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
    const polls = /tick|^load delay/.test(one.getAttribute("hx-trigger") || ""); /* nobody asks */
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


HAS = """() => {
  const every = (what) => [...document.querySelectorAll(`#main ${what}`)];
  const alone = every("[hx-get], [hx-post]").filter((one) => {
    const when = one.getAttribute("hx-trigger") || "";
    return !one.getAttribute("aria-disabled") && !/tick|load/.test(when);
  });
  const tokens = ["rev", "seen", "sethash", "base"].map((one) => `form input[name=${one}]`);
  const seen = every(tokens.join(", "));
  return {
    loading: alone.map((one) => one.id || one.closest("[id]").id),
    stale: seen.map((one) => `${one.name} > ${(one.form.querySelector("button") || one).id}`),
  };
}"""


@pytest.mark.browser
def test_every_screen_is_walked(walker: Walker) -> None:
    """Each with each look in `make walk`; in `make test` each with one of them by turns."""
    turns = cycle(FEW_LOOKS)
    for one in sorted(SCREENS, key=lambda one: bool(one.made)):  # what is made changes lists
        who, at = mail(reader(one)), walker.address(one)
        for address in (at, *one.cells.get("views", ())[:: 1 if WHOLE else 6]):
            for look in LOOKS if WHOLE else (next(turns),):
                walker.look(who, address, look, one.route, says=SHOWN.get(address, ""))
                walker.claims(one, look)
            if WHOLE:
                walker.plain(who, address, one.route)
    assert not walker.wrong, walker.told()


@pytest.mark.browser
def test_every_state_is_walked(walker: Walker) -> None:
    """Each state of each screen in `make walk`; in `make test` some of each."""
    for state, reach in REACHED.items():
        cells = [one for one in SCREENS if one.at(state)]
        assert cells, state
        for one in cells if WHOLE else cells[::EVERY]:
            reach(walker, one, one.at(state))
    assert not walker.wrong, walker.told()


def _refused(walker: Walker, one: Screen, _: str) -> None:
    role = next(role for role in ROLES if role not in one.roles)
    walker.look(mail(role), walker.address(one), LOOKS[0], f"{one.route} refused")


def _empty(walker: Walker, one: Screen, address: str) -> None:
    walker.look("stranger@lain.my", address, LOOKS[0], f"{one.route} empty")


def _loading(walker: Walker, one: Screen, part: str) -> None:
    """While a part is asked for the old content stays, and something says that it is asked for."""
    person = walker.somebody(mail(reader(one)))
    page, held, address = person.page, [], walker.address(one)
    if part.startswith("set | "):
        part, address = part.removeprefix("set | "), _of_set(walker, address)
    person.go(address)
    before = page.inner_text("#main")
    page.route("**/*", lambda route: held.append(route))
    _filled(page, part)
    page.evaluate(
        "(part) => { const one = document.querySelector(part);"
        " one instanceof HTMLFormElement ? one.requestSubmit() : one.click(); }",
        part,
    )
    page.locator(".htmx-request").first.wait_for(state="attached")
    if page.inner_text("#main") != before:
        walker.wrong.append((one.route, "loading", "the old content went before the new was there"))
    for route in held:  # nothing is done by it: this is about the page
        route.fulfill(status=204)
    page.unroute("**/*")
    page.locator(".htmx-request").wait_for(state="detached")


def _stale(walker: Walker, one: Screen, way: str) -> None:
    """What changed since the page was made is told with the difference, and nothing is saved."""
    person = walker.somebody(mail(reader(one)))
    page = person.page
    if way == "set":
        button = _another_set(walker, person, walker.address(one))
    else:
        button = _tampered(walker, person, one, way)
    page.evaluate("document.querySelectorAll('#main details').forEach((one) => one.open = true)")
    _filled(page, f"form:has({button})")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.locator(button).first.click()
    if answered.value.status != 409:
        walker.wrong.append((one.route, "stale", answered.value.status))
    page.locator("text=/chang|mapped already|another/i >> visible=true").first.wait_for()
    found = violations(page)
    if found != "[]" or person.said:
        walker.wrong.append((one.route, "stale", found, *person.said))
        person.said.clear()


def _filled(page: Any, form: str) -> None:
    """What a form asks for, as somebody fills it in."""
    for field in page.locator(f"{form} input[required]:visible").all():
        if not field.input_value():
            day = field.get_attribute("type") == "date"
            field.fill("2026-11-23" if day else "looked at it")


def _of_set(walker: Walker, address: str) -> str:
    """The address with the documents of one cause."""
    return f"{address}?cause={reading.cause(walker.served.database, 'approve:%')}"


def _another_set(walker: Walker, person: Person, address: str) -> str:
    """Documents are other ones since they were listed; the button that approves the list."""
    person.go(_of_set(walker, address))
    with walker.served.database.write() as session, any_move(session):
        session.execute(text("UPDATE posting SET hash = 'other' WHERE number = 'SO-10220'"))
    return "#approvego"


def _tampered(walker: Walker, person: Person, one: Screen, way: str) -> str:
    """The form of a page that is older than what is kept: `address | seen > button with a=b`.

    `a*=b` gives the value to all fields, also hidden ones, whose names begin with `a`.
    """
    place, bar, rest = way.rpartition(" | ")
    token, _, press = rest.partition(" > ")
    button, _, filled = press.partition(" with ")
    person.go(place if bar else walker.address(one))
    page = person.page
    page.evaluate(OLDER, token)
    for name, value in (one.split("=") for one in filled.split(", ") if one):
        if name.endswith("*"):
            fields = page.locator(f"form:has({button}) [name^={name.removesuffix('*')}]")
            fields.evaluate_all(
                "(fields, value) => fields.forEach((one) => one.value = value)", value
            )
        else:
            page.locator(f"form:has({button}) [name={name}]").first.fill(value)
    return button


OLDER = """(name) => {
  const seen = document.querySelectorAll(`#main form input[type=hidden][name=${name}]`);
  for (const one of seen) {
    if (one.value.includes(":")) one.value = one.value.replace(/:\\d+/g, ":999");
    else one.value = one.value === "0" ? "7" : "0";
  }
}"""


def _lost(walker: Walker, one: Screen, _: str) -> None:
    """A network that is gone is told, and the page stays."""
    person = walker.somebody(mail(reader(one)))
    page = person.page
    person.go(walker.address(one))
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
    """With ten thousand records, entries and events a page is as long as ever."""
    served = walker.served
    with served.database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        if not walker.grown:
            grow(session, company.id, ROWS, ROWS // 10)
            grow_lists(session, company.id, ROWS, served.clock.now())
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
