"""Held records as people find, understand and leave them: one quiet house for the module."""

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import HOLDING, arrive, hold_of, learn, said, send, wrong
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean, later, priced, with_sku
from tests.acceptance.pages import rows as cells
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    APPROVER,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    until,
)
from tests.acceptance.quiet import (
    BASE,
    approve,
    ask_target,
    change,
    fix_mapping,
    record,
    rows,
    work,
    writes,
)

INBOX = f"{HOLDING}/inbox"
CATALOGUE = f"{BASE}/rules/holds"
PLACES = r"(check (?!back_dated)|approve|duplicates)|    hold  |.*\| review by "
FORGETS = """
import sys
if any(word == "portal" for word in sys.argv):
    from rules.rulebook import hold_entries
    del hold_entries.ENTRIES["MAP01"]
"""


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("holds"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def test_C32_each_reason_has_who_places_and_releases_it_what_clears_and_what_blocks(
    house: House,
) -> None:
    approver = house.visitor(APPROVER)
    page = approver.get(HOLDING)
    assert read(page).one("a", id="catalogue").attributes["href"] == CATALOGUE
    told = cells(approver.get(CATALOGUE), "reasons")
    assert all(len(row) == 6 and all(row) for row in told)
    texts = {f.name: f.read_text("utf-8").splitlines() for f in STARTER.glob("*.rules")}
    placed = {row[1] for row in told}
    for file, lines in texts.items():
        for at, line in enumerate(lines, 1):
            if re.match(PLACES, line):
                assert f"{file}:{at}" in placed, line

    arrive(
        house, wrong(3201), clean(3202, items=with_sku("NEW-32")), clean(3203, status="returned")
    )
    held = rows(house, "SELECT DISTINCT code FROM hold WHERE state = 'open'")
    codes = {row[0].split()[0] for row in told}
    assert {"HLD01", "MAP01", "SUM01"} <= {code for (code,) in held} <= codes
    returned = next(row for row in told if row[0].startswith("HLD01") and "returned" in row[0])
    assert returned[2:4] == ["Accounts team", "Accounts team"]
    assert (returned[4], returned[5]) == (
        "A new version in a status that allows posting",
        "A sales invoice in AiAccount",
    )
    adds = next(row for row in told if row[0].startswith("CHK01 Total adds"))
    assert (adds[2], adds[3]) == ("Accounts team", "Accounts team")

    page = approver.get(hold_of(approver, 3203))
    assert send(approver, page, "release", reason="refund is settled").status_code == 200

    folder = house.product.folder / "forgets"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FORGETS, "utf-8")
    env = {"PYTHONPATH": str(folder)}
    stopped = house.product.run("portal", "--port", "0", code=4, env=env)
    assert "hold catalogue: no entry, or no such reason: MAP01" in stopped.stderr


def test_C17_the_message_is_opened_before_the_retry_button_is_live(
    house: House, chromium: Any
) -> None:
    arrive(house, wrong(1701), wrong(1702))
    finance = house.visitor(FINANCE)
    address = hold_of(finance, 1701)
    other = hold_of(finance, 1702)
    many = finance.get(f"{HOLDING}/many?act=retry&view=all&q=NS-170")
    left = cells(many, "left")
    assert ["Open the message first." in row[-1] for row in left] == [True, True]
    blind = send(finance, finance.get(address), "retry")
    assert (blind.status_code, "Open the message first." in said(blind)) == (409, True)
    opened = "finance opened the message of NS-1701."
    assert opened not in record(finance, 1701, "trace").text

    with Person(chromium, house.address) as person:
        person.sign_in(APPROVER, house.passwords[APPROVER])
        page = person.go(address)
        retry, message = page.locator("button[id^=retry]"), page.locator("button[id^=message]")
        assert retry.get_attribute("aria-disabled") == "true"
        assert page.locator("[id^=opened]").count() == 0
        page.click("summary[id^=more_]")
        message.click()
        page.locator("[id^=opened]").wait_for()
        assert "RM 12.00 stated, RM 11.00 computed" in page.inner_text("[id^=opened]")
        assert retry.get_attribute("aria-disabled") == "true", "nothing changed since"
        assert "Open the message first" not in page.inner_text("main")
        assert person.violations() == []
        page = person.go(other)
        assert page.locator("button[id^=retry]").get_attribute("aria-disabled") == "true"
        assert person.said == []

    story = record(finance, 1701, "trace").text
    assert "approver opened the message of NS-1701." in story
    assert opened not in story
    page = finance.get(address)
    assert send(finance, page, "retry").status_code == 409, "another person has opened it"
    page = send(finance, page, "message").text
    again = send(finance, page, "retry")
    assert "Nothing changed since" in said(again), "now what the try itself asks is answered"
    assert record(finance, 1701, "trace").text.count(opened) == 1
    many = finance.get(f"{HOLDING}/many?act=retry&view=all&q=NS-170")
    left = cells(many, "left")
    assert {row[0]: "Open the message first." in row[-1] for row in left} == {
        "NS-1701": False,
        "NS-1702": False,
    }, "one opened message of a cause counts for all of that cause"


