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
from pathlib import Path
from typing import Any

import pytest

from tests.holding.aiaccount_cells import (
    BUYER,
    COMMISSIONS,
    NAMED,
    ORDERS,
    PAYOUTS,
    REFUNDED_LATER,
    STATEMENTS,
    Body,
    commission,
    day,
    order,
    payout,
    statement,
)
from tests.holding.cells import LOCKS, Cell, Change, Tables, Template, open_template, template_files
from tests.support.databases import opened
from tests.support.factories import make_company

ORDERED, DAILY = "netshop-aiaccount", "netshop-aiaccount-daily"
SETTLEMENTS = "settlements-aiaccount"
LOCKED_THROUGH = date(2026, 11, 9)
NIGHT = timedelta(hours=24)
AMOUNTS = frozenset({"lines", "tax", "rounding", "total"})
OWNERS = {ORDERED: "", DAILY: "sales_admin", SETTLEMENTS: "accounts"}  # of what nobody may decide
HELD = {"ignore": [], "review by accounts": [("accounts", "STL01")]}


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
    DAILY: [*stories(REFUNDED_LATER, of_order), *stories(COMMISSIONS, of_commission)],
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


@pytest.mark.slow
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
            if one.change.name in AMOUNTS:  # a change of one amount alone leaves sums that differ
                found = [hold for hold in found if hold != ("accounts", "SUM01")]
            if found != held[answer]:
                wrong.append((one.number, route, one.change.name, one.lock, answer, found))
    assert not wrong, "\n".join(map(str, wrong))


def hit(tables: Tables, one: Story, route: str) -> list[Cell]:
    return tables.answer(one.kind, route, one.change, one.lock)[0]


@pytest.mark.sqlite
@pytest.mark.parametrize("name", [ORDERED, DAILY])
def test_an_equal_order_under_another_id_and_number_is_booked_once(
    name: str, opened_copy: Callable[[str], Template]
) -> None:
    """The first one goes; the other is held and names it. Another buyer's equal order goes."""
    template, on = opened_copy(name), day("open")
    first = order("NS-801", on)
    twin = {**first, "id": "802", "number": "NS-802"}
    other = {**first, "id": "803", "number": "NS-803", "customer": {**BUYER, "name": "Puan Mei"}}
    for each in (first, twin, other):
        template.deliver("netshop", {"orders": [each]})
    template.work()
    template.until(template.shop.now + NIGHT)
    invoices = [number for _, kind, number in template.writes() if kind == "sales_invoice"]
    assert sorted(invoices) == ["NS-801", "NS-803"]
    assert set(template.paid()) <= {"RC-NS-801", "RC-NS-803"}
    assert template.holds() == {("NS-802", "sales_invoice"): [("accounts", "DUP01")]}
    with template.shop.database.read() as session:
        (hold,) = template.shop.holds(session, "NS-802")
        assert hold.message.endswith("The same: NS-801.")


@pytest.mark.slow
@pytest.mark.sqlite
def test_where_refunds_are_entered_by_hand_each_of_them_is_told(
    opened_copy: Callable[[str], Template],
) -> None:
    """Before its night an order is held, not dropped: its goods left. After it each refund asks a
    person, the second one of an order, too.
    """
    template, on = opened_copy(DAILY), day("open")
    papers = [("sales_invoice", "STL01"), ("sales_receipt", "STL01")]
    back = {"id": "R1", "status": "Refunded", "amount": "1.00", "items": []}
    posted = order("NS-810", on)
    template.deliver("netshop", {"orders": [posted, order("NS-811", on, status="refunded")]})
    template.work()
    template.until(template.shop.now + NIGHT)
    for refunds in ([back], [back, {**back, "id": "R2"}]):
        template.deliver("netshop", {"order": {**posted, "refunds": refunds}})
        template.work()
        held = template.holds()
        for kind, code in papers:
            assert held["NS-810", kind] == [("accounts", code)]
            assert held["NS-811", kind] == [("accounts", "HLD01")]
        template.release("NS-810")
        template.work()
        assert ("NS-810", "sales_invoice") not in template.holds()
    numbers = {number for _, _, number in template.writes()}
    assert numbers == {"NS-810", "RC-NS-810"}


@pytest.mark.slow
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


@pytest.mark.slow
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
