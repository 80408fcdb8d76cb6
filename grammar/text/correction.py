"""What a hint proposes, as a value: one word of the text for another.

Here: a hint that names the word that was probably meant, and where that word would go. Not here:
finding the word (grammar/advice/hints.py, rules/types/functions.py), writing it.
"""

import re
from dataclasses import dataclass
from typing import Self

from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import clean


class Meant(str):
    """The words of a hint; `word` stands in the text, `instead` was probably meant."""

    __slots__ = ("instead", "word")
    word: str
    instead: str

    def __new__(cls, hint: str, word: str, instead: str) -> Self:
        """The hint, which is read like any other."""
        made = super().__new__(cls, hint)
        made.word, made.instead = word, instead
        return made


@dataclass(frozen=True, slots=True)
class Correction:
    """What to write in place of a stretch of one line."""

    span: Span
    text: str


def correction(problem: Problem, source_text: str) -> Correction | None:
    """What the hint of a problem proposes; None where it proposes nothing, or where its word does
    not stand exactly once in the text that the problem is about.
    """
    hint, about = problem.hint, problem.span
    if not isinstance(hint, Meant):
        return None
    word = re.compile(rf"(?<!\w){re.escape(hint.word)}(?!\w)")
    found = []
    for number, line in enumerate(clean(source_text).split("\n"), 1):
        if about.line <= number <= about.end_line:
            begin = about.column - 1 if number == about.line else 0
            end = about.end_column - 1 if number == about.end_line else len(line)
            found += [(number, one) for one in word.finditer(line, begin, end)]
    if len(found) != 1:
        return None
    ((number, one),) = found
    place = Span(about.file, number, one.start() + 1, number, one.end() + 1)
    return Correction(place, hint.instead)


def corrected(source_text: str, wanted: Correction) -> str:
    """The text with it; as it is where it has no such line."""
    lines = source_text.split("\n")
    at = wanted.span
    if not 1 <= at.line <= len(lines):
        return source_text
    line = lines[at.line - 1]
    lines[at.line - 1] = line[: at.column - 1] + wanted.text + line[at.end_column - 1 :]
    return "\n".join(lines)
