"""Units and rates of a list of items: read, kept as what the target tells, told when changed."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract import ItemSetup
from holding.connections import confirmed_rates, master_data
from holding.db.database import Database
from holding.db.models import Company, Event
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import list_files, list_storage
from holding.mappings.list_files import ListStanding
from holding.mappings.list_rows import read_list
from holding.platform import unit_changes
from holding.records import trace
from tests.holding.life import NUMBERED, SMALL, TABLES, Life, begin
from tests.holding.shop import FILES, line, open_shop
from tests.support.books import Books
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.snapshots import snapshot

HEADS = "Item Code,Description,UOM,Rate\n"
TEA = "TEA-1,Tea,PCS,1\nTEA-1,Tea,CTN,"


def read(text: str) -> dict[str, tuple[tuple[str, int, int], ...]] | str:
    found = read_list("items.csv", text.encode(), ListKind.ITEM)
    if isinstance(found, Refusal):
        return found.words
    return {row.code: row.units for row in found}


def test_an_item_has_a_row_for_each_unit_and_the_base_unit_is_that_of_rate_1() -> None:
    told = read(f"{HEADS}A,,BOX,24\nA,,PCS,1\nA,,SET,1.0\nB,,KG,1\nC,,,\nA,,GRS,0.5\n")
    assert told == {
        "A": (("PCS", 1, 1), ("BOX", 24, 1), ("SET", 1, 1), ("GRS", 1, 2)),
        "B": (("KG", 1, 1),),
        "C": (),
    }
    assert read("Item code,UOM\nA,PCS\nB,\n") == {"A": (("PCS", 1, 1),), "B": ()}
    assert read("Item code,Rate\nA,7\n") == {"A": ()}, "a price, or whatever it may be"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEADS}A,,PCS,1\nA,,PCS,1\n", "row 3: A is there twice"),
        (f"{HEADS}A,,PCS,1\nA,,,1\n", "row 3: A is there twice"),
        ("Item code,UOM\nA,PCS\nA,CTN\n", "row 3: A is there twice"),
        (f"{HEADS}A,,CTN,12\n", "A has no unit of rate 1"),
        (f"{HEADS}A,,PCS,1\nA,,CTN,0\n", "D3 is not a rate above 0: “0”"),
        (f"{HEADS}A,,PCS,1\nA,,CTN,-12\n", "D3 is not a rate above 0: “-12”"),
        (f"{HEADS}A,,PCS,1\nA,,CTN,twelve\n", "D3 is not a rate above 0: “twelve”"),
        (f"{HEADS}A,,PCS,1\nA,,CTN,1E+99\n", "D3 is not a rate above 0: “1E+99”"),
        (f"{HEADS}A,,PCS,1\nA,,CTN,\n", "D3 is not a rate above 0: “”"),
    ],
)
def test_a_list_whose_units_contradict_each_other_is_refused_whole(text: str, says: str) -> None:
    told = read(text)
    assert isinstance(told, str)
    assert says in told


class ByHand(Books):
    """A target that nobody can call: only its own list tells how it counts its items."""

    name = "aiaccount"

    def class_of(self, message: str) -> str:
        raise AssertionError(self.name)

    def listed(self, raw: bytes) -> tuple[()]:
        raise AssertionError(self.name)


@pytest.fixture
def life(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Life:
    shop = open_shop(database, company, clock)
    return begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": NUMBERED + TABLES})


@pytest.fixture
def by_hand(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A list is given in; what is sent goes as always."""
    lists = SimpleNamespace(targets=lambda: {ByHand.name: ByHand()})
    monkeypatch.setattr(list_storage, "registry", lists)
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        master_data.keep_snapshot(session, target, snapshot(), person=None, now=life.shop.now)
    return life


def give(life: Life, text: str, as_of: str = "2026-11-18") -> ListStanding | Refusal:
    shop, raw = life.shop, text.encode()
    with shop.database.write() as session:
        kept = list_files.submit_list(
            session, shop.actor("farah"), "aiaccount", ListKind.ITEM, "items.csv", raw,
            read_list("items.csv", raw, ListKind.ITEM), as_of=date.fromisoformat(as_of),
            today=shop.now.date(), now=shop.now,
        )  # fmt: skip
    shop.clock.advance(60)
    return kept


def known(life: Life) -> dict[str, ItemSetup]:
    with life.shop.database.read() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        return master_data.known_items(session, target.id)


