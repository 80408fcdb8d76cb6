"""Laws of the grammar: no text makes it raise, and the formatter changes nothing but the layout."""

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from grammar.text.problem import TOKEN
from tests.grammar.kit import DECLARATIONS, SHOP, WAREHOUSE

WORDS = [
    *sorted(set(TOKEN.findall(SHOP + WAREHOUSE)) - {""}),
    "\t",
    '"',
    "(",
    "#",
    "\n",
    "–",
    "é",
    "\x00",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real text, cut short, with pieces taken out, doubled or strewn in."""
    text = draw(st.sampled_from([SHOP, WAREHOUSE, *DECLARATIONS]))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        end = draw(st.integers(at, min(len(text), at + 40)))
        new = draw(st.sampled_from(["", text[at:end] * 2, *WORDS]) | st.text(max_size=3))
        text = text[:at] + new + text[end:]
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


@st.composite
def composed(draw: st.DrawFn) -> str:
    """Declarations that parse, in any order, with other blanks, gaps and comments."""
    parts = draw(st.lists(st.sampled_from(DECLARATIONS), min_size=1, max_size=4))
    lines = list[str]()
    for line in "".join(parts).split("\n"):
        pieces = re.findall(r'"[^"]*"|#.*| +|[^" #]+', line)
        wide = draw(st.integers(1, 3))
        lines.append("".join(" " * wide if not piece.strip() else piece for piece in pieces))
        listing = lines[-1].split("#")[0].rstrip().endswith(",")
        if not listing and line and draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["", "  # a note", "# a note", "\n", "  "])))
        elif line and "#" not in line and draw(st.integers(0, 5)) == 0:
            lines[-1] += "  # behind"
    return "\n".join(lines) + "\n"


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(mutated())
def test_no_text_makes_the_parser_raise(text: str) -> None:
    begin = process_time()
    ruleset, problems = parse({"a": text})
    assert process_time() - begin < 1
    assert all(problem.hint and problem.message for problem in problems)
    lines = text.count("\n") + 1
    assert all(1 <= problem.span.line <= lines for problem in problems)
    assert all(problem.span.column >= 1 for problem in problems)
    assert problems or ruleset is not None


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_noise_makes_the_parser_raise(text: str) -> None:
    parse({"a": text})
    format_text(text, "a")


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(mutated() | composed())
def test_the_formatter_keeps_the_meaning_and_has_one_output(text: str) -> None:
    tidy = format_text(text, "a")
    ruleset, problems = parse({"a": text})
    if problems:
        assert tidy == text
        return
    assert parse({"a": tidy}) == (ruleset, ())
    assert format_text(tidy, "a") == tidy


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(composed())
def test_the_formatter_loses_no_comment(text: str) -> None:
    def comments(of: str) -> list[str]:
        return sorted(
            found.rstrip() for found in TOKEN.findall(of.replace("\r\n", "\n")) if found[0] == "#"
        )

    assert parse({"a": text})[1] == ()
    assert comments(format_text(text, "a")) == comments(text)
