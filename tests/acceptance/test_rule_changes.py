"""Rules changed in the browser: draft, review, a time, going back, shadow, replay.

One quiet house for the module; the tests stand in the order in which they publish.
"""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean, priced, with_sku
from tests.acceptance.parts import read
from tests.acceptance.product import FINANCE, House, Product, Visitor, free_environment
from tests.acceptance.quiet import BASE, fix_mapping, rows, send, work, writes
from tests.acceptance.several_files import one_change_of_several_files

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
        found.passwords[BOTH] = told.split("only now: ")[1].split()[0]
        yield found


def submitted(house: House, visitor: Visitor, limit: str, before: str = "3000") -> str:
    """The address of a new change that gives the approval limit another amount."""
    path = f"{BASE}/rules/draft/{FILE}"
    page = visitor.get(path)
    changed = _in_force(house).replace(LIMIT.format(before), LIMIT.format(limit), 1)
    assert LIMIT.format(limit) in changed
    base = read(page).one("input", name="base").attributes["value"]
    answer = visitor.post(f"{BASE}/rules/submit/{FILE}", page, base=base, text=changed)
    (no,) = re.findall(r"The draft is change (\d+)\. Another person", answer.text)
    return f"{BASE}/rules/changes/{no}"


def in_force(visitor: Visitor) -> tuple[str, str]:
    """Number and hash of the version that the list of changes calls in force."""
    page = read(visitor.get(f"{BASE}/rules/changes"))
    (row,) = (one for one in page.all("tr", role="row") if "in force" in one.text)
    (no,) = re.findall(r"Rule version (\d+)", row.text)
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
    path = submitted(still, both, "2500")
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
    run = read(publisher.post(f"{path}/tests", publisher.get(path)).text).text
    covered = re.search(r"(\d+) of (\d+) parts (of the rules|measured) are proved by a test", run)
    assert covered, run
    assert int(covered[2]) > int(covered[1]) > 0
    signs = [part.text for part in page.all("div", cls="ln") if "add" in part.attributes["class"]]
    assert [text for text in signs if "= 2500.00" in text]
    said = pressed(publisher, path, f"/changes/{number}", reason="Audit finding 7")
    assert "Rule version 2 published." in said
    second = in_force(publisher)
    assert second[0] == "2"
    assert second[1] != first[1]

    from_a_time(still, publisher)
    publisher = still.visitor(PUBLISHER)  # a day went by: everybody signs in again

    back = f"{BASE}/rules/versions/1"
    own_too = submitted(still, still.visitor(WRITER), "2000", before="2700")  # waits meanwhile
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
    path = submitted(still, still.visitor(WRITER), "2700", before="2500")
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


ADRESS = """
check buyer_address on order
    when     total > approval_limit
    require  adress is known
    else     hold for accounts
    say      "No address."
    clears   when it passes
"""


