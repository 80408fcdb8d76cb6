"""A change after posting: what is posted against what the record says now, and what becomes of a
difference that somebody accepts.
"""

from typing import Any

import pytest
from sqlalchemy import select, update

from holding.db.models import AcceptedDifference, Company, Posting
from holding.db.refusal import Refusal, Sums
from holding.holds import releases
from holding.holds.holds import Done
from holding.holds.undo import undo
from holding.programs import posted_differences
from holding.records import accepted_differences
from holding.records.accepted_differences import Accepted, Differences
from holding.records.trace import answer_questions
from holding.worklist import dashboard
from tests.holding.held import hold_of, refused, says
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.operations.test_contents import edited, said_in
from tests.holding.operations.test_contents import said as said_in_all
from tests.holding.shop import FILES, ROUTE, line, order
from tests.support.databases import unlock

ASKING = TABLES.replace("| credit note and new |", "| review by accounts  |")
TWO = [line(), line(pos=2, sku="CUP-4", name="Cup", uom="PCS", qty="1", price="8.00")]


@pytest.fixture
def life(begun: Begun) -> Life:
    """A-1 is posted over RM 192.00; a change is put right up to RM 500.00, above it accounts
    decide.
    """
    life = begun(FILES | {"shop.rules": NUMBERED + ASKING})
    life.arrive("A-1")
    return life


def difference(life: Life, number: str = "A-1") -> posted_differences.Difference:
    with life.shop.database.read() as session:
        found = posted_differences.posted_difference(
            session, life.shop.record(session, number).id, ROUTE
        )
        assert found is not None
        return found


def accept(life: Life, number: str = "A-1", why: str = "Gift", **how: Any) -> Done | Refusal:
    wanted = hold_of(life.shop, number).id
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim")
        answer = releases.release(session, lim, wanted, why, life.shop.now, **how)
    life.work()
    return answer


def come(life: Life, **changes: Any) -> None:
    """The next version, with nothing else in it that would make its content another one."""
    life.shop.clock.advance(60)
    life.shop.receive(order("A-1", **changes), stamp=life.shop.now.isoformat())
    life.work()


def listed(life: Life) -> tuple[Accepted, ...]:
    with life.shop.database.read() as session:
        return accepted_differences.list_accepted(session, life.shop.company.id)


def days(life: Life) -> list[Differences]:
    with life.shop.database.read() as session:
        return list(accepted_differences.differences_by_day(session, life.shop.company.id).values())


def booked(life: Life) -> dict[str, Sums]:
    """What the days show as posted, by document type."""
    with life.shop.database.read() as session:
        found = dashboard.load_booked(session, life.shop.company.id, life.shop.now.date())
    return {name: money for day in found for name, money in day.money.items()}


def test_T01a_lines_are_compared_by_their_keys(life: Life) -> None:
    life.arrive("A-2", lines=TWO, total="200.00")
    moved = [line(pos=3, qty="5", price="100.00"), line(qty="3")]
    life.arrive("A-2", lines=moved, total="788.00", customer="C-78", ordered_on="2026-11-19")
    found = difference(life, "A-2")
    assert (found.posted, found.wanted, found.change) == (20000, 78800, 58800)
    assert (found.documents[0].version, found.version, found.goes) == (1, 2, True)
    assert str(found.documents[0].day) == "2026-11-18"
    shown = [(row.label, row.posted, row.now, str(row.change)) for row in found.rows]
    assert shown == [
        ("Invoice Date", "2026-11-18", "2026-11-19", "None"),
        ("Customer", "Aisyah Rahman", "Boon & Co", "None"),
        ("Quantity, line 1 (Tea)", "80", "120", "40"),
        ("Line Total, line 1 (Tea)", "192.00", "288.00", "96.00"),
        ("Quantity, line 2 (Cup)", "1", None, "-1"),
        ("Line Total, line 2 (Cup)", "8.00", None, "-8.00"),
        ("Quantity, line 3 (Tea)", None, "200", "200"),
        ("Line Total, line 3 (Tea)", None, "500.00", "500.00"),
    ]


def test_T01a_what_the_target_rounded_is_no_difference(life: Life) -> None:
    asked = NUMBERED + ASKING.replace("500.00", "5.00")
    life.shop.publish(FILES | {"shop.rules": asked})
    with life.shop.database.write() as session:
        session.execute(update(Posting).values(amount=19199))
    life.arrive("A-1", customer="C-78")
    assert (difference(life).posted, difference(life).change) == (19199, 0)
    life.arrive("A-1", lines=[line(price="96.01")], total="192.02")
    assert (difference(life).posted, difference(life).wanted) == (19199, 19202)


def test_T01a_what_would_not_be_posted_any_more_has_no_amount_now(life: Life) -> None:
    life.arrive("A-1", status="pending")
    found = difference(life)
    assert (found.goes, found.posted, found.wanted, found.change) == (False, 19200, 0, -19200)
    assert [(row.label, row.posted, row.now) for row in found.rows] == [
        ("Status", "paid", "pending")
    ]


def test_T01a_what_cannot_be_worked_out_is_said_so(life: Life) -> None:
    life.arrive("A-1", lines=[line(sku="NEW", qty="10")], total="960.00")
    found = difference(life)
    assert (found.posted, found.wanted, found.change) == (19200, None, None)
    assert isinstance(accept(life), Done)
    (row,) = listed(life)
    assert (row.posted, row.wanted, row.change) == (19200, None, None)
    assert days(life) == [Differences(1, {}, 1)]


