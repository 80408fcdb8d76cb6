"""Which parts of a ruleset its tests prove: break one, run the tests, see whether one turns red.

Here: coverage. That a test came by a line proves less: it may not look at what comes out of it.
Not here: the parts and their ways of breaking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grammar import nodes as n
from rules.breaking.part import Part, without
from rules.compile import Program, compile_ruleset
from rules.index import Index
from rules.samples import run_test
from rules.schema import Schemas


@dataclass(frozen=True, slots=True)
class Covered:
    """A part, and the title of a test that notices when it is broken; empty if none does."""

    part: Part
    by: str


def coverage(
    ruleset: n.Ruleset, chosen: Iterable[Part], schemas: Schemas | None = None
) -> Iterator[Covered]:
    """What the tests that pass say of each of these parts."""
    bench = _Bench(ruleset, schemas)
    for part in chosen:
        yield Covered(part, bench.noticed(part))


@dataclass(slots=True)
class _Bench:
    """The tests of a ruleset, those first that noticed something of late."""

    ruleset: n.Ruleset
    schemas: Schemas | None
    tests: list[n.Test] = field(init=False)

    def __post_init__(self) -> None:
        index, program = self._compiled(self.ruleset)
        self.tests = [t for t in self.ruleset.tests if run_test(t, index, program).passed]

    def noticed(self, part: Part) -> str:
        """The title of a test that fails with the part broken, or an empty text."""
        for way in part.ways:
            index, program = self._compiled(without(self.ruleset, part.declared, way))
            for at, test in enumerate(self.tests):
                if not run_test(test, index, program).passed:
                    self.tests.insert(0, self.tests.pop(at))
                    return test.title
        return ""

    def _compiled(self, ruleset: n.Ruleset) -> tuple[Index, Program]:
        return Index(ruleset), compile_ruleset(ruleset, hash="", schemas=self.schemas)