@pytest.mark.browser
def test_B28_the_editor_colours_completes_and_tells_while_one_writes_and_works_without_scripts(
    still: House, chromium: Any
) -> None:
    path = f"{BASE}/rules/draft/{FILE}"
    deliver(still, clean(6001))
    work(still)
    with Person(chromium, still.address) as writer:
        writer.sign_in(WRITER, still.passwords[WRITER])
        page = writer.go(path)
        area, paint = page.locator("#drafttext"), page.locator(".paint")
        assert paint.evaluate("p => p.textContent") == area.input_value() + "\n"
        for kind, text in (("d", "check"), ("k", "require"), ("n", "10000.00"), ("c", "# What")):
            assert paint.locator(f"b.{kind}", has_text=text).count() > 0, kind
        _what_tests_prove_is_measured(page)
        area.focus()
        page.keyboard.press("Control+End")
        page.keyboard.insert_text(ADRESS.partition("adress")[0] + "addr")
        page.keyboard.press("Control+Space")
        first = page.locator("#choices [role=option]").first
        first.wait_for()
        assert "address" in first.inner_text()
        assert writer.violations() == []
        page.keyboard.press("Enter")
        assert area.input_value().endswith("require  address")
        area.press("Control+a")
        told = page.locator("#findings")
        page.keyboard.insert_text(_in_force(still) + ADRESS)
        wrong = told.locator("[data-place]", has_text="adress")
        wrong.wait_for()  # nobody pressed a button
        place = wrong.get_attribute("data-place")
        line = int(place.split(":")[1])
        assert (
            paint.locator(".row").nth(line - 1).inner_text().strip() == "require  adress is known"
        )
        assert "bad" in paint.locator(".row").nth(line - 1).get_attribute("class")
        page.keyboard.press("F8")
        assert f"Line {line}:" in page.locator(".atline").inner_text()
        assert f"{FILE}:{line} has an error" in page.locator("#verdict").inner_text()
        assert page.locator("#draftfiles [aria-current] .n").inner_text().strip().startswith("1")
        said = paint.locator(".row").nth(line - 1).locator("em").get_attribute("data-text")
        assert "NAM01" in said, "the words stand beside the line"
        assert writer.violations() == []
        page.fill("#trynumber", "NS-6001")
        page.click("#tryrecord")
        page.locator("#tried", has_text=f"an error in line {line} of {FILE}").wait_for()
        wrong.locator("[data-correct]").click()
        assert area.input_value() == _in_force(still) + ADRESS.replace("adress", "address")
        page.locator("#verdict", has_text="No errors").wait_for()
        page.click("#tryrecord")
        page.locator("#tried", has_text="gave the same result").wait_for()
        assert "Buyer address" in page.locator("#tried").inner_text()
        assert writer.violations() == []
        area.press("Control+a")
        page.keyboard.insert_text(_in_force(still) + ADRESS)
        wrong.wait_for()
        assert writer.said == []
    with Person(chromium, still.address, script=False, width=390, scheme="dark") as plain:
        plain.sign_in(WRITER, still.passwords[WRITER])
        page = plain.go(path)
        assert page.locator("#drafttext").input_value().endswith(ADRESS)  # it was kept
        page.click("#checkdraft")
        assert "adress" in page.locator("#findings").inner_text()
        page.fill("#drafttext", _in_force(still) + "# as it was\n")
        page.click("#checkdraft")
        assert "This could come into force" in page.locator("#verdict").inner_text()
        page.click("#discarddraft")
        assert page.locator("#drafttext").input_value() == _in_force(still)
        page = plain.go(f"{BASE}/rules/book")
        page.click("#newfile summary")
        page.fill("#newname", "extra")
        page.click("#beginfile")
        assert page.url.endswith("/rules/draft/extra.rules")
        page.fill("#drafttext", ADRESS.replace("adress", "address"))
        page.click("#checkdraft")
        assert "buyer_address" in page.locator("#findings").inner_text(), "no test looks at it"
        page.click("#discarddraft")
        assert page.url.endswith("/rules/book")
        page = plain.go(path)
        page.click("#removefile")
        assert "Your change removes this file" in page.locator("#verdict").inner_text()
        page.click("#submitdraft")  # others need what it declares
        assert "The rules were not taken" in page.inner_text("main")
        page = plain.go(path)
        page.click("#discarddraft")
        assert page.locator("#drafttext").input_value() == _in_force(still)
    other = read(still.visitor(BOTH).get(path)).one("textarea").text
    assert "adress" not in other
    publisher = still.visitor(PUBLISHER)
    mine, both = still.visitor(WRITER), still.visitor(BOTH)
    one_change_of_several_files(still, mine, both, publisher, FILE)
    pressed(publisher, f"{BASE}/rules/versions/1", "/versions/1", reason="It was tried")


def _what_tests_prove_is_measured(page: Any) -> None:
    """Of the draft, in as many goes as it takes; a part that no test proves leads to its line."""
    measured = page.locator("#coverage", has_text="are proved by a test")
    page.click("#coverdraft")
    measured.wait_for()
    while measured.filter(has_text="could not be measured in time").count():
        before = measured.inner_text()
        page.click("#coverdraft")
        page.locator("#coverage", has_not_text=before).wait_for()
    assert re.match(r"\d+ of \d+ parts of the rules are proved by a test", measured.inner_text())
    page.click("#unproved")
    page.locator("#findings li", has_text="check buyer_named").first.locator("a[data-go]").click()
    assert page.evaluate("document.activeElement.id") == "drafttext"


def _in_force(house: House) -> str:
    query = "SELECT body FROM rule_file WHERE path = ? ORDER BY ruleset_version_id DESC"
    return str(rows(house, query, FILE)[0][0])


def counted(house: House) -> dict[str, int]:
    """Everything that judging and sending leave behind."""
    names = ("evaluation", "posting", "hold", "push", "attempt", "event", "approval")
    found = {name: rows(house, f"SELECT count(*) FROM {name}")[0][0] for name in names}
    return {**found, "calls": len(house.calls())}


def deliver(house: House, order: dict[str, Any]) -> None:
    """A webhook that is signed at the moment at which the product is."""
    clock = house.product.home / "clock"
    shift = float(clock.read_text("ascii")) if clock.exists() else 0.0
    raw = json.dumps({"event": "order.updated", "orders": [order]}).encode()
    event = f"evt_{order['number']}"
    answer = house.post_hook(raw, event_id=event, at=time.time() + shift)
    assert answer.status_code == 202, answer.text


def listed(visitor: Visitor, path: str) -> dict[str, tuple[str, str]]:
    """Number -> what the rules in force say, and what the change says."""
    page = read(visitor.get(path))
    found = [part for part in page.all("table") if part.attributes.get("id") == "shadowlist"]
    cells = [row.all("td") for row in found[0].all("tr", role="row")] if found else []
    return {row[0].one("a", cls="strong").text: (row[1].text, row[2].text) for row in cells}


