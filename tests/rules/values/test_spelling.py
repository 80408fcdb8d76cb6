"""When two spellings are one word, and when they are not."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts.world import Entry, Table
from rules.values import spelling
from rules.values.spelling import match_key

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


def test_the_examples_are_true() -> None:
    assert doctest.testmod(spelling).failed == 0
