"""What a value could be mapped to: the search over table and target, and what is known of it."""

import re
from collections.abc import Collection
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from holding.access.actors import ALL_PERSONAL, IDENTIFYING
from holding.connections.master_data import keep_kinds
from holding.db.database import Database
from holding.db.models import Company
from holding.mappings import choices
from holding.mappings.choices import Choice, Known, Waiting
from holding.mappings.fixes import Fixed, Missing, missing, table_of_missing
from tests.holding.fixing import fix
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named

ACCOUNT = """
map account
    match    exact
    csv      "maps/accounts.csv" from "sku" to "account"
    missing  hold for accounts  say "SKU {key} has no account."
"""
ACCOUNTS = "sku,account\nTEA-1,40000\nTEA-2,40000\nTEA-3,40000\nTEA-4,40000\nTEA-5,61_01\n"
LISTED = ("12000", "40000", "40001", "61001", "61%01", "61_01", "Sales", "sales old")
RULES_OF_ACCOUNTS = FILES | {
    "shop.rules": RULES.replace("= sales_account", "= account(line.sku)").replace(
        "\nmap item", ACCOUNT + "\nmap item"
    ),
    "maps/accounts.csv": ACCOUNTS,
}
UNKNOWN = [line(sku="CUP-4", uom="PCS", name="Cup")]


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """An order of a cup that has no account, in a company whose target lists eight."""
    found = open_shop(database, company, clock)
    found.publish(RULES_OF_ACCOUNTS)
    listed(found, *LISTED)
    found.receive(order("NS-1", lines=UNKNOWN, customer="C-77"))
    found.judge()
    return found


def listed(shop: Shop, *codes: str) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        told: dict[str, dict[str, str]] = {code: {} for code in codes}
        keep_kinds(session, target, {"account": told}, person=None, now=shop.now)


def search(shop: Shop, text: str, table: str = "account") -> list[str]:
    return [one.value for one in found(shop, text, table)]


def found(shop: Shop, text: str, table: str = "account") -> tuple[Choice, ...]:
    with shop.database.read() as session:
        told = choices.load_purpose(session, shop.company.id, table)
        return choices.search_choices(session, shop.company.id, table, text, told)


def known(shop: Shop, value: str, *, table: str = "account", key: str = "CUP-4") -> Known:
    with shop.database.read() as session:
        told = choices.load_purpose(session, shop.company.id, table)
        return choices.check_value(session, shop.company.id, table, key, value, told)


def test_a_list_is_that_of_the_field_that_the_table_fills(shop: Shop) -> None:
    with shop.database.read() as session:
        [one] = choices.load_purpose(session, shop.company.id, "account").lists
        assert (one.target, one.kind, one.complete) == ("aiaccount", "account", True)
        debtor = choices.load_purpose(session, shop.company.id, "debtor")
        assert (debtor.lists, debtor.of_parties) == ((), True)
        assert choices.load_purpose(session, shop.company.id, "discount") == choices.Purpose()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ["12000", "40000", "40001", "61%01", "61001", "61_01", "Sales", "sales old"]),
        ("400", ["40000", "40001"]),
        ("001", ["40001", "61001"]),
        ("000", ["12000", "40000", "40001"]),
        ("SALES", ["Sales", "sales old"]),
        ("old", ["sales old"]),
        ("61_", ["61_01"]),
        ("1%", ["61%01"]),
        ("\\", []),
        (" 12000 ", ["12000"]),
        ("nothing", []),
    ],
)
def test_letters_find_what_begins_with_them_and_then_what_has_them(
    shop: Shop, text: str, values: list[str]
) -> None:
    assert search(shop, text) == values


def test_what_is_typed_whole_comes_first_and_beginnings_before_the_rest(shop: Shop) -> None:
    listed(shop, "1-61", "61", "611", "A61")
    assert search(shop, "61") == ["61", "611", "61_01", "1-61", "A61"]


