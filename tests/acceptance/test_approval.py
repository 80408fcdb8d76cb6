"""An approval covers exactly what was looked at; whatever changes it, nothing is sent."""

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import STARTER, NewProduct
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, later, priced
from tests.acceptance.parts import answers, state
from tests.acceptance.product import APPROVER, House
from tests.acceptance.quiet import (
    BASE,
    approve,
    change,
    record,
    rows,
    timeless,
    until_shown,
    work,
    writes,
)

ROUNDING = 'AccountCode = "90600", '
"""What a test of the template says about its rounding line."""


@pytest.fixture(scope="module")
def still(new_product: NewProduct, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with quiet(new_product(tmp_path_factory.mktemp("still")), STARTER) as house:
        yield house


def test_D01_a_price_changed_after_the_approval_voids_it_and_is_named(still: House) -> None:
    started = time.time()
    approver = still.visitor(APPROVER)
    approver.show_rule_lines()
    first = clean(101, items=priced("3500.00"), customer=buyer(101, id="C-109"))
    assert still.deliver(first).status_code == 202
    work(still)
    assert "1 approved" in approve(approver, "NS-101")
    assert state(record(approver, 101)) == "Ready to post"

    assert still.deliver(later(first, items=priced("3600.00"))).status_code == 202
    work(still)
    page = until_shown(approver, 101, "On hold")
    assert writes(still, "NS-101") == []
    told = timeless(answers(page)[2], started)
    void = (
        "The approval by approver of <now> is void since <now>:"
        " changed Total, line 1 LineTotal, line 1 TaxAmount, line 1 UnitPrice."
    )
    assert void in told
    assert told.startswith("Not approved yet. Approval is required: clearing.rules:")

    approve(approver, "NS-101")
    mapping, rules = "Customer", "line 1 AccountCode"
    for change_it, fields in ((another_debtor, mapping), (another_account, rules)):
        change_it(still)
        work(still)
        page = until_shown(approver, 101, "On hold")
        told = timeless(answers(page)[2], started)
        assert f"The approval by approver of <now> is void since <now>: changed {fields}." in told
        assert writes(still, "NS-101") == []
        approve(approver, "NS-101")
    work(still)
    until_shown(approver, 101, "Posted")
    (call,) = writes(still, "NS-101")
    assert (call["effect"], call["total"]) == ("created", "3960.00")


def another_debtor(house: House) -> None:
    """Finance gives the customer of the order another name in AiAccount."""
    finance = house.visitor("finance@kedai.example")
    page = finance.get(f"{BASE}/mappings/debtor")
    given = {"table": "debtor", "key": "C-109", "to": "Borneo Gift Gallery"}
    answer = finance.post(f"{BASE}/mappings/fix", page, **given, reason="They changed their name")
    assert answer.ok, answer.text[:500]


def another_account(house: House) -> None:
    """Another set of rules, which sells to another account, is published."""
    folder = house.product.folder / "rules"
    shutil.copytree(STARTER, folder)
    edits = (("posting", "sales_account(line.kind)", '"61001"'), ("orders_test", ROUNDING, ""))
    for name, before, after in edits:
        file = folder / f"{name}.rules"
        text = file.read_text("utf-8")
        assert before in text
        file.write_text(text.replace(before, after), "utf-8")
    house.product.run("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
    house.product.run("publish", "2", *COMPANY, "--as", "publisher@kedai.example")


def test_a_posting_changed_by_sql_after_its_approval_is_not_sent(still: House) -> None:
    approver = still.visitor(APPROVER)
    for number in (102, 103):
        assert still.deliver(clean(number, items=priced("3500.00"))).status_code == 202
    work(still)
    approve(approver, "NS-102", "NS-103")
    assert state(record(approver, 102)) == "Ready to post"
    lower = "UPDATE posting SET content = replace(content, '3500.00', '35.00') WHERE number = ?"
    assert change(still, lower, "NS-102") == 1
    ((content,),) = rows(still, "SELECT content FROM posting WHERE number = 'NS-102'")
    assert '"35.00"' in content

    before = len(still.calls())
    work(still)
    until_shown(approver, 103, "Posted")
    page = until_shown(approver, 102, "On hold")
    assert writes(still, "NS-102") == []
    assert {call["number"] for call in still.calls()[before:]} <= {"NS-103", ""}
    words = "NS-102 is not what was checked: its stored content was changed since."
    assert words in page.text

    work(still)
    assert writes(still, "NS-102") == []


def test_a_posting_made_ready_by_sql_without_an_approval_is_not_sent(still: House) -> None:
    approver = still.visitor(APPROVER)
    for number, price in ((104, "3500.00"), (105, "3600.00")):
        assert still.deliver(clean(number, items=priced(price))).status_code == 202
    work(still)
    approve(approver, "NS-104")
    ready = (
        "UPDATE posting SET state = 'ready', due_at = other.due_at"
        " FROM posting AS other WHERE other.number = 'NS-104' AND posting.number = 'NS-105'"
    )
    assert change(still, ready) == 1
    assert change(still, "UPDATE hold SET state = 'cleared' WHERE state = 'open'") >= 1
    work(still)
    until_shown(approver, 104, "Posted")
    assert writes(still, "NS-105") == []
    assert "NS-105 is not what was approved" in record(approver, 105).text
