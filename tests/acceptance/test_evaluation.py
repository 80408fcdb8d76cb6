"""Verdicts: what they say, that they come out again byte for byte, that nothing outside counts."""

import json
import re
import resource
import shutil
import sqlite3
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.pages import record_page, until_head, words
from tests.acceptance.product import (
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    item,
    until,
)

pytestmark = pytest.mark.slow
SKU = "NEW-CUP-2"
TOTAL_LINE = (
    "and      (sum(lines.tax_due) = tax_total or round(sum(lines.tax_raw), 0.01) = tax_total)"
)
NO_NETWORK = """\
import socket, sys
def refuse(*_): raise OSError("no network here")
socket.socket.connect = socket.getaddrinfo = refuse
print("cut off", file=sys.stderr)
"""
BOUNDLESS = """
check no_line_twice on order each line
    require  count(lines where pos = line.pos) = 1
    else     hold for accounts
    say      "Line {line.pos} is there twice."
    clears   when it passes

check decimals_stay_exact on order each line
    require  line.price + line.price + line.price = 0.30
    else     hold for accounts
    say      "Three times {line.price} is not 0.30."
    clears   when it passes

check not_astronomical on order
    require  version * version * version * version * version * version >= 0
    else     hold for accounts
    say      "Version {version} is astronomical."
    clears   when it passes
"""


def test_B25_a_verdict_says_why_and_comes_out_again(house: House) -> None:
    finance = house.visitor(FINANCE)
    orders = [clean(n) for n in range(1000, 1010)]
    orders += [clean(n, status="pending", paid_at=None) for n in range(1010, 1030)]
    orders += [clean(n, items=with_sku(SKU)) for n in range(1030, 1050)]
    orders += [taxed_wrong(clean(n)) for n in (1050, *range(1063, 1080))]
    long = [item(pos, price=f"{pos}.00") for pos in range(1, 41)]
    orders += [taxed_wrong(clean(n, items=long)) for n in range(1051, 1063)]
    assert house.deliver(*orders).json()["new_records"] == 80
    until_head(finance, 1079, "On hold")
    until(lambda: len(house.created()) == 10, "10 documents")
    says_why(finance)

    first = replayed(house.product)
    assert first["different"] == []
    assert first["replayed"] >= 80
    change_a_mapping(house, finance)
    publish_other_rules(house)
    until(lambda: "with rule version 2" in words(record_page(finance, 1079, "trace")), "rules 2")
    again = replayed(house.product)
    assert again["replayed"] >= 80 + 20 + 30
    assert again["verdicts"] >= 5000
    assert again["different"] == []

    assert len(tampered(house, "UPDATE evaluation SET hash = 'x' WHERE id = 7")) == 1
    other = "UPDATE mapping_entry SET value = 'OTHER' WHERE key = 'CUP-GLASS-20'"
    assert len(tampered(house, other)) >= 10


def test_B26_only_what_is_passed_in_counts_and_it_ends(product: Product) -> None:
    rules = product.folder / "rules"
    shutil.copytree(STARTER, rules)
    (rules / "more.rules").write_text(f"language 1\n{BOUNDLESS}", "utf-8")
    plain = trial(product, record(lines=2))
    assert plain["decisions"][0]["state"] == "ready"
    (product.folder / "sitecustomize.py").write_text(NO_NETWORK)
    elsewhere = {
        "PYTHONPATH": str(product.folder),
        "PYTHONHASHSEED": "7",
        "TZ": "America/New_York",
        "LC_ALL": "C",
    }
    again = trial(product, record(lines=2), env=elsewhere)
    assert json.dumps(again) == json.dumps(plain)
    before = trial(product, record(lines=2), at="2026-11-18T09:00:00")
    assert codes(before) == {("not_in_the_future", "hold")}

    assert not product.home.exists(), "judging a file leaves nothing behind"

    usual, _ = measured(product, record(lines=1))
    for body, rule in (
        (record(lines=2000), "no_line_twice"),
        (record(lines=1, version=10**18 - 1), "not_astronomical"),
    ):
        spent, outcome = measured(product, body)
        assert spent - usual < 1
        [finding] = [f for f in findings(outcome) if f["rule"] == rule]
        assert finding["code"] == "EVA01"
        assert finding["owner"] == "accounts"
        assert outcome["decisions"][0]["state"] == "held"


