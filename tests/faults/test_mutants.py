"""Every planted bug passes the smoke test and is then caught: the suite is able to fail."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.faults import mutants
from tests.faults.amounts import Done
from tests.faults.history import Chances, Ending, run
from tests.faults.test_f07_doorbells import heard_after_a_failure, redis_url
from tests.faults.test_f11_power import synchronous_of
from tests.faults.test_f17_clocks import leases_of_a_fast_clock
from tests.faults.town import Town

__all__ = ["redis_url"]
SEEDS = 400
SMOOTH = Chances(kill=0, sleep=0, fate=0, jump=0, lags=False, dedupe=("number+customer",))
ROUGH = Chances()
SLEEPY = Chances(kill=1, sleep=30, fate=10, jump=0, dedupe=("number+customer",))
UNSURE = Chances(kill=3, fate=100, jump=0, dedupe=("nothing",))
CALM = Chances(kill=1, sleep=1, fate=5, jump=0)
BY_HISTORY = {
    1: (UNSURE, ("stands there", "never meant", "times")),
    2: (SLEEPY, ("which cannot be", "never goes", "a worker failed")),
    3: (UNSURE, ("times",)),
    4: (CALM, ("does not follow from it",)),
    6: (CALM, ("lacks uq_push_effect",)),
    7: (CALM, ("nobody had approved",)),
    9: (UNSURE, ("posted here",)),
    11: (CALM, ("the last that was told",)),
    12: (UNSURE, ("nothing had changed since",)),
}


@pytest.mark.parametrize("no", sorted(BY_HISTORY))
def test_a_history_catches(no: int, done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    chances, words = BY_HISTORY[no]
    with mutants.planted(no):
        if no == mutants.INDEX:
            monkeypatch.setattr(Town, "worker", _without_the_index(Town.worker))
        smooth, _ = run(1, SMOOTH)
        assert smooth.posted
        assert (smooth.lost, smooth.doubled, smooth.stuck) == ((), (), ())
        caught = _first_wrong(chances, words, done)
    assert caught is not None, f"{SEEDS} histories do not see mutant {no}"
    done.mutants_caught += 1


def _first_wrong(chances: Chances, words: tuple[str, ...], done: Done) -> Ending | None:
    for seed in range(1, SEEDS):
        ending, _ = run(seed, chances)
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
    assert heard_after_a_failure(redis_url) == 1
    with mutants.planted(5):
        assert heard_after_a_failure(redis_url) > 1
    done.mutants_caught += 1


def test_a_database_that_does_not_wait_for_the_disk_is_caught(done: Done, tmp_path: Path) -> None:
    assert synchronous_of(tmp_path / "good.sqlite3") == 2
    with mutants.planted(8):
        assert synchronous_of(tmp_path / "bad.sqlite3") != 2
    done.mutants_caught += 1


@pytest.mark.postgresql
def test_a_lease_by_the_workers_clock_is_caught(done: Done, postgresql_url: str | None) -> None:
    assert postgresql_url is not None
    assert leases_of_a_fast_clock(postgresql_url) < timedelta(minutes=2)
    with mutants.planted(10):
        assert leases_of_a_fast_clock(postgresql_url) > timedelta(minutes=30)
    done.mutants_caught += 1


def test_twelve_bugs_are_planted() -> None:
    assert [one.no for one in mutants.MUTANTS] == list(range(1, 13))
    assert {*BY_HISTORY, 5, 8, 10} == set(range(1, 13))
