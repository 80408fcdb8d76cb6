"""Cutting a file at its declarations, so that a broken one does not hide the next.

Lives here: `Block` and `blocks`. A block is what starts in column 1, down to the next such line;
a clause that somebody forgot to indent stays with its declaration; comments above a declaration
belong to no block. Not here: whether a block is right.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from grammar.words import CLAUSES


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one declaration, the first of them being line `first` of its file."""

    first: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The block as the parser wants it: each line closed."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def head(self) -> str:
        """The first word in column 1; empty when the block starts with a blank."""
        words = self.lines[0].split(maxsplit=1)
        return words[0] if words and not self.lines[0][0].isspace() else ""


def clean(text: str) -> str:
    """The text without a byte order mark and with plain line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def is_idle(line: str) -> bool:
    """Whether a line is blank or holds a comment only."""
    bare = line.strip()
    return not bare or bare.startswith("#")


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a cleaned text, in their order."""
    first, lines = 1, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        starts = line[:1] not in ("", " ", "\t", "#") and not (lines and _is_clause(line))
        if starts or not lines:
            yield from _closed(first, lines)
            first, lines = number, ([] if not starts and is_idle(line) else [line])
        else:
            lines.append(line)
    yield from _closed(first, lines)


def _is_clause(line: str) -> bool:
    return line[0] == "|" or (line.split() or [""])[0] in CLAUSES


def _closed(first: int, lines: list[str]) -> Iterator[Block]:
    """The block without the idle lines at its end, which belong to what follows."""
    while lines and is_idle(lines[-1]):
        lines = lines[:-1]
    if lines:
        yield Block(first, tuple(lines))
