"""What left is billed, parcel by parcel, and the rest stays open."""

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.sources.netshop.connector import NetShop
from holding.access import people
from holding.db.models import Posting, PostingLine
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding.life import Life
from tests.holding.shop import FILES, RULES, line

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


NOT_ORDERED = RULES.replace(
    "    price   money\n", "    price   money\n    discount  money  optional\n"
).replace(
    "round(line.qty * line.price, 0.01)",
    "round(line.qty * line.price, 0.01) - (line.discount otherwise 0.00)",
)
TOO_MUCH = """
check not_too_much on order each line
    require  line.gone <= line.pieces
    else     hold for accounts
    say      "{line.gone} left, {line.pieces} ordered."
    clears   by accounts
"""
ONE_PARCEL = """
check one_parcel on order
    require  count(parcels) <= 1
    else     hold for accounts
    say      "{number} left in more than one parcel."
    clears   by accounts
"""


@pytest.fixture
def shelf(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The shop that tells of parcels, where Lim decides for accounts and for the sales office."""
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim").person_id or 0
        for team in ("accounts", "sales_admin"):
            people.add_to_team(session, company_id=life.shop.company.id, name=team, person_id=lim)
    return life


def begin(shelf: Life, rules: str) -> None:
    shelf.shop.publish(FILES | {"shop.rules": rules})


def decide(shelf: Life, verb: str) -> None:
    """Lim decides about the only hold of A-1."""
    with shelf.shop.database.write() as session:
        (hold,) = shelf.shop.holds(session, "A-1")
        act = releases.release if verb == "release" else releases.reject
        done = act(session, shelf.shop.actor("lim"), hold.id, "as on paper", shelf.shop.now)
        assert isinstance(done, Done), done
    shelf.work()


def says(shelf: Life) -> list[str]:
    with shelf.shop.database.read() as session:
        return [hold.message for hold in shelf.shop.holds(session, "A-1")]


def fields(shelf: Life, number: str) -> dict[str, str]:
    head: dict[str, str] = json.loads(shelf.books.shelf[number].content)[0]
    return head


def test_an_amount_of_the_header_is_billed_once_however_much_leaves(shelf: Life) -> None:
    begin(shelf, in_parts(RULES))
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "80")
    parcel(shelf, "P-2", "5")
    assert shelf.books.effects == [("create", "A-1-1"), ("create", "A-1-2")]
    assert (fields(shelf, "A-1-1")["Total"], fields(shelf, "A-1-2")["Total"]) == ("192.00", "0.00")


def test_an_order_that_grows_after_it_was_billed_is_billed_for_what_was_added(
    shelf: Life,
) -> None:
    """The office lets the change pass; the next invoice has the rest of the total alone."""
    begin(shelf, in_parts(RULES))
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "80")
    shelf.arrive("A-1", total="240.00", lines=[line(qty="2.5")])
    assert shelf.held("A-1") == ["STL01"]
    decide(shelf, "release")
    parcel(shelf, "P-2", "20")
    assert shelf.books.effects == [("create", "A-1-1"), ("create", "A-1-2")]
    assert (fields(shelf, "A-1-1")["Total"], fields(shelf, "A-1-2")["Total"]) == ("192.00", "48.00")


TWO_BILLS = """
on edit of order for aiaccount.sales_invoice
    party  = customer
    money  = lines, total, ordered_on
    other  = status, created_by
    | changed                      | do                 |
    | party                        | update             |
    | money, not_ready, overbilled | review by accounts |
    | other                        | ignore             |

on cancel of order for aiaccount.sales_invoice
    | period | do   |
    | -      | void |
"""


@pytest.mark.parametrize(
    ("change", "does"), [({"customer": "C-78"}, "update"), ({"status": "cancelled"}, "void")]
)
def test_what_becomes_of_an_order_becomes_of_each_of_its_invoices(
    shelf: Life, change: dict[str, str], does: str
) -> None:
    """One after the other: who was told of the first alone had the others stand as they were."""
    begin(shelf, in_parts(RULES) + TWO_BILLS)
    shelf.arrive("A-1")
    for number, qty in (("P-1", "30"), ("P-2", "40"), ("P-3", "10")):
        parcel(shelf, number, qty)
    shelf.arrive("A-1", **change)
    numbers = [f"A-1-{seq}" for seq in (1, 2, 3)]
    assert shelf.books.effects[3:] == [(does, number) for number in numbers]
    assert shelf.held("A-1") == []


@pytest.mark.parametrize("what", ["nothing ordered", "less than nothing"])
def test_a_line_that_no_part_ever_shows_holds_the_bill(shelf: Life, what: str) -> None:
    """A discount, say: the order says 182.00, and its parts would come to 192.00."""
    allows = "else wait\n    allows   negative quantities\n"
    exact = in_parts(NOT_ORDERED).replace("tolerance  1000.00", "tolerance  0.00")
    begin(shelf, exact.replace("else wait\n", allows))
    given = {"qty": "0", "price": "1.00", "discount": "10.00"}
    if what == "less than nothing":
        given = {"qty": "-1", "price": "10.00"}
    shelf.arrive(
        "A-1", total="182.00", lines=[line(), line(pos=2, sku="CUP-4", uom="PCS", **given)]
    )
    parcel(shelf, "P-1", "80")
    codes = ["VAL07", "RND02"] if what == "nothing ordered" else ["RND02"]
    assert (shelf.books.effects, shelf.held("A-1")) == ([], codes)
    assert says(shelf)[-1].startswith("total is RM 182.00, but aiaccount makes RM 192.00")


def test_a_line_of_which_nothing_was_ordered_and_that_costs_nothing_holds_nothing(
    shelf: Life,
) -> None:
    begin(shelf, in_parts(NOT_ORDERED))
    taken_off = line(pos=2, sku="CUP-4", uom="PCS", qty="0", price="9.00")
    shelf.arrive("A-1", lines=[line(), taken_off])
    parcel(shelf, "P-1", "80")
    assert shelf.books.effects == [("create", "A-1-1")]


def test_who_let_more_pass_than_was_ordered_is_asked_again_about_still_more(shelf: Life) -> None:
    begin(shelf, in_parts(RULES) + TOO_MUCH)
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "85")
    assert says(shelf) == ["85 left, 80 ordered."]
    decide(shelf, "release")
    assert shelf.books.effects == [("create", "A-1-1")]
    parcel(shelf, "P-2", "500")
    assert shelf.books.effects == [("create", "A-1-1")]
    assert says(shelf) == ["585 left, 80 ordered."]
    decide(shelf, "release")
    assert shelf.books.effects == [("create", "A-1-1"), ("create", "A-1-2")]


def test_what_hangs_on_the_order_alone_stays_released(shelf: Life) -> None:
    begin(shelf, in_parts(RULES))
    shelf.arrive("A-1", lines=[line(), line(pos=2, sku="CUP-4", uom="PCS", qty="4", price="0.01")])
    parcel(shelf, "P-1", "30")
    assert shelf.held("A-1") == ["CHK01"], "the lines do not add up"
    decide(shelf, "release")
    parcel(shelf, "P-2", "40")
    assert shelf.books.effects == [("create", "A-1-1"), ("create", "A-1-2")]


def test_what_came_back_is_asked_about_again_when_more_comes_back(shelf: Life) -> None:
    begin(shelf, in_parts(RULES))
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "80")
    parcel(shelf, "P-1", "70")
    assert shelf.held("A-1") == ["STL01"]
    decide(shelf, "release")
    assert shelf.held("A-1") == []
    parcel(shelf, "P-1", "10")
    assert shelf.held("A-1") == ["STL01"]


def test_who_rejects_a_part_has_not_rejected_what_leaves_later(shelf: Life) -> None:
    begin(shelf, in_parts(RULES) + ONE_PARCEL)
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "30")
    parcel(shelf, "P-2", "10")
    decide(shelf, "reject")
    assert shelf.open("A-1") == ["still open: 40 of line 1"]
    shelf.work()
    assert (shelf.held("A-1"), shelf.books.effects) == ([], [("create", "A-1-1")])
    parcel(shelf, "P-3", "40")
    assert says(shelf) == ["A-1 left in more than one parcel."]
    decide(shelf, "release")
    assert '"Quantity":"50"' in shelf.books.shelf["A-1-2"].content


def test_a_rest_that_a_person_lets_pass_is_asked_about_again_with_the_next_part(
    shelf: Life,
) -> None:
    begin(shelf, in_parts(RULES).replace("else wait", "else hold for accounts"))
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "30")
    assert (shelf.held("A-1"), shelf.books.effects) == (["BIL01"], [])
    decide(shelf, "release")
    assert (shelf.held("A-1"), shelf.books.effects) == ([], [("create", "A-1-1")])
    parcel(shelf, "P-2", "10")
    assert (shelf.held("A-1"), len(shelf.books.effects)) == (["BIL01"], 1)
    parcel(shelf, "P-3", "40")
    assert (shelf.held("A-1"), len(shelf.books.effects)) == ([], 2)


def test_what_is_billed_too_much_is_not_mended_by_a_change_of_the_document(shelf: Life) -> None:
    """It would bill as much as before: nobody was told, and the order counted as posted."""
    rows = "    | billed, not_ready, overbilled | review by sales_admin |\n"
    told = "    | billed, not_ready | review by sales_admin |\n    | overbilled | update |\n"
    assert rows in in_parts(RULES)
    begin(shelf, in_parts(RULES).replace(rows, told))
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "80")
    parcel(shelf, "P-1", "70")
    assert shelf.held("A-1") == ["STL01"]
    assert "it bills more than it may now. It stays until a person decides." in says(shelf)[0]


LEAVES = TWO_BILLS.replace(
    "| money, not_ready, overbilled | review by accounts |",
    "| money                        | ignore             |\n"
    "    | not_ready, overbilled        | review by accounts |",
)


def test_an_order_that_is_cut_to_what_was_billed_is_held_for_what_its_header_has_left(
    shelf: Life,
) -> None:
    """Half of it left and is billed; the rest, with which its total would come, is taken off."""
    begin(shelf, in_parts(RULES) + LEAVES)
    shelf.arrive("A-1")
    parcel(shelf, "P-1", "40")
    half: dict[str, Any] = {"total": "96.00", "lines": [line(qty="1")]}
    shelf.arrive("A-1", **half)
    assert (shelf.held("A-1"), shelf.books.effects) == (["BIL02"], [("create", "A-1-1")])
    assert says(shelf) == [
        "Nothing more of it is to be billed, but total of RM 96.00 is on none of A-1-1."
    ]
    decide(shelf, "release")
    assert (shelf.held("A-1"), shelf.shop.states()["A-1"]) == ([], "posted")
    shelf.arrive("A-1", created_by="siti", **half)
    assert shelf.held("A-1") == ["BIL02"], "another content is asked about again"
