"""The time between two moments is what the program itself counts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import literal, select

from holding.db.database import Database
from holding.db.models.columns import Moment
from holding.operations.latency import seconds_between

BEGAN = datetime(2026, 2, 28, 23, 59, 58, 250_000, UTC)


@pytest.mark.parametrize("seconds", [0, 0.25, 2.001, 61, 86_400.5, -3.5])
def test_both_databases_count_alike(database: Database, seconds: float) -> None:
    first, second = (literal(one, Moment) for one in (BEGAN, BEGAN + timedelta(seconds=seconds)))
    with database.read() as session:
        told = session.execute(select(seconds_between(first, second))).scalar_one()
    assert told == pytest.approx(seconds, abs=0.001)


def test_what_has_no_end_has_no_length(database: Database) -> None:
    with database.read() as session:
        open_end = seconds_between(literal(BEGAN, Moment), literal(None, Moment))
        assert session.execute(select(open_end)).scalar_one() is None