def ticks(visitor: Visitor, number: int) -> dict[str, tuple[str, str, str]]:
    """Of the checklist: tick -> done or missing, what is said, where its link leads."""
    found = {}
    for one in record(visitor, number).one("ul", id="ticks").all("li"):
        links = [a.attributes["href"] for a in one.all("a")]
        done = one.one("span", cls="st").text
        found[one.one("b").text] = (done, one.one("span", cls="tx").text, "".join(links))
    return found


def test_C20_four_ticks_are_computed_and_a_missing_one_leads_to_its_repair(house: House) -> None:
    finance = house.visitor(FINANCE)
    big = priced("4000.00")
    arrive(
        house,
        clean(2001),
        clean(2002, items=with_sku("NEW-20")),
        clean(2003, items=big),
        clean(2004, status="pending", paid_at=None),
    )
    names = ["Complete", "Approved", "Ready in the source", "Posted"]
    whole = ticks(finance, 2001)
    assert list(whole) == names
    assert [whole[name][0] for name in names] == ["done"] * 4
    assert whole["Posted"][1] == "Number NS-2001 in AiAccount."
    assert {whole[name][2] for name in names} == {""}

    unmapped = ticks(finance, 2002)
    assert [unmapped[name][0] for name in names] == ["missing", "missing", "done", "missing"]
    assert unmapped["Approved"][1] == "Not decided yet.", "the total is not weighed before"
    assert "NEW-20" in unmapped["Complete"][1]
    assert 'id="fix' in finance.get(unmapped["Complete"][2])

    asked = ticks(finance, 2003)
    assert [asked[name][0] for name in names] == ["done", "missing", "done", "missing"]
    assert "RM 3,000.00" in asked["Approved"][1].replace("\xa0", " "), (
        "it is named what is asked for"
    )
    approver = house.visitor(APPROVER)
    page = approver.get(asked["Approved"][2])
    assert 'id="approvego"' in page
    assert "NS-2003" in page
    approve(approver, "NS-2003")
    given = ticks(finance, 2003)
    assert (given["Approved"][0], given["Posted"][0]) == ("done", "missing")
    assert given["Approved"][1].startswith("By approver, 20")

    early = ticks(finance, 2004)
    assert early["Ready in the source"][:2] == ("missing", "Its status is pending.")
    assert "tab=raw" in early["Ready in the source"][2]
    assert "NS-2004" in finance.get(early["Ready in the source"][2])
    arrive(house, later(clean(2004)))
    assert [ticks(finance, 2004)[name][0] for name in names] == ["done"] * 4


def found(visitor: Visitor, number: int) -> tuple[str, str]:
    """The finding at the end of a trace, and the reasons for it."""
    part = record(visitor, number, "trace").one("section", id="finding")
    return part.one("h2").text.removeprefix("Finding: "), part.one("div", cls="body").text


WRONG: dict[int, tuple[dict[str, Any], str, str]] = {
    801: ({"items": with_sku("NEW-80")}, "Workflow", "NEW-80"),
    802: ({"total": "12.00"}, "Workflow", "RM 12.00 stated, RM 11.00 computed"),
    803: ({"status": "returned"}, "Workflow", "Goods returned"),
    804: ({"channel": None, "customer": buyer(804, id=None)}, "Workflow", "customer"),
    805: ({"status": "pending", "paid_at": None}, "Workflow", "Waiting:"),
    806: ({"items": priced("4100.00")}, "Workflow", "3,000.00"),
    807: ({"status": "paidd"}, "Workflow", "paidd"),
    808: ({"currency": "SGD"}, "Workflow", "SGD"),
}
FAULTY = {
    809: ("closed_period", "Workflow", "locked"),
    810: ("unavailable", "Technical", "1 call to AiAccount failed: "),
    811: ("html_502_after", "Technical", "1 call to AiAccount failed: "),
}


def sent(house: House, number: str) -> bool:
    """Whether this is in the books after one more worker: each ends as soon as nothing is due, and
    what was not answered falls due a moment later.
    """
    work(house)
    return number in house.created()


