"""A record says when it waited for its connection: from when to when, and for what."""

from datetime import UTC, datetime

from connectors.contract import ConnectionReport
from holding.access.actors import SYSTEM
from holding.connections import breaker, connections, limits
from holding.connections.channel import keep_report, open_channel
from holding.connections.connections import set_key, wait_for_test
from holding.db.models import Connection, Posting
from holding.records import checklist_and_finding, trace, waits
from holding.records.checklist_and_finding import Verdict
from holding.records.waits import Cause
from holding.runs.date_ranges import add_run
from holding.worklist.search import find_whereabouts
from tests.holding.desks import KEYS
from tests.holding.life import SMALL, Life
from tests.holding.pushing import Lane
from tests.support.factories import connection_named
from tests.support.simulator import DEMO_KEY

Waits = list[tuple[Cause, datetime, datetime | None]]


def pause(life: Life) -> datetime:
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        assert connections.pause(session, SYSTEM, there.id, "stock take", now=life.shop.now) is None
    return life.shop.now


def resume(life: Life) -> datetime:
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        assert connections.resume(session, SYSTEM, there.id, now=life.shop.now) is None
    return life.shop.now


def later(life: Life, minutes: int = 10) -> None:
    life.shop.clock.advance(60.0 * minutes)


def arrive(life: Life, number: str = "A-1") -> datetime:
    """Let an order arrive; return when it was judged."""
    life.arrive(number)
    return life.shop.now


def waited(life: Life, number: str = "A-1", *, now: bool = False) -> Waits:
    with life.shop.database.read() as session:
        record = life.shop.record(session, number)
        found = waits.waits_of(session, [record.id], life.shop.now if now else None)
        return [(one.cause, one.since, one.until) for one in found]


def test_a_document_that_was_sent_at_once_waited_for_nothing(life: Life) -> None:
    pause(life)
    later(life)
    resume(life)
    later(life)
    arrive(life)
    later(life)
    pause(life)
    assert waited(life, now=True) == []


def test_a_document_that_became_ready_in_a_pause_waited_from_then_on(life: Life) -> None:
    pause(life)
    ready = arrive(life)
    later(life)
    assert waited(life) == []
    assert waited(life, now=True) == [(Cause.PAUSE, ready, None)]
    end = resume(life)
    later(life, 1)
    life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert waited(life, now=True) == [(Cause.PAUSE, ready, end)]


def test_each_of_several_pauses_leaves_its_mark(life: Life) -> None:
    pause(life)
    ready = arrive(life)
    later(life)
    first = resume(life)
    later(life)
    second = pause(life)
    later(life)
    end = resume(life)
    later(life)
    life.work()
    assert waited(life) == [(Cause.PAUSE, ready, first), (Cause.PAUSE, second, end)]


def test_a_record_that_is_judged_again_in_a_pause_waited_from_the_first_on(life: Life) -> None:
    pause(life)
    ready = arrive(life)
    later(life)
    with life.shop.database.write() as session:
        life.shop.record(session, "A-1").due_at = life.shop.now
    life.work()
    later(life)
    end = resume(life)
    life.work()
    assert waited(life) == [(Cause.PAUSE, ready, end)]


def test_a_run_that_a_person_started_waits_since_its_start(life: Life) -> None:
    """A document of a daily route has no due time: it waits for its run, not for the pause."""
    pause(life)
    arrive(life)
    with life.shop.database.write() as session:
        life.shop.posting(session, "A-1").due_at = None
    later(life)
    assert waited(life, now=True) == []
    with life.shop.database.write() as session:
        posting = life.shop.posting(session, "A-1")
        there = session.get_one(Connection, posting.connection_id)
        add_run(session, there, "manual", posting.doc_type, [posting.id], life.shop.now)
    started = life.shop.now
    later(life)
    assert waited(life, now=True) == [(Cause.PAUSE, started, None)]
    end = resume(life)
    later(life)
    life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert waited(life) == [(Cause.PAUSE, started, end)]


def test_a_change_of_a_posted_document_waits_like_a_new_one(life: Life) -> None:
    arrive(life)
    pause(life)
    life.arrive("A-1", **SMALL)
    ready = life.shop.now
    later(life)
    assert waited(life, now=True) == [(Cause.PAUSE, ready, None)]
    end = resume(life)
    life.work()
    assert waited(life) == [(Cause.PAUSE, ready, end)]


def use_up_quota(life: Life, limit: int = 1) -> datetime:
    """The target takes as many documents a month as it has now."""
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        channel = open_channel(session, life.desk, there)
        limits.mark_exhausted(session, channel, life.shop.now)  # type: ignore[arg-type]
    return life.shop.now


def test_a_quota_ends_with_its_month(life: Life) -> None:
    use_up_quota(life)
    ready = arrive(life)
    assert life.shop.states() == {"A-1": "ready"}
    assert waited(life, now=True) == [(Cause.QUOTA, ready, None)]
    life.shop.clock.advance((datetime(2026, 12, 2, tzinfo=UTC) - life.shop.now).total_seconds())
    life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert waited(life) == [(Cause.QUOTA, ready, datetime(2026, 11, 30, 16, tzinfo=UTC))]