def test_B23_a_shadow_judges_what_comes_without_effect_and_lists_where_it_differs(
    still: House,
) -> None:
    work(still)
    writer = still.visitor(WRITER)
    path = submitted(still, writer, "2500")
    shadow = f"{path}/shadow"
    assert "cannot" in pressed(still.visitor(FINANCE), path, "/shadow", code=403)
    assert "The shadow has begun" in pressed(writer, path, "/shadow", days="2")
    before = counted(still)
    orders = [
        clean(7001),  # both let it go
        clean(7002, items=priced("2600.00")),  # 2,860.00: only the change asks for an approval
        clean(7003, items=priced("2900.00")),  # 3,190.00: both do
        clean(7004, items=with_sku("NEVER-HEARD-OF")),  # both hold it
    ]
    for one in orders:
        deliver(still, one)
    work(still)

    assert [len(writes(still, f"NS-{n}")) for n in (7001, 7002, 7003, 7004)] == [1, 1, 0, 0]
    judged = rows(still, "SELECT evaluation_id, differs, would FROM shadow_verdict ORDER BY 1")
    asked = "SELECT e.id FROM evaluation e JOIN record r ON r.id = e.record_id WHERE r.number = ?"
    of_order = {n: [row[0] for row in rows(still, asked, f"NS-{n}")] for n in range(7001, 7005)}
    assert {row[0] for row in judged} >= {one for each in of_order.values() for one in each}
    differ = {row[0] for row in judged if row[1]}
    assert differ
    assert differ <= set(of_order[7002])
    found = listed(writer, shadow)
    assert set(found) == {"NS-7002"}
    was, would = found["NS-7002"]
    assert "Ready to post" in was
    assert "On hold" in would
    assert "APP01" in would
    assert "APP01" not in was
    lines = writer.get(f"{shadow}.csv").splitlines()
    heads, [line] = lines[1].split(","), [one for one in lines if ",NS-7002," in one]
    assert heads[-2:] == ["Rules in force", "Would"]
    assert all("NS-7002" in one for one in lines[2:])
    assert "ready" in line
    assert "APP01" in line.partition("ready")[2]
    [first, *_] = json.loads(writer.get(f"{shadow}.json"))["rows"]
    assert first["record"] == "NS-7002"
    assert "APP01" in first["would"]
    after = counted(still)
    quiet_again = {name: after[name] for name in ("evaluation", "push", "calls", "hold")}
    work(still)  # it has judged all of it, and does it once
    assert len(rows(still, "SELECT 1 FROM shadow_verdict")) == len(judged)
    assert {name: counted(still)[name] for name in quiet_again} == quiet_again
    assert after["approval"] == before["approval"]

    still.product.shift_clock(4 * A_DAY)
    deliver(still, clean(7005, items=priced("2600.00")))
    work(still)
    page = read(still.visitor(WRITER).get(shadow)).text
    assert "its time was over" in page
    assert len(rows(still, "SELECT 1 FROM shadow_verdict")) == len(judged)
    assert set(listed(still.visitor(FINANCE), shadow)) == {"NS-7002"}
    writer = still.visitor(WRITER)
    assert "The shadow has begun" in pressed(writer, path, "/shadow", days="1")
    assert "The shadow has ended" in pressed(writer, shadow, "/shadow/end")
    assert "ended by a person" in read(writer.get(shadow)).text


def test_G18_a_stored_verdict_or_payload_is_replayed_beside_the_original_without_a_call(
    still: House,
) -> None:
    finance = still.visitor(FINANCE)
    record = f"{BASE}/replay/netshop/order/7002"
    before = counted(still)
    page = read(finance.get(record))
    assert "No difference" in page.text
    assert "came out as it is stored" in page.text
    words = [part.attributes["value"] for part in page.one("select", id="rules").all("option")]
    change = next(word for word in words if word.startswith("change-"))
    verdicts = page.one("select", id="verdict").all("option")
    first = verdicts[-1].attributes["value"]
    page = read(finance.get(f"{record}?verdict={first}&rules=then&facts=then"))
    assert "No difference" in page.text

    page = read(finance.get(f"{record}?verdict={first}&rules={change}&facts=then"))
    assert "1 difference" in page.text
    route, original, again, _ = page.one("table", id="replayed").all("td")
    assert route.text.startswith("AiAccount sales invoice")
    assert "Ready to post" in original.text
    assert "APP01" not in original.text
    assert "On hold" in again.text
    assert "APP01" in again.text

    page = read(finance.get(f"{record}?verdict={first}&rules={change}&facts=now"))
    assert "with what is known now" in page.text
    held = read(finance.get(f"{BASE}/replay/netshop/order/7004?rules={change}&facts=now"))
    assert "No difference" in held.text
    fix = "NEVER-HEARD-OF"
    assert fix_mapping(finance, fix, "CUP-GLASS-20", "It is the glass") is not None
    mapped = {**counted(still), "event": 0}
    held = read(finance.get(f"{BASE}/replay/netshop/order/7004?facts=now"))
    assert "1 difference" in held.text
    assert read(finance.get(f"{BASE}/replay/netshop/order/7004")).text.count("No difference") == 1
    assert {**counted(still), "event": 0} == mapped
    assert counted(still)["calls"] == before["calls"]
    finance.get(f"{record}?verdict=999999", code=404)
    finance.get(f"{record}?rules=change-99", code=404)
