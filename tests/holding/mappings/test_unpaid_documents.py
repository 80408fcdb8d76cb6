"""Unpaid invoices and bills: told by a target or given in, what changed, and looking into them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract.targets import ListEntry, ListPage, Pace
from connectors.registry import targets
from connectors.transport.http import Http
from holding.db.models import Event, ListedCode, ListFile, ListReading
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import file_codes, list_files, list_turns, reported_lists
from holding.mappings.file_codes import Unpaid, UnpaidList
from holding.mappings.list_files import ListStanding
from holding.mappings.list_rows import read_list
from holding.platform.row_seals import CODES, hashes
from tests.holding.desks import KEYS
from tests.holding.mappings.listing import aiaccount_of, tell_as_aiaccount
from tests.holding.shop import Shop

A_DAY = timedelta(days=1)
REAL = registry.targets()["aiaccount"]


def invoice(
    code: str, number: str, left: str, *, party: str = "58", currency: str = ""
) -> ListEntry:
    name = {"58": "Kedai Maju", "60": "Serai Wangi"}[party]
    return ListEntry(code, name, sku=number, party=party, left=Decimal(left), currency=currency)


class Telling:
    """AiAccount, if it told its unpaid invoices."""

    pace = Pace(per_minute=600, to_send=1, to_look=1)

    def __init__(self) -> None:
        self.lists: tuple[str, ...] = ("invoice",)
        self.told: Mapping[str, tuple[ListEntry, ...]] = {
            "invoice": (
                invoice("145", "NS-1", "108.90"),
                invoice("146", "NS-2", "50", currency="SGD"),
                invoice("147", "NS-10", "9.90", party="60"),
            )
        }

    def list_page(self, kind: str, *_: object) -> ListPage:
        return ListPage(self.told.get(kind, ()), "")

    def __getattr__(self, name: str) -> Any:
        return getattr(REAL, name)


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Telling:
    return tell_as_aiaccount(monkeypatch, Telling())


def read(shop: Shop) -> None:
    with shop.database.write() as session:
        list_turns.start_readings(session, shop.clock.now())
    reported_lists.read_due(
        shop.database,
        shop.clock,
        company_id=shop.company.id,
        owner="one",
        http=Http(shop.clock),
        keys=KEYS,
        lease_seconds=30,
    )


def the_next_night(shop: Shop) -> None:
    shop.clock.advance(A_DAY.total_seconds())
    read(shop)


def standing(shop: Shop, kind: ListKind = ListKind.INVOICE) -> UnpaidList:
    with shop.database.read() as session:
        found = file_codes.unpaid_list(session, aiaccount_of(shop), kind)
    assert found is not None
    return found


def left(shop: Shop, kind: ListKind = ListKind.INVOICE) -> dict[str, str]:
    one = standing(shop, kind)
    with shop.database.read() as session:
        found = file_codes.unpaid_by_number(session, one)
    return {
        number: " ".join(f"{row.left} {row.currency}" for row in rows)
        for number, rows in found.items()
    }


def say(shop: Shop, act: str = "list.told") -> str:
    with shop.database.read() as session:
        query = select(Event.body).where(Event.act == act).order_by(Event.id.desc()).limit(1)
        return str(session.scalars(query).one()["say"])


def wrong(shop: Shop) -> str | None:
    with shop.database.read() as session:
        return session.scalars(select(ListReading.wrong)).one()


def test_what_is_left_is_kept_in_the_currency_of_the_books_with_whose_it_is(
    shop: Shop, target: Telling
) -> None:
    read(shop)
    assert left(shop) == {"NS-1": "108.90 MYR", "NS-2": "50.00 SGD", "NS-10": "9.90 MYR"}
    assert say(shop) == (
        "aiaccount told its unpaid invoices: 3 entries; 3 added, 0 changed, 0 gone."
    )
    one = standing(shop)
    assert (one.read_at, one.since) == (shop.clock.now(), shop.clock.now() - timedelta(hours=1))
    read_at = shop.clock.now().astimezone(UTC)
    assert one.dated == f"{read_at:%Y-%m-%d %H:%M} UTC"
    with shop.database.read() as session:
        found = file_codes.unpaid_of_party(session, one, "58", "", 9)
        assert found[0] == Unpaid("NS-1", "58", "Kedai Maju", Decimal("108.90"), "MYR")
        assert [row.number for row in found] == ["NS-1", "NS-2"]
        assert len(file_codes.unpaid_of_party(session, one, "58", "", 1)) == 1
        assert file_codes.unpaid_of_party(session, one, "", "", 9) == ()
        assert file_codes.unpaid_list(session, aiaccount_of(shop), ListKind.BILL) is None


def test_what_is_paid_is_gone_after_one_reading_and_what_is_paid_in_part_is_changed(
    shop: Shop, target: Telling
) -> None:
    read(shop)
    target.told = {"invoice": (invoice("145", "NS-1", "8.90"), invoice("148", "NS-4", "7"))}
    the_next_night(shop)
    assert wrong(shop) is None
    assert left(shop) == {"NS-1": "8.90 MYR", "NS-4": "7.00 MYR"}
    assert say(shop).endswith("2 entries; 1 added, 1 changed, 2 gone. Gone: NS-2, NS-10.")
    with shop.database.read() as session:
        newest = list_files.list_uploads(session, shop.company.id)[0]
        found = list_files.file_changes(session, shop.company.id, newest.file_id, 9)
    assert found is not None
    heads, *rows = list_files.change_rows(found[1], personal=True, unpaid=True)
    assert heads[-1] == "ID"
    assert rows[0] == [
        *("Changed", "NS-1", "Kedai Maju", "58", Decimal("8.90"), Decimal("108.90"), "MYR", "145")
    ]
    hidden = list_files.change_rows(found[1], personal=False, unpaid=True)
    assert {row[2] for row in hidden[1:]} == {""}


def test_the_same_is_stored_once_and_nothing_unpaid_is_a_list_too(
    shop: Shop, target: Telling
) -> None:
    target.told = {}
    read(shop)
    assert left(shop) == {}, "that nothing is unpaid is known"
    target.told = {"invoice": (replace(invoice("145", "NS-1", "5"), left=Decimal("5.004")),)}
    the_next_night(shop)
    assert left(shop) == {"NS-1": "5.00 MYR"}
    the_next_night(shop)
    with shop.database.read() as session:
        assert len(session.scalars(select(ListFile)).all()) == 2, "finer than a sen is no change"
    target.told = {}
    the_next_night(shop)
    assert (wrong(shop), left(shop)) == (None, {}), "everything was paid"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (invoice("1", "NS-1", "-3"), "What is left to pay of NS-1 cannot be read."),
        (invoice("1", "NS-1", "1e15"), "What is left to pay of NS-1 cannot be read."),
        (invoice("1", "NS-1", "3", currency="myr"), "“myr” of NS-1 is not a currency."),
    ],
)
def test_an_amount_that_cannot_be_meant_leaves_the_list(
    shop: Shop, target: Telling, bad: ListEntry, words: str
) -> None:
    read(shop)
    before = left(shop)
    target.told = {"invoice": (bad,)}
    the_next_night(shop)
    assert (wrong(shop), left(shop)) == (words, before)


def test_a_target_that_was_read_before_begins_with_what_it_did_not_tell_then(
    shop: Shop, target: Telling
) -> None:
    read(shop)
    target.lists = ("invoice", "bill")
    with shop.database.write() as session:
        list_turns.start_readings(session, shop.clock.now())
        rows = list_turns.of_target(session, aiaccount_of(shop))
    assert {row.kind: row.done_at is None for row in rows} == {"bill": True, "invoice": False}
    the_next_night(shop)
    assert left(shop, ListKind.BILL) == {}


def test_letters_find_a_number_or_a_customer(shop: Shop, target: Telling) -> None:
    read(shop)
    with shop.database.read() as session:
        asked = {(aiaccount_of(shop), ListKind.INVOICE)}
        (one,) = file_codes.file_lists(session, asked)
        found = {
            text: [row.sku for row in file_codes.search_codes(session, one, text, 9)]
            for text in ("ns-1", "serai", "maju", "zz")
        }
        (row,) = file_codes.search_codes(session, one, "serai", 9)
    assert found == {
        "ns-1": ["NS-1", "NS-10"],
        "serai": ["NS-10"],
        "maju": ["NS-1", "NS-2"],
        "zz": [],
    }
    assert (row.left, row.currency, row.party) == (Decimal("9.90"), "MYR", "60")


def test_what_is_left_and_whose_it_is_is_sealed(shop: Shop, target: Telling) -> None:
    read(shop)
    seen = set()
    with shop.database.write() as session:
        file_id = session.scalars(select(ListFile.id)).one()
        row = session.scalars(select(ListedCode).where(ListedCode.code == "145")).one()
        seen.add(hashes(session, shop.company.id, CODES, [file_id])[file_id][1])
        for name, value in {"left_minor": 1, "party": "x", "currency": "USD"}.items():
            setattr(row, name, value)
            session.flush()
            seen.add(hashes(session, shop.company.id, CODES, [file_id])[file_id][1])
        session.rollback()
    assert len(seen) == 4


HEADS = "Invoice no.,Customer code,Customer name,Outstanding,Currency"


def give(
    shop: Shop, *rows: str, heads: str = HEADS, kind: ListKind = ListKind.INVOICE
) -> ListStanding | Refusal:
    raw = "\n".join([heads, *rows]).encode()
    with shop.database.write() as session:
        return list_files.submit_list(
            session,
            shop.actor("farah"),
            "aiaccount",
            kind,
            "unpaid.csv",
            raw,
            read_list("unpaid.csv", raw, kind),
            as_of=date(2026, 11, 18),
            today=shop.now.date(),
            now=shop.now,
        )


def test_where_a_target_tells_none_a_file_says_what_is_unpaid(shop: Shop) -> None:
    kept = give(
        shop,
        'NS-1,300-M001,Kedai Maju,"1,108.90",',
        "NS-2,300-M001,Kedai Maju,0.00,MYR",
        "NS-3,300-M001,Kedai Maju,-5,MYR",
        "NS-4,,Ali,50,SGD",
    )
    assert isinstance(kept, ListStanding), kept
    assert kept.entries == 2, "what is paid, or more, is not unpaid"
    assert left(shop) == {"NS-1": "1108.90 MYR", "NS-4": "50.00 SGD"}
    one = standing(shop)
    here = datetime(2026, 11, 17, 16, tzinfo=UTC)  # the beginning of its day there
    assert (one.dated, one.read_at, one.since) == ("2026-11-18", None, here)
    with shop.database.read() as session:
        (row,) = file_codes.unpaid_of_party(session, one, "300-M001", "", 9)
    assert row == Unpaid("NS-1", "300-M001", "Kedai Maju", Decimal("1108.90"), "MYR")
    assert "list of unpaid invoices of aiaccount of 2026-11-18" in say(shop, "list.given")


def test_what_is_less_than_a_sen_is_not_unpaid(shop: Shop, target: Telling) -> None:
    """A workbook subtracts 0.1 and 0.2 from 0.3, and has 2.8E-17 left."""
    kept = give(shop, "NS-1,C,Ali,2.8E-17,", "NS-2,C,Ali,0.004,", "NS-3,C,Ali,0.01,")
    assert isinstance(kept, ListStanding), kept
    assert (kept.entries, left(shop)) == (1, {"NS-3": "0.01 MYR"})
    target.told = {"invoice": (invoice("145", "NS-1", "0.004"), invoice("146", "NS-2", "1"))}
    read(shop)
    assert left(shop) == {"NS-2": "1.00 MYR"}


def test_a_file_in_which_all_is_paid_is_a_list_that_has_nothing(shop: Shop) -> None:
    assert isinstance(give(shop, "NS-1,300-M001,Kedai Maju,0,"), ListStanding)
    assert left(shop) == {}


@pytest.mark.parametrize(
    ("heads", "row", "words"),
    [
        ("Invoice no.,Customer name", "NS-1,Ali", "no column “Balance” or “Outstanding”"),
        ("Customer name,Balance", "Ali,3", "no column “Invoice number” or “Invoice no”"),
        (HEADS, "NS-1,C,Ali,three,", "D2 is not an amount: “three”"),
        (HEADS, "NS-1,C,Ali,,", "D2 is not an amount: “”"),
        (HEADS, 'NS-1,C,Ali,"1,1",', "D2 is not an amount: “1,1”"),
        (HEADS, "NS-1,C,Ali,3,Rm", "E2 is not a currency: “Rm”"),
        (HEADS, "NS-1,C,Ali,3,\nNS-1,C,Ali,4,", "NS-1 is there twice"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_whole(
    shop: Shop, heads: str, row: str, words: str
) -> None:
    refused = give(shop, row, heads=heads)
    assert isinstance(refused, Refusal)
    assert words in refused.words


def test_bills_have_suppliers(shop: Shop) -> None:
    heads = "Bill number,Supplier code,Supplier name,Amount due"
    kept = give(shop, "ST-1,400-B012,Blogger 12,250", heads=heads, kind=ListKind.BILL)
    assert isinstance(kept, ListStanding), kept
    one = standing(shop, ListKind.BILL)
    with shop.database.read() as session:
        (row,) = file_codes.unpaid_of_party(session, one, "400-B012", "", 9)
    assert (row.number, row.name, row.left) == ("ST-1", "Blogger 12", Decimal(250))


def test_a_system_that_names_customers_by_their_name_has_lists_without_codes(shop: Shop) -> None:
    heads = "Invoice Number,Customer,Balance"
    assert isinstance(give(shop, "NS-1,Aisyah,5", "NS-2,Ali,6", heads=heads), ListStanding)
    one = standing(shop)
    with shop.database.read() as session:
        found = file_codes.unpaid_of_party(session, one, "Aisyah", "", 9)
        assert [row.number for row in found] == ["NS-1"]
        assert file_codes.unpaid_of_party(session, one, "300-M001", "NS-9", 9) == ()
        found = file_codes.unpaid_of_party(session, one, "300-M001", "NS-1", 9)
        assert [row.number for row in found] == ["NS-1"], "it may be theirs"
        assert not file_codes.has_party_codes(session, one)
    assert isinstance(give(shop, "NS-1,300-M001,Kedai Maju,5,"), ListStanding)
    one = standing(shop)
    with shop.database.read() as session:
        for party in ("Kedai Maju", "300-M001"):
            found = file_codes.unpaid_of_party(session, one, party, "", 9)
            assert [row.number for row in found] == ["NS-1"]
        assert file_codes.unpaid_of_party(session, one, "60", "NS-1", 9) == ()
        assert file_codes.has_party_codes(session, one)


def test_bills_of_two_suppliers_may_have_one_number_in_a_file_too(shop: Shop) -> None:
    heads = "Bill number,Supplier code,Supplier name,Amount due"
    rows = ("001,400-B012,Blogger 12,250", "001,400-A001,Ad House,9")
    kept = give(shop, *rows, heads=heads, kind=ListKind.BILL)
    assert isinstance(kept, ListStanding), kept
    (told,) = left(shop, ListKind.BILL).values()
    assert sorted(told.replace(" MYR", "").split()) == ["250.00", "9.00"]
    with shop.database.read() as session:
        newest = list_files.list_uploads(session, shop.company.id)[0]
        changed = list_files.file_changes(session, shop.company.id, newest.file_id, 9)
    assert changed is not None
    ids = [row[-1] for row in list_files.change_rows(changed[1], personal=True, unpaid=True)]
    assert ids == ["ID", "400-A001 001", "400-B012 001"]
    hidden = list_files.change_rows(changed[1], personal=False, unpaid=True)
    assert {row[-1] for row in hidden[1:]} == {""}, "it may have a name in it"
    named = ("001,,Blogger 12,250", "001,,Ad House,9")
    assert isinstance(give(shop, *named, heads=heads, kind=ListKind.BILL), ListStanding)
    again = give(shop, *rows, rows[0], heads=heads, kind=ListKind.BILL)
    assert isinstance(again, Refusal)
    assert "400-B012 001 is there twice" in again.words


def test_what_is_found_by_letters_is_a_number_and_never_an_id(shop: Shop, target: Telling) -> None:
    target.told = {"invoice": (invoice("2", "NS-9", "1"), invoice("10", "NS-2", "1"))}
    read(shop)
    with shop.database.read() as session:
        (one,) = file_codes.file_lists(session, {(aiaccount_of(shop), ListKind.INVOICE)})
        found = {
            text: [row.sku for row in file_codes.search_codes(session, one, text, 9)]
            for text in ("2", "10", "")
        }
    assert found == {"2": ["NS-2"], "10": [], "": ["NS-2", "NS-9"]}


def test_a_payment_says_which_list_has_what_it_pays() -> None:
    schemas = {one.name: one for one in targets()["quickbooks"].documents}
    paid = {name: file_codes.paid_by(one) for name, one in schemas.items()}
    assert paid.pop("payment") == ("InvoiceNumber", ListKind.INVOICE)
    assert paid.pop("bill_payment") == ("BillNumber", ListKind.BILL)
    assert set(paid.values()) == {None}