def test_a_quota_that_was_used_up_again_is_another_wait(life: Life) -> None:
    use_up_quota(life)
    life.shop.clock.advance((datetime(2026, 12, 2, tzinfo=UTC) - life.shop.now).total_seconds())
    use_up_quota(life)
    ready = arrive(life)
    assert waited(life, now=True) == [(Cause.QUOTA, ready, None)]


def test_a_refused_key_ends_with_another_one(life: Life) -> None:
    """The first document is held because of it, and waits as long as the others."""
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        assert breaker.shut(session, there.id, life.shop.now, there.key_id)
    held = arrive(life, "A-1")
    ready = arrive(life, "A-2")
    assert (life.held("A-1"), life.held("A-2")) == (["TGT01"], [])
    assert waited(life, "A-1", now=True) == [(Cause.KEY, held, None)]
    assert waited(life, "A-1") == []
    assert waited(life, "A-2", now=True) == [(Cause.KEY, ready, None)]
    later(life)
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        set_key(session, SYSTEM, there.id, "ai_second_key_9Zx7", now=life.shop.now, keys=KEYS)
    end = life.shop.now
    later(life)
    life.work()
    assert life.shop.states() == {"A-1": "posted", "A-2": "posted"}
    assert waited(life, "A-1") == [(Cause.KEY, held, end)]
    assert waited(life, "A-2") == [(Cause.KEY, ready, end)]


def test_a_document_refused_with_its_key_waits_until_another_is_stored(life: Life) -> None:
    """It was sent once, at once: what it waited for began with the answer."""
    life.books.moods += ["refuse_key"]
    sent = arrive(life)
    assert (life.held("A-1"), life.postings("A-1")[0][2]) == (["TGT01"], "failed")
    later(life, 30)
    assert waited(life, now=True) == [(Cause.KEY, sent, None)]
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        set_key(session, SYSTEM, there.id, "ai_second_key_9Zx7", now=life.shop.now, keys=KEYS)
    end = life.shop.now
    life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert waited(life) == [(Cause.KEY, sent, end)]


def test_a_missing_key_ends_with_a_test_that_passes(life: Life) -> None:
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        connections.ask_key_again(session, there, life.shop.now)
        wait_for_test(session, there, life.shop.now)
    ready = arrive(life)
    later(life)
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        set_key(session, SYSTEM, there.id, "ai_second_key_9Zx7", now=life.shop.now, keys=KEYS)
    later(life)
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        keep_report(
            session, there, ConnectionReport(steps=(), snapshot=None), life.shop.now, requested=True
        )
    end = life.shop.now
    later(life)
    life.work()
    assert waited(life, now=True) == [(Cause.KEY, ready, end)]


def test_the_timeline_the_finding_and_the_api_show_the_wait(life: Life) -> None:
    pause(life)
    ready = arrive(life)
    later(life, 29)
    say = "A-1-1 waits for the paused connection aiaccount since 2026-11-20 09:01."
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        steps = trace.timeline(session, record.id, life.shop.now)
        assert [one.say for one in steps if one.kind == "wait"] == [say]
        finding = checklist_and_finding.trace_finding(session, record.id, life.shop.now)
        assert [(one.say, one.over) for one in finding.reasons] == [(say, False)]
        (found,) = find_whereabouts(session, record.company_id, "A-1", hidden=(), now=life.shop.now)
        assert [(one.cause, one.since, one.until) for one in found.waits] == [
            (Cause.PAUSE, ready, None)
        ]
    resume(life)
    life.work()
    say = "A-1-1 waited for the paused connection aiaccount, 2026-11-20 09:01 to 09:30."
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        (step,) = [one for one in trace.timeline(session, record.id) if one.kind == "wait"]
        assert (step.say, step.at, len(step.proofs)) == (say, life.shop.now, 2)
        finding = checklist_and_finding.trace_finding(session, record.id, life.shop.now)
        assert finding.verdict is Verdict.NOTHING
        assert say in [one.say for one in finding.reasons]


def test_a_document_that_a_paused_key_parks_waits_until_the_key_is_active(lane: Lane) -> None:
    lane.target.control("pause", key=DEMO_KEY)
    [key] = lane.ready("IV-1")
    lane.work()
    parked = lane.clock.now()
    record = lane.one(key).record_id
    lane.clock.advance(30 * 60)
    with lane.database.read() as session:
        assert waits.waits_of(session, [record]) == ()
        (wait,) = waits.waits_of(session, [record], lane.clock.now())
    assert (wait.cause, wait.since, wait.until) == (Cause.PAUSED_KEY, parked, None)
    lane.target.control("pause", key=DEMO_KEY, status="active")
    lane.settle(minutes=2)
    assert lane.state(key) == "posted"
    with lane.database.read() as session:
        (wait,) = waits.waits_of(session, [record])
        posted_at = session.get_one(Posting, key).posted_at
    assert (wait.since, wait.until) == (parked, posted_at)
    assert [type(one) for one in wait.events] == [int]
