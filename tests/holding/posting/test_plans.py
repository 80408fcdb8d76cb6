"""Plans carried out: what is posted is changed, made void, taken back, or billed further."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from holding.approvals import approve
from holding.db.models import Approval, Event, Hold, Posting, PostingLine, Push
from holding.records import record_rows, trace
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Life
from tests.holding.shop import FILES, line


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


def test_an_update_keeps_when_it_was_posted_and_what_the_target_calls_it(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.arrive("A-1")
    with life.shop.database.read() as session:
        first = life.shop.posting(session, "A-1")
    real = type(life.books).send

    def brief(*given: Any) -> Any:
        told = real(*given)
        return replace(told, answers=tuple(replace(one, target_ref=None) for one in told.answers))

    monkeypatch.setattr(type(life.books), "send", brief)
    life.shop.clock.advance(3600)
    life.arrive("A-1", **SMALL)
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    with life.shop.database.read() as session:
        then = life.shop.posting(session, "A-1")
    assert then.posted_push_id != first.posted_push_id
    assert (then.posted_at, then.target_ref) == (first.posted_at, "ref-A-1-1")


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


def test_a_credit_note_is_told_as_what_takes_another_back(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **LARGE)
    with life.shop.database.read() as session:
        told = session.scalars(select(Event.body).where(Event.act == "record.judged")).all()
        said = " ".join(one["say"] for one in told)
        assert "(ready)" not in said
        assert "; A-1-2 waits for the credit note" in said
        record_id = session.scalars(select(Posting.record_id).limit(1)).one()
        rows = {row.number: row for row in record_rows.list_postings(session, record_id)}
        assert [rows[number].why for number in ("A-1-1", "A-1-2")] == ["", ""]
        note = rows["CN-A-1-1"]
        assert note.reverses_id == rows["A-1-1"].id
        mapped = trace.answer_questions(session, record_id, note.id)[2]
    assert (mapped.no, mapped.tone) == (3, "good")
    assert (
        mapped.text
        == "All from the document that it takes back, except for what the rules set again."
    )


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
        done = approve.approve(session, life.shop.actor("lim"), [new.id], "Signed", life.shop.now)
        assert isinstance(done, approve.Approved), done
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
    life.shop.publish(FILES | {"shop.rules": NUMBERED + asks})
    life.arrive("A-1")
    life.arrive("A-1", total="1920.00", lines=[line(qty="20")])
    assert life.books.effects == [("create", "A-1-1")]
    assert life.held("A-1") == ["APP01"]
    with life.shop.database.write() as session:
        posting = life.shop.posting(session, "A-1")
        assert posting.state == "posted"
        seen = {posting.id: posting.hash}
        done = approve.approve(
            session, life.shop.actor("lim"), seen, "Signed", life.shop.now, seen=seen
        )
        assert isinstance(done, approve.Approved), done
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
    life.shop.publish(FILES | {"shop.rules": NUMBERED + TABLES + asks})
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
        done = approve.approve(session, life.shop.actor("lim"), ids, "Agreed", life.shop.now)
        assert isinstance(done, approve.Approved)
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
