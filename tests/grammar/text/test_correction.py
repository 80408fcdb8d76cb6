"""A hint that names the word that was probably meant, and the text with it."""

from hypothesis import given
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from grammar.text.problem import Correction, Meant, Problem, Span, apply_correction, find_correction

FILE = "shop.rules"
RIGHT = "language 1\n\ncheck a on order\n    require  total <= 9\n    else     hold for accounts\n"


def problem(hint: str, span: tuple[int, int, int, int]) -> Problem:
    return Problem("NAM01", "unknown", hint, Span(FILE, *span))


def test_the_word_is_looked_for_in_the_place_alone_and_whole() -> None:
    text = "toal and total\nxtoal toal.sum toal_2\ntoal"
    hint = Meant("Did you mean 'total'?", "toal", "total")
    found = find_correction(problem(hint, (2, 1, 2, 22)), text)
    assert found == Correction(Span(FILE, 2, 7, 2, 11), "total")
    assert apply_correction(text, found) == "toal and total\nxtoal total.sum toal_2\ntoal"
    over_lines = find_correction(problem(hint, (2, 12, 3, 5)), text)
    assert over_lines == Correction(Span(FILE, 3, 1, 3, 5), "total")


def test_what_is_not_there_or_there_twice_is_proposed_by_nobody() -> None:
    hint = Meant("Did you mean 'total'?", "toal", "total")
    assert find_correction(problem(hint, (1, 1, 1, 20)), "toal or toal") is None
    assert find_correction(problem(hint, (1, 1, 1, 20)), "total") is None
    assert find_correction(problem(hint, (9, 1, 9, 5)), "toal") is None
    assert find_correction(problem("Did you mean 'total'?", (1, 1, 1, 5)), "toal") is None


def test_a_hint_is_read_like_any_other() -> None:
    hint = Meant("did you mean 'require'?", "requre", "require")
    assert hint == "did you mean 'require'?"
    assert f"{hint}" == "did you mean 'require'?"


@given(st.sampled_from(["language", "check", "require", "else", "hold"]), st.data())
def test_a_corrected_word_of_the_language_is_the_text_before_the_typo(
    word: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(word) - 2))
    typed = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    wrong = RIGHT.replace(word, typed, 1)
    for one in parse({FILE: wrong})[1]:
        found = find_correction(one, wrong)
        if found is not None and found.text == word:
            assert apply_correction(wrong, found) == RIGHT
