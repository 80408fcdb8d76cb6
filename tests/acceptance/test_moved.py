"""A company that moves from one accounting system to another at a date."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("moved.rules")
TARGETS = ("autocount", "aiaccount", "quickbooks")
QUICKBOOKS = """
post order to quickbooks.invoice as "QU-{number}"
    immediately
    we own   the rest  else review by accounts
    DocNumber             = document_number
    TxnDate               = ordered_on
    CustomerRef           = "58"
    GlobalTaxCalculation  = "TaxExcluded"
    Total                 = total
    each line
        ItemRef           = "11"
        Qty               = line.qty
        UnitPrice         = line.price
        Amount            = line.amount
        TaxCodeRef        = "3"
"""
OLD_DAYS = "    when     ordered_on < switch_day\n"
EDITS = "on edit of order\n"
RECEIPT = """
post order to aiaccount.sales_receipt as "RC-{number}"
    immediately
    after    aiaccount.sales_invoice
    they own PaymentMethod
    we own   the rest  else review by accounts
    ReceiptNumber       = document_number
    ReceiptDate         = ordered_on
    Customer            = customer
    InvoiceNumber       = number_of(aiaccount.sales_invoice)
    Amount              = total
    Currency            = currency
    BankAccountCode     = "12000"

"""
MOVES = (
    ("autocount", "quickbooks"),
    ("quickbooks", "aiaccount"),
    ("aiaccount", "autocount"),
    ("autocount", "aiaccount"),
    ("aiaccount", "quickbooks"),
    ("quickbooks", "autocount"),
)
"""Each pair of the three, each beginning where the one before ended."""
PREFLIGHT = ("connection", "preflight", *COMPANY, "--as", ADMIN, "--json")
DAYS = ("2026-04-30", "2026-05-16", "2026-05-17", "2026-05-18", "2026-06-30")


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("moved"), free_environment())
    folder = product.folder / "rules"
    folder.mkdir()
    (folder / "moved.rules").write_text(RULES.read_text("utf-8"), "utf-8")
    teams = ("accounts", "sales_admin")
    with opened_trader(product, folder, *TARGETS, teams=teams) as found:
        yield found


def publish(trader: Trader, no: int, old: str, new: str) -> None:
    """The rules with another condition come into force."""
    text = RULES.read_text("utf-8")
    assert text.count(old) == 1
    folder = trader.product.folder / f"rules-{no}"
    folder.mkdir()
    (folder / "moved.rules").write_text(text.replace(old, new), "utf-8")
    told = ("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
    trader.product.run(*told)
    trader.product.run("publish", str(no), *COMPANY, "--as", "publisher@kedai.example")


def moving(old: str, new: str, day: date) -> str:
    """The rules of a company that moves from one to the other on this day. Each system has numbers
    of its own.
    """
    text = RULES.read_text("utf-8").replace("2026-05-17", day.isoformat())
    target, posts, edit = (text.index(word) for word in ("target ", "post order", "on edit"))
    record = text.index("record order from")
    routes = {}
    for one in (*text[posts:edit].split("\npost "), QUICKBOOKS):
        body = "post " + one.strip().removeprefix("post ")
        name = body.split("post order to ")[1].partition(".")[0]
        lines = [line for line in body.splitlines() if not line.startswith("    when ")]
        routes[name] = [lines[0].replace('"IV-', f'"{name[:2].upper()}-'), *lines[1:]]
    books = "\n".join(
        f"""target {name}
    rounding   {"sum then round" if name == "quickbooks" else "per line then sum"} to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "It could not tell {{field}}."
