"""Define the reserved words of the language, and split a text into declarations."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

DECLARATIONS = [
    "language",
    "role",
    "const",
    "source",
    "target",
    "record",
    "link",
    "map",
    "units",
    "gate",
    "check",
    "duplicates",
    "approve",
    "on",
    "retry",
    "post",
    "sample",
    "test",
    "silence",
]
"""The words that start a declaration, in column 1."""

CLAUSES = frozenset(
    [
        "currency",
        "zone",
        "rounding",
        "tolerance",
        "missing",
        "match",
        "csv",
        "kept",
        "base",
        "ready",
        "early",
        "wait",
        "hold",
        "cancel",
        "ignore",
        "when",
        "require",
        "and",
        "else",
        "say",
        "clears",
        "unique",
        "by",
        "never",
        "immediately",
        "daily",
        "after",
        "they",
        "we",
        "each",
        "given",
        "with",
        "expect",
        "bill",
        "amount",
        "allows",
        "then",
        "from",
        "where",
        "at",
    ]
)
"""The words that start a clause: in column 1 they were meant to be indented."""

RESERVED = {
    *DECLARATIONS,
    *[
        "and",
        "or",
        "not",
        "is",
        "in",
        "otherwise",
        "known",
        "missing",
        "where",
        "yes",
        "no",
        "line",
    ],
}
"""Words that can never be a name; all others are words only where the grammar waits for them."""

ORDER = {
    "source": ("currency", "zone", "missing"),
    "target": ("rounding", "tolerance", "missing"),
    "link": ("from", "by", "where", "at"),
    "map": ("match", "csv", "kept", "missing"),
    "units": ("base", "csv", "kept", "missing"),
    "check": ("when", "require", "and", "else", "say", "clears"),
    "duplicates": ("unique", "else", "say"),
    "approve": ("when", "by", "never", "say"),
    "post": (
        "when",
        "immediately",
        "daily",
        "after",
        "bill",
        "amount",
        "allows",
        "they",
        "we",
        "each",
    ),
    "sample": ("line", "with"),
    "test": ("given", "and", "then", "expect"),
}
"""Declaration -> the first words of its clauses, in their order."""

ACTIONS = (
    "block",
    "credit",
    "drop",
    "hold",
    "ignore",
    "look",
    "new",
    "reject",
    "review",
    "try",
    "update",
    "void",
    "wait",
    "warn",
)
"""The first words of actions."""

TABLES = {
    "on edit": (
        "block",
        "review by ROLE",
        "hold for ROLE",
        "credit note and new",
        "new document",
        "credit note",
        "update",
        "ignore",
    ),
    "on cancel": ("block", "review by ROLE", "hold for ROLE", "credit note", "void", "ignore"),
    "retry": (
        "try 5 times from 30s then hold for ROLE",
        "look up first",
        "hold for ROLE",
        "review by ROLE",
    ),
}
"""Decision table -> what its rows may do."""

TYPES = [
    "date",
    "decimal",
    "many",
    "moment",
    "money",
    "one",
    "quantity",
    "text",
    "user",
    "whole",
    "yesno",
]

KINDS = {
    "NAME": "a name (lower case)",
    "CODE": "a code (Capital first)",
    "NUMBER": "a number",
    "STRING": 'a "text"',
    "PERCENT": "a percentage (10%)",
    "DATE": "a date (2026-11-20)",
    "TIME": "a time (02:00)",
    "DURATION": "a duration (72h)",
    "_NL": "the end of the line",
    "$END": "the end of the file",
    "_C": "','",
}
"""What tokens without a fixed spelling are called."""


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one declaration; `first` is its first line's number in the file."""

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


def normalize_text(text: str) -> str:
    """Return the text without a byte order mark and with plain line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def is_idle(line: str) -> bool:
    """Check whether a line is blank or holds a comment only."""
    bare = line.strip()
    return not bare or bare.startswith("#")


@lru_cache(maxsize=16)
def split_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a normalized text, in order.

    The latest texts are cached, because a file is split several times.
    """
    return tuple(_cut(text))


def _cut(text: str) -> Iterator[Block]:
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
    """Yield the block without trailing idle lines, which belong to the next block."""
    while lines and is_idle(lines[-1]):
        lines = lines[:-1]
    if lines:
        yield Block(first, tuple(lines))
