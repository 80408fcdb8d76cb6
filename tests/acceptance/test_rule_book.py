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
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean
from tests.acceptance.parts import Part, read
from tests.acceptance.product import FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, fix_mapping, work

NINE = (
    "Status",
    "Mapping",
    "Units of measure",
    "Approval and version",
    "Timing",
    "Exceptions",
    "Duplicates",
    "Retry",
    "Audit owners",
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
    assert sentences(read(still.visitor(FINANCE).get(BOOK)), "ready") == printed
    (ready,) = printed
    assert ready.startswith("“Ready for aiaccount” means for an order that becomes a sales invoice")
    assert "its status is “paid”, “packed” or “delivered”" in ready
    assert "where the total is above the approval limit of 3000.00, Accounts team approved" in ready
    assert not re.search(r"[_={}<>()]", ready)  # no word of the language, only of people
    depot = told(still.product, STARTER.with_name("orders-autocount"), "--topic", "ready")
    documents = re.findall(r"^post \w+ to autocount\.(\w+) as", _text_of("orders-autocount"), re.M)
    each = re.findall(r"^- “Ready for autocount” means for .*$", depot.replace("\\", ""), re.M)
    assert len(each) == len(set(each)) == len(documents) > 5
    raised = still.product.folder / "raised"
    shutil.copytree(STARTER, raised)
    clearing = raised / "clearing.rules"
    clearing.write_text(clearing.read_text("utf-8").replace("= 3000.00", "= 4500.00"), "utf-8")
    assert "approval limit of 4500.00" in told(still.product, raised, "--topic", "ready")


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
    page, file = still.visitor(FINANCE).get(BOOK), told(still.product, STARTER, "--html")
    for written in (page, file):
        heads = [unescape(h) for h in re.findall(r"<h2[^>]*>(.*?)</h2>", written)]
        assert [n for n in NINE if not any(h.startswith(n) for h in heads)] == []
        assert "<script" not in written.partition("<main")[2]
        assert not re.search(r"No rule answers: [^<]*Approval and version", written)
    without = told(still.product, cut)
    assert re.search(r"^No rule answers: .*Approval and version", without, re.MULTILINE)
    assert [n for n in NINE if f"\n## {n}" not in without] == []
    assert "Missing: no rule answers this topic. Nobody is asked" in without

    entry = next(li for li in read(page).all("li") if "check open_period" in li.text)
    assert "passes only if the period of the document is open" in entry.text
    assert "owner: Accounts team" in entry.text
    assert re.search(r"in force since ruleset 1, 20\d\d-\d\d-\d\d \d\d:\d\d", entry.text)
    assert re.search(r"\d+ tests?\s*“.*period.*”", entry.text)
    assert "Last backtest: none recorded" in read(page).text
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
    of_others = r"of rules [0-9a-f]{12}, which are not in force, against ruleset 1"
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
    assert re.search(r"[1-9]\d* of \d+ tests failed", red), red[-800:]


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
    for listed in (board.one("section", id="dashlate"), read(visitor.get(f"{BASE}/late"))):
        rows = listed.one("table", id="latetable").one("tbody").all("tr")
        assert [row.one("a").text for row in rows] == ["NS-61", "NS-63"]
        cells = [cell.text for cell in rows[0].all("td")]
        assert cells[1:3] == ["delivered", "aiaccount sales invoice"]
        assert cells[4].startswith("debtor: Customer C-UNKNOWN-61 is no debtor in AiAccount yet.")
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
