"""The sample month, headless: everything ends in one state, nothing is lost, nothing doubled."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.month import ORDERS, WHOLE, copy_of_month
from tests.acceptance.parts import read
from tests.acceptance.product import (
    CURRENT_COMPANY,
    Product,
    Visitor,
    address_in,
    free_environment,
)
from tests.installed import ROOT

pytestmark = pytest.mark.slow
ENDED = ("cancel", "not_ready")
"""The rules of an order that was cancelled, or refunded, after it was posted."""
STATES = ("posted", "held", "failed", "waiting", "ignored", "dropped", "reference", "uncertain")
COMPANIES = (CURRENT_COMPANY, "gudang")
TOUR = (ROOT / "docs" / "tour.md").read_text("utf-8")
PARTLY = "Partially Delivered"
MISSING, DUPLICATE = ("missing_field", "mapping_missing"), ("duplicate",)
NO_RIGHT = ("authorization_failed",)
REJECTED = ("bad_value", "stale_version", "period_locked", "business_rule")
SHOWN = (MISSING, DUPLICATE, NO_RIGHT)
ANSWERS = {
    "IV-GD-1002-1": (
        "approved, version 1",
        "In the source: Mei Ling",
        "20 of 20",
        "Yes: line 1: 10 PCS",
        "Yes, since version 1 was sent: version 2 at ",
        "Yes, in rule version 1",
        "It was never put on hold",
    ),
    "IV-GD-1002-2": (
        "approved, version 2",
        "In the source: Mei Ling",
        "20 of 20",
        "Yes: line 1: 10 PCS",
        "No. Version 2 is the latest version.",
        "Yes, in rule version 1",
        "It was never put on hold",
    ),
}
"""Of an invoice that a new version took back, and of the one that replaces it."""
TYPES = {
    "aiaccount": {"sales_invoice", "sales_receipt", "expense_bill", "expense_payment"},
    "autocount": {"invoice", "credit_note"},
    "autocount_excel": {
        *("sales_order", "delivery_order", "goods_received_note"),
        *("ar_payment", "ap_invoice", "ap_payment"),
    },
    "quickbooks": {"invoice"},
}
SAMPLES = ("harian", "awan", "meja", "jaring")
FROM = {
    *((target, "netshop") for target in TYPES if target != "quickbooks"),
    ("quickbooks", "woocommerce"),
}
"""Each target, and the shop that its documents come from."""
DAYS = ("InvoiceDate", "ReceiptDate", "BillDate", "PaymentDate", "docDate", "TxnDate", "date")
CHANGED = 8  # posted, then changed in NetShop: the document stands, the record is held


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, command: Path) -> tuple[Product, Any]:
    product = Product(command, tmp_path_factory.mktemp("demo"), free_environment())
    return product, copy_of_month(command, product.home)


def test_the_month_ends_with_nothing_lost_and_nothing_doubled(kept: tuple[Product, Any]) -> None:
    """The counts are those that the tour promises: the same in every run."""
    _, told = kept
    assert told["received"] >= 600
    assert sum(told[state] for state in STATES) == told["received"]
    assert told["posted"] > 0
    assert told["held"] > 0
    assert (told["uncertain"], told["lost"], told["doubled"]) == (0, 0, 0)

    promised = json.loads(TOUR.split("```json\n")[1].split("```")[0])
    shop = {name: value for name, value in told.items() if name != "targets"}
    assert {**shop, "seconds": 0} == {**promised, "seconds": 0}


def test_the_month_goes_to_every_target_at_once_and_each_day_is_as_the_list_of_the_driver(
    kept: tuple[Product, Any],
) -> None:
    """Four companies, from NetShop and WooCommerce, counted in the ledgers of the stand-ins."""
    product, told = kept
    listed = json.loads((product.home / "all-targets.json").read_text("utf-8"))
    withheld = 0
    for target, types in TYPES.items():
        wanted = [one for one in listed if one["target"] == target]
        assert {one["type"] for one in wanted} == types
        made = [x for x in _ledger(product, f"all-{target}") if x["effect"] == "created"]
        silent = sum(line.get("answer") == "withheld" for line in made)
        assert silent > 0 or target == "autocount_excel", "a person answers there"
        withheld += silent
        numbers = sorted((line["type"], line["number"]) for line in made)
        assert numbers == sorted((one["type"], one["number"]) for one in wanted), target
        days: Counter[tuple[str, str]] = Counter()
        for line in made:
            days[line["type"], _day_in(line)] += _sen(line["total"])
        for one in wanted:
            days[one["type"], one["day"]] -= _sen(one["total"])
        assert not any(days.values()), target
        shown = told["targets"][target]
        assert (shown["documents"], shown["lost"], shown["doubled"]) == (len(wanted), 0, 0)
        assert shown["days alike"] is True
    _came_from_both_sources(product)
    _went_at_the_same_time(product)
    orders = sum(one["type"] == "sales_invoice" for one in listed)
    assert (orders > 300) if WHOLE else (orders == ORDERS), "a month has not a thousand plain ones"
    assert len(listed) > (5 if WHOLE else 2) * orders
    assert withheld >= (40 if WHOLE else 3)


def _came_from_both_sources(product: Product) -> None:
    """What stands in each target came through the source of its company, by the database itself,
    and nobody is in doubt about any of it.
    """
    query = """
    SELECT target.connector, source.connector, posting.state, count(*) FROM posting
    JOIN connection AS target ON target.id = posting.connection_id
    JOIN record ON record.id = posting.record_id
    JOIN connection AS source ON source.id = record.source_id
    JOIN company ON company.id = posting.company_id WHERE company.code IN (?, ?, ?, ?)
    GROUP BY target.connector, source.connector, posting.state
    """
    with closing(sqlite3.connect(product.home / "clearpost.sqlite3")) as database:
        found = database.execute(query, SAMPLES).fetchall()
    assert {(target, source) for target, source, *_ in found} == FROM
    assert {state for *_, state, _ in found} <= {"posted", "reversed", "waiting"}


def _went_at_the_same_time(product: Product) -> None:
    """Each target that is called took documents while each other one did; the person who imports
    does so afterwards.
    """
    spans = {}
    for target in {*TYPES} - {"autocount_excel"}:
        lines = _ledger(product, f"all-{target}")
        moments = [line["at"] for line in lines if line["effect"] == "created"]
        spans[target] = (min(moments), max(moments))
    latest, soonest = max(x for x, _ in spans.values()), min(x for _, x in spans.values())
    assert latest < soonest or not WHOLE, spans


def _day_in(line: Mapping[str, Any]) -> str:
    """The day of a document, as its target keeps it."""
    held = line.get("document") or line["stands"]
    stands = json.loads(held) if isinstance(held, str) else held
    master = stands.get("master", stands)
    return next(str(master[name])[:10] for name in DAYS if name in master)


def _sen(amount: str) -> int:
    return int(Decimal(amount) * 100)


def test_answers_were_really_withheld(kept: tuple[Product, Any]) -> None:
    lines = _ledger(kept[0])
    made = [line for line in lines if line["effect"] == "created"]
    withheld = [line for line in made if line["answer"] == "withheld"]
    assert len(withheld) >= 40
    assert len({line["number"] for line in made}) == len(made) == kept[1]["posted"] + CHANGED


def test_a_ledger_line_taken_out_or_copied_is_noticed(
    kept: tuple[Product, Any], tmp_path: Path
) -> None:
    product, _ = kept
    lines = (product.home / "aiaccount.ledger").read_text("utf-8").splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if json.loads(line)["effect"] == "created")

    assert _compared(product, tmp_path / "as-it-is", lines) == {
        "lost": 0,
        "doubled": 0,
        "strange": 0,
    }
    without = [*lines[:place], *lines[place + 1 :]]
    assert _compared(product, tmp_path / "without", without)["lost"] == 1
    twice = [*lines, lines[place]]
    assert _compared(product, tmp_path / "twice", twice)["doubled"] == 1


def test_all_verdicts_of_the_month_come_out_the_same(kept: tuple[Product, Any]) -> None:
    """In a new process, from the database alone."""
    product, told = kept
    words = ("replay", "--company", CURRENT_COMPANY, "--limit", "5000", "--json")
    found = product.json(*words)
    assert found["replayed"] >= told["received"]
    assert found["different"] == []


def test_H13_the_month_has_every_exception_class_and_answer(
    kept: tuple[Product, Any], tmp_path: Path
) -> None:
    """Counted on pages, through the interface for programs, and in both targets' own ledgers."""
    product, told = kept
    listed = {
        name: int(count) for name, count in re.findall(r"^\| ([a-z ]+) \| (\d+) \|", TOUR, re.M)
    }
    assert listed == {**told["exceptions"], **told["classes"]}
    assert (len(told["exceptions"]), len(told["classes"]), len(listed)) == (8, 5, 13)
    assert min(listed.values()) >= 1

    with product.started("portal", "--port", "0"):
        address = address_in(product.notes("portal"))
        holds = [hold for company in COMPANIES for hold in _holds(product, address, company)]
        shown = _held_by_class(product, address)
    assert _exceptions(product, holds, tmp_path / "export") == told["exceptions"]
    rejected = {
        one["number"] for one in holds if one["error_class"] in REJECTED and one["code"] != "APP01"
    }
    assert _classes(product, shown, len(rejected)) == told["classes"]

    story = product.json("trace", "IV-GD-1002-2", "--company", "gudang", "--json")
    assert (story["number"], story["state"]) == ("GD-1002", "posted")
    documents = {document["number"]: document for document in story["documents"]}
    for number, expected in ANSWERS.items():
        answers = [each["answer"] for each in documents[number]["answers"]]
        for answer, words in zip(answers, expected, strict=True):
            assert words in answer, answers