def test_T01b_only_the_difference_that_was_looked_at_is_accepted(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    refused(accept(life, seen=1), "difference.moved")
    life.shop.clock.advance(60)
    more = {"lines": [line(qty="20")], "total": "1920.00"}
    life.shop.receive(order("A-1", **more), stamp=life.shop.now.isoformat())
    wanted = hold_of(life.shop, "A-1").id
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim")
        answer = releases.release(session, lim, wanted, "Gift", life.shop.now, seen=2)
    refused(answer, "difference.moved")
    assert listed(life) == ()
    life.work()
    assert isinstance(accept(life, seen=3), Done)
    assert [row.change for row in listed(life)] == [172800]


def test_T01c_an_accepted_difference_stays_in_sight(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    assert life.held("A-1") == ["STL01"]
    assert isinstance(accept(life), Done)
    assert life.shop.states() == {"A-1": "posted"}
    assert life.books.effects == [("create", "A-1-1")]
    (row,) = listed(life)
    assert (row.posted, row.wanted, row.change, row.there) == (19200, 96000, 76800, 19200)
    assert (row.by, row.reason, row.document) == ("Lim", "Gift", "A-1-1")
    assert days(life) == [Differences(1, {"MYR": 76800}, 0)]
    assert booked(life) == {"sales_invoice": {"": 19200}}
    money = "RM\u00a0192.00, and RM\u00a0768.00 is not posted"
    told = f"Lim accepted the difference: aiaccount keeps {money}: Gift"
    assert says(life.shop, "hold.released") == [told]
    with life.shop.database.read() as session:
        found = {one.no: one.text for one in answer_questions(session, row.record_id)}
    assert "aiaccount keeps RM\u00a0192.00, netshop says RM\u00a0960.00; Lim accepted" in found[5]


def test_T01c_an_acceptance_can_be_taken_back(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    life.arrive("A-1", **LARGE)
    assert isinstance(accept(life, op="op-1"), Done)
    assert len(listed(life)) == 1
    with life.shop.database.write() as session:
        answer = undo(session, life.shop.actor("lim"), "op-1", life.shop.now)
        assert not isinstance(answer, Refusal)
    life.work()
    assert (listed(life), days(life), life.held("A-1")) == ((), [], ["STL01"])


def test_T01d_a_further_version_holds_again_and_the_posted_one_ends_it(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    accept(life)
    life.arrive("A-1", lines=[line(qty="20")], total="1920.00")
    assert (life.held("A-1"), listed(life)) == (["STL01"], ())
    assert (difference(life).posted, difference(life).wanted) == (19200, 192000)
    accept(life)
    assert [row.change for row in listed(life)] == [172800]
    life.arrive("A-1")
    assert (life.held("A-1"), listed(life)) == ([], ())


def test_T01d_what_was_accepted_is_accepted_when_it_comes_again(life: Life) -> None:
    come(life, **LARGE)
    accept(life)
    come(life)
    assert (life.held("A-1"), listed(life)) == ([], ())
    come(life, **LARGE)
    assert (life.held("A-1"), [row.change for row in listed(life)]) == ([], [76800])


def test_T01d_another_document_in_the_target_ends_it(life: Life) -> None:
    come(life, **LARGE)
    accept(life)
    come(life, **SMALL)
    assert life.books.effects[1:] == [("update", "A-1-1")]
    assert listed(life) == ()
    come(life, **LARGE)  # accepted beside RM 192.00; RM 96.00 is posted now
    assert (life.held("A-1"), listed(life)) == (["STL01"], ())
    assert isinstance(accept(life), Done)
    assert [row.change for row in listed(life)] == [86400]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"total": "192.00"}, {}),  # void
        (LARGE, {"sales_invoice": 19200, "credit_note": 19200}),
    ],
)
def test_T01d_a_void_or_a_credit_note_ends_it(
    life: Life, changes: dict[str, Any], left: dict[str, int]
) -> None:
    life.arrive("A-1", **LARGE)
    accept(life)
    assert len(listed(life)) == 1
    life.arrive("A-1", **changes, status="cancelled")
    assert life.shop.states() == {"A-1": "reversed"}
    assert listed(life) == ()
    assert {name: abs(money[""]) for name, money in booked(life).items()} == left


def test_T01c_no_other_company_sees_it(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    accept(life)
    with life.shop.database.write() as session:
        other = Company(code="lain", name="Lain", zone="UTC", currency="MYR", live=True)
        session.add(other)
        session.flush()
        mine = session.scalars(select(AcceptedDifference)).one()
        assert accepted_differences.list_accepted(session, other.id) == ()
        assert accepted_differences.accepted_of_records(session, other.id, [mine.record_id]) == {}
        assert accepted_differences.differences_by_day(session, other.id) == {}
        posting = session.get_one(Posting, mine.posting_id)
        assert (posting.amount, mine.posted) == (19200, 19200)


@pytest.mark.slow
def test_T01c_what_was_released_before_is_listed_without_an_amount(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    accept(life)
    with life.shop.database.write() as session:
        unlock(session)
        session.execute(update(AcceptedDifference).values(wanted=None))
    (row,) = listed(life)
    assert (row.posted, row.wanted, row.change, row.by) == (19200, None, None, "Lim")
    life.arrive("A-1")
    assert listed(life) == ()


def test_T30e_what_an_acceptance_left_as_it_was_is_sealed(life: Life) -> None:
    come(life, **LARGE)
    accept(life)
    assert said_in_all(life) == []
    with edited(life.shop.database, "UPDATE accepted_difference SET wanted = 1") as session:
        (one,) = said_in(session, life)
    assert one.startswith("Table accepted_difference, row ")
    assert ": its content is not what event " in one
