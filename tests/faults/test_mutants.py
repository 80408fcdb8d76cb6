"""Every planted bug passes the smoke test and is then caught: the suite is able to fail."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from tests.faults import mutants
from tests.faults.amounts import Done
from tests.faults.course import Ending, end, for_a_while, heal, run
from tests.faults.history import Chances, History
from tests.faults.test_f07_doorbells import (
    redis_url,
    test_f07_the_queue_tries_nothing_again,
)
from tests.faults.test_f11_power import synchronous_of
from tests.faults.test_f17_clocks import leases_of_a_wrong_clock
from tests.faults.town import LEASE, Town, town
from tests.holding.conftest import desk, lane, shared_target, target
from tests.holding.posting import test_refused_lookups as refused
from tests.holding.pushing import Lane

__all__ = ["desk", "lane", "redis_url", "shared_target", "target"]
SEEDS = 300
SMOOTH = Chances(kill=0, sleep=0, fate=0, jump=0, lags=False, dedupe=("number+customer",))
CALM = Chances(kill=1, sleep=1, fate=5, jump=0)


def killed_after_sending(history: History) -> None:
    worker = history.tasks[0]
    while worker.at != "push.after_send":
        history.go_on(worker, rough=False)
        history.place.wire.settle()
    history.kill(worker)


def asleep_with_an_answer(history: History) -> None:
    """A slow worker writes its answer down after another one has found out by itself."""
    worker = history.tasks[0]
    while worker.at != "push.after_answer":
        history.go_on(worker, rough=False)
        history.place.wire.settle()
    worker.until = history.place.clock.monotonic() + 4 * LEASE
    history.hire()
    for_a_while(history, 3 * LEASE)


def without_an_answer(history: History) -> None:
    history.place.wire.fates.append("reset")
    for_a_while(history, LEASE)


def refused_and_woken(history: History) -> None:
    """The target knows no such account; then something else changes."""
    history.place.wire.refuses = True
    for_a_while(history, LEASE)
    history.place.wire.refuses = False
    history.call("world", history.place.world_changes)


Scene = Callable[[History], None]
BY_SCENE: dict[int, tuple[Scene, tuple[str, ...]]] = {
    1: (killed_after_sending, ("exists there", "never meant", "times")),
    2: (asleep_with_an_answer, ("which cannot be", "never goes", "moved under our lock")),
    3: (without_an_answer, ("times",)),
    9: (without_an_answer, ("no answer of the target says so",)),
    12: (refused_and_woken, ("nothing had changed since",)),
}
BY_LOOKUP: dict[int, Callable[[Lane, pytest.MonkeyPatch], None]] = {
    13: refused.test_a_lookup_refused_before_sending_holds_its_document_alone,
    14: refused.test_a_lookup_on_which_alone_the_target_fails_holds_its_document,
}
BY_HISTORY = {
    4: ("does not follow from it",),
    6: ("lacks uq_push_effect",),
    7: ("without an approval of that content",),
    11: ("the last that was told",),
}


def played(scene: Scene) -> Ending:
    """One order, and what happens to it."""
    with town(dedupe="nothing") as place:
        history = History(place, Random(0), SMOOTH)
        history.hire()
        history.arrive(20)
        while len(history.tasks) > 1:
            history.go_on(history.tasks[1], rough=False)
        scene(history)
        heal(history)
        return end(history, 0)


@pytest.mark.parametrize("no", sorted(BY_SCENE))
def test_a_scene_catches(no: int, done: Done) -> None:
    scene, words = BY_SCENE[no]
    assert played(scene).wrong == ()
    with mutants.planted(no):
        smooth, _ = run(1, SMOOTH)
        assert smooth.posted
        assert (smooth.lost, smooth.doubled, smooth.stuck) == ((), (), ())
        wrong = played(scene).wrong
    assert any(word in told for told in wrong for word in words), wrong
    done.mutants_caught += 1


@pytest.mark.parametrize("no", sorted(BY_HISTORY))
def test_a_history_catches(no: int, done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    words = BY_HISTORY[no]
    with mutants.planted(no):
        if no == mutants.INDEX:
            monkeypatch.setattr(Town, "worker", _without_the_index(Town.worker))
        smooth, _ = run(1, SMOOTH)
        assert smooth.posted
        assert (smooth.lost, smooth.doubled, smooth.stuck) == ((), (), ())
        caught = _first_wrong(words, done)
    assert caught is not None, f"{SEEDS} histories do not see mutant {no}"
    done.mutants_caught += 1


def _first_wrong(words: tuple[str, ...], done: Done) -> Ending | None:
    for seed in range(1, SEEDS):
        ending, _ = run(seed, CALM)
        done.histories += 1
        if any(word in told for told in ending.wrong for word in words):
            return ending
    return None


def _without_the_index(work: Callable[..., object]) -> Callable[..., object]:
    def worker(town: Town, *given: object) -> object:
        with town.database.engine.begin() as connection:
            connection.execute(text("DROP INDEX IF EXISTS uq_push_effect"))
        return work(town, *given)

    return worker


def test_a_queue_that_tries_again_is_caught(done: Done, redis_url: str) -> None:
    with mutants.planted(5), pytest.raises(AssertionError, match="== 1"):
        test_f07_the_queue_tries_nothing_again(Done("mutant 5"), redis_url)
    done.mutants_caught += 1


def test_a_database_that_does_not_wait_for_the_disk_is_caught(done: Done, tmp_path: Path) -> None:
    assert synchronous_of(tmp_path / "good.sqlite3") == 2
    with mutants.planted(8):
        assert synchronous_of(tmp_path / "bad.sqlite3") != 2
    done.mutants_caught += 1


@pytest.mark.postgresql
def test_a_lease_by_the_workers_clock_is_caught(done: Done, postgresql_url: str | None) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: clocks of two machines need a server")
    assert leases_of_a_wrong_clock(postgresql_url, 3_600) < timedelta(minutes=2)
    with mutants.planted(10):
        assert leases_of_a_wrong_clock(postgresql_url, 3_600) > timedelta(minutes=30)
    done.mutants_caught += 1


@pytest.fixture
def careful(lane: Lane) -> Lane:
    """A connection whose documents are looked up before they are sent first."""
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "look_first": "yes"}
    return lane


@pytest.mark.sqlite
@pytest.mark.parametrize("no", sorted(BY_LOOKUP))
def test_a_lookup_that_fails_catches(
    no: int, done: Done, careful: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the bug the same test passes where it is defined."""
    with mutants.planted(no):
        smooth, _ = run(1, SMOOTH)
        assert smooth.posted
        assert (smooth.lost, smooth.doubled, smooth.stuck) == ((), (), ())
        with pytest.raises(AssertionError):
            BY_LOOKUP[no](careful, monkeypatch)
    done.mutants_caught += 1


def test_fourteen_bugs_are_planted() -> None:
    assert [one.no for one in mutants.MUTANTS] == list(range(1, 15))
    assert {*BY_SCENE, *BY_HISTORY, *BY_LOOKUP, 5, 8, 10} == set(range(1, 15))
