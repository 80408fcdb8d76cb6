"""What one change moves: told before it is saved, and kept apart from what is posted already."""

import io
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from tests.acceptance.exact_values import exact_values_are_accepted_together_as_their_preview_says
from tests.acceptance.houses import COMPANY, opened
from tests.acceptance.impact import (
    MAJU,
    MAJU_TOO,
    MAPPINGS,
    TIN,
    buyer,
    by_file,
    change_entry,
    hold_of,
    send,
    sent,
    until_page,
)
from tests.acceptance.many_moved import (
    STOPS,
    a_rule_that_moves_too_much_money_stops_it_too,
    written_rules,
)
from tests.acceptance.orders import clean, priced
from tests.acceptance.pages import rows, until_head, words
from tests.acceptance.parts import read
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    free_environment,
    item,
    until,
)
from tests.acceptance.quiet import ask_target, fix_mapping
from tests.acceptance.two_spellings import (
    a_merge_of_suppliers_does_no_more,
    spell_twice,
    two_suppliers_with_one_number_are_held_too,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running company whose channels have sales accounts, and a customer with two spellings."""
    folder = tmp_path_factory.mktemp("house")
    rules = written_rules(folder)
    with opened(Product(command, folder, free_environment()), rules) as found:
        by_admin = ("--company", CURRENT_COMPANY, "--as", ADMIN)
        found.product.run("connection", "add", "intake", *by_admin, "--side", "source")
        yield found


def test_B24_a_value_says_what_it_frees_and_contradicts_and_exactly_that_happens(
    house: House,
) -> None:
    finance = house.visitor(FINANCE)
    posted = [clean(n, customer=buyer(n, "C-300"), items=priced("10.00")) for n in range(1, 4)]
    house.deliver(*posted)
    until(lambda: set(house.created()) >= {"NS-1", "NS-2", "NS-3"}, "3 posted")
    two_names = [
        clean(
            n,
            customer=buyer(n, "C-300", tin=TIN),
            items=priced("340.00" if n == 100 else "335.00", tax="NONE"),
        )
        for n in range(100, 137)
    ]
    other = clean(137, customer=buyer(137, "C-300", tin=TIN), items=[item(1, sku="NOBODYS")])
    house.deliver(*two_names, other)
    listing = f"/c/{CURRENT_COMPANY}/holding"
    until(lambda: "TIN and customer do not match" in words(finance.get(listing)), "held ones")
    until_head(finance, 137, "On hold")

    preview, _ = change_entry(finance, "debtor", "C-300", "Warung Baru")
    assert "clears 37 RM 12,400.00" in preview
    assert "1 stays on hold: item" in preview
    assert "Contradicts 3 posted documents, RM 33.00" in preview
    freed = {f"NS-{n}" for n in range(100, 137)}
    until(lambda: set(house.created()) >= freed, "37 documents")
    until_head(finance, 137, "On hold")
    assert set(house.created()) == freed | {"NS-1", "NS-2", "NS-3"}
    parties = {
        c["number"]: c["document"].get("Customer")
        for c in house.calls()
        if c["effect"] == "created"
    }
    assert {parties[number] for number in freed} == {"Warung Baru"}
    assert {parties[order["number"]] for order in posted} == {"Warung Lama"}
    exact_values_are_accepted_together_as_their_preview_says(house)


def test_F29_a_changed_account_lists_what_was_posted_and_gives_its_journal(house: House) -> None:
    finance = house.visitor(FINANCE)
    orders = [
        clean(n, channel="SHOPEE", items=[item(1, qty=str(n - 199)), item(2, price="7.77")])
        for n in range(200, 223)
    ]
    ask_target(house, "company", accounts=["12000", "40000", "40010", "61001"])  # a new account
    house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    house.deliver(*orders)
    numbers = {order["number"] for order in orders}
    until(lambda: set(house.created()) >= numbers, "23 documents")
    before = sent(house, numbers)
    preview, shown = change_entry(finance, "account", "SHOPEE", "40010")
    assert "Contradicts 23 posted documents" in preview
    assert "frees" not in preview

    page = finance.get(shown)
    assert "Nothing was changed in the accounts" in words(page)
    listed = {row[0].split()[0]: row for row in rows(page) if row[0].startswith("NS-")}
    assert set(listed) == numbers
    nets = {order["number"]: Decimal(order["subtotal"]) for order in orders}
    assert {n: listed[n][-1] for n in nets} == {n: f"RM {net:,.2f}" for n, net in nets.items()}

    sheet = re.search(r'id="reclasssheet" href="([^"]+)"', page)
    assert sheet
    answer = finance.session.get(finance.address + sheet[1], timeout=60)
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    head, *lines, total = list(book["Journal"].values)
    at = {name: head.index(name) for name in head}
    moved: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        assert (line[at["Debit"]] is None) != (line[at["Credit"]] is None)
        side = "Debit" if line[at["Debit"]] is not None else "Credit"
        account = (str(line[at["Document"]]), f"{side} {line[at['Account']]}")
        moved[account] = moved.get(account, Decimal()) + Decimal(str(line[at[side]]))
    assert {n for n, _ in moved} == numbers
    for number, net in nets.items():
        assert moved[number, "Debit 40000"] == moved[number, "Credit 40010"] == net
    assert (
        Decimal(str(total[at["Debit"]])) == Decimal(str(total[at["Credit"]])) == sum(nets.values())
    )
    assert len(moved) == 2 * len(numbers)
    assert sent(house, numbers) == before
    until_head(finance, 200, "Posted")


def test_F25_one_reference_by_interface_and_by_file_is_posted_once(house: House) -> None:
    finance = house.visitor(FINANCE)
    first = clean(700, items=priced("40.00"))
    house.deliver(first)
    until(lambda: "NS-700" in house.created(), "the first")
    by_file(house, {**first, "id": 701, "customer": buyer(701, "C-103")})
    record = f"/c/{CURRENT_COMPANY}/records/intake/order/file-701"
    until_page(finance, record, "On hold")
    assert "Possible duplicate: compare with the earlier order" in words(finance.get(record))
    assert "RM 44.00: while on hold, it cannot be posted" in words(
        finance.get(hold_of(finance, record))
    )
    board = words(finance.get(f"/c/{CURRENT_COMPANY}/"))
    assert "Duplicate postings prevented in the last 30 days: 1 record , RM 44.00." in board
    assert house.created().count("NS-700") == 1


@pytest.fixture(scope="module")
def spelled_twice(house: House) -> House:
    """A customer and a supplier under two codes each: some documents are posted, some held."""
    spell_twice(house)
    return house


def test_F24_two_spellings_with_one_number_are_held_with_a_merge_proposal(
    spelled_twice: House,
) -> None:
    house = spelled_twice
    finance = house.visitor(FINANCE)
    rules = {810: "duplicate party", 811: "one debtor", 812: "duplicate name"}
    for number, rule in rules.items():
        record = f"/c/{CURRENT_COMPANY}/records/intake/order/file-{number}"
        until_page(finance, record, "On hold")
        page = finance.get(hold_of(finance, record))
        link = re.search(r'id="merge\d+" href="([^"]+)"', page)
        assert link, words(page)
        told = words(finance.get(link[1]))
        assert f"Merge {MAJU_TOO} into {MAJU}?" in told
        assert f"The rule “{rule}” found them on NS-{number}" in told
        assert "C-502 in debtor" in told
        assert "What is on hold for this alone becomes ready and is sent." in told
    missing = until(
        lambda: re.search(
            r'href="([^"]+)#mappreview">[^<]*<[^>]*> C-503',
            finance.get(f"{MAPPINGS}/missing"),
        ),
        "C-503",
    )
    assert f"{MAJU} debtor_of_registration says so" in words(finance.get(missing[1]))
    assert not {"NS-810", "NS-811", "NS-812", "NS-814"} & set(house.created())
    two_suppliers_with_one_number_are_held_too(house)


def test_C40_a_merge_shows_the_ageing_and_changes_the_mapping_only(spelled_twice: House) -> None:
    house = spelled_twice
    finance = house.visitor(FINANCE)
    for number in (810, 811, 812):
        until_page(finance, f"/c/{CURRENT_COMPANY}/records/intake/order/file-{number}", "On hold")
    listed = finance.get(f"{MAPPINGS}/parties")
    pairs = [row for row in rows(listed) if MAJU in row]
    assert len(pairs) == 1
    link = re.search(rf'href="({MAPPINGS}/parties/\d+)"', listed)
    assert link
    page = finance.get(link[1])
    ages = {row[0]: row[-1] for row in rows(page) if row and row[0] in (MAJU, MAJU_TOO)}
    assert ages == {MAJU: "RM 150.00", MAJU_TOO: "RM 40.45"}
    assert "As one party RM 190.45" in words(page)
    before = sent(house, {"NS-800", "NS-802"})

    viewer = house.visitor("viewer@kedai.example")
    form = read(page).one("form", cls="stack").fields()
    assert MAJU not in words(viewer.get(link[1]))
    mine = read(viewer.get(link[1])).one("form", cls="stack").fields()
    assert send(viewer, link[1], mine, reason="please").status_code == 403
    done = send(finance, link[1], form, reason="one company, says its registration")
    assert "1 key names the other party now" in words(done.text)
    entries = {row[0]: row[1] for row in rows(finance.get(f"{MAPPINGS}/debtor?q=C-50"))}
    assert entries == {"C-501": MAJU, "C-502": MAJU}
    until(lambda: {"NS-810", "NS-811", "NS-812"} <= set(house.created()), "3 freed")
    parties = {
        c["number"]: c["document"].get("Customer")
        for c in house.calls()
        if c["effect"] == "created"
    }
    assert {parties[f"NS-{n}"] for n in (810, 811, 812)} == {MAJU}
    assert parties["NS-802"] == MAJU_TOO
    assert sent(house, {"NS-800", "NS-802"}) == before
    a_merge_of_suppliers_does_no_more(house)
    assert "No duplicate parties found" in words(finance.get(f"{MAPPINGS}/parties"))


def test_C35_what_is_corrected_by_hand_fourteen_times_is_proposed_as_a_rule(house: House) -> None:
    finance, consultant = house.visitor(FINANCE), house.visitor("consultant@kedai.example")
    house.deliver(*(clean(n, channel="FPXX") for n in range(900, 914)))
    for n in range(900, 914):
        path = f"/c/{CURRENT_COMPANY}/records/netshop/order/{n}"
        until_page(finance, path, "On hold")
        page = hold_of(finance, path)
        form = read(finance.get(page)).form_of(f"correct{page.rpartition('/')[2]}").fields()
        wish = {"path": "channel", "value": "FPX", "reason": "a slip of the keyboard"}
        assert send(finance, f"{page}/correct", form, **wish).status_code == 200
    proposed = f"/c/{CURRENT_COMPANY}/rules/proposals"
    told = words(finance.get(proposed))
    assert "This was fixed by hand 14 times: channel of order corrected." in told
    assert "FPXX to FPX 14 times" in told
    assert "account(channel_meant)" in told

    page = consultant.get(proposed)
    links = [one.attributes["href"] for one in read(page).all("a", cls="quiet")]
    link = next(one for one in links if "/proposals/draft" in one)
    patch = consultant.session.get(consultant.address + link, timeout=60)
    rules = house.product.folder / "impact-rules"
    subprocess.run(["git", "apply", "-"], cwd=rules, input=patch.content, check=True)
    house.product.run("check", str(rules))

    form = read(page).one("form", method="post", cls="bar").fields()
    pushed = send(consultant, proposed, form)
    no = re.search(r"The draft is change (\d+)", words(pushed.text))
    assert no
    by = ("--company", CURRENT_COMPANY, "--as", "publisher@kedai.example")
    house.product.run("publish", no[1], *by)
    house.deliver(clean(920, channel="FPXX"))
    until(lambda: "NS-920" in house.created(), "it goes by itself")


def test_C36_one_change_that_moves_four_hundred_stops_its_route_and_asks(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor("approver@kedai.example")
    a_rule_that_moves_too_much_money_stops_it_too(house, approver)
    orders = [clean(n, channel="TIKTOK", items=priced("20.00")) for n in range(1000, 1400)]
    house.deliver(*orders)
    numbers = {order["number"] for order in orders}

    def blocked() -> bool:
        listed = rows(finance.get(f"{MAPPINGS}/missing"))
        return any(row[0] == "TIKTOK" and "400" in row for row in listed)

    until(blocked, "400 held orders")
    assert "400 records are checked again" in fix_mapping(
        finance, "TIKTOK", "40000", "a new channel"
    )
    until(lambda: "400 documents" in words(approver.get(STOPS)), "all judged")
    told = words(approver.get(STOPS))
    assert "A single change affects 400 records, RM 8,800.00." in told
    assert "Allowed for one change: 100 records and RM 100,000.00." in told
    assert "Account: TIKTOK" in told
    assert "by finance: a new channel" in told
    assert "Posting stopped:" in words(finance.get(f"/c/{CURRENT_COMPANY}/"))
    house.deliver(clean(1500))
    until_head(finance, 1500, "Ready to post")
    assert not numbers & set(house.created())
    assert "NS-1500" not in house.created()

    form = read(approver.get(STOPS)).one("form", cls="stack").fields()
    path = re.search(r'action="(/c/[^"]+/stops/\d+)/resume"', approver.get(STOPS))
    assert path
    mine = read(finance.get(STOPS)).one("form", cls="stack").fields()
    refused = send(finance, f"{path[1]}/resume", mine, reason="let them go")
    assert refused.status_code == 403
    kept = send(approver, f"{path[1]}/keep", form, reason="asking the channel first")
    assert "asking the channel first" in words(kept.text)
    assert not numbers & set(house.created())
    went = send(approver, f"{path[1]}/resume", form, reason="the channel is real")
    assert "goes on" in words(went.text)
    until(lambda: numbers & set(house.created()), "the first of them")
    pause = ("connection", "pause", "aiaccount", "--company", CURRENT_COMPANY, "--as", ADMIN)
    house.product.run(*pause, "--reason", "the rest of them says nothing new")
