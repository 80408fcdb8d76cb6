"""Each page of the route map under axe at two widths and in both schemes, and by keyboard alone."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import arrive, wrong
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean, priced, with_sku
from tests.acceptance.product import (
    ADMIN,
    APPROVER,
    House,
    Product,
    free_environment,
    until,
)
from tests.acceptance.quiet import BASE, rows

pytestmark = [pytest.mark.sqlite, pytest.mark.browser, pytest.mark.slow]
POSTED, HELD, MISSING, TO_APPROVE = 4301, 4302, 4303, 4304
EXAMPLES = {
    "<topic>": "mapping-missing",
    "<name>": "aiaccount",
    "<source>/<kind>/<record_id:external_id>": f"netshop/order/{HELD}",
    "<table>": "item",
    "<path:path>": "posting.rules",
    "<int:no>": "1",
    "<int:run_id>": "1",
}
"""What stands for an argument in an address."""
ASKED = {
    "connections.consider": "?doc_type=sales_invoice&first=2026-01-01&last=2026-12-31",
    "desk.consider": "?act=retry&view=all",
    "holding.consider": "?posting={posting}",
    "mappings.entry": "?key={key}",
    "mappings.values": "?key=NEW-43",
    "find.find": "?q=NS-43",
}
"""What a page is asked, where it answers nothing without a question."""
OTHERS = {"signin.form": "", "desk.consider": "finance"}
"""Who looks, where it is not the first whose role may: nobody, or who may do the act as well."""
FILES = frozenset(
    {
        *("escalations.download", "failures.of_connection", "failures.of_run", "mappings.sheet"),
        *("mappings.workbook_file", "records.request_body", "rulebook.download"),
        *("uploads.errors", "uploads.file", "static"),
        *("health.healthz", "health.worker", "metrics.show"),
    }
)
"""Addresses that answer with a file, or to a machine."""
NOT_HERE = {
    "approvals.show": "it needs an approval",
    "backtests.records": "it needs a backtest (test_backtest.py looks at it)",
    "backtests.show": "it needs a backtest (test_backtest.py looks at it)",
    "connauth.back": "it leads on to another page",
    "desk.done": "it needs an act on many records",
    "escalations.packet": "it needs a packet",
    "desk.step": "it leads on to another page",
    "find.step": "it leads on to another page",
    "oidc.start": "it leads on to the sign-in provider",
    "oidc.back": "it leads on to another page",
    "factor.show": "it needs an app that is being set up (tests/browser/test_two_factor.py)",
    "runs.step": "it leads on to another page",
    "importfiles.show": "it needs a target that takes files by hand",
    "join.form": "it needs an invitation",
    "mappings.list_changes": "it needs a list from a file",
    "mappings.merge": "it needs two parties that may be one",
    "mappings.moved": "it needs a changed entry",
    "rulebook.proposed_draft": "it needs a proposal",
    "secondstep.form": "it needs a second factor (tests/browser/test_two_factor.py)",
    "secondstep.setup": "it needs a company that requires one (tests/browser/test_two_factor.py)",
    "setup.first": "it needs an installation without a company",
    "staying.ask": "a part of each page; with its bar tests/browser looks at it",
    "trials.differences": "it needs a change on trial",
    "uploads.show": "it needs an upload",
}
"""Pages that this company has no example of -> why."""
WIDTHS = (1280, 390)
BETWEEN = (320, 821, 1000)  # where tables are cards, just no more, and beside the menu
SCHEMES = ("light", "dark")
LANGUAGES = ("ms", "zh-Hans")
NEXT = ("admin", "finance", "consultant", "approver", "auditor", "operator", "publisher", "viewer")


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Orders that are posted, held, without a mapping, and to be approved; one person a role."""
    product = Product(command, tmp_path_factory.mktemp("accessible"), free_environment())
    with quiet(product, STARTER) as found:
        email = "auditor@kedai.example"
        told = product.run("user", "add", email, *COMPANY, "--role", "auditor").stdout
        found.passwords[email] = told.split("only now: ")[1].split()[0]
        dear = clean(TO_APPROVE, items=priced("4200.00"))
        arrive(found, clean(POSTED), wrong(HELD), clean(MISSING, items=with_sku("NEW-43")), dear)
        yield found


def pages(house: House) -> Iterator[tuple[str, str, str]]:
    """The route, an address and a role for each page of the route map; "" for who is signed out."""
    ids = {
        "hold_id": "SELECT min(id) FROM hold WHERE state = 'open'",
        "event_id": "SELECT max(id) FROM event",
        "person_id": "SELECT max(id) FROM person",
    }
    known = {name: rows(house, query)[0][0] for name, query in ids.items()}
    [[posting]] = rows(house, "SELECT id FROM posting WHERE number = ?", f"NS-{TO_APPROVE}")
    listed = house.visitor(ADMIN).get(f"{BASE}/mappings/item")
    key = re.findall(r'/entry\?key=([^"&]+)', listed)[0]
    for route in house.product.json("user", "roles", "--json")["routes"]:
        name, address = route["route"], route["address"]
        if (
            route["method"] != "GET"
            or address.startswith("/api/")
            or name in FILES | NOT_HERE.keys()
            or name.endswith(":file")  # the list of a page
        ):
            continue
        path = filled(address, known) + ASKED.get(name, "").format(posting=posting, key=key)
        role = next(one for one in NEXT if route["may"][one])
        role = OTHERS.get(name, role)
        yield name, path, role


