"""A lease runs from each call: calls that take long together cost no posting, and no crash."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.contract import Answer, Sent
from connectors.targets.aiaccount.connector import AiAccount
from connectors.transport.http import Http
from holding.connections.channel import Channel, Desk, open_channel
from holding.db.models import Attempt, Event, Posting, Request
from holding.operations import sealed_rows
from holding.platform import events, row_trail
from holding.posting import send
from holding.posting.claims import claim, release_expired_claims
from holding.posting.lease_renewal import desk_with_leases
from holding.posting.push import Flight
from tests.holding.pushing import Lane, answer_whole_files

SECONDS = 25  # of a call; two of them are shorter than a lease, three are longer
Slow = Callable[[type[Any], str], None]


@pytest.fixture
def slow(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Calls of this kind take long, and a sweeper finds no lease of the dead meanwhile."""

    def slowed(owner: type[Any], name: str) -> None:
        really = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            for _ in range(5):
                lane.clock.advance(SECONDS / 5)
                with lane.database.write() as session:
                    assert release_expired_claims(session, lane.clock.now()) == 0
            return really(*given, **named)

        monkeypatch.setattr(owner, name, call)

    return slowed


def test_T05c_halves_that_take_longer_than_a_lease_are_all_sent(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, slow: Slow
) -> None:
    no = Answer(kind="refused", error_class="bad_value", code="bad_file", words="!")
    answer_whole_files(monkeypatch, 400, no, lambda numbers: len(numbers) > 1)
    slow(AiAccount, "send")
    keys = lane.ready(*(f"IV-{n}" for n in range(8)), due=None)
    began = lane.clock.now()
    lane.start_sync()
    lane.work()
    assert lane.clock.now() - began > 5 * lane.desk.lease
    assert set(lane.states(keys)) == {"posted"}
    assert {row.kind for row in lane.rows(Request)} == {"push"}
    assert {row.state for row in lane.rows(Attempt)} == {"split", "accepted"}
    assert len(lane.target.lines("created")) == 8


def test_T05c_look_ups_that_take_longer_than_a_lease_are_no_crash(lane: Lane, slow: Slow) -> None:
    slow(Http, "request")
    keys = lane.ready(*(f"IV-{n}" for n in range(6)), due=None)
    lane.target.control("faults", fault="timeout_before")
    lane.start_sync()
    lane.work()
    assert set(lane.states(keys)) == {"uncertain"}
    lane.clock.advance(60)
    began = lane.clock.now()
    lane.work()
    assert lane.clock.now() - began > 2 * lane.desk.lease
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}


def test_T05c_calls_of_one_document_each_that_take_longer_than_a_lease(
    lane: Lane, slow: Slow
) -> None:
    slow(Http, "request")
    keys = lane.ready(*(f"IV-{n}" for n in range(6)))
    began = lane.clock.now()
    lane.work()
    assert lane.clock.now() - began > 2 * lane.desk.lease
    assert set(lane.states(keys)) == {"posted"}
    assert {row.state for row in lane.rows(Attempt)} == {"accepted"}


