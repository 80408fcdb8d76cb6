"""Two texts that were made of a third, as one: what each of both changed stands in it.

Here: the lines of both, by what they changed in the text that they began with. Pure text in, text
out. Not here: whose texts they are (holding/rulesets/drafts.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Merged:
    """A text with the changes of both; `clashes` are the first lines, from 1, of those places that
    both changed, each in another way: there it says what mine says.
    """

    text: str
    clashes: tuple[int, ...]


class _Hunk(NamedTuple):
    """The lines of the text before, from `first` up to `end`, and what a side says instead."""

    first: int
    end: int
    lines: Sequence[str]


def merged(before: str, mine: str, theirs: str) -> Merged:
    """Mine, with what theirs changed since before. Changes of both sides that touch are one place:
    who wrote either of them may have meant the other line too.
    """
    old = before.splitlines(keepends=True)
    sides = tuple(_hunks(old, text.splitlines(keepends=True)) for text in (mine, theirs))
    done, lines, clashes = 0, list[str](), list[int]()
    for first, end in _places(sides):
        lines += old[done:first]
        own, other = (_said(hunks, old, first, end) for hunks in sides)
        same = old[first:end]
        if own not in (same, other) and other != same:
            clashes.append(len(lines) + 1)
        lines += other if own == same else own
        done = end
    return Merged("".join(lines + old[done:]), tuple(clashes))


def _hunks(old: list[str], new: list[str]) -> list[_Hunk]:
    changes = difflib.SequenceMatcher(None, old, new).get_opcodes()
    return [_Hunk(i, j, new[k:m]) for tag, i, j, k, m in changes if tag != "equal"]


def _places(sides: Sequence[Sequence[_Hunk]]) -> Iterator[tuple[int, int]]:
    """The parts of the text before that a side changed, in their order, those that touch as one."""
    place: tuple[int, int] | None = None
    for hunk in sorted(hunk for hunks in sides for hunk in hunks):
        if place is not None and hunk.first <= place[1]:
            place = (place[0], max(place[1], hunk.end))
            continue
        if place is not None:
            yield place
        place = (hunk.first, hunk.end)
    if place is not None:
        yield place


def _said(hunks: Sequence[_Hunk], old: list[str], first: int, end: int) -> list[str]:
    """What a side says in the place of these lines."""
    lines: list[str] = []
    for hunk in hunks:
        if first <= hunk.first and hunk.end <= end:
            lines += [*old[first : hunk.first], *hunk.lines]
            first = hunk.end
    return lines + old[first:end]