def test_G08_twelve_wrong_records_end_with_the_finding_that_fits(house: House) -> None:
    finance = house.visitor(FINANCE)
    arrive(house, *(clean(number, **changes) for number, (changes, *_) in WRONG.items()))
    for number, (_, verdict, why) in WRONG.items():
        told = found(finance, number)
        assert told[0] == verdict, number
        assert why in told[1], number
        assert "Technical" not in told[1], number
    for number, (fault, verdict, why) in FAULTY.items():
        ask_target(house, "faults", fault=fault)
        arrive(house, clean(number))
        told = found(finance, number)
        assert told[0] == verdict, number
        assert why in told[1], number
        if verdict == "Technical":  # sent again before the next fault, which it would take
            until(partial(sent, house, f"NS-{number}"), f"the document of NS-{number}")

    arrive(house, clean(812, items=with_sku("NEW-81")))
    assert found(finance, 812)[0] == "Workflow"
    ask_target(house, "faults", fault="unavailable")
    fix_mapping(finance, "NEW-81", "CUP-GLASS-20", "the new name of the glass")
    until(partial(sent, house, "NS-812"), "the document of NS-812")
    told = found(finance, 812)
    assert told[0] == "Both"
    assert "Workflow, over: " in told[1]
    assert "Technical, over: 1 call to AiAccount failed" in told[1]
    arrive(house, clean(813))
    assert found(finance, 813)[0] == "Nothing went wrong"
    printed = house.product.run("trace", "NS-812", "--company", "kedai").stdout
    assert "Finding: Both" in printed