def test_of_many_twenty_are_found_and_one_more_that_says_so(shop: Shop) -> None:
    listed(shop, *(f"5{no:04}" for no in range(300)))
    values = search(shop, "50")
    assert values == [f"5{no:04}" for no in range(21)]
    assert len(values) == choices.SHOWN_CHOICES + 1


def test_a_value_says_who_lists_it_and_which_keys_have_it(shop: Shop) -> None:
    by_value = {one.value: one for one in found(shop, "40")}
    assert by_value["40000"] == Choice("40000", ("aiaccount",), ("TEA-1", "TEA-2", "TEA-3"), 4)
    assert by_value["40001"] == Choice("40001", ("aiaccount",), (), 0)
    listed(shop, "12000")
    by_value = {one.value: one for one in found(shop, "")}
    assert by_value["61_01"] == Choice("61_01", (), ("TEA-5",), 1)
    assert sorted(by_value) == ["12000", "40000", "61_01"]


def test_of_units_whole_conversions_are_found(shop: Shop) -> None:
    assert isinstance(fix(shop, "units", "DRUM", "1/3 CTN"), Fixed)
    assert isinstance(fix(shop, "units", "BAG", "1/3 CTN"), Fixed)
    offered = {one.value: (one.keys, one.uses) for one in found(shop, "", "units")}
    assert all(re.fullmatch(r"\d+(/\d+)? [A-Z]+", value) for value in offered), offered
    assert offered["1/3 CTN"] == (("BAG", "DRUM"), 2)
    assert search(shop, "1/3 ctn", "units") == ["1/3 CTN"]
    assert search(shop, "zzz", "units") == []


def test_what_a_key_had_before_is_found_no_more(shop: Shop) -> None:
    assert isinstance(fix(shop, "debtor", "C-78", "Chong"), Fixed)
    assert search(shop, "", "debtor") == ["Aisyah Rahman", "Chong"]


def test_nothing_of_another_company_is_found(shop: Shop) -> None:
    with shop.database.read() as session:
        other = shop.company.id + 1
        assert choices.load_purpose(session, other, "account") == choices.Purpose()
        assert choices.search_choices(session, other, "account", "", choices.Purpose()) == ()


def test_a_code_that_is_not_listed_is_told_with_the_nearest(shop: Shop) -> None:
    assert known(shop, "40000") == Known((), (), ())
    assert known(shop, "40010") == Known(("aiaccount",), ("40001", "40000"), ())
    assert known(shop, "Z") == Known(("aiaccount",), (), ())
    assert known(shop, "") == Known((), (), ())


def test_what_looks_like_a_code_finds_it_behind_what_has_the_letters(shop: Shop) -> None:
    assert search(shop, "4OOO") == ["40000", "40001"]
    assert search(shop, "6I") == ["61%01", "61001", "61_01"]
    listed(shop, "4OOO-X", "40000", "61_O1", "\u0421-1")
    assert search(shop, "4OOO") == ["4OOO-X", "40000"]
    assert search(shop, "\u0410-4") == []
    assert known(shop, "4OOOO").nearest == ("40000", "4OOO-X")
    assert known(shop, "61_01").nearest == ("61_O1",)
    assert known(shop, "40000") == Known((), (), ())


def test_an_item_that_was_never_asked_for_is_not_called_unlisted(shop: Shop) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        kinds = {"item": {"TEA-9": {"unit": "PCS", "rates": {}}}}
        keep_kinds(session, target, kinds, person=None, now=shop.now)
    assert search(shop, "tea-9", "item") == ["TEA-9"]
    assert known(shop, "TEA-8", table="item") == Known((), (), ())


def test_a_party_that_another_key_has_already_is_told(shop: Shop) -> None:
    assert known(shop, "Boon & Co", table="debtor", key="C-79") == Known((), (), ("C-78",))
    assert known(shop, "Boon & Co", table="debtor", key="C-78") == Known((), (), ())
    assert known(shop, "40000").shared == (), "an account is no party"