def taxed_wrong(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order of RM 99.99 whose sums agree, with a tax that no rate gives."""
    return {
        **order,
        "tax_total": str(Decimal("99.99") - Decimal(order["subtotal"])),
        "total": "99.99",
    }


def says_why(visitor: Visitor) -> None:
    """The rules tab names hash, rule, line, inputs and values; the line is that of the file."""
    visitor.show_rule_lines()
    card = record_page(visitor, 1050)
    version = re.search(r"rule version 1 \(hash ([0-9a-f]{12})", words(card))
    assert version
    page = record_page(visitor, 1050, "ruletree")
    text = words(page)
    assert f"Rule version 1 ( {version[1]}" in text
    place = re.search(r"decided by (\S+):(\d+)", text)
    assert place
    line = (STARTER / place[1]).read_text("utf-8").splitlines()[int(place[2]) - 1]
    lit = re.search(r'<div class="ln lit.*?<code>(.*?)</code>', page, re.DOTALL)
    assert lit
    assert lit[1] == line
    assert line.strip() == TOTAL_LINE
    assert "total_adds" in text
    for operand in ("tax_total = 89.99", "total = 99.99"):
        assert operand in text


def change_a_mapping(house: House, visitor: Visitor) -> None:
    """Give the missing article a value, so that its 20 orders are judged again and posted."""
    page = visitor.get(f"/c/{CURRENT_COMPANY}/mappings/missing")
    wish = {"table": "item", "key": SKU, "other": "CUP-PORC-25", "reason": "its new name"}
    assert visitor.post(f"/c/{CURRENT_COMPANY}/mappings/fix", page, rev="99", **wish).ok
    until(lambda: len(house.created()) == 30, "30 documents")


def publish_other_rules(house: House) -> None:
    """Let a difference in the sums pass with a warning, from now on."""
    rules = house.product.folder / "other-rules"
    shutil.copytree(STARTER, rules)
    file = rules / "clearing.rules"
    text = file.read_text("utf-8")
    assert TOTAL_LINE in text
    file.write_text(text.replace(f"    {TOTAL_LINE}\n", ""), "utf-8")
    tests = rules / "orders_test.rules"
    kept = re.sub(
        r'test "tax of another amount.*?\n\n', "", tests.read_text("utf-8"), flags=re.DOTALL
    )
    tests.write_text(kept, "utf-8")
    company = ("--company", CURRENT_COMPANY)
    house.product.run("rules", "push", str(rules), *company, "--as", "consultant@kedai.example")
    told = house.product.run("publish", "2", *company, "--as", "publisher@kedai.example")
    assert "version 2" in told.stdout


def replayed(product: Product, code: int = 0) -> Any:
    """Every stored evaluation judged again, by a process that knows nothing but the database."""
    words_ = ("replay", "--company", CURRENT_COMPANY, "--limit", "5000", "--json")
    return product.json(*words_, code=code)


def tampered(house: House, change: str) -> list[int]:
    """What a replay finds in a copy of the database in which something was changed."""
    folder = house.product.folder / "copies" / str(len(change))
    copy = Product(house.product.command, folder, house.product.env)
    copy.home.mkdir(parents=True)
    shutil.copy2(house.product.home / "secret.key", copy.home)
    with house.product.database() as real:
        aside = sqlite3.connect(copy.home / "clearpost.sqlite3")
        real.backup(aside)
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    for (name,) in aside.execute(triggers).fetchall():
        aside.execute(f'DROP TRIGGER "{name}"')
    assert aside.execute(change).rowcount
    aside.commit()
    aside.close()
    found: list[int] = replayed(copy, code=1)["different"]
    return found


def trial(
    product: Product,
    body: dict[str, Any],
    *,
    at: str = "2026-11-20T00:00:00",
    env: dict[str, str] | None = None,
) -> Any:
    """What `clearpost try` says of an order."""
    file = product.folder / "order.json"
    file.write_text(json.dumps(body), "utf-8")
    words_ = ("try", str(product.folder / "rules"), str(file), "--at", at, "--json")
    ready = body["version"] == 1 and len(body["lines"]) < 100 and at > body["ordered_on"] + "T16"
    done = product.run(*words_, code=0 if ready else 1, env=env)
    assert ("cut off" in done.stderr) == bool(env)
    return json.loads(done.stdout)


def record(*, lines: int, version: int = 1) -> dict[str, Any]:
    """The body of an order with so many lines of one glass, in the canonical form."""
    line = {"sku": "CUP-GLASS-20", "name": "Glass", "uom": "PCS", "qty": "1", "price": "0.10"}
    return {
        "number": "NS-1",
        "status": "paid",
        "ordered_on": "2026-11-19",
        "paid_at": "2026-11-19T10:00:00Z",
        "channel": "FPX",
        "currency": "MYR",
        "customer": "C-101",
        "customer_name": "Warung Melati",
        "subtotal": f"{lines / 10:.2f}",
        "tax_total": "0.00",
        "round_off": "0.00",
        "total": f"{lines / 10:.2f}",
        "version": version,
        "lines": [{"pos": pos, "tax": "NONE", **line} for pos in range(1, lines + 1)],
    }


def findings(outcome: Any) -> list[Any]:
    """All findings of an outcome."""
    return [finding for decision in outcome["decisions"] for finding in decision["findings"]]


def codes(outcome: Any) -> set[tuple[str, str]]:
    """Which rules said something, and how bad it is."""
    return {(finding["rule"], finding["severity"]) for finding in findings(outcome)}


def measured(product: Product, body: dict[str, Any]) -> tuple[float, Any]:
    """The seconds of processor that judging an order takes, and what came out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = trial(product, body)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, outcome
