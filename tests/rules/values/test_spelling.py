"""When two spellings are one word, and when they are not."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Entry, Table
from rules.values import cause_keys
from rules.values.cause_keys import match_key, rate_similarity

BARE = frozenset({"any_case", "any_punctuation"})


@pytest.mark.parametrize(
    "name",
    [
        "Kedai Maju Sdn Bhd",
        "KEDAI MAJU SDN. BHD.",
        "kedai maju, sdn bhd ",
        "Kedai-Maju Sdn.Bhd",
        "Kedai  Maju\u00a0Sdn Bhd",
        "ＫＥＤＡＩ ＭＡＪＵ Sdn Bhd",
    ],
)
def test_spellings_of_one_name(name: str) -> None:
    assert match_key(name) == "kedaimajusdnbhd"
    table = Table({"Kedai Maju Sdn. Bhd.": Entry(1, "58")})
    assert table.find(name, BARE) == ("Kedai Maju Sdn. Bhd.",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kedai Maju Sdn Bhd", "Kedai Maju Jaya Sdn Bhd"),
        ("Kedai 1 Maju", "Kedai 11 Maju"),
        ("கமல", "கமலா"),  # a vowel sign more is another name
        ("陈伟", "陳偉"),
        ("-", "."),
    ],
)
def test_near_misses_stay_apart(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


@given(st.lists(st.text("abcdefgh0123", min_size=1), min_size=1), st.sampled_from(" .,-/()'&"))
def test_what_stands_between_words_does_not_count(words: list[str], sign: str) -> None:
    assert match_key(sign.join(words).upper()) == "".join(words)


def test_what_only_looks_the_same_is_near_and_never_the_first_choice() -> None:
    assert rate_similarity("M1LK-1L", "MILK-IL") == ("looks the same: 1 for I", 95)
    assert rate_similarity("C-O1", "C-01") == ("looks the same: O for 0", 95)
    assert rate_similarity("C 01", "C-01")[1] == 100
    assert rate_similarity("C-118", "C-101") == ("", 0)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(cause_keys).failed == 0
