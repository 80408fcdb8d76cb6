"""What the facets of the holding area say, beside what its list as a file says.

Here: the lines of a page, and records with their money of the rows that a file has. Nothing of the
six packages is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from tests.acceptance.desk import HOLDING
from tests.acceptance.parts import read
from tests.acceptance.product import Visitor

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Line:
    """A word of a facet: how its box is called, how many records it says, and how much money."""

    name: str
    word: str
    records: int
    money: str


def lines(visitor: Visitor, query: Query) -> list[Line]:
    """All lines beside the list."""
    facets = read(page(visitor, query)).one("form", id="holdfacets")
    found = []
    for label in facets.all("label", cls="facet"):
        box = label.one("input").attributes
        money = label.all("span", cls="f-rm")
        count = int(label.one("span", cls="f-n").text.replace(",", ""))
        found.append(Line(box["name"], box["value"], count, money[0].text if money else ""))
    return found


def page(visitor: Visitor, query: Query) -> str:
    return visitor.get(f"{HOLDING}?{urlencode(query, doseq=True)}")


def headline(visitor: Visitor, query: Query) -> str:
    return read(page(visitor, query)).one("p", id="holdhead").text


def counted(visitor: Visitor, query: Query) -> tuple[int, str]:
    """Records, each once, and their money, of the same list as a file."""
    address = f"{visitor.address}{HOLDING}.json?{urlencode(query, doseq=True)}"
    answer = visitor.session.get(address, timeout=30)
    assert answer.ok, answer.text[:300]
    rows: list[dict[str, Any]] = answer.json()["rows"]
    once = {row["record"]: Decimal(row["amount"]) for row in rows}
    return len(once), f"RM {sum(once.values(), Decimal()):,.2f}" if once else ""


def chosen(query: Query, line: Line) -> Query:
    """The filter with this word alone in its part."""
    return {**query, line.name: [line.word]}


def view_of(visitor: Visitor, name: str) -> str | None:
    """The address that a saved view of this name leads to, if the visitor sees one."""
    links = read(visitor.get(HOLDING)).one("details", id="holdviews").all("a")
    return next((one.attributes["href"] for one in links if one.text == name), None)
