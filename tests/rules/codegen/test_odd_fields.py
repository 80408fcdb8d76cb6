"""Every field of every template, blank, zero, negative, huge or odd: no rule may crash on it.

Both engines evaluate each record of the templates' own tests with one field changed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from rules.facts import Facts, Subject, World
from rules.outcomes import Outcome
from rules.program import compile_interpreted, compile_ruleset
from rules.testing.runner import run_tests
from rules.values.canonical import PostingState
from tests.rules.codegen.test_engines import SETS, rules_named
from tests.rules.one_meaning import in_every_way

ABSENT = object()
BLANKS = ("", ABSENT)
ODD_VALUES: tuple[object, ...] = (
    *BLANKS,
    "0",
    "-1",
    "9" * 38,
    "1e400",
    "NaN",
    "\ud83d odd",
    "\x00",
    [],
    {},
)
BODIES_PER_KIND = 1
"""The records of each kind that are changed; their first line stands for all lines."""


def _with(row: Mapping[str, Any], field: str, value: object) -> dict[str, Any]:
    kept = {name: old for name, old in row.items() if name != field}
    return kept if value is ABSENT else {**kept, field: value}


def _changed_bodies(
    body: Mapping[str, Any], stored: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, object, dict[str, Any]]]:
    """Yield (field, value, body) with one field of the head or of the first line changed.

    `stored` are the fields that the rules declare, by the list that they are in: also those that
    the body does not have are changed.
    """
    for field in dict.fromkeys((*body, *stored[""])):
        old = body.get(field)
        for value in ODD_VALUES:
            yield field, value, _with(body, field, value)
        if not isinstance(old, list | tuple) or not old or not isinstance(old[0], Mapping):
            continue
        for line_field in dict.fromkeys((*old[0], *stored.get(field, ()))):
            for value in ODD_VALUES:
                lines = [_with(old[0], line_field, value), *old[1:]]
                yield f"{field}.{line_field}", value, {**body, field: lines}


def _stored_fields(ruleset: nodes.Ruleset, kind: nodes.Record) -> dict[str, tuple[str, ...]]:
    """Return the names of the stored fields of a kind, and of its lines by the field's name."""
    stored = [field for field in kind.fields if isinstance(field, nodes.Field)]
    names = {"": tuple(field.name for field in stored)}
    for field in stored:
        for line in (record for record in ruleset.records if record.name == field.of):
            names[field.name] = _stored_fields(ruleset, line)[""]
    return names


def _required_fields(ruleset: nodes.Ruleset, kind: nodes.Record) -> set[str]:
    """Return the fields of a kind that may not be blank, those of its lines as `lines.sku`."""
    required = set()
    stored = [field for field in kind.fields if isinstance(field, nodes.Field)]
    for field in stored:
        if field.mark != "optional":
            required.add(field.name)
        for line in (record for record in ruleset.records if record.name == field.of):
            required |= {f"{field.name}.{name}" for name in _required_fields(ruleset, line)}
    return required


class OddFields:
    """A program for `run_tests` that also evaluates each test's record with odd fields."""

    def __init__(self, ruleset: nodes.Ruleset) -> None:
        self.compiled = compile_ruleset(ruleset, hash="h", schemas=schemas())
        self.interpreted = compile_interpreted(ruleset, hash="h", schemas=schemas())
        self.required = {kind.name: _required_fields(ruleset, kind) for kind in ruleset.records}
        self.stored = {kind.name: _stored_fields(ruleset, kind) for kind in ruleset.records}
        self.changed: set[str] = set()
        self.bodies: Counter[str] = Counter()
        self.evaluated = 0
        self.ready_with_blank: set[tuple[str, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compiled, name)

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        outcome = self.interpreted.evaluate(subject, facts, world, now)
        is_ready = any(decision.state == PostingState.READY for decision in outcome.decisions)
        if is_ready and self.bodies[subject.kind] < BODIES_PER_KIND:
            self.bodies[subject.kind] += 1
            for field, value, body in _changed_bodies(subject.body, self.stored[subject.kind]):
                self.changed.add(f"{subject.kind}.{field}")
                self._evaluate_odd(replace(subject, body=body), facts, world, now, (field, value))
        return outcome

    def _evaluate_odd(
        self,
        subject: Subject,
        facts: Facts,
        world: World,
        now: datetime,
        change: tuple[str, object],
    ) -> None:
        outcome = self.interpreted.evaluate(subject, facts, world, now)
        assert in_every_way(self.compiled, subject, facts, world, now) == outcome
        self.evaluated += 1
        field, value = change
        is_blank = value in BLANKS and field in self.required.get(subject.kind, ())
        if is_blank and any(d.state == PostingState.READY for d in outcome.decisions):
            self.ready_with_blank.add((subject.kind, field))


@pytest.mark.parametrize("name", SETS)
def test_no_odd_field_crashes_the_rules_and_no_blank_required_field_is_ready(name: str) -> None:
    ruleset, problems = parse(rules_named(name))
    assert problems == ()
    program = OddFields(ruleset)
    run_tests(ruleset, program)  # type: ignore[arg-type]
    assert program.evaluated > 0
    for kind in program.bodies:
        lists = {name for name in program.stored[kind] if name}
        declared = {f"{kind}.{field}" for field in program.stored[kind][""]}
        declared |= {f"{kind}.{name}.{one}" for name in lists for one in program.stored[kind][name]}
        assert declared <= program.changed
    assert program.ready_with_blank == set()
