"""A log of failures as a drawing: which words stand where. Nothing measures letters here.

Here: wrapping to a fixed number of letters, and places in units of the drawing. Not here: which
failures, and what may not leave (failure_pages.py); the SVG (portal/templates/evidence).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from unicodedata import east_asian_width

WIDTH: Final = 900
CELLS: Final = 100  # letters of a line; at 13 units a letter of the fixed-width font takes 7.8
_TITLE_CELLS: Final = 64  # of 20 units
MOST_LINES: Final = 8
_LEFT: Final = 24
_AFTER: Final = 14  # room between two entries
_UNDRAWABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Style(StrEnum):
    """How a line looks."""

    TITLE = "title"
    STRONG = "strong"
    NOTE = "note"
    QUOTE = "quote"


_HEIGHTS: Final = {Style.TITLE: 32, Style.STRONG: 22, Style.NOTE: 20, Style.QUOTE: 18}


@dataclass(frozen=True, slots=True)
class Entry:
    """One failure: when and in which run, of what, and the words of the target."""

    head: str
    about: str
    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text at a place."""

    x: int
    y: int
    style: Style
    words: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of text, and the heights at which a rule is drawn, in a box of WIDTH x `height`."""

    title: str
    texts: tuple[Text, ...]
    rules: tuple[int, ...]
    height: int


def drawn(title: str, notes: Sequence[str], entries: Sequence[Entry], foot: str) -> Drawing:
    """The title, the notes below it, the entries with a rule above each, and the foot."""
    texts: list[Text] = []
    rules: list[int] = []
    y = 8

    def put(style: Style, words: str) -> None:
        nonlocal y
        for line in wrapped(words, _TITLE_CELLS if style is Style.TITLE else CELLS):
            y += _HEIGHTS[style]
            texts.append(Text(_LEFT, y, style, line))

    put(Style.TITLE, title)
    for note in notes:
        put(Style.NOTE, note)
    for entry in entries:
        y += _AFTER
        rules.append(y)
        put(Style.STRONG, entry.head)
        put(Style.NOTE, entry.about)
        put(Style.QUOTE, entry.words)
    y += _AFTER
    rules.append(y)
    put(Style.NOTE, foot)
    return Drawing(title, tuple(texts), tuple(rules), y + 16)


def wrapped(text: str, cells: int) -> tuple[str, ...]:
    """A text in lines of so many letters, wide ones counted twice; at most MOST_LINES.

    Letters that no drawing can hold are replaced. The last line says what was left out.
    """
    whole = _UNDRAWABLE.sub("\ufffd", text)
    lines = [line for part in whole.splitlines() for line in _lines(part, cells)]
    if len(lines) <= MOST_LINES:
        return tuple(lines) or ("",)
    kept = lines[: MOST_LINES - 1]
    left = len(lines) - len(kept)
    return (*kept, f"… {left} more lines are on the page")


def _lines(text: str, cells: int) -> Iterator[str]:
    rest = text.expandtabs(2).rstrip()
    while rest:
        end = _fitting(rest, cells)
        if end < len(rest):
            space = rest.rfind(" ", 1, end + 1)
            end = space if space > 0 else end
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()


def _fitting(text: str, cells: int) -> int:
    """How many letters of the beginning have room."""
    used = 0
    for place, letter in enumerate(text):
        used += 2 if east_asian_width(letter) in "WF" else 1
        if used > cells:
            return place
    return len(text)
