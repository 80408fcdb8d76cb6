"""Spellings that people take for one another, found among many."""

import pytest

from rules.values.cause_keys import NearSpellings, describe_near_spelling

KNOWN = ["C-01", "MILK-1L", "ABC-01", "abc 01", "300-M001", "C-118"]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("C-O1", ("C-01",)),
        ("c-o1", ("C-01",)),
        ("M1LK-IL", ("MILK-1L",)),
        ("\u0421-01", ("C-01",)),  # a Cyrillic Es
        ("ABC-O1", ("ABC-01",)),
        ("abc-01", ("ABC-01", "abc 01")),
        ("ABC-01", ("abc 01",)),
        ("300-M0O1", ("300-M001",)),
        ("C-101", ()),
        ("C\u201001", ("C-01",)),  # another dash: near in both ways, and told once
        ("", ()),
    ],
)
def test_what_differs_by_little_comes_first_then_what_looks_the_same(
    word: str, found: tuple[str, ...]
) -> None:
    assert NearSpellings(KNOWN).near(word) == found


def test_a_known_word_of_other_letters_is_found_by_its_latin_one() -> None:
    """Somebody typed the entry wrong, and the source is right."""
    assert NearSpellings(["\u0421-01"]).near("C-01") == ("\u0421-01",)


def test_both_ways_each_is_told_once_with_why() -> None:
    known = ["AB-10", "AB 10", "AB-1O"]
    assert NearSpellings(known).near("ab-10") == ("AB 10", "AB-10", "AB-1O")
    assert describe_near_spelling("ab-10", "AB-10") == "it differs by case"
    assert (
        describe_near_spelling("ab-10", "AB 10")
        == "it differs by case, spaces and special characters"
    )
    assert describe_near_spelling("ab-10", "AB-1O") == "it looks the same (0 for O)"
