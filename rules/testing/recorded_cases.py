"""A record as it was judged, told as a sample and a test.

Here: the sample, what of its world the outcome needs, and what came out as expectations. It is
played before it is given: a record whose outcome needs what a test cannot tell (a release, the
codes of a target, lines that came or went after posting) is refused. Not here: values and facts one
by one (recorded_facts.py), expectations (recorded_outcomes.py), the text (grammar/layout).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from grammar import nodes as n
from rules.facts.world import Facts, Subject, World
from rules.outcomes.outcome import Outcome, Use
from rules.programs.program import Program
from rules.testing import recorded_facts, recorded_outcomes
from rules.testing.expectations import Expectations
from rules.testing.recorded_facts import NOWHERE, Neutral, Story, Values
from rules.testing.test_steps import Told, tell
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index

MOST_LINES = 100
"""A record of more is too long to be read as a test."""
MOST_TRIED = 100
"""Of so many facts it is tried which the outcome does not need; of more all stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A record, what it was judged with, and what came out; `used`: the entries it may need."""

    subject: Subject
    facts: Facts
    world: World
    now: datetime
    outcome: Outcome
    used: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """What stands in a rule file for a record; the last of the samples is the record itself."""

    samples: tuple[n.Sample, ...]
    test: n.Test


@dataclass(frozen=True, slots=True)
class Untold:
    """Why there is none. `route` comes to something else in a test; blank: it is too long."""

    route: str


def case_of(program: Program, judged: Judged, neutral: Neutral, schemas: Schemas) -> Case | Untold:
    """The record as a test that passes; `neutral`: what is written for a name, say."""
    index = Index(program.ruleset, program.edition)
    story = recorded_facts.story_of(judged.subject, judged.facts)
    judged = replace(judged, used=_read(program, judged, story))
    zone, secrets = program.zone(judged.subject.kind), neutral.secrets(judged, story, index)
    values = Values(index, zone, neutral.of_records, secrets)
    lines = values.lines_of(story.body, judged.subject.kind)
    if len(lines) > MOST_LINES:
        return Untold("")
    play = _Play(program, values, judged, _sample(values, judged, story.body, lines))
    given, linked = recorded_facts.given(values, judged, play.sample.name)
    then = recorded_facts.then(values, judged, story)
    play.linked = linked
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


@dataclass(slots=True)
class _Play:
    """The story of a record, played with this or that of its facts."""

    program: Program
    values: Values
    judged: Judged
    sample: n.Sample
    linked: tuple[n.Sample, ...] = ()

    def differs(self, given: Sequence[n.Fact], then: Sequence[n.Fact]) -> str | None:
        """The first route that comes to something else than it did; None: none does."""
        told, _ = self._told(given, then)
        secrets = self.values.secrets
        return recorded_outcomes.difference(self.judged.outcome, told.outcome, secrets)

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
        told, index = self._told(given, then)
        zone = self.values.zone
        expects = recorded_outcomes.expectations(told.outcome, index, zone, schemas)
        title = self.values.free_title(recorded_outcomes.title(told.outcome))
        test = n.Test(title, self.sample.name, None, (), self._steps(then), expects, NOWHERE)
        if not expects or Expectations(test, told, zone).failure():
            return Untold(str(next((one.route for one in expects), "")))
        named = {name for fact in given if isinstance(fact, n.IsRecords) for name in fact.samples}
        linked = tuple(one for one in self.linked if one.name in named)
        return Case((*linked, replace(self.sample, facts=tuple(given))), test)

    def _told(self, given: Sequence[n.Fact], then: Sequence[n.Fact]) -> tuple[Told, Index]:
        sample = replace(self.sample, facts=tuple(given))
        ruleset = self.program.ruleset
        samples = (*ruleset.samples, *self.linked, sample)
        index = Index(replace(ruleset, samples=samples), self.program.edition)
        test = n.Test("", sample.name, None, (), self._steps(then), (), NOWHERE)
        return tell(sample, test, index, self.program), index

    @staticmethod
    def _steps(then: Sequence[n.Fact]) -> tuple[n.Then, ...]:
        return (n.Then(None, tuple(then), NOWHERE),) if then else ()
