"""The rival of the order bench comes to the same as the rules, or there is no figure."""

from dataclasses import replace

import pytest

from bench import order_bench


@pytest.mark.slow
def test_orders_are_raced_against_a_rival_that_says_the_same() -> None:
    found = order_bench.measure(5 * len(order_bench.TROUBLES))
    assert set(found) == {
        "order_vs_handwritten",
        "clean_order_vs_handwritten",
        "order_microseconds",
        "clean_order_microseconds",
        "handwritten_order_microseconds",
    }
    assert all(isinstance(told, int | float) and told > 0 for told in found.values())


@pytest.mark.slow
def test_another_state_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    made = order_bench.decide_by_hand

    def careless(stored: str, by: order_bench.Tables) -> order_bench.Made:
        found = made(stored, by)
        return replace(found, state="ready") if found.state == "waiting" else found

    monkeypatch.setattr(order_bench, "decide_by_hand", careless)
    with pytest.raises(ValueError, match="by hand"):
        order_bench.race_orders(5 * len(order_bench.TROUBLES))


def test_the_best_of_each_side_counts() -> None:
    slow, quick = order_bench.Times(4e-3, 1e-3), order_bench.Times(2e-3, 2e-3)
    found = order_bench.summarize_races([(slow, quick), (quick, quick)], 10)
    assert found["order_vs_handwritten"] == 0.5
    assert found["clean_order_vs_handwritten"] == 1.0
    assert found["order_microseconds"] == 200