def test_G17_the_picture_and_its_words_are_the_stored_steps(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    order = clean(1717, items=priced("4200.00"), status="pending", paid_at=None)
    arrive(house, order)
    paid = later(order, status="paid", paid_at=order["updated_at"], items=priced("4200.00"))
    arrive(house, paid)
    approve(approver, "NS-1717")
    work(house)
    page = record(finance, 1717, "way")
    svg = page.one("section", id="way").one("svg")
    drawn = [g.attributes["data-step"] for g in svg.all("g")]
    ((record_id,),) = rows(house, "SELECT id FROM record WHERE number = 'NS-1717'")
    mine = f"FROM posting WHERE record_id = {record_id}"
    stored = {
        "version": f"SELECT id, delivery_id FROM version WHERE record_id = {record_id}",
        "verdict": f"SELECT id FROM evaluation WHERE record_id = {record_id}",
        "approval": f"SELECT id FROM approval WHERE posting_id IN (SELECT id {mine})",
        "attempt": "SELECT attempt.id FROM attempt JOIN push ON push.id = attempt.push_id"
        f" WHERE push.posting_id IN (SELECT id {mine})",
        "document": f"SELECT id {mine}",
    }
    wanted = {f"{stage}:{row[0]}" for stage, query in stored.items() for row in rows(house, query)}
    wanted |= {f"delivery:{row[1]}" for row in rows(house, stored["version"])}
    assert sorted(drawn) == sorted(wanted)
    assert [sum(one.startswith(stage) for one in drawn) for stage in stored] == [2, 2, 1, 1, 1]
    assert svg.attributes["aria-describedby"] == "way_words"
    words = cells(finance.get(f"{BASE}/records/netshop/order/1717?tab=way"), "way_words")
    assert len(words) == len(drawn)
    by_stage = {row[0]: row for row in words}
    assert by_stage["Document"][1:3] == ["NS-1717", "AiAccount, posted"]
    assert by_stage["Document"][4] == "Attempt 1"
    assert by_stage["Attempt"][4].startswith("Approval ")
    assert by_stage["Approval"][4].startswith("Verdict ")
    assert by_stage["Verdict"][4] == "Version 2"


def test_E09_the_failed_pill_shows_its_whole_error_on_hover_focus_and_tap(
    house: House, chromium: Any
) -> None:
    house.product.shift_clock(30)  # a run of its own, not one with what went before
    ask_target(house, "faults", fault="invalid_key")
    arrive(house, clean(901))
    learn(house, "2025-01-31")  # the key is taken again; the run that failed stays the last one
    said = "The key was switched off there by somebody on Monday, who left no word. " * 3
    change(house, "UPDATE run SET error = error || ? WHERE error IS NOT NULL", f" {said.strip()}")
    ((whole,),) = rows(
        house, "SELECT error FROM run WHERE error IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    assert whole.endswith(said.strip())
    for width, touch in ((1280, False), (390, True)):
        with Person(chromium, house.address, width=width, touch=touch) as person:
            person.sign_in(FINANCE, house.passwords[FINANCE])
            page = person.page
            pill = page.locator("#dashtargets .pill", has_text="Failed").first
            assert re.fullmatch(r"Failed \d{1,2}/\d{1,2} \d\d:\d\d", pill.inner_text().strip())
            red = "getComputedStyle(document.querySelector('#dashtargets .pill.t-bad')).color"
            assert page.evaluate(
                f"(([r, g, b]) => r > g && r > b)({red}.match(/\\d+/g).map(Number))"
            )
            tip = page.locator("#dashtargets [role=tooltip]").first
            assert not tip.is_visible()
            if touch:
                pill.tap()
            else:
                pill.hover()
            _shows(tip, whole, width)
            page.locator("h1").first.hover()
            page.mouse.move(1, 1)
            why = page.locator("#dashtargets .tip button").first
            why.focus()
            _shows(tip, whole, width)
            assert person.violations() == []
            assert person.said == []


def _shows(tip: Any, whole: str, width: int) -> None:
    """It is shown, says what the target said, and no part of it is cut."""
    tip.wait_for(state="visible")
    assert tip.inner_text().strip() == whole
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    cut = "t => t.scrollWidth > t.clientWidth + 1 || t.scrollHeight > t.clientHeight + 1"
    assert not tip.evaluate(cut)


def test_D08_ten_documents_are_decided_by_keyboard_with_amount_and_difference(
    house: House, chromium: Any
) -> None:
    _nothing_is_refused_without_a_reason_or_by_who_may_not(house)
    approver = house.visitor(APPROVER)
    _refuse_what_waits(approver)
    dear = {n: clean(n, items=priced(f"{3100 + n - 1080}.00")) for n in range(1080, 1090)}
    arrive(house, *dear.values())
    page = read(approver.get(f"{HOLDING}?view=approve"))
    assert page.one("a", id="inbox").attributes["href"] == INBOX
    approve(approver, "NS-1080")
    arrive(house, later(dear[1080], items=priced("3333.00")))
    again = next(part for part in asked(approver) if part.one("h2").text == "NS-1080")
    assert "Since approver approved it, 20" in again.text
    assert [one.text for one in again.all("del")][-1] != [one.text for one in again.all("ins")][-1]
    assert "3333" in again.text.replace(",", "")
    first = next(part for part in asked(approver) if part.one("h2").text == "NS-1081")
    assert "Never approved before." in first.text
    assert "RM 3,411.10" in first.one("b", cls="amt").text.replace("\xa0", " ")

    begun = time.monotonic()
    with Person(chromium, house.address) as person:
        person.sign_in(APPROVER, house.passwords[APPROVER])
        page = person.go(INBOX)
        assert person.violations() == []
        mine = [one.one("h2").text for one in asked(approver) if one.text and "NS-108" in one.text]
        assert len(mine) == 10
        for turn in range(9):
            assert page.evaluate("document.activeElement.id").startswith("yes_")
            with page.expect_navigation():
                page.keyboard.press("Enter")
            assert f"{9 - turn} documents wait" in page.inner_text(".head") or turn == 8
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == "reason"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.validity.valueMissing")
        assert "1 document waits" in page.inner_text(".head")
        page.keyboard.type("Ordered twice, says the shop")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "No documents are waiting for approval." in page.inner_text("main")
        assert person.said == []
    assert time.monotonic() - begun < 60
    last = mine[-1].removeprefix("NS-")
    assert state(record(approver, int(last))) == "Not posted (rejected)"
    assert "Ordered twice, says the shop" in record(approver, int(last), "trace").text
    work(house)
    assert {state(record(approver, int(one.removeprefix("NS-")))) for one in mine[:-1]} == {
        "Posted"
    }
    assert sum(len(writes(house, one)) for one in mine[:-1]) == 9


def _refuse_what_waits(approver: Visitor) -> None:
    """What other stories of this house left in the inbox."""
    for one in asked(approver):
        form = one.all("form")[1]
        path, fields = form.attributes["action"], form.fields()
        fields["reason"] = "Of another story"
        headers = {"Referer": approver.address + path}
        approver.session.post(approver.address + path, fields, headers=headers, timeout=30)
    assert asked(approver) == []


def _nothing_is_refused_without_a_reason_or_by_who_may_not(house: House) -> None:
    approver, finance = house.visitor(APPROVER), house.visitor(FINANCE)
    arrive(house, clean(1099, items=priced("3500.00")))
    one = asked(approver)[-1]
    assert asked(finance)[-1].all("form") == []
    assert "You cannot approve, release and reject, because" in asked(finance)[-1].text
    form = one.all("form")[1]
    path, fields = form.attributes["action"], form.fields()
    headers = {"Referer": approver.address + path}
    empty = approver.session.post(approver.address + path, fields, headers=headers, timeout=30)
    assert (empty.status_code, "Enter a short reason" in said(empty)) == (422, True)
    assert state(record(approver, 1099)) == "On hold"
    fields["reason"] = "Ordered by mistake"
    done = approver.session.post(approver.address + path, fields, headers=headers, timeout=30)
    assert (done.status_code, done.url) == (200, approver.address + INBOX)


def asked(visitor: Visitor) -> list[Part]:
    """The documents of the approval inbox."""
    main = read(visitor.get(INBOX)).one("main")
    return [one for one in main.all("section") if one.attributes["id"].startswith("asked_")]
