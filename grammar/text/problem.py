"""A fault in rule text: its place, its words, and what can still be believed beside it.

Here: Span, Problem, and a problem shown with its line and a caret, in words alone, or as plain
JSON. Not here: colours, counting, where it is printed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from unicodedata import combining, east_asian_width

from grammar.text.vocabulary import DECLARATIONS, Block, blocks, clean


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


def believable(
    findings: Iterable[Problem], syntax: Iterable[Problem], sources: Mapping[str, str]
) -> tuple[Problem, ...]:
    """The errors that stand even though the declarations with syntax problems were not read."""
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


def broken_blocks(syntax: Iterable[Problem], sources: Mapping[str, str]) -> Iterator[Block]:
    """The declarations in which the syntax problems stand."""
    lines: dict[str, set[int]] = {}
    for problem in syntax:
        lines.setdefault(problem.span.file, set()).add(problem.span.line)
    for file, text in sources.items():
        broken = lines.get(file, ())
        for block in blocks(clean(text)) if broken else ():
            if any(block.first <= line < block.first + len(block.lines) for line in broken):
                yield block


def _names(block: Block) -> set[str]:
    """What a declaration names: itself, its route, or what stands in a record."""
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


def show(problem: Problem, source_text: str) -> str:
    """The problem below its line:

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
    lines = clean(source_text).split("\n")
    if span.line <= len(lines):
        line = "".join(char if char.isprintable() else " " for char in lines[span.line - 1])
        out += [f"{edge} |", f"{number} | {line}".rstrip(), f"{edge} | {_caret(problem, line)}"]
    if problem.hint:
        out.append(f"{edge} = hint: {problem.hint}")
    out += [f"{edge} = so too: {line}" for line in below(problem)]
    return "\n".join(out)


def plain(problem: Problem) -> str:
    """The problem in one line of words, for logs and screen readers."""
    span = problem.span
    where = f"{span.file} line {span.line} column {span.column}"
    hint = f" Hint: {problem.hint}" if problem.hint else ""
    said = f"{problem.code}: {problem.message}.{hint}{''.join(so_too(problem))}"
    return f"{where}: {problem.severity} {said}"


SHOWN_BELOW = 5


def below(problem: Problem) -> list[str]:
    """What follows from a problem, a line each; of many the first few, and how many more."""
    lines = [f"{each.span}: {each.message}" for each in problem.follows[:SHOWN_BELOW]]
    more = len(problem.follows) - SHOWN_BELOW
    return lines + ([f"and in {more} more places"] if more > 0 else [])


def so_too(problem: Problem) -> list[str]:
    """The same as sentences, each with a blank in front."""
    return [f" So too: {line}." for line in below(problem)]


def to_json(problem: Problem) -> dict[str, object]:
    """The problem as plain values; what follows from it only where there is something."""
    follows = {"follows": [to_json(each) for each in problem.follows]} if problem.follows else {}
    return {
        **follows,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "span": asdict(problem.span),
    }


def _caret(problem: Problem, line: str) -> str:
    """Carets below the span, as far as it is in its first line."""
    span = problem.span
    begin = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    width = max(1, _cells(line[begin : min(end, len(line))]))
    return " " * (_cells(line[:begin]) + max(0, begin - len(line))) + "^" * width


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(1 for char in text if east_asian_width(char) in "WF")
    return len(text) + wide - sum(1 for char in text if combining(char))
