"""The rule book on paper and on the page, and the board of what comes too late.

One quiet house for the module; the tests stand in the order in which they move its clock.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.checking import TEA, line_of, ran
from tests.acceptance.conftest import STARTER
from tests.acceptance.depot import sale
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean, priced
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    APPROVER,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
)
from tests.acceptance.quiet import BASE, approve, download, fix_mapping, record, work, writes

NINE = (
    "Status",
    "Mapping",
    "Units of measure",
    "Approval and version",
    "Timing",
    "Checks and changes after posting",
    "Duplicates",
    "Retry",
    "Owners and responsibilities",
)
BOOK = f"{BASE}/rules/book"
WRITER = "consultant@kedai.example"
WHEN = r"20\d\d-\d\d-\d\d \d\d:\d\d by \w+"


@pytest.fixture(scope="module")
def still(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("book"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def sentences(page: Part, topic: str) -> list[str]:
    """The sentences of one topic of the page."""
    section = next(
        part for part in page.all("section") if part.attributes.get("aria-labelledby") == topic
    )
    return [part.all("p")[0].text for part in section.all("li")]


def told(product: Product, rules: Path, *words: str) -> str:
    """What `clearpost explain` prints."""
    return product.run("explain", str(rules), *words).stdout


def _text_of(template: str) -> str:
    """All rule files of a template."""
    return "\n".join(f.read_text("utf-8") for f in STARTER.with_name(template).glob("*.rules"))


def test_B04_ready_means_one_sentence_that_command_and_page_say_alike(still: House) -> None:
    told_ = told(still.product, STARTER, "--topic", "ready")
    printed = re.findall(r"^- (.*)$", told_.replace("\\", ""), re.MULTILINE)
    assert len(printed) == 1
    assert sentences(read(still.visitor(FINANCE).get(BOOK)), "ready") == [
        one.replace("aiaccount", "AiAccount") for one in printed
    ]
    (ready,) = printed
    assert ready.startswith("An order is ready to post to aiaccount as a sales invoice when:")
    assert "its status is “paid”, “packed” or “delivered”" in ready
    assert (
        "where the total is above the approval limit of 3,000.00, Accounts team approved" in ready
    )
    assert not re.search(r"[_={}<>()]", ready)  # no word of the language, only of people
    depot = told(still.product, STARTER.with_name("orders-autocount"), "--topic", "ready")
    documents = re.findall(r"^post \w+ to autocount\.(\w+) as", _text_of("orders-autocount"), re.M)
    ready_as = r"^- [\w ]+ is ready to post to autocount as .*$"
    each = re.findall(ready_as, depot.replace("\\", ""), re.M)
    assert len(each) == len(set(each)) == len(documents) > 5
    raised = still.product.folder / "raised"
    shutil.copytree(STARTER, raised)
    clearing = raised / "clearing.rules"
    clearing.write_text(clearing.read_text("utf-8").replace("= 3000.00", "= 4500.00"), "utf-8")
    assert "approval limit of 4,500.00" in told(still.product, raised, "--topic", "ready")


def test_B29_page_and_file_explain_all_nine_topics_and_name_the_missing_one(still: House) -> None:
    cut = still.product.folder / "cut"
    shutil.copytree(STARTER, cut)
    clearing = cut / "clearing.rules"
    whole = clearing.read_text("utf-8")
    kept = re.sub(r"\n(check approved_is_current|approve order)[^\n]*\n( [^\n]*\n)+", "\n", whole)
    clearing.write_text(kept, "utf-8")
    assert "\napprove" in whole
    assert "\napprove" not in kept
    for proof in cut.glob("*_test.rules"):  # tests of what is gone cannot pass
        proof.unlink()
    visitor, file = still.visitor(FINANCE), told(still.product, STARTER, "--html")
    pages = [visitor.get(BOOK), visitor.get(f"{BOOK}?row=70")]
    for written in (pages, [file]):
        heads = [unescape(h) for text in written for h in re.findall(r"<h2[^>]*>(.*?)</h2>", text)]
        assert [n for n in NINE if not any(h.startswith(n) for h in heads)] == []
        for text in written:
            assert "<script" not in text.partition("<main")[2]
            assert not re.search(r"No rule answers: [^<]*Approval and version", text)
    without = told(still.product, cut)
    assert re.search(r"^No rule answers: .*Approval and version", without, re.MULTILINE)
    assert [n for n in NINE if f"\n## {n}" not in without] == []
    assert "Missing: no rule covers this topic. No one is asked" in without

    parts = [read(page) for page in pages]
    entry = next(li for part in parts for li in part.all("li") if "check open_period" in li.text)
    assert "passes only if the period of the document is open" in entry.text
    assert "owner: Accounts team" in entry.text
    assert re.search(r"in force since rule version 1, 20\d\d-\d\d-\d\d \d\d:\d\d", entry.text)
    assert re.search(r"\d+ tests?\s*“.*period.*”", entry.text)
    assert "Last backtest: none recorded" in parts[0].text
    link = entry.all("a")[0]
    path, _, anchor = link.attributes["href"].partition("#")
    line = read(still.visitor(FINANCE).get(path)).one("div", id=anchor)
    assert line.one("code").text == "check open_period on order"
    assert link.text.endswith(f"clearing.rules:{anchor.removeprefix('L')}")
    rules = json.loads(told(still.product, STARTER, "--json", "--backtest", str(_backtest(still))))
    assert all(s["rules"] or s["missing"] for s in rules["sections"])
    said = {r["name"]: r["backtest"] for s in rules["sections"] for r in s["rules"]}
    assert said["check total_adds"] == "last backtest: it fired on 1 of 2 records"
    assert said["check home_currency"] == "last backtest: it fired on 0 of 2 records"
    _says_the_last_backtest(still, whole)
    _the_page_names_the_missing_topic(still, cut)


def _the_page_names_the_missing_topic(still: House, cut: Path) -> None:
    """Rules without it are in force for a moment: the page says so in red words, and its file."""
    by = ("--company", "kedai", "--as")

    def published(rules: Path, no: int) -> tuple[str, str]:
        still.product.run("rules", "push", str(rules), *by, WRITER)
        still.product.run("publish", str(no), *by, "publisher@kedai.example")
        visitor = still.visitor(FINANCE)
        return read(visitor.get(BOOK)).one("main").text, visitor.get(f"{BOOK}.md")

    for written in published(cut, 2):
        assert re.search(r"No rule answers: .*Approval and version", written)
        assert "Missing: no rule covers this topic. No one is asked" in written
    for written in published(STARTER, 3):
        assert "no rule answers this topic. No one is asked" not in written


def _says_the_last_backtest(still: House, clearing: str) -> None:
    """Page and file name the backtest that was recorded: when, by whom, of what against what."""
    limits = still.product.folder / "limits"
    shutil.copytree(STARTER, limits)
    lower = clearing.replace("2024-08-01 = 3000.00", "2024-08-01 = 5.00")
    assert lower != clearing
    (limits / "clearing.rules").write_text(lower, "utf-8")
    record = ("--company", "kedai", "--as")

    def say(*words: str, code: int) -> str:
        with_files = (*words, str(still.product.folder / "history.jsonl"), "--processes", "1")
        done = still.product.run("backtest", *with_files, code=code)
        return done.stdout + done.stderr

    def shown() -> tuple[str, str]:
        visitor = still.visitor(FINANCE)
        told_ = visitor.get(f"{BOOK}.md").replace("\\", "")
        return read(visitor.get(BOOK)).one("p", cls="sub").text, told_

    assert "consultant" in say(str(STARTER), str(limits), *record, FINANCE, code=1)
    for written in shown():
        assert "Last backtest: none recorded" in written
    say(str(STARTER), str(limits), *record, WRITER, code=1)
    of_others = r"of rules [0-9a-f]{12}, which are not in force, against rule version 1"
    for written in shown():
        assert re.search(rf"Last backtest: {WHEN}, {of_others}: 2 records, 1 differs\.", written)
    say(str(limits), str(STARTER), *record, WRITER, code=1)
    against = r"of these rules against rules [0-9a-f]{12}, which were never published"
    for written in shown():
        assert re.search(rf"Last backtest: {WHEN}, {against}: 2 records, 1 differs\.", written)
    visitor = still.visitor(FINANCE)
    entry = next(li for li in read(visitor.get(BOOK)).all("li") if "check total_adds" in li.text)
    assert "last backtest: it fired on 1 of 2 records" in entry.text


BREAKS: tuple[tuple[str, str, set[str]], ...] = (
    # what stands in a line, what somebody made of it, the tests that must turn red
    ("require  period = open", "require  period in (open, locked)", {"a locked period is held"}),
    ("+ tax_total = total", "+ tax_total <= total", {"one sen off is held"}),
    ("= 3000.00", "= 90000.00", {"above the limit a second person approves"}),
    ("try 5 times", "try 6 times", {"a target that is busy is asked again"}),
    (
        "    | locked | block              |\n\nretry",
        "    | locked | review by accounts |\n\nretry",
        {"cancelled in a locked period it stays as it is"},
    ),
    (
        "    wait     draft, pending_approval, partially_delivered",
        "    ignore   draft, pending_approval, partially_delivered",
        {"a part of a delivery waits for the rest"},
    ),
    ('"SST"   -> "MY-SALES10"', '"SST"   -> "SST-10"', set()),
)


def test_B20_tests_beside_the_rules_turn_red_where_they_are_broken(
    product: Product, still: House
) -> None:
    titles = re.findall(r'(?m)^test "(.*)"$', TEA)
    texts = [TEA, *(TEA.replace(right, wrong, 1) for right, wrong, _ in BREAKS)]
    whole, *broken = ran(product, "test", texts, "--json")
    assert (whole.code, whole.json["tests"], whole.json["failed"]) == (0, len(titles), 0)
    for (right, _, red), one in zip(BREAKS, broken, strict=True):
        failed = {each["test"] for each in one.json["results"] if not each["passed"]}
        assert failed == red, right
        assert one.code == (1 if red else 0)

    (covered,) = ran(product, "test", [TEA], "--coverage", "--json")
    told = covered.json["coverage"]
    for right, _, red in BREAKS:
        line = line_of(TEA, right)
        by = {each["by"] for each in told if each["line"] == line and each["covered"]}
        assert by == red, right
    open_ = {each["name"] for each in told if not each["covered"]}
    assert 'map tax_code: "SST"' in open_
    calm, annotated = ran(product, "test", texts[:2], "--format", "github")
    assert (calm.code, calm.out) == (0, "")
    line = line_of(texts[1], 'test "a locked period is held"')
    assert annotated.code == 1
    assert annotated.out.startswith(f"::error file=rules_1.rules,line={line},")
    assert "a locked period is held" in annotated.out
    _tests_run_on_the_page_of_a_draft_too(still)


def _tests_run_on_the_page_of_a_draft_too(still: House) -> None:
    """The rules in force, with this one file changed."""
    writer = still.visitor("consultant@kedai.example")
    path = f"{BASE}/rules/draft/clearing.rules"
    page = writer.get(path)
    (text,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    whole = unescape(text)
    broken = whole.replace("require  period = open", "require  period in (open, locked)")
    assert broken != whole
    answers = [writer.post(path, page, text=each).text for each in (whole, broken)]
    calm, red = (read(answer).one("main").text for answer in answers)
    assert re.search(r"This could come into force: \d+ tests passed", calm), calm[-800:]
    assert re.search(r"\b1 of \d+ tests failed", red), red[-800:]
    assert "a locked period" in red[red.index("tests failed") :], red[-800:]
    form = read(writer.get(path)).form_of("submitdraft")
    discard = form.one("button", id="discarddraft").attributes["formaction"]
    kept = {name: form.fields()[name] for name in ("seen", "base")}
    assert writer.post(discard, writer.get(path), text=broken, **kept).ok


def test_B07_each_target_field_stands_beside_its_source_and_leads_to_its_rule_line(
    still: House,
) -> None:
    """Of a posted document and of one that nobody approved yet; also when other rules came."""
    sold = [item(1), item(2, sku="TEA-EARL-100", name="Earl Grey", qty="3", price="4.00")]
    large = priced("3500.00", tax="NONE")
    assert still.deliver(clean(71, items=sold), clean(72, items=large)).ok
    work(still)
    visitor = still.visitor(FINANCE)
    posted, planned = _lineage(visitor, 71), _lineage(visitor, 72)
    went = _sent(json.loads(download(visitor, record(visitor, 71, "pushes"))))
    there = {at: row["Sent"] for at, row in posted.items() if row["Sent"] not in ("", "(blank)")}
    # AiAccount computes the total and the tax by itself: both are compared, not sent.
    compared = {("total", 0), ("taxrate", 1), ("taxrate", 2)}
    assert {where for where, value in there.items() if value == "compared, not sent"} == compared
    there = {where: value for where, value in there.items() if where not in compared}
    assert there == went
    assert len(went) > 25
    assert posted["customer", 0]["Source"] == "debtor(customer) = Warung Melati; customer = C-101"
    assert posted["quantity", 2]["Source"] == "line.pieces = 3"
    assert {row["Sent"] for row in planned.values()} == {"not sent", "compared, not sent"}
    assert planned["total", 0]["Planned"] == "Total3500.00"
    assert planned.keys() == posted.keys() - {where for where in posted if where[1] == 2}
    for found in (posted, planned):
        accounts = [row["Source"] for where, row in found.items() if where[0] == "accountcode"]
        assert all(source.startswith("sales_account(line.kind) = 40000") for source in accounts)
    approve(still.visitor(APPROVER), "NS-72")
    work(still)
    assert _lineage(visitor, 72)["unitprice", 1]["Sent"] == "3500.00"
    text = (STARTER / "posting.rules").read_text("utf-8")
    first = {where: _rule_line(visitor, row["href"]) for where, row in posted.items()}
    for (field, _), (line, shown) in first.items():
        assert shown.partition(" =")[0].strip().casefold() == field
        assert text.split("\n")[line - 1].strip() == shown.strip()
    shifted = still.product.folder / "shifted"
    shutil.copytree(STARTER, shifted)
    (shifted / "posting.rules").write_text(f"# Moved by a line.\n{text}", "utf-8")
    by = ("--company", "kedai", "--as")
    pushed = still.product.run("rules", "push", str(shifted), *by, WRITER).stdout
    (change,) = re.findall(r"Change (\d+) saved", pushed)
    still.product.run("publish", change, *by, "publisher@kedai.example")
    after = {w: _rule_line(visitor, row["href"]) for w, row in _lineage(visitor, 71).items()}
    assert after == first
    now = read(visitor.get(f"{BASE}/rules/files/posting.rules")).one("div", cls="ln", id="L1")
    assert now.one("code").text == "# Moved by a line."
    styles = read(visitor.get(f"{BASE}/")).one("link", rel="stylesheet")
    assert ".ln:target{background" in visitor.get(styles.attributes["href"])


def test_A13_an_unknown_status_word_holds_until_its_alias_is_added_on_the_page(
    still: House,
) -> None:
    listed = clean(131, status=" completed ")  # as the list of NetShop has it, but for case
    strange = clean(132, status="Compl.")
    assert still.deliver(listed, strange).ok
    work(still)
    writer = still.visitor(WRITER)
    asked = record(writer, 131).one("li", id="answer_1").text
    assert "delivered (the source wrote “ completed ”)" in asked
    assert state(record(writer, 131)) == "Posted"
    page = record(writer, 132)
    assert state(page) == "On hold"
    told = "Missing or not valid in the data from NetShop: status."
    assert f"{told} status = Compl. is no word of the rules." in page.text
    held = "SELECT code FROM hold WHERE state = 'open' AND number = ?"
    assert still.product.sql(held, "NS-132")[0] == [("STA01",)], "record.unknown_status"
    assert "failed" in page.one("ul", id="strip").all("li")[0].text

    path = f"{BASE}/rules/draft/shop.rules"
    form = read(writer.get(path)).form_of("submitdraft")
    (text,) = form.all("textarea", name="text")
    more = text.raw.strip("\n").replace('or "Completed"', 'or "Completed" or "Compl."', 1)
    assert more.count("Compl.") == 1
    submit = form.one("button", id="submitdraft").attributes["formaction"]
    draft, base = writer.get(path), form.fields()["base"]
    overtaken = writer.post(submit, draft, text=more, base=str(int(base) - 1))
    assert overtaken.status_code == 409
    assert "Other rules were published since this draft was begun" in overtaken.text
    wrong = writer.post(submit, draft, text=f"{more}\nx\n", base=base)
    assert wrong.status_code == 422
    said = writer.post(submit, draft, text=more, base=base).text
    found = re.search(r"The draft is change (\d+)\. Another person checks and publishes it\.", said)
    assert found, said
    work(still)
    assert state(record(writer, 132)) == "On hold"  # a draft is no rule
    by = ("--company", "kedai", "--as")
    still.product.run("publish", found[1], *by, WRITER, code=1)
    still.product.run("publish", found[1], *by, "publisher@kedai.example")
    work(still)
    assert state(record(writer, 132)) == "Posted"
    assert [call["effect"] for call in writes(still, "NS-132")] == ["created"]
    told = record(writer, 132).one("li", id="answer_1").text
    assert "delivered (the source wrote “Compl.”)" in told
    for word, code in (("Partially Delivered", 0), ("Refunded + Items Returned", 1)):
        body = {**sale("133", status=word)}  # the list of another source, which has one of them
        del body["kind"]
        file = still.product.folder / "another.json"
        file.write_text(json.dumps(body), "utf-8")
        other = str(STARTER.with_name("orders-autocount"))
        tried = still.product.run("try", other, str(file), "--kind", "order", code=code).stdout
        assert (f'status = "{word}" is no word of the rules.' in tried) == bool(code)


def _lineage(visitor: Visitor, number: int) -> dict[tuple[str, int], dict[str, str]]:
    """(target field, line or 0) -> its cells by their head, and where the field leads to."""
    found = {}
    table = record(visitor, number, "lineage").one("table", cls="lineage")
    for row in table.one("tbody").all("tr"):
        cells = {cell.attributes["data-label"]: cell for cell in row.all("td")}
        field = cells["Planned"].one("a")
        name, _, line = field.text.partition(" line ")
        told = {label: cell.text for label, cell in cells.items()}
        found[name.casefold(), int(line or 0)] = {**told, "href": field.attributes["href"]}
    return found


def _sent(body: dict[str, Any]) -> dict[tuple[str, int], str]:
    """(target field, line or 0) -> what the target was sent, of what is not blank."""
    lists = {name: value for name, value in body.items() if isinstance(value, list)}
    (lines,) = lists.values()
    heads = {name: value for name, value in body.items() if name not in lists}
    heads["customer"] = heads["customer"]["name"]
    return {
        (name.replace("_", ""), at): str(value)
        for at, part in enumerate([heads, *lines])
        for name, value in part.items()
        if value not in (None, "")
    }


def _rule_line(visitor: Visitor, href: str) -> tuple[int, str]:
    """The line that a browser lights when it follows the address: its number and its text."""
    path, _, anchor = href.partition("#")
    lit = read(visitor.get(path)).one("div", cls="ln", id=anchor)
    return int(anchor.removeprefix("L")), lit.one("code").raw


def test_B03_a_finished_order_that_is_not_posted_stands_on_top_with_its_gate(still: House) -> None:
    late = clean(61, status="delivered", customer=buyer(61, id="C-UNKNOWN-61"))
    waits = clean(62, status="pending", customer=buyer(62, id="C-UNKNOWN-62"))
    assert still.deliver(late, waits).ok
    work(still)
    _move(still, hours=24)
    younger = clean(63, customer=buyer(63, id="C-UNKNOWN-63"))
    body = json.dumps({"event": "order.updated", "orders": [younger]}).encode()
    assert still.post_hook(body, event_id="evt_63", at=time.time() + 24 * 3600).ok
    work(still)
    _move(still, hours=26)
    visitor = still.visitor(FINANCE)
    board = read(visitor.get(f"{BASE}/"))
    for listed in (board.one("details", id="dashlate"), read(visitor.get(f"{BASE}/late"))):
        rows = listed.one("table", id="latetable").one("tbody").all("tr")
        assert [row.one("a").text for row in rows] == ["NS-61", "NS-63"]
        cells = [cell.text for cell in rows[0].all("td")]
        assert cells[1:3] == ["Delivered", "AiAccount sales invoice"]
        assert cells[4].startswith("Customer C-UNKNOWN-61 is not mapped to a debtor in AiAccount.")
        assert "Owner: Sales administration" in cells[4]
        assert cells[-1].removeprefix("age ") == "26 h"
        assert rows[1].all("td")[-1].text.removeprefix("age ") == "2 h"
    assert "NS-61, 26 h" in board.one("a", id="latest").text
    # accounts have it: it is late no more
    fix_mapping(visitor, "C-UNKNOWN-61", "Warung Melati", "a walk-in customer")
    work(still)
    assert still.record("NS-61")["state"] == "posted"
    rows = read(still.visitor(FINANCE).get(f"{BASE}/late")).one("tbody").all("tr")
    assert [row.one("a").text for row in rows] == ["NS-63"]


def _backtest(house: House) -> Path:
    """What a backtest of the rules over two orders printed, one of them a sen off."""
    line = {"pos": 1, "sku": "CUP-GLASS-20", "name": "Glass", "uom": "PCS", "qty": "2"}
    order: dict[str, Any] = {"number": "NS-1", "status": "paid"}
    order |= {"ordered_on": "2026-11-18", "currency": "MYR"}
    order |= {"paid_at": "2026-11-18T06:30:00Z", "customer": "C-101", "version": 1}
    order |= {"customer_name": "Warung Melati", "channel": "FPX"}
    order |= {"subtotal": "10.00", "tax_total": "0.00", "round_off": "0.00"}
    lines = [line | {"price": "5.00", "tax": "NONE"}]
    rows = [
        {"now": "2026-11-19T02:00:00Z", "body": {**order, "total": total, "lines": lines}}
        for total in ("10.00", "10.01")
    ]
    history = house.product.folder / "history.jsonl"
    history.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    words = (str(STARTER), str(STARTER), str(history), "--json", "--processes", "1")
    report = house.product.folder / "report.json"
    report.write_text(house.product.run("backtest", *words).stdout, "utf-8")
    return report


def _move(house: House, *, hours: int) -> None:
    """It is so many hours later for everybody in this house."""
    house.product.shift_clock(hours * 3600)
