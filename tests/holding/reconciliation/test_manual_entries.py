"""What somebody typed into the target by hand is found before ours is made, and takes its place."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Unpack

import pytest
from sqlalchemy import select, update

from connectors.targets.autocount import read_back
from connectors.transport.http import HttpAnswer, HttpFailure, Through
from connectors.transport.http import RequestOptions as Given
from holding.access.reach import of_ids
from holding.db.models import Connection, Event, Posting, Push, Record, Throttle
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.operations.invariants import CHECKS, check
from holding.reconciliation import manual_entries
from holding.worklist import hold_detail, side_by_side
from tests.connectors.simulator_processes import Simulator
from tests.holding.life import SMALL, Life
from tests.holding.posting.test_autocount_life import control, effects, life
from tests.holding.posting.test_autocount_life import running as _running
from tests.holding.shop import order
from tests.support.factories import connection_named

__all__ = ["life"]  # a fixture


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    yield from _running.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]


def typed(
    life: Life, number: str, price: str = "192.00", party: str = "300-W001", day: int = 17
) -> None:
    head = {
        "docNo": number,
        "docDate": f"2026-11-{day}",
        "debtorCode": party,
        "debtorName": "Web Customer",
        "creditTerm": "C.O.D.",
        "salesLocation": "HQ",
    }
    row = {"accNo": "500-0000", "description": "Tea", "qty": 1, "unitPrice": float(price)}
    control(life, "typed", body={"master": head, "details": [row]})


def hold_of(life: Life, number: str) -> int:
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, number)
        assert hold.code == "TGT05"
        return hold.id


def act(life: Life, service: Any, *given: Any) -> Done | Refusal:
    with life.shop.database.write() as session:
        made: Done | Refusal = service(
            session, life.shop.actor("tan"), *given, "Seen in AutoCount", life.shop.now
        )
    life.shop.clock.advance(60)
    life.work()
    return made


def test_what_is_linked_is_posted_and_changed_under_its_own_number(life: Life) -> None:
    typed(life, "IV-1")
    life.arrive("A-1")
    assert life.shop.states() == {"A-1": "held"}
    hold = hold_of(life, "A-1")
    unknown = act(life, manual_entries.link_document, hold, "IV-2")
    assert isinstance(unknown, Refusal)
    assert unknown.code == "link.unknown"
    assert isinstance(act(life, manual_entries.link_document, hold, "IV-1"), Done)
    assert life.postings("A-1") == [("invoice", 1, "posted", "IV-1")]
    assert life.held("A-1") == []
    life.arrive("A-1", **SMALL)
    assert effects(life) == [("created", "IV-1"), ("updated", "IV-1")]
    assert life.held("A-1") == []
    with life.shop.database.read() as session:
        posting = life.shop.posting(session, "A-1")
        pushes = session.scalars(
            select(Push).where(Push.posting_id == posting.id).order_by(Push.no)
        ).all()
        assert [(p.no, p.action, p.number, p.state) for p in pushes] == [
            (1, "create", "IV-1", "accepted"),
            (2, "update", "IV-1", "accepted"),
        ]
        told = session.scalars(select(Event).where(Event.act == "posting.linked")).one()
        assert told.body["instead_of"] == "A-1-1"
        sound = check(
            session,
            life.shop.company.id,
            now=life.shop.now,
            settings=life.desk.settings,
            ledger=[life.books.ledger_path],  # type: ignore[attr-defined]
            only=CHECKS.keys() - {"I11"},  # nobody links events here
        )
        assert [one.say for one in sound.breaches] == []


def test_one_document_is_linked_to_one_record(life: Life) -> None:
    typed(life, "IV-1")
    life.arrive("A-1")
    life.arrive("A-2", created_by="somebody else")
    first, second = hold_of(life, "A-1"), hold_of(life, "A-2")
    assert isinstance(act(life, manual_entries.link_document, first, "IV-1"), Done)
    again = act(life, manual_entries.link_document, second, "IV-1")
    assert isinstance(again, Refusal)
    assert "because it is already linked to A-1" in again.message
    beyond = limited_link(life, second, "IV-1", of_another_source="A-1")
    assert isinstance(beyond, Refusal)
    linked = "You cannot link to IV-1, because it is already linked to another record."
    assert beyond.message == linked
    assert isinstance(act(life, releases.release, second), Done)
    assert effects(life) == [("created", "IV-1"), ("created", "A-2-1")]


def limited_link(life: Life, hold_id: int, number: str, of_another_source: str) -> Done | Refusal:
    """Tan sees one source alone, and this record is of another; nothing of it is kept."""
    company = life.shop.company
    with life.shop.database.write() as session:
        mine = connection_named(session, company, "netshop")
        told = {"company_id": company.id, "name": "blog", "connector": mine.connector}
        session.add(blog := Connection(side="source", settings={}, **told))
        session.flush()
        theirs = update(Record).where(Record.number == of_another_source)
        session.execute(theirs.values(source_id=blog.id))
        tan = replace(life.shop.actor("tan"), reach=of_ids([mine.id]))
        made = manual_entries.link_document(
            session, tan, hold_id, number, "Seen there", life.shop.now
        )
        session.execute(theirs.values(source_id=mine.id))
    return made


def test_only_what_is_like_it_and_not_ours_holds(life: Life) -> None:
    typed(life, "IV-1", price="191.99")
    typed(life, "IV-2", party="300-K305")
    typed(life, "IV-3")
    control(life, "by_hand", number="IV-3", cancelled=True)
    life.arrive("A-1")
    life.arrive("A-2")
    assert life.shop.states() == {"A-1": "posted", "A-2": "posted"}


def test_one_under_our_own_number_is_shown_and_can_be_linked(life: Life) -> None:
    typed(life, "A-1-1", price="12.00")
    life.arrive("A-1")
    hold = hold_of(life, "A-1")
    with life.shop.database.read() as session:
        posting = session.scalars(select(Posting)).one()
        seen = manual_entries.found_documents(session, posting.id)
        assert seen is not None
        assert [(one.number, str(one.amount)) for one in seen[1]] == [("A-1-1", "12.00")]
    assert isinstance(act(life, manual_entries.link_document, hold, "A-1-1"), Done)
    with life.shop.database.read() as session:
        assert session.scalars(select(Posting)).one().amount == 1200
    assert effects(life) == [("created", "A-1-1")]


def test_among_too_many_a_person_looks(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "A_PAGE", 1)  # so that one document is a full page
    monkeypatch.setattr(read_back, "PAGES", 1)
    typed(life, "IV-1", price="7.00", day=18)
    life.arrive("A-1")
    assert life.shop.states() == {"A-1": "held"}
    hold = hold_of(life, "A-1")
    with life.shop.database.read() as session:
        assert "not all were looked through" in life.shop.holds(session, "A-1")[0].message
        shown = hold_detail.load_hold(session, life.shop.company.id, hold)
        assert shown is not None
        assert side_by_side.load_beside(session, shown, ()) is None
    assert isinstance(act(life, releases.release, hold), Done)
    assert life.shop.states() == {"A-1": "posted"}


def test_each_page_of_a_search_is_counted(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    def left() -> int:
        with life.desk.database.read() as session:
            return session.scalars(select(Throttle.tokens)).one()

    life.arrive("A-1")
    before = left()
    monkeypatch.setattr(read_back, "A_PAGE", 1)
    life.shop.receive(order("A-2", updated_at=life.shop.now.isoformat()))
    life.work()
    assert life.shop.states()["A-2"] == "posted"
    # It is full after A-1. The debtor is read once, and the second page of the search is empty.
    assert before - left() == 4 + 1 + 1


def test_one_list_serves_all_of_one_party_that_go_together(life: Life) -> None:
    asked: list[bytes | None] = []

    class Watched(Through):
        def request(
            self, method: str, url: str, **given: Unpack[Given]
        ) -> HttpAnswer | HttpFailure:
            asked.extend([given.get("body")] if url.endswith("/listing") else [])
            return super().request(method, url, **given)

    life.desk = replace(life.desk, http=Watched(life.desk.http))
    life.shop.receive(*(order(f"A-{n}", updated_at=life.shop.now.isoformat()) for n in (1, 2, 3)))
    life.work()
    assert set(life.shop.states().values()) == {"posted"}
    assert len([body for body in asked if b"debtorCode" in (body or b"")]) == 1
