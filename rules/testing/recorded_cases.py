"""A record as it was judged, told as a sample and a test.

Here: the sample, what of its world the outcome needs, and what came out as expectations. It is
played before it is given: a record whose outcome needs what a test cannot tell (a release, the
codes of a target, lines that came or went after posting) is refused. Not here: values one by one
(recorded_values.py), facts (recorded_facts.py), expectations (recorded_outcomes.py), the text
(grammar/layout).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from grammar import nodes as n
from rules.outcomes.outcome import Use
from rules.programs.program import Program
from rules.testing import recorded_facts, recorded_outcomes
from rules.testing.expectations import Expectations
from rules.testing.recorded_values import NOWHERE, Judged, Neutral, Story, Values, story_of
from rules.testing.test_steps import Told, tell
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index

MOST_LINES = 100
"""A record of more is too long to be read as a test."""
MOST_TRIED = 100
"""Of so many facts it is tried which the outcome does not need; of more all stay."""


@dataclass(frozen=True, slots=True)
class Case:
    """What stands in a rule file for a record; the last of the samples is the record itself."""

    samples: tuple[n.Sample, ...]
    test: n.Test


@dataclass(frozen=True, slots=True)
class Untold:
    """Why there is none. `route` comes to something else in a test; None: it is too long."""

    route: str | None


def case_of(program: Program, judged: Judged, neutral: Neutral, schemas: Schemas) -> Case | Untold:
    """The record as a test that passes; `neutral`: what is written for a name, say."""
    index = Index(program.ruleset, program.edition)
    story = story_of(judged.subject, judged.facts)
    judged = replace(judged, used=_read(program, judged, story))
    zone, secrets = program.zone(judged.subject.kind), neutral.secrets(judged, story, index)
    values = Values(index, zone, neutral.of_records, secrets)
    lines = values.lines_of(story.body, judged.subject.kind)
    if len(lines) > MOST_LINES:
        return Untold(None)
    sample = _sample(values, judged, story.body, lines)
    given, linked = recorded_facts.given(values, judged, story, sample.name)
    then = recorded_facts.then(values, judged, story)
    play = _Play(program, values, judged, sample, linked)
    if (differs := play.differs(given, then)) is not None:
        return Untold(differs)
    given = play.needed(given, then)
    return play.case(given, then, schemas)


def _read(program: Program, judged: Judged, story: Story) -> tuple[Use, ...]:
    """The entries that were read; of a record that is posted first, also those of its document."""
    used = judged.outcome.used
    if story.changed is None:
        return used
    unsent = replace(judged.facts, postings=(), target_edited=(), history={}, documents=())
    subject = replace(judged.subject, body=story.body)
    return (*program.evaluate(subject, unsent, judged.world, judged.now).used, *used)


def _sample(
    values: Values,
    judged: Judged,
    body: Mapping[str, object],
    lines: tuple[tuple[n.Pair, ...], ...],
) -> n.Sample:
    kind = judged.subject.kind
    name = values.free_name(f"{kind}_{judged.outcome.number}")
    sets = values.pairs(body, kind)
    return n.Sample(name, kind, values.local(judged.now), sets, lines, (), NOWHERE)


class _Play:
    """The story of a record, played with this or that of its facts."""

    def __init__(
        self,
        program: Program,
        values: Values,
        judged: Judged,
        sample: n.Sample,
        linked: tuple[n.Sample, ...],
    ) -> None:
        self._program, self._values, self._judged = program, values, judged
        self._sample, self._linked = sample, linked
        ruleset = program.ruleset
        samples = (*ruleset.samples, *linked, sample)
        self._index: Final = Index(replace(ruleset, samples=samples), program.edition)

    def differs(self, given: Sequence[n.Fact], then: Sequence[n.Fact]) -> str | None:
        """The first route that comes to something else than it did; None: none does."""
        told = self._told(given, then)
        hidden = self._values.secrets
        return recorded_outcomes.difference(self._judged.outcome, told.outcome, hidden)

    def needed(self, given: Sequence[n.Fact], then: Sequence[n.Fact]) -> list[n.Fact]:
        """The facts without which something else comes out."""
        left = list(given)
        if len(left) > MOST_TRIED:
            return left
        for fact in given:
            fewer = [one for one in left if one is not fact]
            if self.differs(fewer, then) is None:
                left = fewer
        return left

    def case(
        self, given: Sequence[n.Fact], then: Sequence[n.Fact], schemas: Schemas
    ) -> Case | Untold:
        """The samples that are needed, and the test, which passes."""
        told, zone = self._told(given, then), self._values.zone
        expects = recorded_outcomes.expectations(told.outcome, self._index, zone, schemas)
        title = self._values.free_title(recorded_outcomes.title(told.outcome))
        test = n.Test(title, self._sample.name, None, (), _steps(then), expects, NOWHERE)
        if not expects or Expectations(test, told, zone).failure():
            routes = (one.route for one in told.outcome.decisions)
            return Untold(next(routes, self._judged.subject.kind))
        named = {name for fact in given if isinstance(fact, n.IsRecords) for name in fact.samples}
        linked = tuple(one for one in self._linked if one.name in named)
        return Case((*linked, replace(self._sample, facts=tuple(given))), test)

    def _told(self, given: Sequence[n.Fact], then: Sequence[n.Fact]) -> Told:
        sample = replace(self._sample, facts=tuple(given))
        test = n.Test("", sample.name, None, (), _steps(then), (), NOWHERE)
        return tell(sample, test, self._index, self._program)


def _steps(then: Sequence[n.Fact]) -> tuple[n.Then, ...]:
    return (n.Then(None, tuple(then), NOWHERE),) if then else ()