def _exceptions(product: Product, holds: Sequence[Any], folder: Path) -> dict[str, int]:
    """Records by exception: what is held, what waits, and what stands in AutoCount."""

    def held(fits: Callable[[str, str], bool]) -> int:
        return len({one["number"] for one in holds if fits(one["code"], one["rule"])})

    product.run("records", "export", str(folder), "--company", CURRENT_COMPANY)
    lines = (folder / "records.jsonl").read_text("utf-8").splitlines()
    partly = [line for line in lines if json.loads(line)["body"]["status"] == PARTLY]
    done = _ledger(product, "autocount")
    made = [line["number"] for line in done if line["effect"] == "created"]
    back = [number.removeprefix("CN-") for number in made if number.startswith("CN-")]
    bills = Counter(n.rpartition("-")[0] for n in made if n.startswith("IV-") and n not in back)
    assert [line["effect"] for line in done].count("by_hand") == 1
    return {
        "partial delivery": len(partly),
        "partial billing": sum(count > 1 for count in bills.values()),
        "changed price": held(lambda c, rule: c == "STL01" and rule not in ENDED) + len(back),
        "cancelled order": held(lambda c, rule: c == "STL01" and rule in ENDED),
        "duplicate customer": held(lambda _, rule: rule == "one_debtor"),
        "duplicate invoice": held(lambda code, _: code == "DUP01"),
        "failed sync": held(lambda code, _: code.startswith("TGT")),
        "manual edit": held(lambda code, _: code == "STL03"),
    }


