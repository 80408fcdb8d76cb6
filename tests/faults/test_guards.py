"""Guards that stand one behind the other: each has a scene that goes wrong without it.

Here: the scenes, each played with the product as it is and with one guard taken out. Not here: the
bugs that histories find (test_mutants.py).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import select, update

from connectors.contract.errors import RETRY
from holding.approvals import consent
from holding.db.models import Approval, Attempt, Event, Hold, Posting, Push
from holding.posting import claims, prepare, store_results, uncertain
from tests.faults.course import Ending, end, for_a_while, heal, until_idle
from tests.faults.history import Chances, History
from tests.faults.mutants import MUTANTS, changed, planted
from tests.faults.tasks import Task
from tests.faults.town import ANSWER, LEASE, LIMIT, SETTLE, Town, town
from tests.support.databases import unlock

SMOOTH = Chances(kill=0, sleep=0, fate=0, jump=0, lags=False, dedupe=("nothing",))
LOSSES = 9  # from the eighth on the pause is longer than look-ups take to prove it
FIRST, LONGEST = RETRY["temporary"].pauses


@contextmanager
def history_of(orders: int, *, lag: float = 0) -> Iterator[History]:
    """A worker, and orders that have arrived one after the other and nobody has judged."""
    with town(dedupe="nothing", lag=lag) as place:
        history = History(place, Random(0), SMOOTH)
        for _ in range(orders):
            history.arrive(20)
            while history.tasks:
                history.go_on(history.tasks[0], rough=False)
        history.hire()
        yield history


def healed(history: History) -> Ending:
    """The end of it all."""
    heal(history)
    return end(history, 0)


def until(history: History, task: Task, point: str) -> None:
    """Let one worker alone go on to a point."""
    while task.at != point:
        history.go_on(task, rough=False)
        history.place.wire.settle()


# ---- absent once is no proof -------------------------------------------------------------------


def comes_late_and_shows_later() -> None:
    """A call arrives just before nobody waits for it, unanswered; look-ups show it later still."""
    with history_of(1, lag=SETTLE - 1) as history:
        wire = history.place.wire
        wire.fates.append("silent")
        wire.takes = ANSWER - 5
        while not wire.wrote:
            for_a_while(history, 1)
        wire.takes = 0
        assert healed(history).wrong == ()


def comes_at_once_and_shows_later() -> None:
    """A call is done and its answer cut off at once; what it made shows in a look-up only when the
    target has settled.
    """
    with history_of(1, lag=SETTLE - 1) as history:
        wire = history.place.wire
        wire.fates.append("reset")
        while not wire.wrote:
            for_a_while(history, 1)
        assert healed(history).wrong == ()


def lost_again_and_again() -> None:
    """Nothing arrives, and look-ups prove it each time: the next call waits longer and longer."""
    with history_of(1) as history:
        wire = history.place.wire
        wire.fates = ["lost"] * LOSSES
        while wire.fates:
            for_a_while(history, 5)
        assert healed(history).wrong == ()
        calls = [one.at for one in wire.written]
    assert len(calls) == LOSSES + 1
    gaps = [later - earlier for earlier, later in pairwise(calls)]
    assert all(gap >= FIRST * 2**no for no, gap in enumerate(gaps)), gaps


# ---- a temporary no is followed by a pause that grows ------------------------------------------


def refused_at_first() -> None:
    """Nobody takes the first calls of twelve documents; each comes again after its pause."""
    with history_of(0) as history:
        for _ in range(12):
            history.place.wire.fates = ["refused"] * 3
            history.arrive(20)
            for_a_while(history, 1)
            while history.place.open_work():
                for_a_while(history, 1)
        pauses, early = _pauses(history.place)
        assert healed(history).wrong == ()
    assert early == []
    for no, most in enumerate((FIRST, 2 * FIRST)):
        assert len(pauses[no]) >= 6
        assert max(pauses[no]) <= most
        assert sum(pauses[no]) / len(pauses[no]) > most / 4, "half of the longest, on the average"
    assert max(pauses[1]) > FIRST, "the second may be longer than the first ever is"


def _pauses(place: Town) -> tuple[dict[int, list[float]], list[float]]:
    """How long was said to be waited after the first no, the second, …; which calls came earlier
    than that.
    """
    later = Event.act == "posting.later"
    calls = select(Push.posting_id, Attempt.at).join(Push, Push.id == Attempt.push_id)
    pauses: dict[int, list[float]] = defaultdict(list)
    early = []
    with place.database.read() as session:
        attempts = session.execute(calls.order_by(Attempt.at)).all()
        so_far: Counter[int] = Counter()
        for event in session.scalars(select(Event).where(later).order_by(Event.id)):
            assert event.posting_id is not None
            seconds = float(event.body["seconds"])
            pauses[so_far[event.posting_id]].append(seconds)
            so_far[event.posting_id] += 1
            gaps = [
                (at - event.at).total_seconds()
                for posting_id, at in attempts
                if posting_id == event.posting_id and at > event.at
            ]
            early += [gap for gap in gaps[:1] if gap < seconds - 0.1]
    return pauses, early


# ---- who lost the lease goes no further --------------------------------------------------------


def asleep_between_claim_and_check() -> None:
    """A worker sleeps for longer than its lease before it looks at what it claimed; another one has
    claimed it when the first wakes up, and has not sent it yet.
    """
    with history_of(1) as history:
        first = history.tasks[0]
        until(history, first, "push.claimed")
        history.place.clock.pass_(2 * LEASE)
        history.hire()
        second = history.tasks[1]
        until(history, second, "push.claimed")
        first.step()
        for _ in range(200):
            if first.at in ("idle", "push.after_answer_commit"):
                break
            if first.waits_for():
                history.go_on(first, rough=False)
            history.place.wire.settle()
        ending = healed(history)
        with history.place.database.read() as session:
            fences = session.execute(
                select(Attempt.fence, Posting.fence)
                .join(Push, Push.id == Attempt.push_id)
                .join(Posting, Posting.id == Push.posting_id)
            ).all()
        assert ending.wrong == ()
        assert fences, "it was sent"
        assert all(mine == newest for mine, newest in fences), "sent under a lease that was over"


# ---- first due, first sent ---------------------------------------------------------------------


def more_is_due_than_may_go() -> None:
    """Two calls a minute; what arrived last came to be due first."""
    with history_of(6) as history:
        place = history.place
        place.pause(on=True)
        until_idle(history)
        place.allow(2)
        with place.database.write() as session:
            rows = session.scalars(select(Posting).order_by(Posting.id.desc())).all()
            for later, row in enumerate(rows):
                row.due_at = place.clock.now() + timedelta(seconds=later)
            wanted = [row.number for row in rows]
        history.pass_(10)
        place.pause(on=False)
        assert healed(history).wrong == ()
        sent = [line["number"] for line in place.wire.lines() if line["effect"] == "created"]
    assert sent == wanted


# ---- an approval is for one content ------------------------------------------------------------


def approved_and_then_changed() -> None:
    """An order above the limit is approved; before it goes, its price changes, to above the limit
    again.
    """
    with _approved_then_changed() as history:
        place = history.place
        with place.database.read() as session:
            given = session.scalars(select(Approval)).all()
        assert [one.voided_at is not None for one in given] == [True], "it counts no longer"
        assert place.wire.wrote == []


def made_ready_past_the_program() -> None:
    """Somebody writes into the database that the approval of the earlier content still stands."""
    with _approved_then_changed() as history:
        place = history.place
        with place.database.write() as session:
            unlock(session)
            session.execute(update(Approval).values(voided_at=None))
            session.execute(update(Hold).values(state="cleared", closed_at=place.clock.now()))
            session.execute(update(Posting).values(state="ready", due_at=place.clock.now()))
        for_a_while(history, LEASE)
        assert place.wire.wrote == []
        assert _open_holds(place) == ["PSH02"], "the last look before the call stops it"


def _open_holds(place: Town) -> list[str]:
    with place.database.read() as session:
        return list(session.scalars(select(Hold.code).where(Hold.state == "open")))


@contextmanager
def _approved_then_changed() -> Iterator[History]:
    with history_of(0) as history:
        history.place.pause(on=True)
        history.arrive(LIMIT)
        for_a_while(history, LEASE)
        (which,) = history.sent
        assert history.place.approve(0) == 1
        history.edit(which, LIMIT + 10)
        for_a_while(history, 5)
        assert _open_holds(history.place) == ["APP01"], "another approval is asked for"
        history.place.pause(on=False)
        for_a_while(history, LEASE)
        yield history
        for task in history.tasks:
            task.kill()


@contextmanager
def oldest_record_first() -> Iterator[None]:
    """The statement is kept once it was made."""
    with changed(claims._due, "else (Posting.due_at, Posting.id)", "else (Posting.id,)"):
        claims._due.cache_clear()
        yield
    claims._due.cache_clear()


Guard = AbstractContextManager[None]
GUARDS: dict[str, tuple[Callable[[], None], Callable[[], Guard]]] = {
    "T35a-absent-once": (
        comes_late_and_shows_later,
        lambda: changed(
            uncertain._proved_absent,
            "return was_absent_before and now >= _over_at(doubt, now)",
            "return True",
        ),
    ),
    "T35a-not-settled": (
        comes_at_once_and_shows_later,
        lambda: changed(uncertain._doubt, "_length(last) + channel.settle", "_length(last)"),
    ),
    "T35c-no-pause-after-doubt": (
        lost_again_and_again,
        lambda: changed(uncertain._sends_again, "case.now < due", "False"),
    ),
    "T35c-no-pause": (
        refused_at_first,
        lambda: changed(
            store_results._pause, "(least + (most - least) * case.luck)", "timedelta()"
        ),
    ),
    "T35c-no-growth": (
        refused_at_first,
        lambda: changed(store_results.decide_retry, "FIRST * 2.0 ** (tries - 1)", "FIRST"),
    ),
    "T35e-voids-none": (
        approved_and_then_changed,
        lambda: changed(consent.of_another_content, "approval.hash != hash_", "False"),
    ),
    "T35e-judged-by-any": (
        approved_and_then_changed,
        lambda: changed(consent.counting, "approval.hash == hash_", "True"),
    ),
    "T35e-sent-by-any": (
        made_ready_past_the_program,
        lambda: changed(consent._given, ".where(Approval.hash == Posting.hash)", ""),
    ),
    "T35g-no-fence": (
        asleep_between_claim_and_check,
        lambda: changed(prepare._look_around, "if row.Posting.fence == fences[row.Posting.id]", ""),
    ),
    "T35h-by-record": (
        more_is_due_than_may_go,
        oldest_record_first,
    ),
}


@pytest.mark.parametrize("name", GUARDS)
def test_without_the_guard_the_scene_goes_wrong(name: str) -> None:
    scene, taken_out = GUARDS[name]
    scene()
    with taken_out(), pytest.raises(AssertionError):
        scene()


@pytest.mark.parametrize("number", [mutant.no for mutant in MUTANTS])
def test_a_planted_bug_fits_the_code(number: int) -> None:
    """`make test` plays few of the planted bugs, so a bug that no longer fits would stay unseen."""
    with planted(number) as mutant:
        assert mutant.no == number
