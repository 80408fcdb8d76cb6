"""Rules changed in the browser: draft, review, a time, going back, shadow, replay.

One quiet house for the module; the tests stand in the order in which they publish.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.parts import read
from tests.acceptance.product import FINANCE, House, Product, Visitor, free_environment
from tests.acceptance.quiet import BASE, rows, send, work

WRITER, PUBLISHER = "consultant@kedai.example", "publisher@kedai.example"
BOTH = "both@kedai.example"
FILE = "clearing.rules"
LIMIT = "from 2024-08-01 = {}.00"
A_DAY = 86_400


@pytest.fixture(scope="module")
def still(command: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("changes"), free_environment())
    with quiet(product, STARTER) as found:
        words = ("--role", "consultant", "--role", "publisher")
        told = product.run("user", "add", BOTH, *COMPANY, *words).stdout
        found.passwords[BOTH] = told.split("only now: ")[1].strip()
        yield found


def submitted(visitor: Visitor, limit: str, before: str = "3000") -> str:
    """The address of a new change that gives the approval limit another amount."""
    path = f"{BASE}/rules/draft/{FILE}"
    page = visitor.get(path)
    (text,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    changed = unescape(text).lstrip("\n").replace(LIMIT.format(before), LIMIT.format(limit), 1)
    assert LIMIT.format(limit) in changed
    base = read(page).one("input", name="base").attributes["value"]
    answer = visitor.post(f"{BASE}/rules/submit/{FILE}", page, base=base, text=changed)
    (no,) = re.findall(r"The draft is change (\d+)\. Somebody else", answer.text)
    return f"{BASE}/rules/changes/{no}"


def in_force(visitor: Visitor) -> tuple[str, str]:
    """Number and hash of the version that the list of changes calls in force."""
    page = read(visitor.get(f"{BASE}/rules/changes"))
    (row,) = (one for one in page.all("tr", role="row") if "in force" in one.text)
    (no,) = re.findall(r"Ruleset (\d+)", row.text)
    return no, row.one("code").text


def form_of(visitor: Visitor, path: str, action: str) -> Any:
    forms = read(visitor.get(path)).all("form")
    return next(one for one in forms if one.attributes["action"].endswith(action))


def pressed(visitor: Visitor, path: str, action: str, *, code: int = 200, **given: str) -> str:
    """Send a form of a page; the words of the answer."""
    form = form_of(visitor, path, action)
    return send(visitor, form, {**form.fields(), **given}, code=code)


def test_B21_a_second_person_publishes_now_or_from_a_time_and_going_back_is_one_act(
    still: House,
) -> None:
    both, publisher = still.visitor(BOTH), still.visitor(PUBLISHER)
    first = in_force(publisher)
    path = submitted(both, "2500")
    number = path.rpartition("/")[2]
    own = pressed(both, path, f"/changes/{number}", code=403)
    assert f"wrote change {number} and cannot publish it" in own
    page = read(both.get(path))
    assert f"You cannot publish change {number}, because you wrote it." in page.text
    assert page.one("button", id="publishchange").attributes["aria-disabled"] == "true"
    assert in_force(publisher) == first

    page = read(publisher.get(path))
    meaning = page.one("section", **{"aria-labelledby": "h_meaning"}).text
    assert re.search(r"approval_limit.*3000(\.00)? → 2500", meaning), meaning
    signs = [part.text for part in page.all("div", cls="ln") if "add" in part.attributes["class"]]
    assert [text for text in signs if "= 2500.00" in text]
    said = pressed(publisher, path, f"/changes/{number}", reason="Audit finding 7")
    assert "Rules version 2 published." in said
    second = in_force(publisher)
    assert second[0] == "2"
    assert second[1] != first[1]

    from_a_time(still, publisher)
    publisher = still.visitor(PUBLISHER)  # a day went by: everybody signs in again

    back = f"{BASE}/rules/versions/1"
    own_too = submitted(still.visitor(WRITER), "2000", before="2700")  # waits meanwhile
    assert (
        "the rules of version 1 are in force again"
        in pressed(publisher, back, "/versions/1", reason="It held too much").casefold()
    )
    assert in_force(publisher) == ("4", first[1])
    assert "Cannot be published any more" in read(publisher.get(own_too)).text
    trail = " ".join(str(row[0]) for row in rows(still, "SELECT body FROM event ORDER BY id"))
    for reason in ("Audit finding 7", "From tomorrow", "It held too much"):
        assert reason in trail
    still.visitor(FINANCE).get(f"{BASE}/rules/changes")
    refused = pressed(still.visitor(FINANCE), f"{BASE}/rules/versions/2", "/versions/2", code=403)
    assert "publish" in refused
    assert in_force(publisher) == ("4", first[1])


def from_a_time(still: House, publisher: Visitor) -> None:
    """Not before its moment, and then without anybody."""
    path = submitted(still.visitor(WRITER), "2700", before="2500")
    page = read(publisher.get(path))
    today = page.one("input", id="startdate").attributes["value"]
    assert "not in the next 12 months" in pressed(
        publisher, path, "/start", code=422, date="2020-01-01", time="10:00"
    )
    tomorrow = still.product.sql("SELECT date(?, '+1 day')", today)[0][0][0]
    given = {"date": tomorrow, "time": "00:00", "reason": "From tomorrow"}
    said = pressed(publisher, path, "/start", **given)
    assert f"comes into force at {tomorrow} 00:00" in said
    work(still)
    assert in_force(publisher)[0] == "2"
    still.product.shift_clock(A_DAY)
    work(still)
    publisher = still.visitor(PUBLISHER)
    assert in_force(publisher)[0] == "3"
    assert "Published." in read(publisher.get(path)).text
