"""What happens in a house where nobody works unless told to, and what its people do on pages.

Here: workers that run once, the target's moods, SQL, acts of several clicks. Not here: opening a
house (houses.py).
"""

import re
import time
from collections.abc import Mapping
from typing import Any

import requests

from tests.acceptance.parts import Part, answers, read, state
from tests.acceptance.product import (
    CURRENT_COMPANY,
    House,
    Visitor,
    until,
)

BASE = f"/c/{CURRENT_COMPANY}"


def work(house: House, *, code: int = 0, env: Mapping[str, str] | None = None) -> None:
    """A worker does what is due, then ends with this code."""
    house.product.run("worker", "--once", "--no-redis", code=code, env=env)


def ask_target(house: House, act: str, **given: Any) -> None:
    """What a person, or bad luck, would do in the target: a fault, a lock, a pause."""
    answer = requests.post(f"{house.target}/_sim/{act}", json=given, timeout=10)
    assert answer.ok, answer.text


def writes(house: House, number: str) -> list[dict[str, Any]]:
    """The write calls that named this document, as the target noted them."""
    kinds = ("json", "xlsx")
    return [c for c in house.calls() if c["call"] in kinds and c["number"] == number]


def rows(house: House, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the database, read beside the product."""
    return house.product.sql(query, *values)[0]


def change(house: House, query: str, *values: Any) -> int:
    """Somebody with SQL changes rows behind the product's back; how many."""
    return house.product.sql(query, *values)[1]


def record(visitor: Visitor, number: int, tab: str = "seven") -> Part:
    """A tab of the record page of an order."""
    return read(visitor.get(f"{BASE}/records/netshop/order/{number}?tab={tab}"))


def until_shown(visitor: Visitor, number: int, word: str, seconds: float = 120) -> Part:
    """The record page, as soon as it shows this state."""

    def look() -> Part | None:
        page = visitor.session.get(
            f"{visitor.address}{BASE}/records/netshop/order/{number}", timeout=30
        )
        found = read(page.text) if page.ok else None
        return found if found and state(found) == word else None

    try:
        return until(look, f"order {number} {word}", seconds)  # type: ignore[no-any-return]
    except AssertionError as problem:
        shown = record(visitor, number)
        words = f"{problem}: {state(shown)}; {answers(shown)}"
        raise AssertionError(words) from problem


def download(visitor: Visitor, part: Part) -> bytes:
    """The bytes behind the first link to what was sent."""
    paths = [a.attributes["href"] for a in part.all("a") if a.attributes["href"].endswith("/body")]
    assert paths, part.text[:1500]
    answer = visitor.session.get(visitor.address + paths[0], timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    return answer.content


def approve(visitor: Visitor, *names: str, reason: str = "Checked against the order") -> str:
    """Approve the documents of these records in the holding area; what the page then says."""
    listing = read(visitor.get(f"{BASE}/holding?view=approve"))
    groups = [one.attributes["id"] for one in listing.all("details", cls="group")]
    picks = [
        row.one("input", name="posting").attributes["value"]
        for group in groups
        for row in _group(visitor, group.removeprefix("group_")).all("tr", role="row")
        if row.all("a", cls="strong") and row.one("a", cls="strong").text in names
    ]
    assert len(picks) == len(names), listing.text
    return agree(visitor, *picks, reason=reason)


def _group(visitor: Visitor, group: str) -> Part:
    """The records of one cause."""
    opened = read(visitor.get(f"{BASE}/holding?view=approve&open={group}"))
    return opened.one("details", id=f"group_{group}")


def agree(visitor: Visitor, *postings: object, reason: str = "Checked", code: int = 200) -> str:
    """Approve documents by the ids of their postings; what the page then says, or the refusal."""
    chosen = "&".join(f"posting={posting}" for posting in postings)
    asked = visitor.get(f"{BASE}/holding/approve?{chosen}")
    form = read(asked).one("form", cls="ask")
    seen = [part.attributes["value"] for part in form.all("input", name="seen")]
    fields: dict[str, Any] = {**form.fields(), "seen": seen, "reason": reason}
    return send(visitor, form, fields, code=code)


def fix_mapping(visitor: Visitor, key: str, value: str, reason: str) -> str:
    """Give a missing value its mapping; what the page then says."""
    listing = read(visitor.get(f"{BASE}/mappings/missing"))
    row = next(
        row for row in listing.all("tr", role="row") if row.one("span", cls="mono").text == key
    )
    link = row.all("a", cls="btn")[0].attributes["href"].partition("#")[0]
    form = read(visitor.get(link)).one("form", cls="map-form")
    return send(visitor, form, {**form.fields(), "other": value, "reason": reason})


def send(visitor: Visitor, form: Part, fields: Mapping[str, Any], *, code: int = 200) -> str:
    """Send a form filled in like this; what the page then says, or all of it for a refusal."""
    path = form.attributes["action"]
    headers = {"Referer": visitor.address + path}
    answer = visitor.session.post(visitor.address + path, fields, headers=headers, timeout=30)
    page = read(answer.text)
    assert answer.status_code == code, f"{answer.status_code} {page.text[:800]}"
    return page.one("div", id="notice").text if answer.ok else page.text


def timeless(text: str, started: float) -> str:
    """The text with <now> for each moment, in MYT, between the start of the test and now."""
    first, last = (
        time.strftime("%Y-%m-%d %H:%M", time.gmtime(second + 8 * 3600))
        for second in (started, time.time())
    )
    return re.sub(
        r"\d{4}-\d\d-\d\d \d\d:\d\d",
        lambda found: "<now>" if first <= found[0] <= last else found[0],
        text,
    )
