"""Every cell of the edit and cancel tables of the AiAccount templates, end to end.

Each is a record that arrives by its signed webhook, is judged, posted to the stand-in and read
there; then it changes, in an open period or a closed one. The tables are read from the templates: a
row that nobody drives fails.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.holding.cells import LOCKS, Cell, Change, Tables, Template, open_template, template_files
from tests.support.databases import opened
from tests.support.factories import make_company

ORDERED, DAILY = "netshop-aiaccount", "netshop-aiaccount-daily"
SETTLEMENTS = "settlements-aiaccount"
LOCKED_THROUGH = date(2026, 11, 9)
NIGHT = timedelta(hours=24)
OWNERS = {ORDERED: "", DAILY: "sales_admin", SETTLEMENTS: "accounts"}  # of what nobody may decide
HELD = {"ignore": [], "review by accounts": [("accounts", "STL01")]}
Body = dict[str, Any]


def day(lock: str, at: int = 0) -> str:
    """A day of November in an open period, or in one that is closed in the end."""
    return f"2026-11-{(18 if lock == 'open' else 9) - at:02}"


# ---- NetShop: orders and commissions ----


BUYER = {"id": "C-101", "name": "Warung Melati", "address": "1 Jalan Ampang"}
TEA = {"pos": 1, "sku": "TEA-EARL-100", "name": "Tea", "uom": "PCS", "tax": "SST"}


def order(number: str, on: str, **changes: Any) -> Body:
    """Two teas, paid on their day; no two orders come to the same."""
    price = 10 + Decimal(number[-2:]) / 10
    return {
        "id": number,
        "number": number,
        "status": "paid",
        "ordered_at": f"{on}T10:00:00+08:00",
        "paid_at": f"{on}T14:00:00+08:00",
        "currency": "MYR",
        "channel": "FPX",
        "customer": BUYER,
        "items": [{**TEA, "qty": "2", "price": f"{price:.2f}"}],
        "subtotal": f"{price * 2:.2f}",
        "tax_total": f"{price / 5:.2f}",
        "round_off": "0.00",
        "total": f"{price * Decimal('2.2'):.2f}",
        "version": 1,
        **changes,
    }


def commission(number: str, on: str, **changes: Any) -> Body:
    """What a blogger earned, paid on its day."""
    return {
        "id": number,
        "blogger": "B-12",
        "period": f"{on}/{on}",
        "amount": f"250.{number[-2:]}",
        "currency": "MYR",
        "status": "paid",
        "paid_at": f"{on}T16:00:00+08:00",
        **changes,
    }


ORDERS = (
    Change("lines", {"items": [{**TEA, "qty": "3", "price": "10.00"}]}, ("lines",)),
    Change("subtotal", {"subtotal": "99.00"}, ("subtotal",)),
    Change("tax", {"tax_total": "9.00"}, ("tax_total",)),
    Change("rounding", {"round_off": "0.01"}, ("round_off",)),
    Change("total", {"total": "99.00"}, ("total",)),
    Change("customer", {"customer": {**BUYER, "id": "C-102"}}, ("customer",)),
    Change("tax number", {"customer": {**BUYER, "tin": "IG24680135790"}}, ("tin",)),
    Change("address", {"customer": {**BUYER, "address": "2 Jalan B"}}, ("address",)),
    Change("channel", {"channel": "TNG"}, ("channel",)),
    Change("currency", {"currency": "SGD"}, ("currency",)),
    Change("day", {"ordered_at": "2026-11-01T10:00:00+08:00"}, ("ordered_on",)),
    Change("packed", {"status": "packed"}, ("status",)),
    Change("paid later", {"paid_at": "2026-11-19T09:00:00+08:00"}, ("paid_at",)),
    Change("version", {"version": 2}, ("version",)),
    Change(
        "approved",
        {"approved_version": 1, "approved_by": "Mei"},
        ("approved_version", "approved_by"),
    ),
    Change("fell back", {"status": "pending"}, ("status",), ("sales_invoice", "sales_receipt")),
    Change("unpaid", {"paid_at": None}, ("paid_at",), ("sales_invoice", "sales_receipt")),
    Change("cancelled", {"status": "cancelled"}, (), cancels=True),
    Change("refunded", {"status": "refunded"}, (), cancels=True),
)
NAMED = (
    Change("name", {"customer": {**BUYER, "name": "Warung Melati Baru"}}, ("customer_name",)),
    Change("typed", {"created_by": "Ali"}, ("created_by",)),
)
COMMISSIONS = (
    Change("commission", {"amount": "260.00"}, ("commission",)),
    Change("currency", {"currency": "SGD"}, ("currency",)),
    Change("blogger", {"blogger": "B-13"}, ("blogger",)),
    Change("day", {"period": "2026-11-01/2026-11-01"}, ("settled_on",)),
    Change("paid later", {"paid_at": "2026-11-19T09:00:00+08:00"}, ("paid_at",)),
    Change("approved again", {"status": "approved"}, ("status",), ("expense_payment",)),
    Change("fell back", {"status": "pending"}, ("status",), ("expense_bill", "expense_payment")),
    Change("void", {"status": "void"}, (), cancels=True),
)

# ---- intake: a marketplace's statements and payouts ----


def money(number: str) -> tuple[str, str, str]:
    """Gross, fee and net of a statement; no two numbers have the same."""
    at = Decimal(number[-2:])
    gross, fee = 100 + at, 10 + at / 100
    return f"{gross:.2f}", f"-{fee:.2f}", f"{gross - fee:.2f}"


def statement(number: str, on: str, **changes: Any) -> Body:
    """One order of a marketplace, less its fees."""
    gross, fee, net = money(number)
    line = {"pos": 1, "order_number": f"o-{number}", "tax": "SST"}
    return {
        "kind": "settlement",
        "number": number,
        "status": "approved",
        "version": 1,
        "approved_version": 1,
        "approved_by": "Farid",
        "created_by": "Mei Ling",
        "supplier": "SHOPEE",
        "tin": "C22334455660",
        "channel": "shopee",
        "settled_on": on,
        "gross": gross,
        "fees": fee,
        "refunds": "0.00",
        "net": net,
        "lines": [{**line, "gross": gross, "fee": fee, "net": net}],
        **changes,
    }


def payout(number: str, on: str, **changes: Any) -> Body:
    """The payout of the statement of the same digits."""
    return {
        "kind": "settlement_payment",
        "number": number,
        "settlement": number.replace("PO", "SP"),
        "status": "paid",
        "supplier": "SHOPEE",
        "tin": "C22334455660",
        "method": "IBG",
        "bank_ref": f"IBG-{number}",
        "paid_on": on,
        "amount": money(number)[2],
        **changes,
    }


SOLD = {"pos": 1, "order_number": "other", "tax": "SST"}
STATEMENTS = (
    Change("lines", {"lines": [{**SOLD, "gross": "9", "fee": "-1", "net": "8"}]}, ("lines",)),
    Change("gross", {"gross": "999.00"}, ("gross",)),
    Change("fees", {"fees": "-9.00"}, ("fees",)),
    Change("refunds", {"refunds": "-1.00"}, ("refunds",)),
    Change("net", {"net": "1.00"}, ("net",)),
    Change("supplier", {"supplier": "LAZADA"}, ("supplier",)),
    Change("tax number", {"tin": "C33445566770"}, ("tin",)),
    Change("channel", {"channel": "tiktok"}, ("channel",)),
    Change("day", {"settled_on": "2026-11-01"}, ("settled_on",)),
    Change("version", {"version": 2}, ("version",)),
    Change("approved again", {"approved_version": 2}, ("approved_version",)),
    Change("approver", {"approved_by": "Faridah"}, ("approved_by",)),
    Change("paid", {"status": "Paid Out"}, ("status",)),
    Change("typed", {"created_by": "Ali"}, ("created_by",)),
    Change("open again", {"status": "open"}, ("status",), ("sales_invoice", "expense_bill")),
    Change("closed again", {"status": "Closed"}, ("status",), ("sales_invoice",)),
    Change("no fees", {"fees": "0.00"}, ("fees",), ("expense_bill",)),
    Change("withdrawn", {"status": "Void"}, (), cancels=True),
)
BOTH = ("sales_receipt", "expense_payment")
PAYOUTS = (
    Change("amount", {"amount": "1.00"}, ("amount",)),
    Change("day", {"paid_on": "2026-11-02"}, ("paid_on",)),
    Change("statement", {"settlement": "SP-none"}, ("settlement",)),
    Change("supplier", {"supplier": "LAZADA"}, ("supplier",)),
    Change("tax number", {"tin": "C33445566770"}, ("tin",)),
    Change("way", {"method": "FPX"}, ("method",)),
    Change("reference", {"bank_ref": "IBG-0"}, ("bank_ref",)),
    Change(
        "announced", {"status": "Processing"}, ("status",), ("sales_receipt", "expense_payment")
    ),
    Change("failed", {"status": "Failed"}, (), cancels=True),
)


# ---- driving them ----


@dataclass(frozen=True)
class Story:
    """A record that is posted and then changes, in a period that is open or closed by then."""

    kind: str
    number: str
    change: Change
    lock: str
    before: tuple[Body, ...]
    documents: Mapping[str, str]  # type -> the number it is posted under

    @property
    def after(self) -> Body:
        return {**self.before[-1], **self.change.body}


def of_order(number: str, lock: str, at: int, change: Change) -> Story:
    number = f"NS-{number}"
    papers = {"sales_invoice": number, "sales_receipt": f"RC-{number}"}
    return Story("order", number, change, lock, (order(number, day(lock)),), papers)


def of_invoice(number: str, lock: str, at: int, change: Change) -> Story:
    one = of_order(number, lock, at, change)
    return replace(one, documents={"sales_invoice": one.number})


def of_commission(number: str, lock: str, at: int, change: Change) -> Story:
    number = f"ST-{number}"
    papers = {"expense_bill": number, "expense_payment": f"PV-{number}"}
    before = (commission(number, day(lock, at)),)
    return Story("settlement", number, change, lock, before, papers)


def of_statement(number: str, lock: str, at: int, change: Change) -> Story:
    number = f"SS-{number}"
    papers = {"sales_invoice": number, "expense_bill": f"FB-{number}"}
    return Story("settlement", number, change, lock, (statement(number, day(lock)),), papers)


def of_payout(number: str, lock: str, at: int, change: Change) -> Story:
    number = f"PO-{number}"
    papers = {"sales_receipt": f"RC-{number}", "expense_payment": f"PV-{number}"}
    before = (statement(number.replace("PO", "SP"), day(lock, 1)), payout(number, day(lock)))
    return Story("settlement_payment", number, change, lock, before, papers)


def stories(
    changes: Sequence[Change], make: Callable[[str, str, int, Change], Story]
) -> list[Story]:
    return [
        make(f"{prefix}{at:02}", lock, at, change)
        for prefix, lock in zip("89", LOCKS, strict=True)
        for at, change in enumerate(changes)
    ]


TOLD = {
    ORDERED: stories((*ORDERS, *NAMED), of_invoice),
    DAILY: [*stories(ORDERS, of_order), *stories(COMMISSIONS, of_commission)],
    SETTLEMENTS: [*stories(STATEMENTS, of_statement), *stories(PAYOUTS, of_payout)],
}
ACCOUNTS = {ORDERED: (), DAILY: ("1041", "1043", "1044"), SETTLEMENTS: ("40010", "61010", "12090")}


def delivery(name: str, told: Iterable[Story], *, after: bool) -> Iterator[tuple[str, Body]]:
    """All their records in one delivery of their source."""
    bodies = [(one.kind, one.after if after else body) for one in told for body in one.before[-1:]]
    if name == SETTLEMENTS:
        first = [] if after else [body for one in told for body in one.before[:-1]]
        yield "intake", {"records": [*first, *(body for _, body in bodies)]}
        return
    kinds = ("order", "settlement")
    yield "netshop", {f"{k}s": [body for kind, body in bodies if kind == k] for k in kinds}


@pytest.fixture(scope="module")
def opened_copy(
    sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Any]]:
    """Opens a template in a database of its own."""
    with ExitStack() as stack:

        def begin(name: str) -> Template:
            folder = tmp_path_factory.mktemp("cells")
            file = folder / "cells.sqlite3"
            shutil.copyfile(sqlite_file, file)
            database = stack.enter_context(opened(f"sqlite:///{file}"))
            with database.write() as session:
                company = make_company(session)
            return open_template(name, database, company, folder, *ACCOUNTS[name])

        yield begin


@pytest.mark.sqlite
@pytest.mark.parametrize("name", TOLD)
def test_every_cell_ends_in_its_effect_and_in_no_other(
    name: str, opened_copy: Callable[[str], Template]
) -> None:
    template, tables, told = opened_copy(name), Tables(template_files(name)), TOLD[name]
    driven = {c for one in told for route in one.documents for c in hit(tables, one, route)}
    assert driven == tables.all()
    for source, content in delivery(name, told, after=False):
        template.deliver(source, content)
    template.work()
    template.until(template.shop.now + NIGHT)
    posted = template.postings()
    wanted = {(one.number, route) for one in told for route in one.documents}
    assert wanted <= posted.keys()
    assert set(posted.values()) == {"posted"}, template.holds()
    before = template.writes()
    made = sorted((route, number) for one in told for route, number in one.documents.items())
    assert [(kind, number) for _, kind, number in sorted(before) if (kind, number) in made] == made
    assert {effect for effect, _, _ in before} == {"created"}
    assert len(before) == len(posted)

    template.lock(LOCKED_THROUGH)
    for source, content in delivery(name, told, after=True):
        template.deliver(source, content)
    template.work()
    template.until(template.shop.now + NIGHT)
    assert template.writes() == before
    assert template.postings() == posted
    held, holds, wrong = {**HELD, "block": [(OWNERS[name], "STL02")]}, template.holds(), []
    for one in told:
        for route in one.documents:
            _, answer = tables.answer(one.kind, route, one.change, one.lock)
            found = holds.get((one.number, route), [])
            if found != held[answer]:
                wrong.append((one.number, route, one.change.name, one.lock, answer, found))
    assert not wrong, "\n".join(map(str, wrong))


def hit(tables: Tables, one: Story, route: str) -> list[Cell]:
    return tables.answer(one.kind, route, one.change, one.lock)[0]


@pytest.mark.sqlite
def test_what_comes_between_two_documents_of_a_record(
    opened_copy: Callable[[str], Template],
) -> None:
    """A receipt follows its invoice in the same night; what is not so any more is never paid."""
    template = opened_copy(DAILY)

    def arrive(kind: str, given: Body) -> None:
        template.deliver("netshop", {kind: given})
        template.work()

    unpaid = {"status": "approved", "paid_at": None}
    on, old = day("open"), day("locked")
    arrive("settlement", commission("ST-801", on, **unpaid))
    arrive("settlement", commission("ST-802", on, blogger="B-13", **unpaid))
    arrive("settlement", commission("ST-803", old, **unpaid))
    arrive("order", order("NS-801", on))
    template.until(template.shop.now + NIGHT)
    assert template.paid() == {"RC-NS-801": "NS-801"}

    # another commission while accounts look at the bill: nothing is paid before they decided
    arrive("settlement", commission("ST-801", on, amount="260.00"))
    # void before its payment went: the bill is looked at, the payment never goes
    arrive("settlement", commission("ST-802", on, blogger="B-13", status="void"))
    # paid in an open period, the bill lies in a closed one: what is owed can be paid
    template.lock(LOCKED_THROUGH)
    arrive("settlement", commission("ST-803", old, paid_at=f"{on}T16:00:00+08:00"))
    template.until(template.shop.now + NIGHT)
    assert template.holds() == {
        ("ST-801", "expense_bill"): [("accounts", "STL01")],
        ("ST-802", "expense_bill"): [("accounts", "STL01")],
    }
    assert template.paid() == {"RC-NS-801": "NS-801", "PV-ST-803": "ST-803"}
    assert template.postings()["ST-802", "expense_payment"] == "dropped"
    told = "waits while aiaccount.expense_bill ST-801 is held for accounts (amounts)"
    assert template.reason("ST-801", "expense_payment") == ("waiting", told)

    arrive("settlement", commission("ST-801", on))  # as it was billed
    template.lock(None)
    template.work()
    template.until(template.shop.now + NIGHT)
    assert template.paid() == {
        "RC-NS-801": "NS-801",
        "PV-ST-801": "ST-801",
        "PV-ST-803": "ST-803",
    }
    assert template.holds() == {("ST-802", "expense_bill"): [("accounts", "STL01")]}


@pytest.mark.sqlite
@pytest.mark.parametrize("decided", ["as it was", "released"])
def test_a_payout_waits_while_its_statement_is_looked_at(
    opened_copy: Callable[[str], Template], decided: str
) -> None:
    """What it settles is a document of another record of its family."""
    template = opened_copy(SETTLEMENTS)
    on = day("open", 1)

    def arrive(*given: Body) -> None:
        template.deliver("intake", {"records": list(given)})
        template.work()

    arrive(statement("SP-801", on))
    template.until(template.shop.now + NIGHT)
    assert template.postings()["SP-801", "expense_bill"] == "posted"
    arrive(statement("SP-801", on, fees="-9.00"), payout("PO-801", on))
    told = "waits while aiaccount.{} is held for accounts (amounts)"
    for kind, settled in (
        ("sales_receipt", "sales_invoice SP-801"),
        ("expense_payment", "expense_bill FB-SP-801"),
    ):
        assert template.reason("PO-801", kind) == ("waiting", told.format(settled))
    assert template.paid() == {}
    if decided == "as it was":
        arrive(statement("SP-801", on))
    else:
        template.release("SP-801")
        template.work()
    assert template.holds() == {}
    assert template.paid() == {"RC-PO-801": "SP-801", "PV-PO-801": "FB-SP-801"}
