"""Which pieces of a template belong to one sentence.

Here: cuts between sentences, tags without their partner, conditions inside a sentence and beside
one. Not here: the message of a sentence (sentences.py).
"""

from collections.abc import Sequence
from typing import Final

from portal.languages.atoms import Atom, Choice, Cut, Tag, Text, lettered, plain

VARIANTS: Final = 8  # so many wholes at most are made of one sentence with conditions
STOPS: Final = ".:;!?…)"
GOES_ON: Final = ",;.(:–"


def balanced(atoms: Sequence[Atom]) -> list[Atom]:
    """The pieces with every tag cut that has no partner between the cuts around it."""
    found = list(atoms)
    open_tags: list[int] = []
    for at, one in enumerate(found):
        if isinstance(one, Cut):
            _cut(found, open_tags)
            open_tags = []
        elif isinstance(one, Tag) and not one.ends:
            open_tags.append(at)
        elif isinstance(one, Tag):
            if open_tags and _name(found[open_tags[-1]]) == one.name:
                open_tags.pop()
            else:
                _cut(found, [at])
    _cut(found, open_tags)
    return found if found == list(atoms) else balanced(found)


def _cut(found: list[Atom], places: Sequence[int]) -> None:
    for at in places:
        one = found[at]
        if isinstance(one, Tag):
            found[at] = Cut(one.parts)


def _name(one: Atom) -> str:
    return one.name if isinstance(one, Tag) else ""


def runs(atoms: Sequence[Atom]) -> list[Cut | list[Atom]]:
    """The cuts, and what stands between two of them."""
    found: list[Cut | list[Atom]] = []
    for one in atoms:
        if isinstance(one, Cut):
            found.append(one)
        elif found and isinstance(found[-1], list):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def in_sentence(choice: Choice) -> bool:
    """Whether each branch can stand inside a sentence."""
    return all(
        not any(isinstance(one, Cut) for one in balanced(branch))
        and all(in_sentence(one) for one in branch if isinstance(one, Choice))
        for branch in choice.branches
    )


def speaks(run: Sequence[Atom]) -> bool:
    """Whether there is a word in it."""
    return lettered(tuple(run))


def sentence(run: Sequence[Atom]) -> bool:
    """Whether words stand outside of its elements."""
    depth = 0
    for one in run:
        if isinstance(one, Tag):
            depth += -1 if one.ends else 1
        elif depth == 0 and isinstance(one, Choice):
            if any(map(sentence, one.branches)):
                return True
        elif depth == 0 and lettered((one,)):
            return True
    return False


def stands_apart(run: Sequence[Atom], at: int) -> bool:
    """Whether a choice begins and ends where a sentence does."""
    choice = run[at]
    if not isinstance(choice, Choice):
        return False
    left = plain(tuple(run[:at])).rstrip()
    right = plain(tuple(run[at + 1 :])).lstrip()
    told = [text for branch in choice.branches if (text := plain(branch).strip())]
    begins = not left or left[-1] in STOPS or all(text[0] in GOES_ON for text in told)
    ends = (
        not right
        or right[0] in GOES_ON
        or right[0].isupper()
        or all(text[-1] in STOPS for text in told)
    )
    return begins and ends


def many(run: Sequence[Atom]) -> bool:
    """Whether its conditions make more wholes of it than a translator should get."""
    count = 1
    for one in run:
        if isinstance(one, Choice):
            count *= _ways(one)
    return count > VARIANTS


def _ways(choice: Choice) -> int:
    total = 0
    for branch in choice.branches:
        count = 1
        for one in branch:
            if isinstance(one, Choice):
                count *= _ways(one)
        total += count
    return total


def trimmed(run: Sequence[Atom]) -> tuple[int, int]:
    """Where the message begins and ends: text without a letter at its edges is none of it."""
    first, last = 0, len(run)
    while first < last and isinstance(one := run[first], Text) and not lettered((one,)):
        first += 1
    return first, last
