"""Which causes hold back the most money, of the rows of causes in the tally.

Here: the first of them with their records and money, and how many there are. Not here: reading the
tally, figures by any other question (tally_figures.py).
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from heapq import nsmallest

from holding.tallies.shapes import Look
from holding.tallies.tally_figures import Figure, Tallied, money_of


def worst_causes(
    rows: Iterable[Sequence[Tallied]],
    asked: Callable[[Look], bool],
    most: int,
    after: tuple[int, int] | None = None,
) -> tuple[dict[int, Figure], int]:
    """Causes with the records that have a hold which is asked for, most money of the books first,
    then by id: as many, behind the money and id of one where that is given; and how many there are
    in all. Of rows of causes, those of one shape together.
    """
    records: dict[int, int] = defaultdict(int)
    book: dict[int, int] = defaultdict(int)
    found = []
    for alike in rows:
        looks = [look for look in alike[0].shape.looks if asked(look)] if alike else []
        if looks:
            found.append((alike, looks))
            _count(alike, looks, records, book)
    every = [(-book[key], key) for key, count in records.items() if count]
    behind = (-after[0], after[1]) if after else None
    listed = [place for place in every if behind is None or place > behind]
    top = {key: Figure() for _, key in nsmallest(most, listed)}
    for alike, looks in found:
        for one in alike:
            if one.cause_id in top:
                top[one.cause_id].add(one, looks)
    return {key: one.whole() for key, one in top.items()}, len(every)


def by_shape(rows: Iterable[Tallied]) -> Sequence[Sequence[Tallied]]:
    """Those of one shape together, so that each shape is looked at once: many causes have the same.
    It is known by its place in memory: `shape` makes each once.
    """
    found: dict[int, list[Tallied]] = defaultdict(list)
    for one in rows:
        found[id(one.shape)].append(one)
    return tuple(found.values())


def of_these(rows: Iterable[Sequence[Tallied]], causes: Container[int]) -> list[Tallied]:
    """Those of some causes, whatever their shape."""
    return [one for alike in rows for one in alike if one.cause_id in causes]


def _count(
    alike: Sequence[Tallied], looks: Sequence[Look], records: dict[int, int], book: dict[int, int]
) -> None:
    """Add rows of one shape to the records and the money of the books of their causes."""
    own = alike[0].shape.own is not None
    for one in alike:
        _, cause_id, _, currency, count, minor, _ = one
        records[cause_id] += count
        if own:  # of few; all others are gone through by thousands for a page
            currency, minor, _ = money_of(one, looks)
        if not currency:
            book[cause_id] += minor
