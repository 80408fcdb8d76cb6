"""Letters found in a list that stands, as a walk over its rows finds them; anew with the next."""

from dataclasses import replace
from datetime import date
from random import Random

import pytest

from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import Company
from holding.db.models.columns import ListKind
from holding.mappings import file_codes, list_storage
from holding.mappings.file_codes import FileList
from holding.mappings.list_rows import ListRow, name_key
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import match_key
from tests.holding.shop import Shop, open_shop, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named

DAY = date(2026, 11, 18)


def row(code: str, name: str) -> ListRow:
    return ListRow(code=code, name=name, tin="", registration="", active=True)


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def keep(shop: Shop, *rows: ListRow, kind: ListKind = ListKind.ITEM) -> FileList:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        digest = sha256_hex(dumps([[one.code, one.name, one.sku] for one in rows]))
        list_storage.store_list(
            session, SYSTEM, target, kind, "items", digest, rows, as_of=DAY, now=shop.now
        )
        return FileList(target.id, "aiaccount", kind, DAY, "items")


def find(shop: Shop, one: FileList, letters: str, most: int = 21) -> list[str]:
    with shop.database.read() as session:
        return [entry.code for entry in file_codes.search_codes(session, one, letters, most)]


def walked(rows: list[ListRow], letters: str) -> list[str]:
    """The same by a walk: beginnings first, codes before names; then anywhere, names first."""
    key = match_key(letters)
    codes = sorted((match_key(one.code), at, one.code) for at, one in enumerate(rows))
    names = sorted((name_key(one.name), at, one.code) for at, one in enumerate(rows))
    begins = [code for each in (codes, names) for k, _, code in each if k.startswith(key)]
    has = [code for each in (names, codes) for k, _, code in each if key in k]
    return list(dict.fromkeys([*begins, *has]))


def test_it_finds_what_a_walk_finds_in_the_same_order(shop: Shop) -> None:
    chance = Random(5)
    rows = [
        row(
            "".join(chance.choices("AB-1", k=3)) + str(no),
            " ".join("".join(chance.choices("abt", k=3)) for _ in range(2)),
        )
        for no in range(300)
    ]
    one = keep(shop, *rows)
    for letters in ("a", "ab", "tab", "1", "b-1", "12", "A B", "zz", "29", "bt ab", "299"):
        expected = walked(rows, letters)
        assert find(shop, one, letters, 500) == expected, letters
        assert find(shop, one, letters, 4) == expected[:4], letters


def test_the_next_list_is_found_at_once_and_each_kind_has_its_own(shop: Shop) -> None:
    one = keep(shop, row("TEA-1", "Green tea"), row("CUP-4", "Cup"))
    assert find(shop, one, "een") == ["TEA-1"]
    keep(shop, row("TEA-1", "Black tea"), row("CUP-4", "Cup"), row("NEW-9", "Evergreen"))
    assert find(shop, one, "een") == ["NEW-9"]
    parties = keep(shop, row("C-1", "Green House"), kind=ListKind.CUSTOMER)
    assert find(shop, parties, "een") == ["C-1"]
    assert find(shop, one, "een") == ["NEW-9"]
    keep(shop, row("CUP-4", "Cup"))
    assert find(shop, one, "een") == []


def test_an_item_is_found_by_its_sku_before_its_name_and_by_a_part_of_it_last(shop: Shop) -> None:
    named = replace(row("21", "Tea cup"), sku="GLASS-9")
    called, partly = row("22", "Glass"), replace(row("23", "Rice"), sku="X-GLASS")
    one = keep(shop, called, named, partly)
    assert find(shop, one, "glass") == ["21", "22", "23"]
    assert find(shop, one, "glass-9") == ["21"]
    with shop.database.read() as session:
        [found] = file_codes.search_codes(session, one, "ss9", 5)
    assert (found.code, found.sku) == ("21", "GLASS-9")
    keep(shop, called, replace(named, sku="CUP-1"), partly)
    assert find(shop, one, "glass-9") == [], "a SKU that is another one is a change"
    assert find(shop, one, "cup-1") == ["21"]


def test_letters_do_not_run_from_one_entry_into_the_next(shop: Shop) -> None:
    one = keep(shop, row("A1", "ab"), row("A2", "cd"))
    assert find(shop, one, "bc") == []
    assert find(shop, one, "a1a") == []
    assert find(shop, one, "cd") == ["A2"]


def test_a_list_is_read_once_and_few_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read, asked = file_codes._read_list_texts, []

    def counted(session, connection_id, kind):  # type: ignore[no-untyped-def]
        asked.append(kind)
        return read(session, connection_id, kind)

    monkeypatch.setattr(file_codes, "_read_list_texts", counted)
    monkeypatch.setattr(file_codes, "KEPT", 1)
    one, other = keep(shop, row("A1", "x")), keep(shop, row("B1", "x"), kind=ListKind.VENDOR)
    for _ in range(3):
        assert find(shop, one, "1") == ["A1"]
    assert asked == [ListKind.ITEM]
    assert find(shop, other, "1") == ["B1"]
    assert find(shop, one, "1") == ["A1"]
    assert asked == [ListKind.ITEM, ListKind.VENDOR, ListKind.ITEM]


def test_without_a_list_nothing_is_found(shop: Shop) -> None:
    with shop.database.read() as session:
        target = connection_named(session, shop.company, "aiaccount").id
    assert find(shop, FileList(target, "aiaccount", ListKind.ITEM, DAY, "none"), "x") == []