def _classes(
    product: Product, shown: Mapping[tuple[str, ...], int], rejected: int
) -> dict[str, int]:
    """Records by the word of their class: as held, and as the targets answered or did not."""
    lines = _ledger(product)
    answered = [line for line in lines if line.get("code") in ("rate_limited", "quota_exceeded")]
    answered += [line for line in lines if line.get("answer") == "withheld"]
    kept_out = [line for line in _ledger(product, "autocount") if line.get("code") == "401"]
    assert [line["call"] for line in kept_out] == ["write"], "afterwards AutoCount is left alone"
    return {
        "missing": shown[MISSING],
        "unavailable": len({line["number"] for line in answered}),
        "rejected": rejected,
        "duplicated": shown[DUPLICATE],
        "not authorized": shown[NO_RIGHT],
    }


def _holds(product: Product, address: str, company: str) -> list[Any]:
    """All open holds, as a program gets them."""
    words = (f"finance@{company}.example", "--company", company, "--name", "count")
    told = product.run("token", "add", *words, "--scope", "record.read").stdout
    head = {"Authorization": f"Bearer {told.split('only now: ')[1].strip()}"}
    path, found, after = f"{address}/api/v1/c/{company}/holds", [], 0
    while after is not None:
        page = requests.get(path, {"after": after}, headers=head, timeout=30).json()
        found += page["holds"]
        after = page["next"]
    return found


def _held_by_class(product: Product, address: str) -> dict[tuple[str, ...], int]:
    """How many records the holding areas of both companies show for some classes."""
    email, password = "reader@count.example", ""
    for company in COMPANIES:
        told = product.run("user", "add", email, "--company", company, "--role", "viewer").stdout
        password = password or told.split("only now: ")[1].split()[0]
    visitor = Visitor(address, email, password)
    return {words: sum(_shown(visitor, company, words) for company in COMPANIES) for words in SHOWN}


def _shown(visitor: Visitor, company: str, classes: Sequence[str]) -> int:
    """The number in the heading of the holding area under a filter."""
    wanted = "&".join(f"class={word}" for word in classes)
    head = read(visitor.get(f"/c/{company}/holding?{wanted}")).one("p", id="holdhead").text
    return int(head.split(" record")[0])


def _compared(product: Product, file: Path, lines: list[str]) -> Any:
    file.write_text("".join(lines), "utf-8")
    words = ("ledger", str(file), "--company", CURRENT_COMPANY, "--json")
    code = 0 if file.name == "as-it-is" else 1
    return json.loads(product.run(*words, code=code).stdout)


def _ledger(product: Product, target: str = "aiaccount") -> list[dict[str, Any]]:
    text = (product.home / f"{target}.ledger").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]
