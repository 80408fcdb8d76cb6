"""Define a problem in rule text: its position, its message, and the correction that it proposes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self
from unicodedata import combining, east_asian_width

from grammar.text.vocabulary import DECLARATIONS, Block, normalize_text, split_blocks

_NAMED = {"role", "const", "source", "target", "link", "map", "check", "sample"}

_LACKING = {
    "GAT04": "gate",
    "POS07": "duplicates",
    "UOM02": "units",
    "EDT08": "on",
    "CAN01": "on",
    "TST06": "test",
    "TST04": "check",
}
"""Findings that something is not there -> the declaration that may be the broken one."""

_QUOTED = re.compile(r"""['"`]([^'"`]+)['"`]""")

SHOWN_BELOW = 5

TOKEN = re.compile(
    r'"[^"\n]*"|#[^\n]*|\d{4}-\d\d-\d\d|\d\d:\d\d|\d+(?:\.\d+)?(?:%|min|[shd]\b)?'
    r"|\w+|->|<>|<=|>=|[^\s]"
)
"""A text in quotes, a comment, a date, a time, a number with its unit, a word, or a sign."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a rule file; all count from 1, and `end_column` is the first one behind it."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair: what is wrong, where, and what to write instead."""

    code: str
    message: str
    hint: str
    span: Span
    severity: str = "error"
    """`error` stops a ruleset, `warning` and `style` do not."""
    follows: tuple["Problem", ...] = ()
    """What is wrong only because of this: one typo is one finding."""


def believable_errors(
    findings: Iterable[Problem], syntax: Iterable[Problem], sources: Mapping[str, str]
) -> tuple[Problem, ...]:
    """Return the errors that hold although declarations with syntax problems were not read."""
    broken = tuple(broken_blocks(syntax, sources))
    names = {name for block in broken for name in _names(block)}
    heads = {block.head for block in broken}
    unread = any(head not in DECLARATIONS for head in heads)
    return tuple(
        finding
        for finding in findings
        if finding.severity == "error"
        and not names & _speaks_of(finding)
        and not (_LACKING.get(finding.code) in heads or (unread and finding.code in _LACKING))
    )


def _names(block: Block) -> set[str]:
    """Return the names that a declaration defines: itself, its route, or a record's fields."""
    if block.head == "record":
        return set(re.findall(r"\w+", block.text))
    words = block.lines[0].split()
    strange = block.head not in DECLARATIONS
    own = set(words[1:2]) if block.head in _NAMED or strange else set()
    if block.head == "post" or strange:
        own |= {part for word in words[1:] for part in re.findall(r"\w+", word) if "." in word}
    return own


def _speaks_of(finding: Problem) -> set[str]:
    return {part for quoted in _QUOTED.findall(finding.message) for part in quoted.split(".")}


def broken_blocks(syntax: Iterable[Problem], sources: Mapping[str, str]) -> Iterator[Block]:
    """Yield the declarations with syntax problems."""
    lines: dict[str, set[int]] = {}
    for problem in syntax:
        lines.setdefault(problem.span.file, set()).add(problem.span.line)
    for file, text in sources.items():
        broken = lines.get(file, ())
        for block in split_blocks(normalize_text(text)) if broken else ():
            if any(block.first <= line < block.first + len(block.lines) for line in broken):
                yield block


def show(problem: Problem, source_text: str) -> str:
    """Return the problem below its line:

    error[SYN08]: 'requires' is no word of the language here
      --> sales.rules:22:5
       |
    22 |     requires paid_at is known
       |     ^^^^^^^^
       = hint: did you mean 'require'?
    """
    span = problem.span
    number = str(span.line)
    edge = " " * len(number)
    out = [f"{problem.severity}[{problem.code}]: {problem.message}", f"{edge}--> {span}"]
    lines = normalize_text(source_text).split("\n")
    if span.line <= len(lines):
        line = "".join(char if char.isprintable() else " " for char in lines[span.line - 1])
        out += [f"{edge} |", f"{number} | {line}".rstrip(), f"{edge} | {_caret(problem, line)}"]
    if problem.hint:
        out.append(f"{edge} = hint: {problem.hint}")
    out += [f"{edge} = so too: {line}" for line in consequence_lines(problem)]
    return "\n".join(out)


def _caret(problem: Problem, line: str) -> str:
    """Return carets below the part of the span that is in its first line."""
    span = problem.span
    begin = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    width = max(1, _cells(line[begin : min(end, len(line))]))
    return " " * (_cells(line[:begin]) + max(0, begin - len(line))) + "^" * width


def _cells(text: str) -> int:
    """Return how many terminal columns the text takes."""
    wide = sum(1 for char in text if east_asian_width(char) in "WF")
    return len(text) + wide - sum(1 for char in text if combining(char))


def plain(problem: Problem) -> str:
    """Return the problem in one line, for logs and screen readers."""
    span = problem.span
    where = f"{span.file} line {span.line} column {span.column}"
    hint = f" Hint: {problem.hint}" if problem.hint else ""
    said = f"{problem.code}: {problem.message}.{hint}{''.join(consequence_sentences(problem))}"
    return f"{where}: {problem.severity} {said}"


def consequence_lines(problem: Problem) -> list[str]:
    """Return a problem's consequences, one per line; many are cut with a count of the rest."""
    lines = [f"{each.span}: {each.message}" for each in problem.follows[:SHOWN_BELOW]]
    more = len(problem.follows) - SHOWN_BELOW
    return lines + ([f"and in {more} more places"] if more > 0 else [])


def consequence_sentences(problem: Problem) -> list[str]:
    """Return a problem's consequences as sentences, each with a leading blank."""
    return [f" So too: {line}." for line in consequence_lines(problem)]


def to_json(problem: Problem) -> dict[str, object]:
    """Return the problem as plain values; consequences only if there are any."""
    follows = {"follows": [to_json(each) for each in problem.follows]} if problem.follows else {}
    return {
        **follows,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "span": asdict(problem.span),
    }


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign, and whether it is the first of its line."""

    text: str
    span: Span
    leads: bool


def read_tokens(lines: Sequence[str], span: Span) -> Iterator[Token]:
    """Yield the tokens within a span of a file with these lines, without comments."""
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


class Meant(str):
    """A hint that proposes a word: `word` is in the text, `instead` was probably meant."""

    __slots__ = ("instead", "word")
    word: str
    instead: str

    def __new__(cls, hint: str, word: str, instead: str) -> Self:
        """Create the hint; it can be used like any text."""
        made = super().__new__(cls, hint)
        made.word, made.instead = word, instead
        return made


@dataclass(frozen=True, slots=True)
class Correction:
    """What to write in place of a stretch of one line."""

    span: Span
    text: str


def find_correction(problem: Problem, source_text: str) -> Correction | None:
    """Return the correction that a problem's hint proposes, or None.

    The word must occur exactly once in the text that the problem points to.
    """
    hint, about = problem.hint, problem.span
    if not isinstance(hint, Meant):
        return None
    word = re.compile(rf"(?<!\w){re.escape(hint.word)}(?!\w)")
    found = []
    for number, line in enumerate(normalize_text(source_text).split("\n"), 1):
        if about.line <= number <= about.end_line:
            begin = about.column - 1 if number == about.line else 0
            end = about.end_column - 1 if number == about.end_line else len(line)
            found += [(number, one) for one in word.finditer(line, begin, end)]
    if len(found) != 1:
        return None
    ((number, one),) = found
    place = Span(about.file, number, one.start() + 1, number, one.end() + 1)
    return Correction(place, hint.instead)


def apply_correction(source_text: str, wanted: Correction) -> str:
    """Return the text with the correction, or unchanged without such a line."""
    lines = source_text.split("\n")
    at = wanted.span
    if not 1 <= at.line <= len(lines):
        return source_text
    line = lines[at.line - 1]
    lines[at.line - 1] = line[: at.column - 1] + wanted.text + line[at.end_column - 1 :]
    return "\n".join(lines)
