"""Daily totals of the source, of Clearpost and of the target, and what becomes of a difference.

One company under the starter rules; AiAccount loses a line of one document that it took at the
second try. A test moves the clock and lets a worker run.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago, priced
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
)
from tests.acceptance.quiet import BASE, ask_target, work, writes
from tests.acceptance.signalled import mail_settings, tell_at_once, text_of
from tests.support.hook_server import HookBox, hook_box
from tests.support.mail_server import MailBox, mail_box

PAGE = f"{BASE}/reconcile"
DAY, BEFORE = days_ago(2)[:10], days_ago(4)[:10]
TWO_LINES = [item(1, qty="1", price="10.00"), item(2, qty="1", price="5.00")]


def ordered(number: int, day: int = 2, **changes: Any) -> dict[str, Any]:
    """A clean order of so many days ago."""
    moment = days_ago(day)
    return clean(number, ordered_at=moment, paid_at=moment, **changes)


def goes_by(house: House, seconds: float) -> None:
    """So long after the beginning, a worker does what is due."""
    house.product.shift_clock(seconds)
    work(house)


@pytest.fixture(scope="module")
def hook() -> Iterator[HookBox]:
    """A program that is told of what cannot wait."""
    with hook_box() as box:
        yield box


@pytest.fixture(scope="module")
def mail() -> Iterator[MailBox]:
    """The mail server of the company."""
    with mail_box() as box:
        yield box


@pytest.fixture(scope="module")
def house(
    command: Path, tmp_path_factory: pytest.TempPathFactory, hook: HookBox, mail: MailBox
) -> Iterator[House]:
    given = free_environment() | mail_settings(mail)
    product = Product(command, tmp_path_factory.mktemp("totals"), given)
    with quiet(product, STARTER) as found:
        tell_at_once(found, hook)
        found.deliver(ordered(3000, day=4, items=priced("30.00")))
        found.deliver(ordered(3001, items=priced("20.00")))
        work(found)
        ask_target(found, "faults", plan=["unavailable", "drop_line"])
        found.deliver(ordered(3002, items=TWO_LINES))
        work(found)
        found.deliver(ordered(3003, items=[item(1, sku="NOT-MAPPED", qty="1", price="40.00")]))
        found.deliver(ordered(3004, items=priced("50.00"), status="cancelled"))
        found.deliver(ordered(3005, items=priced("60.00"), currency="SGD"))
        goes_by(found, 30)
        goes_by(found, 60)
        yield found


def figures(page: Part, day: str) -> list[list[str]]:
    """The cells of the rows of a day, one row a currency."""
    rows = page.one("table", id="dailytotals").all("tr", role="row")
    found = [row for row in rows if row.all("th", scope="row") and row.all("time", datetime=day)]
    cells = [
        [cell.text.replace(": see the records", "") for cell in row.all("td")] for row in found
    ]
    return [[" ".join(text.split()) for text in row] for row in cells]


def opened(page: Part) -> dict[str, list[str]]:
    """Record -> the cells of its row, of the day that is open."""
    rows = page.one("div", id="openday").all("tr", role="row")
    cells = [row.all("td") for row in rows if row.all("td")]
    return {line[0].one("a").text: [cell.text for cell in line[1:]] for line in cells}


BOTH = f"from={BEFORE}&to={DAY}"


def test_F30_a_lost_line_is_the_difference_of_its_day(house: House) -> None:
    finance = house.visitor(FINANCE)
    page = read(finance.get(f"{PAGE}?{BOTH}"))
    assert "1 document unexplained, RM 5.50" in page.one("p", cls="sub").text
    one = ["RM 33.00 1 record", *["RM 33.00 1 document"] * 2, "none", "none", "RM 0.00"]
    assert figures(page, BEFORE) == [one]
    ringgit, dollars = figures(page, DAY)
    assert ringgit == [
        "RM 137.50 4 records",
        "RM 38.50 2 documents",
        "RM 33.00 2 documents",
        "RM 99.00 On hold 1 Cancelled 1",
        "none",
        "RM 5.50 1 document",
    ]
    assert dollars[0] == "SGD 66.00 1 record", "never added to another currency"
    assert dollars[3:] == ["SGD 66.00 On hold 1", "none", "SGD 0.00"]
    told = page.one("p", id="equation_1").text
    assert told.endswith("RM 170.50 − RM 66.00 = RM 99.00 + RM 0.00 + RM 5.50."), told

    link = next(a for a in page.all("a") if a.all("span", cls="t-bad"))
    day = read(finance.get(link.attributes["href"]))
    (found,) = opened(day).items()
    assert found[0] == "NS-3002"
    assert found[1][:4] == ["RM 16.50", "RM 16.50", "RM 11.00", "RM 5.50"]
    leads = day.one("div", id="openday").one("a", cls="strong").attributes["href"]
    assert state(read(finance.get(leads))) == "On hold"
    everything = opened(read(finance.get(f"{PAGE}?{BOTH}&day={DAY}")))
    assert list(everything) == ["NS-3002", "NS-3005", "NS-3003", "NS-3004"]
    assert everything["NS-3004"][:4] == ["RM 55.00", "not yet posted", "none", "RM 55.00"]
    same = opened(read(finance.get(f"{PAGE}?{BOTH}&day={DAY}&show=agrees")))
    assert same["NS-3001"][:4] == [*["RM 22.00"] * 3, "RM 0.00"]

    made = {line["number"]: line["total"] for line in house.calls() if line["effect"] == "created"}
    assert made == {"NS-3000": "33.00", "NS-3001": "22.00", "NS-3002": "11.00"}, "its own ledger"


def test_C24_both_sides_have_one_filter_or_nothing_is_subtracted(house: House) -> None:
    finance = house.visitor(FINANCE)
    page = read(finance.get(f"{PAGE}?{BOTH}&status=paid"))
    printed = f"document date {BEFORE} to {DAY}, paid"
    assert page.one("p", id="bothfilter").text == f"Same filter on both sides: {printed}."
    assert figures(page, DAY)[0][0] == "RM 82.50 3 records", "the cancelled one is left out"
    assert figures(page, DAY)[0][2] == "RM 33.00 2 documents"

    other = f"{BOTH}&target_from={DAY}&target_to={DAY}"
    page = read(finance.get(f"{PAGE}?{other}"))
    note = page.one("div", id="otherfilter")
    assert "different filters, so nothing is subtracted" in note.text
    assert f"Source: document date {BEFORE} to {DAY}, any status." in note.text
    assert f"Accounting system: document date {DAY}, any status." in note.text
    assert figures(page, BEFORE)[0][2:] == ["not in this filter", "not compared"]
    assert figures(page, DAY)[0][2:] == ["RM 33.00 2 documents", "not compared"]
    assert not page.all("p", id="equation_1")
    assert "5.50" not in page.text
    again = read(finance.get(note.one("a").attributes["href"]))
    assert figures(again, DAY)[0][5].startswith("RM 5.50")
    assert not again.all("div", id="otherfilter")

    for query, compared in ((BOTH, True), (other, False)):
        _files_print_their_filter(house, query, compared=compared)
    address = f"{finance.address}{PAGE}?from=2026-01-01&to=2026-12-31"
    refused = finance.session.get(address, timeout=30)
    assert refused.status_code == 422
    assert "Choose at most 31 days." in refused.text


def _files_print_their_filter(house: House, query: str, *, compared: bool) -> None:
    visitor = house.visitor(FINANCE)

    def fetched(ending: str) -> bytes:
        answer = visitor.session.get(f"{visitor.address}{PAGE}.{ending}?{query}", timeout=30)
        assert answer.ok, answer.text[:500]
        return answer.content

    told = json.loads(fetched("json"))
    asked = told["meta"]["filter"]
    assert (asked["source side"] == asked["target side"]) is compared
    assert (asked["difference"] == "source less accounting system") is compared
    sums = [(one["day"], one["currency"], one["source"]) for one in told["days"]]
    assert sums[1:3] == [(DAY, "MYR", "137.50"), (DAY, "SGD", "66.00")]
    short = ["0.00", "104.50", "66.00"] if compared else [None] * 3
    assert [one["difference"] for one in told["days"]][:3] == short
    lost = [one for one in told["differences"] if one["standing"] == "Unexplained"]
    assert [(one["record"], one["difference"]) for one in lost] == [("NS-3002", "5.50")] * compared
    lines = list(csv.reader(io.StringIO(fetched("csv").decode("utf-8-sig"))))
    sheets = openpyxl.load_workbook(io.BytesIO(fetched("xlsx"))).worksheets
    assert lines[0][0] == "Filter"
    said = f"source side: document date {BEFORE} to {DAY}, any status"
    assert said in lines[0][1]
    assert (said.replace("source", "accounting") in lines[0][1]) is compared
    apart = lines.index([])
    for sheet, table, name in zip(
        sheets, (lines[1:apart], lines[apart + 1 :]), ("days", "differences"), strict=True
    ):
        assert [cell.value for cell in sheet[1]][:2] == lines[0]
        assert [cell.value for cell in sheet[2]] == table[0]
        assert sheet.max_row - 2 == len(table) - 1 == len(told[name])
        heads = [head.replace("Accounting system", "Target") for head in table[0]]  # for programs
        heads = [head.replace("Accounting documents", "Target documents") for head in heads]
        keys = [head.lower().replace(" ", "_") for head in heads]
        each = [["" if one[key] is None else str(one[key]) for key in keys] for one in told[name]]
        assert each == table[1:]


def test_C29_a_retry_that_succeeded_with_another_total_is_escalated(
    house: House, hook: HookBox, mail: MailBox
) -> None:
    calls = writes(house, "NS-3002")
    assert [call["effect"] for call in calls] == ["created"]
    tries = [c["code"] for c in house.calls() if c["call"] in ("json", "xlsx") and c["code"]]
    assert tries == ["unavailable"], "it was refused once, then taken"
    approver = house.visitor(APPROVER)
    board = read(approver.get(f"{BASE}/"))
    named = f"Sales invoice totals of {DAY} differ in AiAccount"
    assert named in board.one("section", id="dashcauses").text
    page = _exception(approver, named)
    pane = read(approver.get(page))
    assert "totals_mismatch" in pane.text
    assert "NS-3002 was sent 2 times before AiAccount took it." in pane.text
    assert "It shows RM 11.00 there and was sent with RM 16.50." in pane.text
    assert f"The sales invoice total of {DAY} is RM 5.50 short there." in pane.text
    assert figures(read(approver.get(f"{PAGE}?{BOTH}")), DAY)[0][5] == "RM 5.50 1 document"
    assert "Open Reconciliation at the day" in read(approver.get("/help/TGT07")).text
    work(house)
    (told,) = [json.loads(call.body) for call in hook.calls]
    assert (told["kind"], told["signal"]) == ("urgent", "totals_differ")
    assert told["say"] == (
        "aiaccount keeps other totals of 1 document than were sent, after a retry."
    )
    (sent,) = mail.mails
    assert "AiAccount keeps other totals of 1 document" in str(sent["Subject"])
    assert "AiAccount keeps other totals of 1 document" in text_of(sent)
    assert sent["To"] == FINANCE

    _decide(house, page, "look", "The line was added there")
    goes_by(house, 120)  # it was not: the exception stays, and there is one
    assert _exception(approver, named) == page
    _decide(house, page, "release", "The glass broke, it is not billed")
    work(house)
    day = read(approver.get(f"{PAGE}?{BOTH}"))
    assert figures(day, DAY)[0][4:] == ["RM 5.50 1 document", "RM 0.00"]
    assert "Nothing is unexplained" in day.one("p", cls="sub").text
    assert named not in read(approver.get(f"{BASE}/")).text
    assert writes(house, "NS-3002") == calls, "nothing was sent again"
    assert (len(hook.calls), len(mail.mails)) == (1, 1), "and it was told once to each"
    assert house.product.json("invariants", "--json")[CURRENT_COMPANY]["breaches"] == []


def _exception(visitor: Visitor, cause: str) -> str:
    """The address of the one exception of this cause."""
    listed = read(visitor.get(f"{BASE}/holding?q=NS-3002"))
    group = next(one for one in listed.all("details", cls="group") if cause in one.text)
    key = group.attributes["id"].removeprefix("group_")
    members = read(visitor.get(f"{BASE}/holding?q=NS-3002&open={key}"))
    found = [a.attributes["href"] for a in members.all("a", cls="strong") if a.text == "NS-3002"]
    assert len(found) == 1
    return found[0]


def _decide(house: House, page: str, act: str, reason: str) -> None:
    """Send a form of an exception: who may not is refused, who may is not."""
    for email, status in ((FINANCE, 403), (APPROVER, 200)):
        visitor = house.visitor(email)
        shown = visitor.get(page)
        forms = read(shown).all("form", cls="act")
        form = next(one for one in forms if one.attributes["action"].endswith(f"/{act}"))
        values = {n: v for n, v in form.fields().items() if n != "csrf_token"}
        answer = visitor.post(form.attributes["action"], shown, **{**values, "reason": reason})
        assert answer.status_code == status, answer.text[:800]
