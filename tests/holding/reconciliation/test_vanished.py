"""What a target accepted and lost is held until it is there, sent again or skipped."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from holding.approvals import step_up
from holding.db.models import Event, Hold, Push
from holding.db.models.columns import PushState
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.operations.invariants import CHECKS, check
from holding.operations.queues import load_endpoints
from holding.platform.event_log import PROVED_AT
from holding.reconciliation import manual_entries
from holding.records.checklist_and_finding import Side, side_of
from holding.runs.range_preview import preview
from tests.holding.life import SMALL, Life
from tests.holding.posting.test_autocount_life import control, effects, life, running

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
ON_SQLITE = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


@pytest.fixture
def lost(life: Life) -> Life:
    """AutoCount accepted A-1-1 and lost it; it was read back a minute later."""
    life.arrive("A-1")
    assert life.shop.states() == {"A-1": "posted"}
    control(life, "reset")
    later(life, 60)
    return life


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


def open_hold(life: Life) -> Hold:
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-1")
        return hold


def decide(life: Life, act: Any, who: str = "lim") -> Done | Refusal:
    wanted = open_hold(life).id
    with life.shop.database.write() as session:
        made: Done | Refusal = act(
            session, life.shop.actor(who), wanted, "Not in AutoCount", life.shop.now
        )
    life.work()
    return made


def pushes(life: Life) -> list[Push]:
    with life.shop.database.read() as session:
        return list(session.scalars(select(Push).order_by(Push.id)))


def breaches(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        found = check(
            session,
            life.shop.company.id,
            now=life.shop.now,
            settings=life.desk.settings,
            only=CHECKS.keys() - {"I11"},  # nobody links events here
        )
        return [one.say for one in found.breaches]


def limit_to_nothing(life: Life) -> None:
    with life.shop.database.write() as session:
        adam = life.shop.actor("adam")
        assert step_up.set_limit(session, adam, 0, "The auditors asked", life.shop.now) is None


@ON_SQLITE
def test_above_the_limit_it_is_sent_again_with_a_fresh_code_only(lost: Life) -> None:
    limit_to_nothing(lost)
    refused = decide(lost, releases.send_again)
    assert isinstance(refused, Refusal)
    assert (refused.code, effects(lost)) == ("step_up.set_up", [])
    lim = lost.shop.actor("lim")
    lost.shop.actors["lim"] = replace(lim, proved_at=lost.shop.now)
    assert isinstance(decide(lost, releases.send_again), Done)
    assert effects(lost) == [("created", "A-1-1")]
    with lost.shop.database.read() as session:
        body = session.scalars(select(Event.body).where(Event.act == releases.SENT_AGAIN)).one()
        assert PROVED_AT in body


@ON_SQLITE
def test_a_vanished_document_is_not_counted_as_posted(lost: Life) -> None:
    def counted() -> list[tuple[int, int, int]]:
        with lost.shop.database.read() as session:
            posting = lost.shop.posting(session, "A-1")
            types, since = (posting.doc_type,), date(2026, 1, 1)
            lines = load_endpoints(session, posting.company_id, posting.connection_id, types, since)
            return [(one.posted, one.vanished, sum(one.posted_money.values())) for one in lines]

    assert counted() == [(0, 1, 0)]
    assert isinstance(decide(lost, releases.send_again), Done)
    later(lost, 60)
    ((posted, vanished, money),) = counted()
    assert (posted, vanished) == (1, 0)
    assert money > 0


@ON_SQLITE
def test_the_preview_of_a_range_shows_a_vanished_document_on_hold(lost: Life) -> None:
    with lost.shop.database.read() as session:
        posting = lost.shop.posting(session, "A-1")
        assert posting.doc_date is not None
        days = (posting.doc_date, posting.doc_date)
        of = (posting.company_id, posting.connection_id, posting.doc_type)
        seen = preview(session, *of, *days, lost.shop.now)
    assert (seen.already_posted.count, seen.held.count, seen.will_send.count) == (0, 1, 0)
    assert [one.count for one in seen.waits] == [1]


@ON_SQLITE
def test_looking_for_a_vanished_document_needs_no_code(lost: Life) -> None:
    limit_to_nothing(lost)
    assert isinstance(decide(lost, manual_entries.look_again), Done)


@ON_SQLITE
def test_a_vanished_document_is_technical_and_no_release_ends_it(lost: Life) -> None:
    hold = open_hold(lost)
    assert (hold.code, hold.rule, hold.error_class) == ("TGT14", "target.not_there", "uncertain")
    assert side_of(hold.error_class, hold.code) is Side.TECHNICAL
    assert "A-1-1" in hold.message
    released = decide(lost, releases.release)
    assert isinstance(released, Refusal)
    assert released.code == "hold.clears_itself"
    later(lost, DAY)
    assert (open_hold(lost).id, lost.shop.states()) == (hold.id, {"A-1": "held"})
    assert breaches(lost) == []


@ON_SQLITE
def test_the_posting_log_shows_what_became_of_it(lost: Life) -> None:
    (push,) = pushes(lost)
    assert (push.state, push.error_class) == (PushState.ACCEPTED, "uncertain")
    assert push.error == open_hold(lost).message


def test_an_approver_sends_it_again_with_another_key(lost: Life) -> None:
    assert effects(lost) == []
    assert isinstance(decide(lost, releases.send_again), Done)
    assert effects(lost) == [("created", "A-1-1")]
    later(lost, 60)
    assert (lost.held("A-1"), lost.shop.states()) == ([], {"A-1": "posted"})
    first, second = pushes(lost)
    assert (first.state, second.state) == (PushState.DROPPED, PushState.ACCEPTED)
    assert (first.key != second.key, second.error) == (True, None)
    later(lost, DAY)
    assert (lost.held("A-1"), effects(lost)) == ([], [("created", "A-1-1")])
    assert breaches(lost) == []


@ON_SQLITE
def test_the_newest_version_is_sent(lost: Life) -> None:
    lost.arrive("A-1", **SMALL)
    assert (lost.held("A-1"), effects(lost)) == (["TGT14"], [])
    assert isinstance(decide(lost, releases.send_again), Done)
    later(lost, 60)
    assert effects(lost) == [("created", "A-1-1")]
    (made,) = [one for one in lost.books.ledger()[-9:] if one.get("effect") == "created"]  # type: ignore[attr-defined]
    assert json.loads(made["stands"])["master"]["finalTotal"] == 96
    assert lost.held("A-1") == []


@ON_SQLITE
def test_what_is_there_after_all_is_not_sent_twice(lost: Life) -> None:
    """Somebody types it before the approver decides: the lookup before the send finds it."""
    put_there(lost)
    answer = decide(lost, releases.send_again)
    assert isinstance(answer, Done)
    assert [one for one in effects(lost) if one[0] == "created"] == [("created", "A-1-1")]
    assert lost.held("A-1") == ["TGT02"]


@ON_SQLITE
def test_a_look_ends_the_hold_when_the_document_shows_up(lost: Life) -> None:
    put_there(lost)
    assert isinstance(decide(lost, manual_entries.look_again), Done)
    later(lost, 60)
    assert "TGT14" not in lost.held("A-1")
    (push,) = pushes(lost)
    assert push.error is None


def put_there(life: Life) -> None:
    """Somebody types an invoice of our number into AutoCount."""
    head = {"docNo": "A-1-1", "docDate": "2026-11-19", "debtorCode": "300-W001"}
    head |= {"debtorName": "Web Customer", "creditTerm": "C.O.D.", "salesLocation": "HQ"}
    row = {"accNo": "500-0000", "description": "Tea", "qty": 1, "unitPrice": 10}
    control(life, "typed", body={"master": head, "details": [row]})


@ON_SQLITE
def test_a_look_that_finds_nothing_leaves_its_result_in_the_trace(lost: Life) -> None:
    def readings() -> list[str]:
        with lost.shop.database.read() as session:
            rows = session.scalars(select(Event).where(Event.act == "posting.read"))
            return [event.body["found"] for event in rows]

    assert readings() == ["absent"]
    later(lost, 60)
    assert isinstance(decide(lost, manual_entries.look_again), Done)
    later(lost, 60)
    assert (lost.held("A-1"), readings()) == (["TGT14"], ["absent", "absent"])
    later(lost, DAY)
    assert readings() == ["absent", "absent"], "nobody looked again"


@ON_SQLITE
def test_it_can_be_skipped_until_the_source_changes_it(lost: Life) -> None:
    assert isinstance(decide(lost, releases.reject), Done)
    later(lost, DAY)
    assert (lost.shop.states(), lost.held("A-1"), effects(lost)) == ({"A-1": "ignored"}, [], [])
    lost.arrive("A-1", **SMALL)
    assert effects(lost) == [("created", "A-1-1")]
    assert breaches(lost) == []


@ON_SQLITE
def test_who_may_not_decide_sends_nothing(lost: Life) -> None:
    refused = decide(lost, releases.send_again, who="vera")
    assert isinstance(refused, Refusal)
    assert (refused.status, effects(lost)) == (403, [])


@ON_SQLITE
def test_only_a_missing_document_is_sent_again(life: Life) -> None:
    life.arrive("A-1")
    later(life, 60)
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.5}])
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]
    refused = decide(life, releases.send_again)
    assert isinstance(refused, Refusal)
    assert (refused.code, effects(life)) == ("hold.not_gone", [("created", "A-1-1")])
