"""The stored records that the bench backtests: always the same, and no two alike."""

import json

from bench.command import lines


def test_equal_seeds_give_equal_records_and_no_two_are_alike() -> None:
    text = b"".join(lines(2500))
    assert text == b"".join(lines(2500))
    assert text != b"".join(lines(2500, seed=1))
    rows = [json.loads(line) for line in text.splitlines()]
    assert len({row["body"]["number"] for row in rows}) == 2500
    assert len({json.dumps(row["body"]["lines"]) for row in rows}) == 2500
    assert {len(row["body"]["lines"]) for row in rows} == {4}
    states = [state for row in rows for state in row["states"].values()]
    assert 0.85 < states.count("posted") / len(states) < 0.95
