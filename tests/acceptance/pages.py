"""What stands on a page, read from its HTML as a person would.

Here: text, states, the strip of checks, tables. Not here: getting a page (product.py).
"""

import html
import re
from dataclasses import dataclass

from tests.acceptance.product import CURRENT_COMPANY, Visitor, until

RECORDS = f"/c/{CURRENT_COMPANY}/records/netshop/order"
_SIGNS = re.compile(r"<(?:svg|script|style)\b.*?</(?:svg|script|style)>", re.DOTALL)
_UNSEEN = re.compile(r'<span class="vh">[^<]*</span>')
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Check:
    """One check of the strip above a record's card."""

    state: str
    text: str
    place: str


def words(page: str) -> str:
    """The text of some HTML that can be seen, in single spaces."""
    seen = _UNSEEN.sub("", _SIGNS.sub("", page))
    return " ".join(html.unescape(_TAG.sub(" ", seen)).split())


def record_page(visitor: Visitor, order_id: int, tab: str = "seven") -> str:
    """A tab of a record."""
    return visitor.get(f"{RECORDS}/{order_id}?tab={tab}")


def head(page: str) -> str:
    """A record's state, and how it came: its version and deliveries."""
    state = re.search(r'<p class="state">(.*?)</p>', page, re.DOTALL)
    came = re.search(r'<span id="received">(.*?)</span>', page, re.DOTALL)
    return " · ".join(words(found[1]) for found in (state, came) if found)


def until_head(visitor: Visitor, order_id: int, word: str, seconds: float = 120) -> str:
    """The record's page, as soon as it is judged and its state is this one."""

    def probe() -> str:
        page = record_page(visitor, order_id)
        told = head(page)
        return page if told.startswith(word) and "is being checked" not in told else ""

    found: str = until(probe, f"order {order_id} {word}", seconds)
    return found


def strip(page: str) -> dict[str, Check]:
    """The five checks before entry, by name."""
    whole = re.search(r'id="strip">(.*?)</ul>', page, re.DOTALL)
    found = re.findall(r"<li\b.*?</li>", whole[1], re.DOTALL) if whole else []
    return dict(_check(each) for each in found)


def rows(page: str, table: str = "") -> list[list[str]]:
    """The cells of all table rows of a page, or of the table with this id."""
    if table:
        whole = re.search(rf'<table[^>]*id="{table}".*?</table>', page, re.DOTALL)
        page = whole[0] if whole else ""
    found = re.findall(r"<tr\b.*?</tr>", page, re.DOTALL)
    cells = [re.findall(r"<td\b.*?</td>", row, re.DOTALL) for row in found]
    return [[words(cell) for cell in row] for row in cells if row]


def _check(element: str) -> tuple[str, Check]:
    def part(pattern: str) -> str:
        found = re.search(pattern, element, re.DOTALL)
        return words(found[1]) if found else ""

    text, _, place = part(r'class="tx">(.*?)</span>').partition(" · ")
    return part(r"<b>(.*?)</b>"), Check(part(r'class="st">(.*?)</span>'), text, place)
