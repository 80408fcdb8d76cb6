from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from holding.db.database import Database
from holding.db.models import Company, Posting
from holding.mappings import reclassification
from holding.mappings.entries import Parsed, table_of
from holding.mappings.fixes import Fixed
from holding.mappings.reclassification import (
    Change,
    Contradicted,
    Contradictions,
    Moved,
    find_contradictions,
    older_entries,
    saved_change,
)
from rules.outcomes import Document
from tests.holding.fixing import fix, preview
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move

ACCOUNTS = RULES.replace(
    "AccountCode  = sales_account", "AccountCode  = account(customer)"
).replace(
    "map discount",
    'map account\n    match    exact\n    "C-77"  -> "40000"\n    "C-78"  -> "40000"\n'
    '    missing  hold for accounts  say "No account for {key}."\n\nmap discount',
)


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Three orders in the books, two of them of C-77."""
    found = open_shop(database, company, clock)
    found.publish({**FILES, "shop.rules": ACCOUNTS})
    found.receive(order("NS-1"), order("NS-2"), order("NS-3", customer="C-78"))
    found.judge()
    with database.write() as session, any_move(session):
        session.execute(update(Posting).values(state="posted"))
    return found


def of(shop: Shop, revision: int) -> Contradictions:
    with shop.database.read() as session:
        change = saved_change(session, shop.company.id, revision)
        assert change is not None
        return find_contradictions(session, change)


def saved(shop: Shop, table: str, key: str, value: str) -> int:
    done = fix(shop, table, key, value)
    assert isinstance(done, Fixed), done
    return done.revision


def test_what_a_change_contradicts_is_told_by_document_and_value(shop: Shop) -> None:
    found = of(shop, saved(shop, "account", "C-77", "40010"))
    assert [one.number for one in found.documents] == ["NS-2", "NS-1"]
    assert found.money == {"MYR": 2 * 19200}
    assert {one.moved for one in found.documents} == {(Moved(1, "AccountCode", "40000", "40010"),)}


def test_each_of_two_changes_of_a_company_has_its_own_step(shop: Shop) -> None:
    first = saved(shop, "account", "C-77", "40010")
    with shop.database.read() as session:
        assert saved_change(session, shop.company.id, first + 1) is None
        assert saved_change(session, shop.company.id + 1, first) is None
    second = saved(shop, "account", "C-77", "40020")
    steps = [(one.moved[0].before, one.moved[0].after) for one in of(shop, second).documents]
    assert steps == [("40010", "40020")] * 2
    assert of(shop, first).documents[0].moved[0].after == "40010"


def test_what_would_be_held_now_is_told_with_the_words_of_the_rule(shop: Shop) -> None:
    with shop.database.read() as session:
        table = table_of(session, shop.company.id, "account")
        assert table is not None
        older = older_entries(session, table.id, "C-77")
        gone = Change(
            company_id=shop.company.id,
            kind="map",
            table="account",
            key="C-77",
            before=Parsed("40000"),
            after=None,
            entries=tuple(entry.id for entry in older),
        )
        found = find_contradictions(session, gone)
    assert [one.stopped for one in found.documents] == ["No account for C-77."] * 2


def test_of_many_the_newest_are_looked_at(shop: Shop) -> None:
    revision = saved(shop, "item", "TEA-1", "CUP-4")
    with shop.database.read() as session:
        change = saved_change(session, shop.company.id, revision)
        assert change is not None
        found = find_contradictions(session, change, most=2)
    assert (found.looked_at, found.used, found.complete) == (2, 3, False)
    assert [one.number for one in found.documents] == ["NS-3", "NS-2"]


def test_another_factor_is_another_price_and_quantity(shop: Shop) -> None:
    found = of(shop, saved(shop, "units", "CTN|TEA-1", "48 PCS"))
    assert {(m.field, m.before, m.after) for m in found.documents[0].moved} == {
        ("Quantity", "80", "96"),
        ("UnitPrice", "2.40", "2.00"),
    }


def test_a_preview_tells_what_is_not_held_yet_and_would_be(shop: Shop) -> None:
    shop.receive(order("NS-9", lines=[line(uom="PCS")]))
    shop.judge()
    found = preview(shop, "debtor", "C-77", "Another")
    assert (found.blocked_records, found.going, found.halts) == (0, 1, ())
    assert found.contradicted.used == 2


# ---- the journal -------------------------------------------------------------------------------


def invoice(lines: tuple[dict[str, str], ...], *moved: Moved, **changes: str) -> Contradicted:
    document = Document(
        target=changes.get("target", "aiaccount"),
        document=changes.get("doc_type", "sales_invoice"),
        number="I-1",
        date=date(2026, 11, 18),
        party="Melati",
        currency="MYR",
        amount=Decimal(changes.get("amount", "10.00")),
        fields={"Customer": "Melati", "AccNo": "900-0", "Amount": "10.00"},
        lines=lines,
    )
    return Contradicted(
        source="netshop",
        kind="order",
        external_id="1",
        posting_id=1,
        record="I-1",
        target=document.target,
        doc_type=document.document,
        number="I-1",
        doc_date=None,
        party="Melati",
        currency="MYR",
        amount=1000,
        document=document,
        moved=moved,
    )


def told(one: Contradicted) -> list[tuple[str, str, str]]:
    return [(e.side, e.account, f"{e.amount:.2f}") for e in reclassification.journal_entries(one)]


LINE = {"AccountCode": "40000", "LineTotal": "11.00", "TaxAmount": "1.00"}


def test_income_moves_without_its_tax() -> None:
    one = invoice((LINE,), Moved(1, "AccountCode", "40000", "40010"))
    assert told(one) == [("debit", "40000", "10.00"), ("credit", "40010", "10.00")]


def test_a_return_moves_the_other_way() -> None:
    back = {"AccountCode": "40000", "LineTotal": "-11.00", "TaxAmount": "-1.00"}
    one = invoice((back,), Moved(1, "AccountCode", "40000", "40010"))
    assert told(one) == [("credit", "40000", "10.00"), ("debit", "40010", "10.00")]


def test_another_customer_owes_the_whole_amount() -> None:
    one = invoice((), Moved(None, "Customer", "Melati", "Senja"))
    assert told(one) == [
        ("credit", "account of Melati", "10.00"),
        ("debit", "account of Senja", "10.00"),
    ]


def test_an_expense_moves_on_the_debit_side() -> None:
    bill = {"target": "autocount", "doc_type": "ap_invoice"}
    one = invoice((), Moved(None, "AccNo", "900-0", "901-0"), **bill)
    assert told(one) == [("credit", "900-0", "10.00"), ("debit", "901-0", "10.00")]


def test_a_bill_all_in_its_header_moves_like_one_with_a_line() -> None:
    bill = {"target": "aiaccount", "doc_type": "expense_bill"}
    for at, lines in ((None, ()), (1, ({"AccountCode": "61001", "Amount": "10.00"},))):
        one = invoice(lines, Moved(at, "AccountCode", "61001", "61002"), **bill)
        assert told(one) == [("credit", "61001", "10.00"), ("debit", "61002", "10.00")]


def test_what_no_account_knows_is_listed_and_not_moved() -> None:
    one = invoice((LINE,), Moved(1, "SKU", "A", "B"), Moved(1, "AccountCode", "", "40010"))
    assert told(one) == []
    assert [row[-1] for row in reclassification.document_rows([one])[1:]] == ["no", "no"]


MONEY = st.decimals(min_value=-9999, max_value=9999, places=2)


@given(st.lists(st.tuples(MONEY, MONEY, st.sampled_from(["40000", "50000"])), max_size=8))
def test_every_journal_balances(given_lines: list[tuple[Decimal, Decimal, str]]) -> None:
    lines = tuple(
        {"AccountCode": account, "LineTotal": f"{total}", "TaxAmount": f"{tax}"}
        for total, tax, account in given_lines
    )
    moved = [Moved(at, "AccountCode", one["AccountCode"], "X") for at, one in enumerate(lines, 1)]
    found = reclassification.journal_entries(invoice(lines, *moved))
    sums = {side: sum(e.amount for e in found if e.side == side) for side in ("debit", "credit")}
    assert sums["debit"] == sums["credit"]
    assert all(entry.amount > 0 for entry in found)
    net = sum((total - tax for total, tax, _ in given_lines), Decimal())
    to_x = sum(e.amount if e.side == "credit" else -e.amount for e in found if e.account == "X")
    assert to_x == net