def test_the_newest_record_that_waits_says_what_the_source_knows(shop: Shop) -> None:
    shop.receive(order("NS-2", lines=UNKNOWN), order("NS-3", lines=[line()], customer="C-90"))
    shop.judge()
    with shop.database.read() as session:
        rows = {row.table: row for row in missing(session, shop.company.id)}
        cup = _waiting(session, shop, rows["account"])
        assert cup is not None
        assert (cup.number, cup.source, cup.kind) == ("NS-2", "netshop", "order")
        assert cup.said == (("name", "Cup"), ("uom", "PCS"), ("qty", "2"), ("price", "96.00"))
        other = replace(rows["account"], cause_id=0)
        assert _waiting(session, shop, other) is None


def test_of_a_conversion_the_line_is_told_that_has_its_unit_and_its_item(shop: Shop) -> None:
    tin = line(sku="TEA-1", uom="TIN", name="Oolong", qty="3")
    shop.receive(order("NS-2", lines=[line(), tin], customer="C-77"))
    shop.judge()
    with shop.database.read() as session:
        [row] = [one for one in missing(session, shop.company.id) if one.key == "TIN|TEA-1"]
        told = _waiting(session, shop, row)
        assert told is not None
        assert dict(told.said).items() >= {("name", "Oolong"), ("uom", "TIN"), ("qty", "3")}


def test_a_cause_of_another_company_tells_neither_its_table_nor_its_record(shop: Shop) -> None:
    with shop.database.read() as session:
        [row] = missing(session, shop.company.id)
        other = shop.company.id + 1
        assert table_of_missing(session, shop.company.id, row.cause_id) == "account"
        assert table_of_missing(session, other, row.cause_id) is None
        told = choices.load_waiting_record(session, other, row.cause_id, row.key, ())
        assert told is None


def test_a_party_is_told_with_its_name_to_those_who_may_see_it(shop: Shop) -> None:
    named = {"customer": "C-90", "customer_name": "Maju Jaya", "tin": "C208", "address": " "}
    reached = {"phone": "0123456789", "email": "maju@example.com"}
    shop.receive(order("NS-9", **named, **reached))
    shop.judge()
    with shop.database.read() as session:
        [row] = [one for one in missing(session, shop.company.id) if one.table == "debtor"]
        shown = _waiting(session, shop, row)
        assert shown is not None
        said = (("customer_name", "Maju Jaya"), ("tin", "C208"), *reached.items())
        assert shown.said == said
        hidden = _waiting(session, shop, row, ALL_PERSONAL)
        assert hidden is not None
        assert dict(hidden.said).items() >= {(name, "•••") for name, _ in said}
        assert {text for _, text in hidden.said} == {"•••"}
        mapper = _waiting(session, shop, row, ALL_PERSONAL - IDENTIFYING)
        assert mapper is not None
        assert dict(mapper.said) == {
            **dict(said),
            "address": "•••",
            "phone": "•••",
            "email": "•••",
        }, "whoever maps it must know who it is, not how to reach them"


def _waiting(
    session: Session, shop: Shop, row: Missing, hidden: Collection[str] = ()
) -> Waiting | None:
    return choices.load_waiting_record(session, shop.company.id, row.cause_id, row.key, hidden)


def test_codes_that_a_target_tells_are_found_and_shown_by_their_names(shop: Shop) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        told = {"81": {"name": "Cost of goods"}, "82": {"name": "Rice bought"}, "90": {}}
        keep_kinds(session, target, {"account": told}, person=None, now=shop.now)
    assert [(one.value, one.name) for one in found(shop, "rice")] == [("82", "Rice bought")]
    assert {one.value: one.name for one in found(shop, "") if one.listed_by} == {
        "81": "Cost of goods",
        "82": "Rice bought",
        "90": "",
    }