def test_T05c_what_another_worker_took_meanwhile_is_not_sent_in_a_half(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stops for longer than a lease between two halves finds the second one gone."""
    no = Answer(kind="refused", error_class="bad_value", code="bad_file", words="!")
    keys = lane.ready(*(f"IV-{n}" for n in range(4)), due=None)
    taken = {"IV-2", "IV-3"}

    def refused_and_asleep(numbers: Any) -> bool:
        if len(numbers) == 2 and set(numbers).isdisjoint(taken):
            lane.clock.advance(lane.desk.lease + 2 * lane.desk.answer)
            with lane.database.write() as session:
                release_expired_claims(session, lane.clock.now())
                for key in keys[2:]:
                    session.get_one(Posting, key).fence += 1  # another worker looks it up
        return len(numbers) > 2

    answer_whole_files(monkeypatch, 400, no, refused_and_asleep)
    lane.start_sync()
    lane.work()
    assert {line["number"] for line in lane.target.lines("created")} == {"IV-0", "IV-1"}
    assert lane.states(keys[2:]) == ["sending", "sending"]
    assert len(lane.sends()) == 2


def test_T05c_an_answer_that_arrives_after_a_takeover_is_an_event_and_sealed(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_call = send.make_call

    def call_after_takeover(desk: Desk, flight: Flight) -> Sent:
        monkeypatch.setattr(send, "make_call", make_call)
        lane.settle()
        seal_rows(lane)
        return make_call(desk, flight)

    monkeypatch.setattr(send, "make_call", call_after_takeover)
    keys = lane.ready("IV-0")
    lane.work()
    assert lane.states(keys) == ["posted"]
    assert [event.act for event in lane.rows(Event)].count("posting.late_answer") == 1
    assert row_breaks_of(lane) == []
    seal_rows(lane)
    assert row_breaks_of(lane) == []


def test_T05c_a_file_that_is_divided_breaks_no_seal(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_call, open_half = send.make_call, send.open_half
    breaks_between_halves: list[list[str]] = []

    def sealed_call(desk: Desk, flight: Flight) -> Sent:
        seal_rows(lane)
        return make_call(desk, flight)

    def checked_half(desk: Desk, half: send.FileHalf) -> Flight | None:
        breaks_between_halves.append(row_breaks_of(lane))
        return open_half(desk, half)

    monkeypatch.setattr(send, "make_call", sealed_call)
    monkeypatch.setattr(send, "open_half", checked_half)
    no = Answer(kind="refused", error_class="bad_value", code="bad_file", words="!")
    answer_whole_files(monkeypatch, 400, no, lambda numbers: len(numbers) > 1)
    lane.ready("IV-0", "IV-1", due=None)
    lane.start_sync()
    lane.work()
    assert breaks_between_halves == [[], []]


def seal_rows(lane: Lane) -> None:
    for _ in range(2):
        events.link_due_events(lane.database, now=lane.clock.now(), all_events=True)
        row_trail.seal_due_rows(lane.database, now=lane.clock.now(), at_once=True)


def row_breaks_of(lane: Lane) -> list[str]:
    with lane.database.read() as session:
        return [row_break.message for row_break in sealed_rows.row_breaks(session, lane.company.id)]


def test_T05c_a_turn_renews_what_is_its_own_and_nothing_else(lane: Lane) -> None:
    ours, taken, freed = lane.ready("IV-0", "IV-1", "IV-2")
    claims = claim(lane.desk, channel_of(lane), ("ready",), 3)
    desk = desk_with_leases(lane.desk, claims)
    with lane.database.write() as session:
        session.get_one(Posting, taken).fence += 1
        session.get_one(Posting, freed).lease_until = None
    first = lane.one(ours).lease_until
    assert first is not None
    desk.renew()
    assert lane.one(ours).lease_until == first, "it lasts for one more call"
    lane.clock.advance(SECONDS)
    desk.renew()
    [mine, other] = [lane.one(key).lease_until for key in (ours, taken)]
    assert mine == lane.clock.now() + lane.desk.lease / 2 + lane.desk.answer
    assert other == first
    assert lane.one(freed).lease_until is None


def channel_of(lane: Lane) -> Channel:
    with lane.database.read() as session:
        found = open_channel(session, lane.desk, lane.connection(session))
    assert isinstance(found, Channel)
    return found


def test_T05c_what_a_worker_that_died_between_halves_left_is_looked_up_and_sent(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    no = Answer(kind="refused", error_class="bad_value", code="bad_file", words="!")
    answer_whole_files(monkeypatch, 400, no, lambda numbers: len(numbers) > 2)
    keys = lane.ready(*(f"IV-{n}" for n in range(4)), due=None)
    with monkeypatch.context() as dying:

        def dies(*_: Any) -> None:
            raise KeyboardInterrupt

        dying.setattr(send, "open_half", dies)
        lane.start_sync()
        with pytest.raises(KeyboardInterrupt):
            lane.work()
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}
    assert len(lane.target.lines("created")) == 4
    assert {row.state for row in lane.rows(Attempt)} == {"split", "absent", "accepted"}
