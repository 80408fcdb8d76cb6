"""Texts that look alike: what they share, what they do not, and what one may have meant."""

import doctest
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.text import characters
from grammar.text.characters import MOST_FORMS, look_alike_forms, mistaken, skeleton

CODES = st.text("0123456789OoIlL|ABCabc-\u0410\u0421\u0430\u0441\u039f\u2013", max_size=12)


@pytest.mark.parametrize(
    ("one", "other", "signs"),
    [
        ("M1LK-1L", "MILK-IL", "1 for I"),
        ("C-O1", "C-01", "O for 0"),
        ("C-o1", "C-01", "O for 0"),
        ("cl-5", "c1-5", "L for 1"),
        ("A|B", "AIB", "| for I"),
        ("\u0421-77", "C-77", "\u0421 (U+0421) for C"),
        ("\u0441-77", "C-77", "\u0421 (U+0421) for C"),
        ("\u039a\u039f-1", "KO-1", "\u039a (U+039A) for K, \u039f (U+039F) for O"),
        ("A\u20131", "A-1", "\u2013 (U+2013) for -"),
        ("OI0", "01O", "O for 0, I for 1, 0 for O"),
    ],
)
def test_what_looks_the_same(one: str, other: str, signs: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert mistaken(one, other) == signs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C-118", "C-101"),
        ("MLLK", "MILK"),
        ("B-5", "8-S"),
        ("A-2", "A-Z"),
        ("C-01", "C-1"),
        ("C01", "C-01"),
        ("\u042f-1", "R-1"),
    ],
)
def test_what_does_not(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)
    assert mistaken(one, other) == ""


def test_case_alone_is_no_mistake() -> None:
    assert mistaken("abc-9", "ABC-9") == ""
    assert mistaken("same", "same") == ""


@given(st.text())
def test_a_skeleton_is_its_own(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)


@given(CODES, CODES)
def test_what_is_mistaken_looks_the_same_from_both_sides(one: str, other: str) -> None:
    assert bool(mistaken(one, other)) == bool(mistaken(other, one))
    if mistaken(one, other):
        assert skeleton(one) == skeleton(other)
        assert one.upper() != other.upper()


def test_digits_of_different_value_never_merge() -> None:
    digits = "0123456789"
    assert len({skeleton(one) for one in digits}) == len(digits)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    same = {
        frozenset(pair)
        for pair in combinations(digits + letters, 2)
        if len(set(map(skeleton, pair))) == 1
    }
    assert same == {frozenset("0O"), frozenset("1I")}


@given(st.text("0123456789", max_size=9), st.text("0123456789", max_size=9))
def test_numbers_that_look_alike_are_one_number(one: str, other: str) -> None:
    assert (skeleton(one) == skeleton(other)) == (one == other)


@given(CODES)
def test_the_forms_of_a_text_look_like_it_and_are_few(text: str) -> None:
    found = look_alike_forms(text)
    assert len(found) <= MOST_FORMS
    assert all(skeleton(one) == skeleton(text) for one in found)
    assert text.upper() not in found


def test_forms_are_what_may_have_been_meant() -> None:
    assert look_alike_forms("M1LK-9") == ("MILK-9",)
    assert look_alike_forms("\u0421-77") == ("C-77",)
    assert look_alike_forms("ABC") == ()
    assert len(look_alike_forms("0000")) == 15
    assert look_alike_forms("00000") == ()


def test_the_examples_are_true() -> None:
    assert doctest.testmod(characters).failed == 0
