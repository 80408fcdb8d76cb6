"""What a finance person does with held records, and that each of them has an owner."""

import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import HOLDING, act, ageing, arrive, hold_of, learn, said, send, wrong
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean, later, with_sku
from tests.acceptance.pace import RETRY, Timed, refused_up_to_its_time
from tests.acceptance.pages import rows as cells
from tests.acceptance.parts import hold_links, read, state
from tests.acceptance.product import (
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    free_environment,
    item,
)
from tests.acceptance.quiet import ask_target, change, fix_mapping, record, work, writes

SECOND = "clerk@kedai.example"
ACCOUNT = """
map account
    match    exact
    "FPX"  -> "40000"
    missing  hold for accounts  say "Channel {key} has no sales account."
"""
BLANKS: dict[str, tuple[str, dict[str, Any]]] = {
    "customer": ("customer", {"customer": buyer(1, id=None)}),
    "tax": ("line.tax", {"items": [item(1, tax=None)], "tax_total": "0.00", "total": "10.00"}),
    "item": ("line.sku", {"items": [item(1, sku=None)]}),
    "account": ("channel", {"channel": None}),
    "amount": ("total", {"total": None}),
    "date": ("ordered_on", {"ordered_at": None}),
    "reference": ("customer_name", {"customer": buyer(1, name=None)}),
}


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company where accounts may release what does not add up; a channel has its account."""
    folder = tmp_path_factory.mktemp("desk")
    rules = folder / "desk-rules"
    shutil.copytree(STARTER, rules)
    with (rules / "maps" / "items.csv").open("a", encoding="utf-8") as items:
        items.write("ROUNDING,ROUNDING\n")
    edit(rules / "posting.rules", r"= sales_account\(line.kind\)", "= account(channel)")
    edit(rules / "orders_test.rules", 'AccountCode = "90600", ', "")
    edit(rules / "posting.rules", "Reference               = number", "Reference = customer_name")
    edit(rules / "names.rules", "map tax_code\n", f"{ACCOUNT}\nmap tax_code\n")
    with quiet(Product(command, folder, free_environment()), rules) as found:
        words = ("user", "add", SECOND, "--company", CURRENT_COMPANY, "--role", "finance")
        told = found.product.run(*words, "--team", "accounts", "--team", "sales_admin")
        found.passwords[SECOND] = told.stdout.split("only now: ")[1].split()[0]
        yield found


def edit(path: Path, old: str, new: str) -> None:
    text, count = re.subn(old, new, path.read_text("utf-8"))
    assert count == 1, old
    path.write_text(text, "utf-8")


def test_C19_the_owner_tries_once_after_a_fix_then_a_supervisor(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    ask_target(house, "faults", fault="closed_period")
    arrive(house, clean(1901))
    assert state(record(finance, 1901)) == "Failed"
    assert act(finance, 1901, "retry").status_code == 409

    ask_target(house, "faults", fault="closed_period")
    learn(house, "2025-01-31")
    assert act(finance, 1901, "retry").status_code == 200
    work(house)
    assert state(record(finance, 1901)) == "Failed"
    learn(house, "2025-02-28")
    second = act(finance, 1901, "retry")
    assert second.status_code == 403
    assert "NS-1901 was already retried once" in said(second)
    assert "Ask a supervisor: approver can try it again." in said(second)
    assert act(approver, 1901, "retry").status_code == 200
    work(house)
    assert state(record(finance, 1901)) == "Posted"
    effects = [call["effect"] for call in writes(house, "NS-1901")]
    assert effects.count("created") == 1


def test_C31_only_what_the_rules_leave_to_people_is_corrected(house: House) -> None:
    finance = house.visitor(FINANCE)
    arrive(house, wrong(3101))
    page = finance.get(hold_of(finance, 3101))
    offered = [o.attributes["value"] for o in read(page).one("select", name="path").all("option")]
    assert "total" in offered
    assert not {"number", "status", "customer", "created_by"} & set(offered)
    forbidden = send(finance, page, "correct", path="customer", value="C-102", reason="why not")
    assert forbidden.status_code == 403
    assert "You cannot correct customer here, because the rules do not allow it." in said(forbidden)
    done = send(finance, page, "correct", path="total", value="11.00", reason="as on the receipt")
    assert done.status_code == 200

    work(house)
    assert state(record(finance, 3101)) == "Posted"
    assert writes(house, "NS-3101")[0]["total"] == "11.00"
    versions = finance.get(f"/c/{CURRENT_COMPANY}/records/netshop/order/3101?tab=versions")
    assert "Corrected by finance: as on the receipt" in read(versions).text
    assert ["~ total", "12.00", "11.00"] in cells(versions, "diff")
    original = finance.get(f"/c/{CURRENT_COMPANY}/records/netshop/order/3101?tab=raw&version=1")
    assert "12.00" in original


def test_C33_a_release_is_remembered_for_its_version_only(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    orders = [clean(n, items=with_sku("NEW-33"), total="11.02") for n in (3301, 3302)]
    arrive(house, *orders)
    for number in (3301, 3302):
        held = read(approver.get(f"/c/{CURRENT_COMPANY}/records/netshop/order/{number}"))
        pages = [approver.get(address) for address in hold_links(held)]
        assert len(pages) == 2
        page = next(page for page in pages if 'id="release' in page)
        assert send(approver, page, "release", reason="rounded at the till").status_code == 200
    arrive(house, later(orders[1], total="13.00"))
    fix_mapping(finance, "NEW-33", "CUP-GLASS-20", "the new name of the glass")
    work(house)
    assert state(record(finance, 3301)) == "Posted"
    again = record(finance, 3302)
    assert state(again) == "On hold"
    assert "RM 13.00 stated, RM 11.00 computed" in again.text


def test_C34_many_at_once_each_with_its_own_answer(house: House) -> None:
    approver = house.visitor(APPROVER)
    people = [buyer(n, name=f"Bulk buyer {n}") for n in range(3400, 3500)]
    orders = [
        wrong(n, status="pending", paid_at=None, customer=people[n - 3400])
        for n in range(3400, 3497)
    ]
    orders += [
        clean(n, status="pending", paid_at=None, customer=people[n - 3400], channel=None)
        for n in range(3497, 3500)
    ]
    orders[0] |= {"status": "paid", "paid_at": orders[0]["updated_at"]}
    arrive(house, *orders)
    page = approver.get(f"{HOLDING}/many?act=release&view=all&q=Bulk+buyer")
    money = sum(Decimal(order["total"]) for order in orders[:97])  # a change alone clears three
    assert f"Release: 97 records, RM {money:,}" in read(page).one("h1").text.replace("\xa0", " ")
    late = wrong(3500, status="pending", paid_at=None, customer=buyer(3500, name="Bulk buyer 3500"))
    arrive(house, late)

    beyond = " ".join(f"{900_000 + n}:1:1" for n in range(1001))
    refused = send(approver, page, "many", reason="agreed with the shop", seen=beyond)
    assert (refused.status_code, "At most 1,000 at once" in said(refused)) == (422, True)
    other = house.visitor(FINANCE)
    send(other, other.get(hold_of(other, 3450)), "assign", person="0")
    changed = send(approver, page, "many", reason="agreed with the shop")
    assert changed.status_code == 409
    told = read(changed.text).one(id="changed").text.replace("\xa0", " ")
    assert "Nothing was done." in told
    assert f"You saw 97 records, RM {money:,}. Now: 97 records, RM {money:,}." in told
    assert "NS-3450" in told
    assert state(record(approver, 3401)) == "On hold"
    answer = send(approver, changed.text, "many", reason="agreed with the shop")
    assert answer.status_code == 200
    assert read(answer.text).one("h1").text == "97 released, 0 left"
    left = cells(page, "left")
    assert [row[0] for row in left] == ["NS-3497", "NS-3498", "NS-3499"]
    reason = "You cannot release this hold, because only a change clears it."
    assert all(row[-1].startswith(reason) for row in left), left
    assert len(cells(answer.text, "done")) == 97
    work(house)
    assert [state(record(approver, n)) for n in (3401, 3496)] == ["Waiting", "Waiting"]
    assert [state(record(approver, n)) for n in (3497, 3499, 3500)] == ["On hold"] * 3
    assert writes(house, "NS-3400")[0]["total"] == orders[0]["total"], "the rest is a line"
    assert state(record(approver, 3400)) == "Posted"


def test_C38_of_two_people_on_one_exception_the_second_sees_both(house: House) -> None:
    first, second = house.visitor(FINANCE), house.visitor(SECOND)
    arrive(house, wrong(3801))
    address = hold_of(first, 3801)
    theirs, mine = first.get(address), second.get(address)
    done = send(first, theirs, "correct", path="total", value="11.50", reason="as on paper")
    assert done.status_code == 200
    late = send(second, mine, "correct", path="total", value="11.00", reason="as on the till")
    assert late.status_code == 409
    told = said(late)
    assert "Another user changed this first. Your change was not saved." in told
    assert "total from 12.00 to 11.50" in told
    assert "as on paper." in told
    assert "set total to 11.00" in told
    typed = read(late.text).one("input", name="value").attributes["value"]
    assert typed == "11.00"
    assert "11.50" in record(second, 3801, "raw").text

    assert send(second, late.text, "correct", path="total").status_code == 200
    work(house)
    assert state(record(first, 3801)) == "Posted"
    versions = first.get(f"/c/{CURRENT_COMPANY}/records/netshop/order/3801?tab=versions")
    assert ["~ total", "11.50", "11.00"] in cells(versions, "diff")

    arrive(house, wrong(3802))
    address = hold_of(first, 3802)
    theirs, mine = first.get(address), second.get(address)
    people = {
        o.text: o.attributes["value"] for o in read(mine).one("select", name="person").all("option")
    }
    assert send(first, theirs, "assign", person=people["approver"]).status_code == 200
    late = send(second, mine, "assign", person=people["clerk"])
    assert late.status_code == 409
    told = said(late)
    assert "finance assigned NS-3802 to approver." in told
    assert "assign it to clerk" in told


def test_C09_every_exception_has_an_owner_and_a_due_time(house: House) -> None:
    finance = house.visitor(FINANCE)
    arrive(house, wrong(901), clean(902, items=with_sku("NEW-9")))
    for column in ("team_id", "answer_by"):
        with pytest.raises(Exception, match=r"(?i)constraint"):
            change(house, f"UPDATE hold SET {column} = NULL WHERE state = 'open'")
    address = hold_of(finance, 901)
    page = finance.get(address)
    people = {
        o.text: o.attributes["value"] for o in read(page).one("select", name="person").all("option")
    }
    assert send(finance, page, "assign", person=people["clerk"]).status_code == 200
    assert "Owner: clerk, for Accounts team. Due " in read(finance.get(address)).text

    told = house.product.run("user", "remove", SECOND, "--company", CURRENT_COMPANY).stdout
    assert re.search(r"\d+ holds? (is|are) with their teams again", told)
    shown = read(finance.get(address)).text
    assert "Owner: Accounts team. Due " in shown
    assert "clerk left; NS-901 is with Accounts team again." in record(finance, 901, "trace").text
    change(
        house,
        "DELETE FROM team_member WHERE team_id = (SELECT id FROM team WHERE name = 'sales_admin')",
    )
    shown = read(finance.get(hold_of(finance, 902))).text
    assert "Owner: Sales administration (no members; Accounts team answers)." in shown


def test_F27_what_the_target_refused_has_an_owner_and_ages(house: House) -> None:
    finance = house.visitor(FINANCE)
    ask_target(house, "faults", fault="closed_period")
    arrive(house, clean(2701))
    assert state(record(finance, 2701)) == "Failed"
    owner = read(finance.get(hold_of(finance, 2701))).text
    assert re.search(r"Owner: \w[\w ]+\. Due \d{4}-", owner)
    with pytest.raises(Exception, match=r"(?i)constraint"):
        change(house, "UPDATE hold SET team_id = NULL WHERE code = 'TGT01' AND state = 'open'")

    before = ageing(finance)
    assert sum(row["refused"] for row in before.values()) == 1
    team = next(name for name, row in before.items() if row["refused"])
    assert f"Owner: {team}." in owner
    house.product.shift_clock(2 * 86400)
    try:
        after = ageing(house.visitor(FINANCE))
    finally:
        house.product.home.joinpath("clock").unlink()
    assert before[team]["ages"][0] == before[team]["records"]
    assert after[team]["ages"][1] == after[team]["records"] == after[team]["overdue"]
    finance = house.visitor(FINANCE)
    listed = finance.get(after[team]["link"])
    assert f"{after[team]['records']} record" in read(listed).one("p", id="holdhead").text


def test_C11_a_blank_field_is_named_and_clears_by_itself(house: House) -> None:
    finance = house.visitor(FINANCE)
    numbers = dict(zip(BLANKS, range(1101, 1108), strict=True))
    orders = {}
    for what, (_, changes) in BLANKS.items():
        number = numbers[what]
        ours: dict[str, Any] = {**changes}
        if "customer" in ours:
            ours["customer"] = {
                **buyer(number),
                **{k: v for k, v in ours["customer"].items() if v is None},
            }
        orders[what] = clean(number, **ours)
    arrive(house, *orders.values())
    for what, (field, _) in BLANKS.items():
        assert state(record(finance, numbers[what])) == "On hold", what
        page = read(finance.get(hold_of(finance, numbers[what])))
        assert "Required field missing" in page.text, what
        assert field in page.one("h1").text, what
        source = page.all("a", cls="source")[0].attributes["href"]
        assert f"/records/netshop/order/{numbers[what]}?tab=raw" in source
        assert f"NS-{numbers[what]}" in finance.get(source)
    complete = [later(clean(number)) for number in numbers.values()]
    arrive(house, *complete)
    assert {state(record(finance, number)) for number in numbers.values()} == {"Posted"}


def test_C18_nothing_is_tried_again_until_its_cause_changed(house: House) -> None:
    """The last of its house: rules and clock are others afterwards."""
    finance = house.visitor(FINANCE)
    arrive(house, clean(1801, items=with_sku("NEW-18")))
    answer = act(finance, 1801, "retry")
    assert answer.status_code == 409
    told = said(answer)
    assert re.search(
        r"Nothing changed since (?:[\d-]+ )?\d\d:\d\d: item “NEW-18” \(still missing\), ", told
    )
    assert "version 1 of the record, rule version 1 and what is known of AiAccount are as" in told
    story = record(finance, 1801, "trace").text
    assert "finance asked for a new try of NS-1801: Nothing changed since" in story

    fix_mapping(finance, "NEW-18", "CUP-GLASS-20", "the new name of the glass")
    answer = act(finance, 1801, "retry")
    assert answer.status_code == 200
    assert "Retry started." in said(answer)
    work(house)
    assert state(record(finance, 1801)) == "Posted"
    assert [call["effect"] for call in writes(house, "NS-1801")] == ["created"]

    # a new version of the record, another lock of the target, other rules: each lets its own try
    ask_target(house, "faults", fault="closed_period")
    arrive(house, clean(1804))
    order = clean(1802, items=with_sku("NEW-82"))
    arrive(house, order, clean(1803, items=with_sku("NEW-83")))
    numbers = (1802, 1803, 1804)
    assert [act(finance, number, "retry").status_code for number in numbers] == [409] * 3

    assert house.deliver(later(order, created_by="Siti")).status_code == 202
    answers = [act(finance, number, "retry").status_code for number in numbers]
    assert answers == [200, 409, 409], "a new version is here, and not judged yet"
    learn(house, "2025-03-31")
    assert act(finance, 1804, "retry").status_code == 200
    work(house)
    assert act(finance, 1803, "retry").status_code == 409
    edit(
        house.product.folder / "desk-rules" / "names.rules",
        '"FPX"  ->',
        '"CHQ"  -> "1"\n    "FPX"  ->',
    )
    (house.product.folder / "desk-rules" / "retry.rules").write_text(RETRY, "utf-8")
    by = ("--company", CURRENT_COMPANY, "--as")
    folder = str(house.product.folder / "desk-rules")
    house.product.run("rules", "push", folder, *by, "consultant@kedai.example")
    house.product.run("publish", "2", *by, "publisher@kedai.example")
    assert act(finance, 1803, "retry").status_code == 200
    work(house)
    assert [state(record(finance, number)) for number in numbers] == [
        "On hold",
        "On hold",
        "Posted",
    ]
    refused_up_to_its_time(Timed(house), 1805)
