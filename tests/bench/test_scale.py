"""What a second worker brings: which figures are told where, and that waits for locks are seen."""

import threading
import time

import psycopg
import pytest

from bench.scale_bench import Turns, Worked, lock_waits, measure, summarize

KEYS = {
    "scale_two_vs_one",
    "scale_reason",
    "scale_processor_seconds_two_vs_one",
    "scale_unrelated_two_vs_one",
    "scale_lock_wait_p95_ms",
    "scale_lock_wait_longest_ms",
    "scale_lock_waits",
    "scale_transactions",
    "scale_processors",
}


def turns(*workers: Worked) -> Turns:
    found = Turns()
    found.add(workers)
    return found


ONE = turns(Worked(1000, 2.0, 50, 10.0, 14.0))
TWO = turns(Worked(600, 1.3, 30, 20.0, 22.0), Worked(400, 0.9, 20, 20.5, 21.5))


def test_without_a_server_every_figure_is_there_and_null() -> None:
    found = measure(100, "", 8)
    assert set(found) == KEYS
    assert found.pop("scale_processors") == 8
    assert found.pop("scale_reason") == "no --postgresql"
    assert set(found.values()) == {None}


def test_two_workers_are_compared_with_one() -> None:
    found = summarize(ONE, TWO, [0.010, 0.020, 0.004], 4, 1.0625)
    assert set(found) >= KEYS
    assert found["scale_two_vs_one"] == 2.0  # 1,000 records in two seconds, and in four
    assert found["scale_reason"] is None
    assert found["scale_processor_seconds_two_vs_one"] == 1.1
    assert found["scale_processor_ms_a_record"] == 2.0
    assert found["scale_unrelated_two_vs_one"] == 1.062
    assert (found["scale_lock_waits"], found["scale_transactions"]) == (3, 50)
    assert found["scale_lock_wait_p95_ms"] == 4.0  # the third longest of fifty
    assert found["scale_lock_wait_longest_ms"] == 20.0


def test_the_middle_turn_counts_and_not_the_one_that_something_disturbed() -> None:
    found = turns(Worked(1000, 2.0, 50, 10.0, 14.0))
    for busy in (9.0, 2.2):
        found.add([Worked(1000, busy, 50, 10.0, 14.0)])
    assert summarize(ONE, found, [], 2, 1.0)["scale_processor_seconds_two_vs_one"] == 1.1


def test_below_four_processors_the_ratio_of_the_rates_is_null_with_its_reason() -> None:
    found = summarize(ONE, TWO, [], 2, 1.0)
    assert found["scale_two_vs_one"] is None
    assert str(found["scale_reason"]).startswith("2 processors: ")
    assert found["scale_processor_seconds_two_vs_one"] == 1.1
    assert found["scale_lock_wait_p95_ms"] == 0.0


def test_who_waits_for_a_lock_is_seen_while_somebody_listens(postgresql_url: str | None) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: waits for locks were not looked for")
    plain, key = postgresql_url.replace("+psycopg", "", 1), 18_018_018

    def hold_and_wait() -> None:
        with psycopg.connect(plain) as holder, psycopg.connect(plain) as waiter:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", [key])
            asks = threading.Thread(
                target=lambda: waiter.execute("SELECT pg_advisory_xact_lock(%s)", [key])
            )
            asks.start()
            until = time.monotonic() + 0.2
            while asks.is_alive() and time.monotonic() < until:
                asks.join(0.02)
            holder.rollback()
            asks.join()

    with lock_waits(postgresql_url) as waits:
        hold_and_wait()
        assert waits.seconds() == []  # nobody listened
        waits.listening = True
        hold_and_wait()
        deadline = time.monotonic() + 10
        while not waits.seconds() and time.monotonic() < deadline:
            time.sleep(0.01)
    (longest,) = waits.seconds()
    assert 0.02 < longest < 10
