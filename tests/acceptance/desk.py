"""A finance person at work in tests: the exceptions of orders, and the forms of their pages."""

import re
from typing import Any

import requests

from tests.acceptance.orders import clean
from tests.acceptance.parts import hold_links, read
from tests.acceptance.product import CURRENT_COMPANY, House, Visitor
from tests.acceptance.quiet import ask_target, record, work

HOLDING = f"/c/{CURRENT_COMPANY}/holding"


def wrong(number: int, total: str = "12.00", **changes: Any) -> dict[str, Any]:
    """An order of RM 11.00 that says another total."""
    return clean(number, total=total, **changes)


def arrive(house: House, *orders: dict[str, Any]) -> None:
    assert house.deliver(*orders).status_code == 202
    work(house)


def hold_of(visitor: Visitor, number: int) -> str:
    """The address of the first open hold of an order."""
    links = hold_links(record(visitor, number))
    assert links, f"order {number} is not held"
    return links[0]


def send(visitor: Visitor, page: str, button: str, **values: str) -> requests.Response:
    """Send the form with this button (its id begins so) as it stands on a page."""
    ids = [b.attributes.get("id", "") for b in read(page).all("button")]
    wanted = next(i for i in ids if re.fullmatch(rf"{button}\d*", i))
    form = read(page).form_of(wanted)
    fields = {**form.fields(), **values}
    path = form.attributes["action"]
    headers = {"Referer": visitor.address + path}
    return visitor.session.post(visitor.address + path, fields, headers=headers, timeout=30)


def act(visitor: Visitor, number: int, button: str, **values: str) -> requests.Response:
    """Send a form of the hold of an order; what is tried again is read before."""
    page = visitor.get(hold_of(visitor, number))
    if button == "retry" and re.search(r'id="message\d+"', page):
        page = send(visitor, page, "message").text
    return send(visitor, page, button, **values)


def said(answer: requests.Response) -> str:
    return read(answer.text).one("main").text


def learn(house: House, locked_through: str) -> None:
    """Something changes in the target, and the connection test learns of it."""
    ask_target(house, "lock", through=locked_through)
    house.product.run(
        "connection",
        "test",
        "aiaccount",
        "--company",
        CURRENT_COMPANY,
        "--as",
        "admin@kedai.example",
    )


def ageing(visitor: Visitor) -> dict[str, dict[str, Any]]:
    """Owner -> what the report by owner and age says."""
    found = {}
    table = read(visitor.get(f"{HOLDING}/ageing")).one("table", id="ageing")
    for row in table.one("tbody").all("tr"):
        texts = [cell.text for cell in row.all("td")]
        numbers = [int(text.replace(",", "")) for text in (texts[1], *texts[3:9])]
        found[texts[0]] = {
            "records": numbers[0],
            "ages": numbers[1:5],
            "overdue": numbers[5],
            "refused": numbers[6],
            "link": row.one("a").attributes["href"],
        }
    return found
