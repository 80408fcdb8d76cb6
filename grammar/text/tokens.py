"""The words and signs of a text, each where it stands.

Lives here: `TOKEN` and `Token`, for whoever lays out a text or looks for a place in one. The parser
has its own, stricter terminals (`clearpost.lark`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grammar.text.problem import Span

TOKEN = re.compile(
    r'"[^"\n]*"|#[^\n]*|\d{4}-\d\d-\d\d|\d\d:\d\d|\d+(?:\.\d+)?(?:%|min|[shd]\b)?'
    r"|\w+|->|<>|<=|>=|[^\s]"
)
"""A text in quotes, a comment, a date, a time, a number with its unit, a word, or a sign."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign, and whether it is the first of its line."""

    text: str
    span: Span
    leads: bool


def tokens(lines: Sequence[str], span: Span) -> Iterator[Token]:
    """The tokens within a span of a file with these lines; comments are left out."""
    for number in range(span.line, min(span.end_line, len(lines)) + 1):
        line = lines[number - 1]
        begin = span.column - 1 if number == span.line else 0
        end = span.end_column - 1 if number == span.end_line else len(line)
        for found in TOKEN.finditer(line, begin, end):
            if found.group().startswith("#"):
                break
            leads = not line[: found.start()].strip()
            place = Span(span.file, number, found.start() + 1, number, found.end() + 1)
            yield Token(found.group(), place, leads)