def filled(address: str, known: Mapping[str, object]) -> str:
    """The address with an example for each argument."""
    path = address.replace("<co>", "kedai")
    for word, value in EXAMPLES.items():
        path = path.replace(word, value)
    return re.sub(r"<int:(\w+)>", lambda found: str(known.get(found[1], 1)), path)


def test_H10_every_page_is_read_by_axe_at_two_widths_and_works_by_keyboard(
    house: House, chromium: Any
) -> None:
    _every_page(house, chromium)
    _by_keyboard(house, chromium)


def _every_page(house: House, chromium: Any) -> None:
    """No page has a violation or is wider than its window; every route has its place here."""
    people: dict[str, Person] = {}
    wrong = []
    known = {route["route"] for route in house.product.json("user", "roles", "--json")["routes"]}
    assert known >= FILES | NOT_HERE.keys() | ASKED.keys(), "a route that is gone"
    for number, (name, path, role) in enumerate(pages(house)):
        if role not in people:
            people[role] = _somebody(house, chromium, role)
        person = people[role]
        # Opened wide or narrow in turns, then as wide as the other.
        sizes = list(zip(WIDTHS, SCHEMES[:: 1 - number % 2 * 2], strict=True))
        for at, (width, scheme) in enumerate(sizes[:: 1 - number // 2 % 2 * 2]):
            person.now(width, scheme)
            if at == 0:
                person.go(path)
            wide = person.page.evaluate("document.documentElement.scrollWidth")
            found = person.violations()
            if found or wide > width:
                wrong.append((name, path, width, scheme, wide, found))
        for width in BETWEEN:
            person.page.set_viewport_size({"width": width, "height": 800})
            wide = person.page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append((name, path, width, scheme, wide, []))
        # Malay and Chinese in turns, on a phone: their words are of another length.
        person.now(WIDTHS[-1], scheme)
        language = LANGUAGES[number % 2]
        person.page.set_extra_http_headers({"Accept-Language": language})
        person.go(path)
        told = person.page.evaluate("document.documentElement.lang")
        wide = person.page.evaluate("document.documentElement.scrollWidth")
        if told != language or wide > WIDTHS[-1]:
            wrong.append((name, path, WIDTHS[-1], told, wide, []))
        person.page.set_extra_http_headers({})
    for person in people.values():
        assert person.said == []
        person.__exit__(None, None, None)
    assert wrong == []


def _somebody(house: House, chromium: Any, role: str) -> Person:
    person = Person(chromium, house.address)
    if role:
        email = f"{role}@kedai.example"
        person.sign_in(email, house.passwords[email])
    return person


SETTLED = (
    """!document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')"""
)
"""Whether htmx knows all that it has put into the page."""


def _by_keyboard(house: House, chromium: Any) -> None:
    """Past the frame, into the menu, and from the holding area to an approval, without a mouse."""
    with Person(chromium, house.address) as person:
        person.sign_in(APPROVER, house.passwords[APPROVER])
        page = person.go(f"{BASE}/holding?view=approve")
        page.keyboard.press("Tab")
        assert _focused(page, "className") == "skip"
        page.keyboard.press("Enter")
        assert _focused(page, "id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#main') !== null")

        person.go(f"{BASE}/holding?view=approve")
        _tab_to(page, "id", "me")
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('details.menu').open")
        page.keyboard.press("Tab")
        assert _focused(page, "textContent") == "Your page"

        person.go(f"{BASE}/holding?view=approve")
        _tab_to(page, "id", "groupsum_")
        page.keyboard.press("Enter")
        page.locator("a[id^=approveall_]").wait_for()
        until(lambda: page.evaluate(SETTLED), "htmx")  # before, a link is one without scripts
        _tab_to(page, "id", "approveall_")
        page.keyboard.press("Enter")
        page.locator("#dialog[open] h2").wait_for()
        assert page.evaluate("document.querySelector('#dialog').contains(document.activeElement)")
        assert person.violations() == []
        _tab_to(page, "id", "approvereason")
        page.keyboard.type("Compared with the order")
        _tab_to(page, "id", "approvego")
        page.keyboard.press("Enter")
        page.get_by_text(re.compile("1 approved|NS-4304 approved")).first.wait_for()
        assert person.said == []
    query = "SELECT approval.reason FROM approval JOIN posting ON posting.id = posting_id"
    told = rows(house, f"{query} WHERE posting.number = ?", f"NS-{TO_APPROVE}")
    assert told == [("Compared with the order",)]


def _focused(page: Any, what: str) -> str:
    return str(page.evaluate(f"document.activeElement.{what}")).strip()


def _tab_to(page: Any, what: str, start: str, most: int = 60) -> None:
    """Press Tab until what has the focus begins so; it is seen, and its focus is drawn."""
    for _ in range(most):
        if _focused(page, what).startswith(start):
            drawn = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(drawn) != "none", f"the focus of {start} is not seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no {start} within {most} steps of the keyboard")
