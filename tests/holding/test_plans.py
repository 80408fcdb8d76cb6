"""Plans carried out: what is posted is changed, made void, taken back, or billed further."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.kit.http import Http
from connectors.kit.schema import FieldSchema, KindSchema
from connectors.sources.netshop.connector import NetShop
from holding import approvals, record_state
from holding.connections import set_key
from holding.database import Database
from holding.models import Approval, Company, Event, Hold, Posting, PostingLine, Push
from holding.pushes import push_due
from holding.pushing.desk import Desk
from holding.roles import SYSTEM
from holding.secrets import Keys
from holding.settings import Settings
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.books import Books
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.simulator import DEMO_KEY

KEYS = Keys((b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=",))  # made for tests
TABLES = """
on edit of order for aiaccount.sales_invoice
    money  = total, lines, customer, ordered_on
    other  = status, created_by
    | changed   | total     | do                  |
    | money     | <= 500.00 | update              |
    | money     | > 500.00  | credit note and new |
    | not_ready | -         | review by accounts  |
    | other     | -         | ignore              |

on cancel of order for aiaccount.sales_invoice
    | total     | do          |
    | <= 500.00 | void        |
    | > 500.00  | credit note |

post order to aiaccount.credit_note reversing aiaccount.sales_invoice as "CN-{reversed}"
    InvoiceNumber  = document_number
    InvoiceDate    = today
    Reason         = "Changed in the shop"
"""
SMALL: dict[str, Any] = {"total": "96.00", "lines": [line(qty="1")]}
LARGE: dict[str, Any] = {"total": "960.00", "lines": [line(qty="10")]}


class Life:
    """One shop whose target can change and void; work is done until nothing is due."""

    def __init__(self, shop: Shop, books: Books, desk: Desk) -> None:
        self.shop, self.books, self.desk = shop, books, desk

    def arrive(self, number: str, **changes: Any) -> None:
        """The next version of an order, judged and carried out."""
        self.shop.clock.advance(60)
        stamp = self.shop.now.isoformat()
        self.shop.receive(order(number, updated_at=stamp, **changes))
        self.work()

    def work(self) -> None:
        """Judge and push until both have nothing to do."""
        for _ in range(20):
            judged = self.shop.judge()
            pushed = push_due(
                self.desk.database,
                self.desk.clock,
                company_id=self.shop.company.id,
                owner="test",
                desk=self.desk,
            )
            if not judged and not pushed.count:  # type: ignore[union-attr]
                break
        else:
            pytest.fail("it never ends")
        self._states_are_true()

    def _states_are_true(self) -> None:
        """What is stored of each record's state is what its postings and holds say."""
        before = self.shop.states()
        with self.shop.database.write() as session:
            ids = [self.shop.record(session, number).id for number in before]
            record_state.refresh(session, ids)
        assert self.shop.states() == before

    def postings(self, number: str) -> list[tuple[str, int, str, str]]:
        """(document, seq, state, number) of everything that an order became."""
        with self.shop.database.read() as session:
            record = self.shop.record(session, number)
            rows = session.scalars(
                select(Posting).where(Posting.record_id == record.id).order_by(Posting.id)
            )
            return [(p.doc_type, p.seq, p.state, p.number) for p in rows]

    def open(self, number: str) -> list[str]:
        """What waits of an order, in words."""
        with self.shop.database.read() as session:
            record = self.shop.record(session, number)
            waiting = select(Posting.reason).where(Posting.state == "waiting")
            mine = waiting.where(Posting.record_id == record.id).order_by(Posting.id)
            return list(session.scalars(mine))

    def told(self, act: str) -> list[str]:
        with self.shop.database.read() as session:
            events = session.scalars(select(Event).where(Event.act == act).order_by(Event.id))
            return [event.body["say"] for event in events]

    def held(self, number: str) -> list[str]:
        with self.shop.database.read() as session:
            return [hold.code for hold in self.shop.holds(session, number)]


