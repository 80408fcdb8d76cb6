"""What left is billed, parcel by parcel, and the rest stays open."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.sources.netshop.connector import NetShop
from holding.tables import Posting, PostingLine
from tests.holding.life import Life
from tests.holding.shop import FILES, RULES

PARCEL = KindSchema(
    source="netshop",
    kind="parcel",
    fields=(
        *(FieldSchema(name=name) for name in ("number", "order_no", "status")),
        FieldSchema(name="left_on", type="date"),
    ),
    lines=(
        FieldSchema(name="pos", type="whole"),
        FieldSchema(name="of_line", type="whole"),
        FieldSchema(name="qty", type="quantity"),
    ),
)


class NetShopWithParcels(NetShop):
    """NetShop, as if it told of parcels."""

    kinds = (*NetShop.kinds, PARCEL)


PARCELS = """
record parcel from netshop
    number    text  key
    order_no  text  family
    status    one of packing, left, lost
    left_on   date  dated
    lines     many parcel_line

record parcel_line of parcel
    pos      whole     key
    of_line  whole
    qty      quantity

link parcels of order
    from     parcel
    by       order_no = number
    where    status = left
    at most  20  else hold for accounts

gate parcel
    ready  left
    wait   packing
    cancel lost
"""


def in_parts(rules: str) -> str:
    """The shop's rules, billing what left in parcels."""
    lines = """    pieces  = in_base(line.qty, line.uom, line.sku)
    gone    = sum(parcels.lines.qty where of_line = line.pos)
"""
    bill = """    immediately
    bill     line.gone of line.pieces  else wait
"""
    return (
        rules.replace("    pieces  = in_base(line.qty, line.uom, line.sku)\n", lines)
        .replace("    immediately\n", bill)
        .replace("Quantity     = line.pieces", "Quantity     = line.due")
        .replace("LineTotal    = line.amount", "LineTotal    = due_of(line.amount)")
        .replace("    Total          = total\n", "    Total          = due_of(total)\n")
        .replace('as "{number}"', 'as "{number}-{posting}"')
        .replace("not_ready |", "not_ready, overbilled |")
        + PARCELS
    )


def parcel(life: Life, number: str, qty: str, **changes: Any) -> None:
    """A parcel of the first line of order A-1 leaves."""
    life.shop.clock.advance(60)
    body = {
        "number": number,
        "order_no": "A-1",
        "status": "left",
        "left_on": "2026-11-19",
        "lines": [{"pos": 1, "of_line": 1, "qty": qty}],
    } | changes
    life.shop.receive_as("parcel", body, stamp=life.shop.now.isoformat())
    life.work()


def test_what_left_is_billed_and_the_rest_stays_open(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life.shop.publish(FILES | {"shop.rules": in_parts(RULES)})
    life.arrive("A-1")
    assert life.shop.states()["A-1"] == "waiting"
    parcel(life, "P-1", "30")
    assert life.books.effects == [("create", "A-1-1")]
    assert '"Quantity":"30"' in life.books.shelf["A-1-1"].content
    assert '"LineTotal":"72.00"' in life.books.shelf["A-1-1"].content
    assert life.shop.states()["A-1"] == "waiting"
    assert life.open("A-1") == ["still open: 50 of line 1"]
    parcel(life, "P-2", "50")
    assert life.books.effects == [("create", "A-1-1"), ("create", "A-1-2")]
    assert '"LineTotal":"120.00"' in life.books.shelf["A-1-2"].content
    assert life.shop.states()["A-1"] == "posted"
    assert life.open("A-1") == []
    parcel(life, "P-2", "50", left_on="2026-11-18")
    assert len(life.books.effects) == 2
    with life.shop.database.read() as session:
        rows = session.scalars(select(PostingLine).order_by(PostingLine.push_id)).all()
        assert [(row.line_key, row.base_qty, row.amount) for row in rows] == [
            ("1", "30", 7200),
            ("1", "50", 12000),
        ]


def test_T27a_its_age_counts_from_the_parcel_that_made_it_so(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life.shop.publish(FILES | {"shop.rules": in_parts(RULES)})
    life.arrive("A-1")
    assert finished(life) == [None], "nothing has left"
    life.shop.clock.advance(10 * 24 * 3600)
    parcel(life, "P-1", "30")
    first = life.shop.now
    assert finished(life) == [first, None], "what is still open is not finished"
    life.shop.clock.advance(24 * 3600)
    parcel(life, "P-2", "50")
    assert finished(life) == [first, life.shop.now]


def test_T27g_one_that_is_held_besides_counts_from_that_parcel_too(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life.shop.publish(FILES | {"shop.rules": in_parts(RULES)})
    life.arrive("A-1", total="190.00")
    assert (life.shop.states()["A-1"], finished(life)) == ("held", [None]), "nothing has left"
    life.shop.clock.advance(10 * 24 * 3600)
    parcel(life, "P-1", "30")
    first = life.shop.now
    assert life.shop.states()["A-1"] == "held"
    assert finished(life)[0] == first, "not since the order came"
    life.shop.clock.advance(24 * 3600)
    parcel(life, "P-2", "50")
    assert finished(life)[0] == first, "what was finished stays so"


def test_T27g_one_of_an_unknown_item_counts_from_that_parcel_too(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life.shop.publish(FILES | {"shop.rules": in_parts(RULES)})
    life.arrive("A-1", customer="C-404")
    life.shop.clock.advance(10 * 24 * 3600)
    parcel(life, "P-1", "30")
    assert life.shop.states()["A-1"] == "held"
    assert finished(life)[0] == life.shop.now


def test_T27g_one_that_is_billed_as_a_whole_counts_from_its_own_arrival(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    bill = "    bill     line.gone of line.pieces  else wait\n"
    text = in_parts(RULES).replace(bill, "").replace("line.due", "line.pieces")
    text = text.replace("due_of(line.amount)", "line.amount").replace("due_of(total)", "total")
    text = text.replace("not_ready, overbilled |", "not_ready |")
    text = text.replace("one of paid,", "one of paid, packed,")
    gate = "    wait    pending\n"
    assert gate in text
    early = text.replace(gate, "    wait    pending, packed\n", 1)
    life.shop.publish(FILES | {"shop.rules": early})
    life.arrive("A-1", status="packed", customer="C-404")
    came = life.shop.now
    parcel(life, "P-1", "30")
    assert finished(life) == [None]
    life.shop.publish(
        FILES | {"shop.rules": text.replace("    ready   paid\n", "    ready   paid, packed\n")}
    )
    life.work()
    assert finished(life) == [came]


def finished(life: Life) -> list[datetime | None]:
    """Since when each document of the order is finished."""
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        mine = select(Posting.finished_at).where(Posting.record_id == record.id)
        return list(session.scalars(mine.order_by(Posting.id)))