"""
        for name in (old, new)
    )
    asked = ((old, "<"), (new, ">="))
    parts = [
        "\n".join(
            [routes[n][0], f"    when     ordered_on {sign} switch_day", *routes[n][1:], "\n"]
        )
        for n, sign in asked
    ]
    return "".join((text[:target], books, "\n", text[record:posts], *parts, text[edit:]))


def order(number: str, day: date, customer: str = "Buyer") -> dict[str, object]:
    line = {"pos": 1, "name": "Tea", "uom": "PCS", "qty": "2", "price": "5.00"}
    return {
        "kind": "order",
        "number": number,
        "status": "paid",
        "ordered_on": day.isoformat(),
        "currency": "MYR",
        "customer": customer,
        "total": "10.00",
        "lines": [line],
    }


def moves_on(trader: Trader) -> None:
    """From each to each other: every order is in one of the books, and stays in that alone when it
    changes after the next move.
    """
    before: dict[str, dict[str, object]] = {}
    for no, (old, new) in enumerate(MOVES, start=1):
        day = date(2026, 5, 17) + timedelta(days=no * 7)
        folder = trader.product.folder / f"move-{no}"
        folder.mkdir()
        (folder / "moved.rules").write_text(moving(old, new, day), "utf-8")
        told = ("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
        trader.product.run(*told)
        trader.product.run("publish", str(6 + no), *COMPANY, "--as", "publisher@kedai.example")
        proved = trader.product.json(*PREFLIGHT, code=1)["moves"]
        assert [one["targets"] for one in proved] == [[old], [new], [new]]
        there = {name: set(trader.books[name].made()) for name in TARGETS}
        days = {f"M{no}-{at}": day + timedelta(days=at - 1) for at in range(3)}
        trader.take(*(order(number, on) for number, on in days.items()), *before.values())
        made = {name: set(trader.books[name].made()) - there[name] for name in TARGETS}
        first, *later = (f"{{}}-{number}" for number in days)
        expected = {name: set[str]() for name in TARGETS}
        expected[old] = {first.format(old[:2].upper())}
        expected[new] = {one.format(new[:2].upper()) for one in later}
        assert made == expected, (old, new)
        before = {
            number: order(number, on, "Buyer, Ipoh") for number, on in days.items() if on < day
        }


def test_E32_what_it_says(trader: Trader) -> None:
    for name in ("aiaccount", "quickbooks"):
        trader.books[name].control("lock", through=None)
        trader.product.run("connection", "test", name, *COMPANY, "--as", ADMIN)
    calls = sum(len(trader.books[name].lines()) for name in TARGETS)
    told = trader.product.json(*PREFLIGHT)
    assert told["findings"] == []
    assert [(one["days"], one["targets"]) for one in told["moves"]] == [
        ("below 2026-05-17", ["autocount"]),
        ("2026-05-17", ["aiaccount"]),
        ("above 2026-05-17", ["aiaccount"]),
    ]
    for no, old, new, code, days in (
        (2, ">= switch_day", "> switch_day", "rules.days_without_target", "2026-05-17"),
        (3, "< switch_day", "<= 2026-05-31", "rules.days_with_two_targets", "2026-05-31"),
        (4, OLD_DAYS, "", "rules.days_with_two_targets", "above 2026-05-17"),
        (5, EDITS, f"{RECEIPT}{EDITS}", "rules.follows_what_goes_elsewhere", "below 2026-05-17"),
    ):
        publish(trader, no, old, new)
        found = trader.product.json(*PREFLIGHT, code=1)["findings"]
        assert {one["code"] for one in found} == {code}
        assert any(days in one["words"] for one in found)
    publish(trader, 6, "Web shop", "Web shop, Ipoh")
    assert trader.product.json(*PREFLIGHT)["findings"] == []
    assert sum(len(trader.books[name].lines()) for name in TARGETS) == calls, "nobody was called"

    orders = [
        order(f"NS-{at}", date.fromisoformat(day), f"Buyer {at}") for at, day in enumerate(DAYS)
    ]
    trader.take(*orders)
    made = {name: sorted(trader.books[name].made()) for name in TARGETS}
    assert made == {
        "autocount": ["IV-NS-0", "IV-NS-1"],
        "aiaccount": ["IV-NS-2", "IV-NS-3", "IV-NS-4"],
        "quickbooks": [],
    }
    moves_on(trader)