def test_T36_F03_a_rate_that_is_another_one_later_holds_what_waits_and_names_what_was_posted(
    by_hand: Life,
) -> None:
    life = by_hand
    kept = give(life, f"{HEADS}{TEA}40\n")
    assert isinstance(kept, ListStanding)
    assert known(life) == {"TEA-1": ItemSetup("PCS", {"CTN": (40, 1)})}
    assert life.told("list.given")[0].endswith(" It tells the units of 1 item.")
    life.arrive("A-1")
    life.arrive("A-2", customer="C-78")
    assert life.books.effects == [("create", "A-1-1"), ("create", "A-2-1")]
    assert life.told("connection.units") == []

    assert isinstance(give(life, f"{HEADS}{TEA}24\nCUP,Cup,PCS,1\n"), ListStanding)
    first = (
        "aiaccount counts TEA-1 otherwise: 1 CTN = 24 PCS now, 1 CTN = 40 PCS before."
        " 2 posted documents were counted by what it told before: A-2-1, A-1-1."
    )
    (told, *ours) = life.told("connection.units")
    assert told == first
    each = "{} was posted by what it told before: compare it there."
    assert [say[-len(each.format("A-1-1")) :] for say in ours] == [
        each.format("A-2-1"),
        each.format("A-1-1"),
    ]
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        own = select(Event.body).where(
            Event.record_id == record.id, Event.act == unit_changes.CHANGED
        )
        assert session.scalars(own).one()["say"].endswith(each.format("A-1-1"))
        target = connection_named(session, life.shop.company, "aiaccount")
        (change,) = unit_changes.list_unit_changes(session, target.id, life.shop.company.id)
        assert (change.item, change.before, change.now, change.documents) == (
            "TEA-1", "1 CTN = 40 PCS", "1 CTN = 24 PCS", 2,
        )  # fmt: skip
        other_company = life.shop.company.id + 1
        assert unit_changes.list_unit_changes(session, target.id, other_company) == ()
        assert confirmed_rates.of_connection(session, target.id).says("aiaccount", unit=False) == (
            "aiaccount reports the units and rates of 1 item by its list;"
            " other rates of the units table are used without confirmation"
        )
    life.arrive("A-3", customer="C-78")
    assert life.held("A-3") == ["UOM08"]
    assert len(life.books.effects) == 2

    give(life, f"{HEADS}{TEA}40\n", "2026-11-19")
    life.work()
    assert life.books.effects[2:] == [("create", "A-3-1")]
    assert known(life) == {"TEA-1": ItemSetup("PCS", {"CTN": (40, 1)})}
    assert [say[:60] for say in life.told("connection.units")[3:5]] == [
        "aiaccount counts CUP otherwise: no unit now, in PCS before.",
        "aiaccount counts TEA-1 otherwise: 1 CTN = 40 PCS now, 1 CTN ",
    ]


def test_T36_F03_what_is_on_its_way_when_a_rate_changes_is_named_and_its_record_says_so(
    by_hand: Life,
) -> None:
    """It was counted by the old rate, and nobody can take it back any more."""
    life = by_hand
    give(life, f"{HEADS}{TEA}40\n")
    life.books.moods.append("silent")
    life.arrive("A-1")
    assert life.postings("A-1") == [("sales_invoice", 1, "uncertain", "A-1-1")]
    give(life, f"{HEADS}{TEA}24\n", "2026-11-19")
    changed = "aiaccount counts TEA-1 otherwise: 1 CTN = 24 PCS now, 1 CTN = 40 PCS before."
    assert life.told("connection.units") == [
        f"{changed} 1 document that was sent or posted was counted by what it told before: A-1-1.",
        f"{changed} A-1-1 was sent by what it told before: compare it there.",
    ]
    life.shop.clock.advance(3600)
    life.work()
    assert life.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    with life.shop.database.read() as session:
        told = trace.answer_questions(session, life.shop.record(session, "A-1").id)[4]
    assert told.text == (
        "Yes, since version 1 was sent: in aiaccount, seen 2026-11-20 09:02: TEA-1 is counted"
        " otherwise, 1 CTN = 24 PCS instead of 1 CTN = 40 PCS."
    )
    assert told.tone == "bad"


CUP = {"total": "8.00", "lines": [line(sku="CUP-4", uom="PCS", qty="1", price="8.00")]}


@pytest.mark.parametrize("change", [SMALL, CUP], ids=["both", "posted"])
def test_a_change_on_its_way_is_one_document(by_hand: Life, change: dict[str, Any]) -> None:
    """What exists there names the item, whatever was sent over it: that may have been refused."""
    life = by_hand
    give(life, f"{HEADS}{TEA}40\n")
    life.arrive("A-1")
    life.books.moods.append("silent")
    life.arrive("A-1", **change)
    assert life.postings("A-1") == [("sales_invoice", 1, "uncertain", "A-1-1")]
    give(life, f"{HEADS}{TEA}24\n", "2026-11-19")
    assert len(life.told("connection.units")) == 2, "the connection's and that of A-1"


def test_a_list_without_units_says_nothing_of_them(by_hand: Life) -> None:
    give(by_hand, f"{HEADS}{TEA}40\n")
    give(by_hand, "Item code\nTEA-1\n", "2026-11-19")
    assert known(by_hand) == {"TEA-1": ItemSetup("PCS", {"CTN": (40, 1)})}
    give(by_hand, f"{HEADS}{TEA}40\nCUP,Cup,PCS,1\n", "2026-11-19")
    assert by_hand.told("connection.units") == [], "the same again is no news"


def test_what_a_target_tells_itself_is_not_told_by_a_list(life: Life) -> None:
    assert not hasattr(registry.targets()["aiaccount"], "listed")
    give(life, f"{HEADS}{TEA}24\n")
    assert known(life) == {}
    life.arrive("A-1", lines=[line()])
    assert life.books.effects == [("create", "A-1-1")]
