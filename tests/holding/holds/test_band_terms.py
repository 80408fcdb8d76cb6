"""The terms of bands ask for what is in these bands, whichever of them are chosen."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import ColumnElement, create_engine, literal, null, select
from sqlalchemy.sql.visitors import replacement_traverse

from holding.holds import folding

AMOUNTS = range(folding.UNKNOWN + 1)
EDGES = (0, 1, *(edge + step for edge in folding.AMOUNTS for step in (-1, 0, 1)))
BOOKS = (None, *EDGES, *(-one for one in EDGES))
MIDNIGHT = datetime(2026, 11, 20, 16, tzinfo=UTC)
AGES = range(len(folding.DAYS) + 1)
MOMENTS = tuple(
    MIDNIGHT - timedelta(days=days) + timedelta(seconds=step)
    for days in folding.DAYS
    for step in (-1, 0, 1)
)


def is_so(terms: ColumnElement[bool], value: Any) -> bool:
    """Whether the terms hold of a hold that has this value in their column."""

    def put(element: Any, **_: object) -> Any:
        if getattr(element, "name", "") in {"book", "opened_at"}:
            return null() if value is None else literal(value, element.type)
        return None

    with create_engine("sqlite://").connect() as connection:
        return bool(connection.scalar(select(replacement_traverse(terms, {}, put))))


def chosen(of: range) -> list[tuple[int, ...]]:
    return [some for count in (1, 2, 3) for some in combinations(of, count)]


@pytest.mark.parametrize("some", chosen(AMOUNTS))
def test_amounts_are_of_the_chosen_bands(some: tuple[int, ...]) -> None:
    terms = folding.in_amount_bands(some)
    wrong = [one for one in BOOKS if is_so(terms, one) != (folding.amount_band(one) in some)]
    assert wrong == []


@pytest.mark.parametrize("some", chosen(AGES))
def test_ages_are_of_the_chosen_bands(some: tuple[int, ...]) -> None:
    terms = folding.in_age_bands(some, MIDNIGHT)
    wrong = [
        one for one in MOMENTS if is_so(terms, one) != (folding.age_band(one, MIDNIGHT) in some)
    ]
    assert wrong == []


def test_bands_that_meet_are_one_range() -> None:
    """Of several bands PostgreSQL would expect next to nothing."""
    assert " OR " not in str(folding.in_amount_bands((0, 1, 2)))
    assert " OR " not in str(folding.in_age_bands((0, 1), MIDNIGHT))
    assert " OR " in str(folding.in_age_bands((0, 2), MIDNIGHT))
