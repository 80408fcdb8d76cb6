"""Kleene's tables, in full."""

import itertools

import pytest

from rules.values.cause_keys import Unknown, all_of, any_of, fact_gap, join_unknowns, negation

A, B = fact_gap("a", "x"), fact_gap("b", "x")
U = Unknown(A)
RANK = {False: 0, None: 1, True: 2}


def three(value: object) -> bool | None:
    return None if isinstance(value, Unknown) else bool(value)


@pytest.mark.parametrize("values", list(itertools.product((True, False, U), repeat=3)))
def test_and_is_the_least_and_or_the_greatest(values: tuple[object, ...]) -> None:
    ranks = [RANK[three(v)] for v in values]
    assert RANK[three(all_of(values))] == min(ranks)
    assert RANK[three(any_of(values))] == max(ranks)


@pytest.mark.parametrize("value", [True, False, U])
def test_not_turns_and_leaves_the_unknown(value: object) -> None:
    assert RANK[three(negation(value))] == 2 - RANK[three(value)]


@pytest.mark.parametrize("values", list(itertools.product((True, False, U), repeat=2)))
def test_de_morgan(values: tuple[object, ...]) -> None:
    left = negation(all_of(values))
    assert three(left) == three(any_of([negation(v) for v in values]))


def test_reasons_are_kept_each_once() -> None:
    assert join_unknowns(U, 5, Unknown(B, A)).gaps == (A, B)
    assert all_of([U, Unknown(B)]).gaps == (A, B)  # type: ignore[union-attr]


def test_an_unknown_is_no_answer() -> None:
    with pytest.raises(TypeError):
        bool(U)
