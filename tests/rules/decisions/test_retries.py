"""What a table of retries answers, and how long it pauses."""

from datetime import timedelta

import pytest

from grammar import nodes
from rules.program import compile_ruleset
from tests.rules.roaster import (
    TEXT,
    program_of,
)


@pytest.mark.parametrize(
    ("error", "tries", "kind", "role", "seconds"),
    [
        ("temporary", 1, "try_again", None, 30),
        ("temporary", 2, "try_again", None, 60),
        ("temporary", 3, "hold", "systems", None),
        ("temporary", 99, "hold", "systems", None),
        ("uncertain", 1, "look_up", None, None),
        ("period_locked", 1, "hold", "books", None),
    ],
)
def test_the_retry_table_answers(
    error: str, tries: int, kind: str, role: str | None, seconds: int | None
) -> None:
    answer = program_of().retry("autocount", error, tries)
    assert answer is not None
    assert (answer.kind, answer.role) == (kind, role)
    assert answer.pause == (timedelta(seconds=seconds) if seconds else None)


def test_where_no_table_speaks_there_is_no_answer() -> None:
    assert program_of().retry("autocount", "no_such_class", 1) is None
    assert program_of().retry("elsewhere", "temporary", 1) is None
    assert compile_ruleset(nodes.Ruleset(), hash="").retry("autocount", "temporary", 1) is None


def test_a_pause_grows_and_has_an_end() -> None:
    text = TEXT.replace("try 3 times from 30s", "try 500 times from 10min")
    pauses = [program_of(text).retry("autocount", "temporary", t) for t in (1, 2, 3, 9, 400)]
    minutes = [a.pause.total_seconds() / 60 for a in pauses if a is not None and a.pause]
    assert minutes == [10, 20, 40, 1440, 1440]
