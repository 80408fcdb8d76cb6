"""Which of many sets of cases share a case with a given one, without asking each of them.

Here: Crossings, a tree over the cases, and sets of numbers. A set is noted at the few nodes whose
cases it holds all. Not here: what is concluded from it (pairs.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from rules.overlaps.cases import Cases, lowest

Numbers: TypeAlias = int
"""A set of numbers of whatever is compared: bit i for number i."""


def numbers(of: Sequence[int]) -> Numbers:
    """The set of these numbers."""
    if len(of) == 1:
        return 1 << of[0]
    bits = bytearray(max(of, default=0) // 8 + 1)
    for number in of:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


class Crossings:
    """Sets of cases by number.

    A set and a question cost the runs that they are made of, times the logarithm of the cases: a
    comparison is one or two runs, however many values other conditions name.
    """

    def __init__(self, sets: Iterable[tuple[int, Cases]], width: int) -> None:
        """`sets`: number and cases, all below `width`."""
        self._size = 1 << max(width - 1, 0).bit_length()
        noted: dict[int, list[int]] = {}
        for number, cases in sets:
            for low, high in _runs(cases):
                for node in self._covering(low, high):
                    noted.setdefault(node, []).append(number)
        self._whole: list[Numbers] = [0] * (2 * self._size)
        """Node -> the sets that hold all its cases, and not all of the node above."""
        for node, found in noted.items():
            self._whole[node] = numbers(found)
        self._within: list[Numbers] = [*self._whole]
        """Node -> the sets of which a part is noted there or below."""
        for node in range(2 * self._size - 1, 1, -1):
            self._within[node >> 1] |= self._within[node]

    def meeting(self, cases: Cases) -> Numbers:
        """The numbers of the sets that hold one of these cases at least."""
        found = 0
        for low, high in _runs(cases):
            left, right = low + self._size, high + self._size
            while left != right:
                found |= self._whole[left] | self._whole[right]
                left, right = left >> 1, right >> 1
            while left:
                found |= self._whole[left]
                left >>= 1
            for node in self._covering(low, high):
                found |= self._within[node]
        return found

    def _covering(self, low: int, high: int) -> Iterator[int]:
        """The fewest nodes that hold the cases from `low` to `high`, and no other."""
        low, high = low + self._size, high + self._size + 1
        while low < high:
            if low & 1:
                yield low
                low += 1
            if high & 1:
                high -= 1
                yield high
            low, high = low >> 1, high >> 1


def _runs(cases: Cases) -> Iterator[tuple[int, int]]:
    """First and last case of each run of neighbours."""
    at = 0
    while cases:
        skipped = lowest(cases)
        cases >>= skipped
        length = lowest(~cases)
        yield at + skipped, at + skipped + length - 1
        cases >>= length
        at += skipped + length
