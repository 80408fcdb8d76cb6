"""How two states of rule files differ, as a page shows it: by meaning, and line by line.

Here: both, as plain values. Not here: what it means
(rules/rulebook/book.py).
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from holding.rulesets import change_list
from rules.rulebook.book import Meaning

LINES: Final = 2000  # shown of one file; more is said, and stands in the file itself


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference: `sign` is +, - or blank; a blank number: the lines between are
    alike, and `text` says where it goes on.
    """

    sign: str
    number: str
    text: str

    @property
    def tone(self) -> str:
        """The class of the line."""
        return {"+": "add t-ok", "-": "del t-bad"}.get(self.sign, "" if self.number else "fold")


@dataclass(frozen=True, slots=True)
class FileDifference:
    """What differs in one file, and how many lines came and went."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Both ways to read it."""

    meaning: tuple[Meaning, ...]
    files: tuple[FileDifference, ...]


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """What lies between these files."""
    files = in_text(before, after)
    return Difference(change_list.meaning(before, after) if files else (), files)


def in_text(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FileDifference, ...]:
    """The same line by line alone, which costs no reading of rules."""
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return tuple(_file(path, before.get(path, ""), after.get(path, "")) for path in paths)


def _file(path: str, before: str, after: str) -> FileDifference:
    lines = tuple(_lines(before.splitlines(), after.splitlines()))
    return FileDifference(
        path,
        lines[:LINES],
        sum(line.sign == "+" for line in lines),
        sum(line.sign == "-" for line in lines),
        max(0, len(lines) - LINES),
    )


def _lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    groups = difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(2)
    for group in groups:
        if group[0][3]:
            yield DiffLine("", "", f"line {group[0][3] + 1}")
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (DiffLine("", str(n + 1), after[n]) for n in range(k, m))
            else:
                yield from (DiffLine("-", str(n + 1), before[n]) for n in range(i, j))
                yield from (DiffLine("+", str(n + 1), after[n]) for n in range(k, m))
