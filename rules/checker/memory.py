"""What the checker remembers of checks from one look at rule files to the next, as an editor needs.

Here: Memory, and Look, which is one look. A check that is written as it was, among declarations
that are written as they were, means what it meant and is as right as it was, wherever it stands.
Not here: what is asked of it (all_checks.py), what several checks are to each other (logic.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, TypeAlias

from grammar import nodes as n
from grammar.text.problem import Span
from grammar.text.vocabulary import blocks, clean, is_idle
from rules.checker.places import Place, of_check, uses
from rules.overlaps.claims import Claim, claimed
from rules.types.symbol_table import Index, Scope

Text: TypeAlias = "tuple[str, ...]"
"""The lines of a declaration."""

_MENTIONED_BY_NONE = frozenset({"checks", "samples", "tests", "silences"})
"""Declarations that no check can mention."""
_KEPT = 2
"""What is kept: that of now and that of before, to which an undo leads back."""
_GROUPS = 8
"""Groups of checks, one for each record and for its lines, of the last looks."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a check says of one record, condition by condition."""

    when: Claim | None
    requires: tuple[Claim, ...]


@dataclass(slots=True, eq=False)
class Studied:
    """What is known of a check; one and the same as long as the check is written the same."""

    names: frozenset[str] | None = None
    claims: dict[str, Claims] = field(default_factory=dict)
    right: bool = False
    """Whether it was asked, and nothing was found."""


class Memory:
    """What is known of checks by their text; it may be given up at any time, and costs time only.

    How often a check was read for what it says (`studied`), asked whether it is right on its own
    (`asked`), and how often the checks of a record were compared (`compared`).
    """

    def __init__(self) -> None:
        self.studied = self.asked = self.compared = 0
        self._said: dict[Text, Text] = {}
        self._around: dict[tuple[Text, ...], list[dict[Text, Studied]]] = {}
        self._right: deque[tuple[str, frozenset[Studied]]] = deque(maxlen=_GROUPS)

    def said(self, declared: Iterable[Text]) -> dict[Text, Text]:
        """The lines of each declaration without blank ones and comments."""
        before = self._said
        self._said = {
            lines: before.get(lines) or tuple(line for line in lines if not is_idle(line))
            for lines in declared
        }
        return self._said

    def known(self, around: tuple[Text, ...], texts: Iterable[Text]) -> dict[Text, Studied]:
        """What is known of checks of these texts among these other declarations; without the texts
        of the others nothing is.
        """
        before = self._around.pop(around, [])
        found = {
            text: next((known[text] for known in before if text in known), None) or Studied()
            for text in texts
        }
        if all(around):
            for old in [*self._around][: 1 - _KEPT]:
                del self._around[old]
            self._around[around] = [found, *before][:_KEPT]
        return found

    def is_right(self, record: str, group: Sequence[Studied]) -> bool:
        """Whether these checks of a record were compared, maybe with others, and nothing was found.

        What no two of many do, no two of some of them do, in whatever order they stand. A check
        that stands twice is another matter.
        """
        mine = frozenset(group)
        once = len(mine) == len(group)
        return once and any(of == record and mine <= right for of, right in self._right)

    def found_right(self, record: str, group: Sequence[Studied]) -> None:
        """Nothing is wrong with these checks of a record beside each other."""
        self._right.append((record, frozenset(group)))


class Look:
    """One look at the checks of a ruleset; with the text of its files it remembers the last one."""

    def __init__(
        self, index: Index, memory: Memory | None = None, sources: Mapping[str, str] | None = None
    ) -> None:
        self.index, self.memory = index, memory or Memory()
        written = _written(sources or {})
        said = self.memory.said(written.values())
        texts = {at: said[lines] for at, lines in written.items()}
        around = tuple(texts.get(_at(node.span), ()) for node in _around(index.ruleset))
        mine = {id(c): texts.get(_at(c.span), ()) for c in index.ruleset.checks}
        known = self.memory.known(around, {*mine.values()} - {()})
        self._studied = {of: known[text] if text else Studied() for of, text in mine.items()}

    def studied(self, check: n.Check) -> Studied:
        """What is known of a check of this ruleset."""
        return self._studied[id(check)]

    def places(self, check: n.Check) -> tuple[Place, ...]:
        """The expressions of a check; the names that they say are noted."""
        found = tuple(of_check(check, self.index))
        said = (uses(place.expr) for place in found)
        self.studied(check).names = frozenset(chain.from_iterable(said))
        return found

    def names(self, check: n.Check) -> frozenset[str]:
        """Every name that the expressions and the message of a check say."""
        known = self.studied(check)
        if known.names is None:
            self.places(check)
        return known.names or frozenset()

    def saying(self, wanted: Collection[str]) -> list[n.Check]:
        """The checks that say one of these names."""
        one_of = frozenset(wanted)
        return [each for each in self.index.ruleset.checks if self.names(each) & one_of]

    def claims(self, check: n.Check, record: str) -> Claims:
        """What a check says of a record."""
        known = self.studied(check)
        if record not in known.claims:
            self.memory.studied += 1
            scope = Scope(self.index, record, line=check.each_line)
            when = claimed(check.when, scope) if check.when is not None else None
            known.claims[record] = Claims(when, tuple(claimed(r, scope) for r in check.requires))
        return known.claims[record]


def _written(sources: Mapping[str, str]) -> dict[tuple[str, int], Text]:
    """The lines of each declaration, by its file and first line."""
    return {
        (file, block.first): block.lines
        for file, text in sources.items()
        for block in blocks(clean(text))
    }


def _at(span: Span) -> tuple[str, int]:
    return span.file, span.line


def _around(ruleset: n.Ruleset) -> Iterator[Any]:
    """The declarations that a check may mention, and those that these mention."""
    for shelf in fields(ruleset):
        if shelf.name not in _MENTIONED_BY_NONE:
            yield from getattr(ruleset, shelf.name)
