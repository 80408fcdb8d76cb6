"""What left is billed, parcel by parcel, and the rest stays open."""

from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.sources.netshop.connector import NetShop
from holding.tables import PostingLine
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