@pytest.fixture
def life(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Life:
    numbered = RULES.replace('as "{number}"', 'as "{number}-{posting}"')
    shop = open_shop(database, company, clock)
    return begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": numbered + TABLES})


def begin(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Life:
    """The shop under these rules, with books in memory."""
    books = Books()
    monkeypatch.setattr(registry, "_TARGETS", (books,))
    monkeypatch.setattr(registry, "_LATER_DOCUMENTS", ())
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "0")
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        set_key(session, SYSTEM, target, DEMO_KEY, now=shop.now, keys=KEYS)
    shop.publish(files)
    settings = Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": str(folder)})
    desk = Desk(
        database=shop.database,
        clock=shop.clock,
        settings=settings,
        keys=KEYS,
        owner="test",
        chance=Random(7),
        http=Http(shop.clock),
        trace=lambda _session, evaluation_id: f"story of {evaluation_id}".encode(),
    )
    return Life(shop, books, desk)


def test_an_edit_updates_the_posted_document_in_place(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    assert '"Total":"96.00"' in life.books.shelf["A-1-1"].content
    assert life.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    with life.shop.database.read() as session:
        posting = life.shop.posting(session, "A-1")
        assert (posting.amount, posting.action, posting.due_at) == (9600, "update", None)
        assert life.shop.states() == {"A-1": "posted"}
    life.arrive("A-1", created_by="mei", **SMALL)
    assert len(life.books.effects) == 2
    life.arrive("A-1")
    assert life.books.effects[2:] == [("update", "A-1-1")]
    with life.shop.database.read() as session:
        keys = session.scalars(select(Push.key).order_by(Push.id)).all()
    assert len(set(keys)) == len(keys) == 3


def test_an_edit_takes_a_large_document_back_and_makes_the_next(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **LARGE)
    assert life.books.effects == [("create", "A-1-1"), ("create", "CN-A-1-1"), ("create", "A-1-2")]
    assert life.postings("A-1") == [
        ("sales_invoice", 1, "reversed", "A-1-1"),
        ("credit_note", 1, "posted", "CN-A-1-1"),
        ("sales_invoice", 2, "posted", "A-1-2"),
    ]
    assert life.shop.states() == {"A-1": "posted"}
    with life.shop.database.read() as session:
        rows = session.scalars(select(Posting).order_by(Posting.id)).all()
        assert rows[1].reverses_id == rows[0].id


def test_the_next_document_waits_for_the_credit_note(life: Life) -> None:
    life.arrive("A-1")
    life.books.moods = ["refuse"]
    life.arrive("A-1", **LARGE)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.postings("A-1") == [
        ("sales_invoice", 1, "posted", "A-1-1"),
        ("credit_note", 1, "failed", "CN-A-1-1"),
        ("sales_invoice", 2, "waiting", "A-1-2"),
    ]
    assert life.shop.states() == {"A-1": "failed"}
    assert life.held("A-1") == ["TGT01"]


def test_a_cancelled_order_is_made_void(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", status="cancelled")
    assert life.books.effects == [("create", "A-1-1"), ("void", "A-1-1")]
    assert life.postings("A-1") == [("sales_invoice", 1, "reversed", "A-1-1")]
    assert life.shop.states() == {"A-1": "reversed"}
    with life.shop.database.read() as session:
        void = session.scalars(select(Push).where(Push.action == "void")).one()
        assert not session.scalars(select(PostingLine).where(PostingLine.push_id == void.id)).all()


def test_a_cancelled_large_order_gets_a_credit_note(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", status="cancelled", **LARGE)
    assert life.books.effects == [("create", "A-1-1"), ("create", "CN-A-1-1")]
    assert [row[2] for row in life.postings("A-1")] == ["reversed", "posted"]


def test_cancelled_and_taken_up_again_it_gets_the_next_number(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", status="cancelled")
    life.arrive("A-1")
    assert life.books.effects == [("create", "A-1-1"), ("void", "A-1-1"), ("create", "A-1-2")]
    assert life.shop.states() == {"A-1": "posted"}


@pytest.mark.parametrize("action", ["update", "void"])
def test_silence_ends_by_looking(life: Life, action: str) -> None:
    life.arrive("A-1")
    life.books.moods = ["silent"]
    changes = {"status": "cancelled"} if action == "void" else SMALL
    life.arrive("A-1", **changes)
    life.shop.clock.advance(600)
    life.work()
    assert life.books.effects == [("create", "A-1-1"), (action, "A-1-1")]
    assert life.shop.states() == {"A-1": "reversed" if action == "void" else "posted"}


@pytest.mark.parametrize("action", ["update", "void"])
def test_what_never_arrived_is_sent_again(life: Life, action: str) -> None:
    life.arrive("A-1")
    life.books.moods = ["away"]
    changes = {"status": "cancelled"} if action == "void" else SMALL
    life.arrive("A-1", **changes)
    for _ in range(6):
        life.shop.clock.advance(600)
        life.work()
    assert life.books.effects == [("create", "A-1-1"), (action, "A-1-1")]
    with life.shop.database.read() as session:
        assert len(session.scalars(select(Push)).all()) == 2


def test_what_somebody_changed_there_is_not_written_over(life: Life) -> None:
    life.arrive("A-1")
    life.books.by_hand("A-1-1")
    life.arrive("A-1", **SMALL)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.books.shelf["A-1-1"].content == "changed by hand"
    assert life.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    assert life.shop.states() == {"A-1": "held"}
    assert life.held("A-1") == ["TGT02"]


def test_a_refused_update_leaves_what_stands_and_is_tried_with_the_next_content(life: Life) -> None:
    life.arrive("A-1")
    life.books.moods = ["refuse"]
    life.arrive("A-1", **SMALL)
    assert life.shop.states() == {"A-1": "held"}
    assert life.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    life.shop.clock.advance(3600)
    life.work()
    assert life.books.effects == [("create", "A-1-1")]
    life.arrive("A-1", total="288.00", lines=[line(qty="3")])
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}
    assert life.held("A-1") == []


def test_an_edit_that_is_taken_back_before_it_went_does_nothing(life: Life) -> None:
    life.arrive("A-1")
    life.books.moods = ["refuse"]
    life.arrive("A-1", **SMALL)
    life.arrive("A-1")
    assert life.books.effects == [("create", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}
    with life.shop.database.read() as session:
        posting = life.shop.posting(session, "A-1")
        push = session.get_one(Push, posting.posted_push_id)
        assert (posting.hash, posting.content, posting.action) == (
            push.hash,
            push.content,
            "create",
        )


def test_a_later_answer_keeps_the_document_and_comes_again(life: Life) -> None:
    life.arrive("A-1")
    life.books.moods = ["later"]
    life.arrive("A-1", **SMALL)
    assert life.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    for _ in range(5):
        life.shop.clock.advance(300)
        life.work()
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]


def test_a_change_above_the_limit_waits_for_its_own_approval(life: Life) -> None:
    """The credit note goes with the new document, so neither goes before somebody agreed."""
    life.arrive("A-1")
    big = {"total": "1920.00", "lines": [line(qty="20")]}
    life.arrive("A-1", **big)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.held("A-1") == ["APP01"]
    with life.shop.database.write() as session:
        (new,) = session.scalars(select(Posting).where(Posting.seq == 2)).all()
        done = approvals.approve(session, life.shop.actor("lim"), [new.id], "Signed", life.shop.now)
        assert isinstance(done, approvals.Approved), done
        assert done.done == (new.id,), done
    life.work()
    assert life.books.effects == [("create", "A-1-1"), ("create", "CN-A-1-1"), ("create", "A-1-2")]
    with life.shop.database.read() as session:
        approval = session.scalars(select(Approval)).one()
        push = session.scalars(select(Push).where(Push.number == "A-1-2")).one()
        assert approval.hash == push.hash
        assert approval.voided_at is None


def test_an_update_above_the_limit_waits_for_its_own_approval(life: Life) -> None:
    """The document that stands is not touched before somebody agreed to what replaces it."""
    asks = TABLES.replace("500.00 ", "9500.00")
    counted = RULES.replace('as "{number}"', 'as "{number}-{posting}"')
    life.shop.publish(FILES | {"shop.rules": counted + asks})
    life.arrive("A-1")
    life.arrive("A-1", total="1920.00", lines=[line(qty="20")])
    assert life.books.effects == [("create", "A-1-1")]
    assert life.held("A-1") == ["APP01"]
    with life.shop.database.write() as session:
        posting = life.shop.posting(session, "A-1")
        assert posting.state == "posted"
        seen = {posting.id: posting.hash}
        done = approvals.approve(
            session, life.shop.actor("lim"), seen, "Signed", life.shop.now, seen=seen
        )
        assert isinstance(done, approvals.Approved), done
        assert done.done == (posting.id,), done
    life.work()
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}


def test_taking_a_document_back_waits_for_its_own_approval(life: Life) -> None:
    """Whether it is made void or credited; without it nothing is done in the target."""
    asks = """
approve order for aiaccount.credit_note
    by       accounts
    say      "The document of {number} is taken back."
"""
    counted = RULES.replace('as "{number}"', 'as "{number}-{posting}"')
    life.shop.publish(FILES | {"shop.rules": counted + TABLES + asks})
    life.arrive("A-1", **SMALL)
    life.arrive("A-2", **LARGE)
    made = [("create", "A-1-1"), ("create", "A-2-1")]
    for number, content in (("A-1", SMALL), ("A-2", LARGE)):
        life.arrive(number, status="cancelled", **content)
        assert life.held(number) == ["APP01"]
    assert life.books.effects == made
    with life.shop.database.write() as session:
        held = select(Hold.posting_id).where(Hold.state == "open", Hold.code == "APP01")
        ids = [posting for posting in session.scalars(held.order_by(Hold.id)) if posting]
        done = approvals.approve(session, life.shop.actor("lim"), ids, "Agreed", life.shop.now)
        assert isinstance(done, approvals.Approved)
        assert done.done == tuple(ids), done
    life.work()
    assert life.books.effects == [*made, ("void", "A-1-1"), ("create", "CN-A-2-1")]
    assert life.shop.states() == {"A-1": "reversed", "A-2": "reversed"}


def test_each_effect_is_told(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    life.arrive("A-1", status="cancelled", **SMALL)
    assert life.told("posting.posted") == [
        "aiaccount has A-1-1 as ref-A-1-1.",
        "aiaccount has A-1-1 with its new content, as ref-A-1-1.",
        "aiaccount has made A-1-1 void, ref-A-1-1.",
    ]


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
