"""Codes and keys that differ by more than case and blanks are not exact by themselves."""

from datetime import date
from typing import Any

import pytest

from holding.access.actors import MASK
from holding.db.database import Database
from holding.db.models import Company
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import choices, list_files
from holding.mappings.exact_matches import (
    choose_value,
    compare_entry,
    exact_matches,
    mask_identity,
    same_word,
)
from holding.mappings.file_codes import FileCode, Identity
from holding.mappings.fixes import Fixed
from holding.mappings.list_rows import read_list
from tests.holding.fixing import fix
from tests.holding.shop import FILES, Shop, open_shop, order, start
from tests.support.clock import SetClock

ITEMS = """\
Item code,Item name
123,Battery AA
POT-1,Pot
MUG-7,Mug
TEA-9,"Tea, green"
CUP-2,CUP-2
CUP-3,CUP-3
"""
CUSTOMERS = """\
Customer name,TIN
Boon & Co,C20556677010
Warung Melati,
"""
NEITHER = "but no number and no name agrees"


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A company with a list of its customers and one of its items."""
    found = open_shop(database, company, clock)
    found.publish()
    with database.write() as session:
        for kind, text in ((ListKind.ITEM, ITEMS), (ListKind.CUSTOMER, CUSTOMERS)):
            kept = list_files.submit_list(
                session, found.actor("farah"), "aiaccount", kind, "list.csv", text.encode(),
                read_list("list.csv", text.encode(), kind),
                as_of=date(2026, 11, 18), today=found.now.date(), now=found.now,
            )  # fmt: skip
            assert not isinstance(kept, Refusal), kept
    return found


def of_item(shop: Shop, sku: str, name: str) -> tuple[str, ...] | str:
    """The reasons of the one match of an item, or why it is left out."""
    line = {"pos": 1, "sku": sku, "name": name, "uom": "PCS", "qty": "2", "price": "96.00"}
    return _found(shop, sku, order("NS-1", lines=[line]))


def of_customer(shop: Shop, key: str, **said: str) -> tuple[str, ...] | str:
    """The same of a customer."""
    return _found(shop, key, order("NS-1", customer=key, **said))


def _found(shop: Shop, key: str, received: dict[str, Any]) -> tuple[str, ...] | str:
    shop.receive(received)
    shop.judge()
    with shop.database.read() as session:
        told = exact_matches(session, shop.company.id)
    exact = {one.row.key: one.reasons for one in told.exact}
    return exact[key] if key in exact else {one.row.key: one.why for one in told.left}[key]


@pytest.mark.parametrize(
    ("sku", "name", "told"),
    [
        ("12-3", "Soap, pack of 3",
         "Same code, spelled otherwise as 123, but another name, Battery AA"),
        ("POT-1", "Pan", "Same code as POT-1, but another name, Pot"),
        ("POT-1", "POT", ("Same code", "Same name")),
        ("mug-7", "Mug", ("Same code, spelled otherwise", "Same name")),
        ("TEA9", "Tea green", ("Same name", "Same code, spelled otherwise")),
        ("CUP-2", "Cup", ("Same code",)),
        ("CUP3", "Cup", f"Same code, spelled otherwise as CUP-3, {NEITHER}"),
    ],
)  # fmt: skip
def test_an_item_of_another_name_is_another_item(
    shop: Shop, sku: str, name: str, told: tuple[str, ...] | str
) -> None:
    assert of_item(shop, sku, name) == told


KNOWN = "Spelled like C-78, which is known as Boon & Co"
USED = "Used for C-78, the same but for its spelling"


@pytest.mark.parametrize(
    ("key", "said", "told"),
    [
        ("C78", {"customer_name": "Cahaya", "tin": "C29990000010"},
         f"{KNOWN}, but another TIN and another name, Boon & Co"),
        ("C78", {"tin": "C29990000010"}, f"{KNOWN}, but another TIN"),
        ("C78", {}, f"{KNOWN}, {NEITHER}"),
        ("C7-8", {"customer_name": "Boon and Co"}, f"{KNOWN}, but another name, Boon & Co"),
        ("C7-8", {"customer_name": "BOON & CO"}, ("Same name", USED)),
        ("C7-8", {"tin": "C20556677010"}, ("Same TIN", USED)),
        ("C78", {"customer_name": "Warung Melati"}, ("Same name",)),
    ],
)  # fmt: skip
def test_a_key_that_is_spelled_like_another_is_compared_by_number_and_name(
    shop: Shop, key: str, said: dict[str, str], told: tuple[str, ...] | str
) -> None:
    assert of_customer(shop, key, **said) == told


def test_a_key_that_differs_by_case_is_the_key_but_its_item_is_compared(shop: Shop) -> None:
    unlisted = "TEA-1 is not in the list of aiaccount of 2026-11-18"
    assert of_item(shop, "tea-1", "Tea") == unlisted
    known = "Spelled like TEA-1, which is known as TEA-1"
    assert of_item(shop, "TEA1", "Tea") == f"{known}, {NEITHER}"


ASK = "a person has to say whether that is meant"


@pytest.mark.parametrize(
    ("sku", "name", "told"),
    [
        ("P0T-1", "Pot", f"Looks the same (0 for O) as POT-1: {ASK}"),
        ("P0T-I", "Pan", f"Looks the same (0 for O, I for 1) as POT-1: {ASK}"),
        ("\u0420OT-1", "Pot", f"Looks the same (\u0420 (U+0420) for P) as POT-1: {ASK}"),
    ],
)
def test_a_code_that_only_looks_the_same_is_told_and_never_chosen(
    shop: Shop, sku: str, name: str, told: str
) -> None:
    assert of_item(shop, sku, name) == told


def test_a_key_that_only_looks_like_a_known_one_is_told_and_never_chosen(shop: Shop) -> None:
    known = "Looks the same (O for 0) as C-101, which is known"
    shop.publish(FILES | {"maps/debtors.csv": f"{FILES['maps/debtors.csv']}C-101,Boon & Co\n"})
    assert of_customer(shop, "C-1O1") == f"{known} as Boon & Co: {ASK}"


def test_a_search_in_a_list_from_a_file_finds_what_looks_like_it(shop: Shop) -> None:
    with shop.database.read() as session:
        told = choices.load_purpose(session, shop.company.id, "item")
        found = choices.search_choices(session, shop.company.id, "item", "P0T-I", told)
        typed = choices.search_choices(session, shop.company.id, "item", "POT", told)
    assert [one.value for one in found] == ["POT-1"]
    assert [one.value for one in typed] == ["POT-1"]


def test_what_only_looks_the_same_stands_behind_what_fits(shop: Shop) -> None:
    entries = {code: FileCode(code, code, "", "", active=True) for code in ("POT-1", "P0T-1")}
    who = Identity("P0T-1")
    found = {code: compare_entry(one, who, party=False) for code, one in entries.items()}
    assert found["POT-1"].reasons == []
    assert choose_value(found) == ("P0T-1", "")
    by_id = compare_entry(entries["POT-1"], who, party=True, by_id=True)
    assert by_id.hints == [], "an id tells nothing, however it looks"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tea-1", " TEA-1 ", True),
        ("TEA  1", "tea 1", True),
        ("1 12", "11 2", False),
        ("1-12", "11-2", False),
        ("C78", "C 78", False),
    ],
)
def test_spellings_that_are_one_word(one: str, other: str, same: bool) -> None:
    assert same_word(one, other) is same


def test_what_one_list_contradicts_is_not_exact_by_another() -> None:
    who = Identity("K-1", "Boon & Co")
    fits, other = (
        compare_entry(FileCode("300-B", name, "", "", active=True), who, party=True)
        for name in ("Boon & Co", "Cahaya")
    )
    assert choose_value({"300-B": fits}) == ("300-B", "")
    left = "Same name as 300-B, but another name, Cahaya"
    for joined in (fits.joined(other), other.joined(fits)):
        assert choose_value({"300-B": joined}) == ("", left)


def test_of_two_keys_with_one_value_the_one_that_differs_least_tells(shop: Shop) -> None:
    of_item(shop, "tea1", "Tea")
    assert isinstance(fix(shop, "item", "tea1", "TEA-1"), Fixed)
    told = of_item(shop, "TEA1", "Tea")
    assert told == "TEA-1 is not in the list of aiaccount of 2026-11-18", "the same word as tea1"


@pytest.mark.parametrize(
    ("code", "name", "key", "said", "reasons"),
    [
        ("22", "CUP-2", "cup-2", "Glass cup", ["Its name is this code"]),
        ("22", "Glass cup", "CUP-2", "Glass Cup", ["Same name"]),
        ("22", "Glass cup", "22", "Rice", []),
        ("22", "22", "22", "", ["Its name is this code"]),
    ],
)
def test_where_codes_are_ids_an_item_is_told_by_its_name(
    code: str, name: str, key: str, said: str, reasons: list[str]
) -> None:
    entry, who = FileCode(code, name, "", "", active=True), Identity(key, said, of_party=False)
    one = compare_entry(entry, who, party=False, by_id=True)
    assert (one.reasons, one.against, one.hints) == (reasons, [], [])


@pytest.mark.parametrize(
    ("name", "sku", "key", "said", "reasons", "against", "hints"),
    [
        ("Tea cup", "CUP-2", "CUP-2", "", ["Same SKU"], [], []),
        ("Tea cup", "CUP-2", "CUP-2", "Tea Cup", ["Same SKU", "Same name"], [], []),
        ("Tea cup", "CUP-2", "cup-2 ", "", ["Same SKU, spelled otherwise"], [], []),
        ("Tea cup", "CUP-2", "CUP2", "", [], [], ["Same SKU, spelled otherwise"]),
        (
            *("Tea cup", "CUP-2", "CUP2", "Tea cup"),
            *(["Same name", "Same SKU, spelled otherwise"], [], []),
        ),
        ("Rice", "CUP-2", "CUP-2", "Tea cup", ["Same SKU"], ["another name, Rice"], []),
        (
            *("Rice", "CUP-2", "CUP2", "Tea cup"),
            *([], ["another name, Rice"], ["Same SKU, spelled otherwise"]),
        ),
        ("CUP-2", "Z-9", "CUP-2", "", ["Its name is this code"], ["another SKU, Z-9"], []),
        ("CUP-2", "CUP-2", "CUP-2", "Tea", ["Same SKU", "Its name is this code"], [], []),
        ("Rice", "Z-9", "CUP-2", "Tea cup", [], [], []),
    ],
)
def test_where_codes_are_ids_an_item_is_told_by_its_sku(
    name: str,
    sku: str,
    key: str,
    said: str,
    reasons: list[str],
    against: list[str],
    hints: list[str],
) -> None:
    entry = FileCode("22", name, "", "", active=True, sku=sku)
    one = compare_entry(entry, Identity(key, said, of_party=False), party=False, by_id=True)
    assert (one.reasons, one.against, one.hints) == (reasons, against, hints)


def test_where_codes_are_ids_the_number_of_a_customer_is_no_id() -> None:
    entry = FileCode("58", "Kedai Maju", "", "", active=True)
    assert compare_entry(entry, Identity("58"), party=True, by_id=True).reasons == []
    assert compare_entry(entry, Identity("58"), party=True).reasons == ["Same code"]
    assert compare_entry(entry, Identity("9", "Kedai Maju"), party=True, by_id=True).reasons == [
        "Same name"
    ]


def test_a_customer_whose_key_is_a_quantity_is_no_item(shop: Shop) -> None:
    assert of_customer(shop, "2", customer_name="Warung Melati") == ("Same name",)


def test_names_of_items_are_shown_to_everybody_and_those_of_parties_are_not() -> None:
    assert mask_identity(Identity("CUP-2", "Cup", of_party=False)) == Identity(
        "CUP-2", "Cup", of_party=False
    )
    assert mask_identity(Identity("9", "Boon", "C2", "")) == Identity("9", MASK, MASK, "")
