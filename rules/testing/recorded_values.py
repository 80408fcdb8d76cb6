"""Write the values of a judged record as a rule file does, and replace personal values.

A text that rule files cannot quote is written as closely as possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.parsing.build_expressions import DIGITS
from grammar.text.problem import Span
from rules.facts import Facts, Subject, World
from rules.outcomes import Outcome, Use
from rules.types.symbol_table import Index

NOWHERE: Final = Span("", 1, 1, 1, 1)
NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CODE: Final = re.compile(r"[A-Z][A-Za-z0-9_]*")
_UNWRITTEN: Final = re.compile(r'["\x00-\x1f\x7f]')
_NUMBERS: Final = frozenset({"whole", "decimal", "money", "quantity"})
_LONGEST_NAME: Final = 40
_LONGEST_TITLE: Final = 100
_SHORTEST_INSIDE: Final = 3
"""A shorter one in Latin letters is looked for as a whole text only: it would be part of any."""
Body = Mapping[str, object]


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
class Story:
    """The content to begin with, and what it was changed to after it was posted; None where nothing
    of this has to be played.
    """

    body: Body
    changed: Body | None


def story_of(subject: Subject, facts: Facts) -> Story:
    """A record that changed since it was posted, or whose document was changed, is posted first."""
    before = [one.body for one in facts.postings if one.body is not None]
    if before:
        return Story(before[-1], subject.body)
    return Story(subject.body, subject.body if facts.target_edited else None)


@dataclass(frozen=True, slots=True)
class Neutral:
    """What is written for personal values: by field of a record, and by field of a
    document.
    """

    of_records: Mapping[str, str]
    of_documents: Mapping[str, str]

    def secrets(self, judged: Judged, story: Story, index: Index) -> Secrets:
        """The values that are not written."""
        tables = self._tables(index, judged.subject.kind)
        entries = [(one.value, tables[one.table]) for one in judged.used if one.table in tables]
        linked = (body for bodies in judged.facts.links.values() for body in bodies)
        bodies = (judged.subject.body, story.body, *linked)
        rows = [(of, self.of_records) for of in bodies]
        for decision in judged.outcome.decisions:
            rows += [(s.document.fields, self.of_documents) for s in decision.plan if s.document]
        rows += [(one.fields, self.of_documents) for one in judged.facts.documents]
        told = [(of.get(name), instead) for of, by in rows for name, instead in by.items()]
        texts = ((str(one).strip(), to) for one, to in (*entries, *told) if one)
        return Secrets({one.casefold(): to for one, to in texts if one})

    def _tables(self, index: Index, kind: str) -> dict[str, str]:
        """The maps from which such a field of a document comes, with what is written instead."""
        found = dict[str, str]()
        for post in index.posts.get(kind, []):
            for assign in post.fields:
                if (instead := self.of_documents.get(assign.name)) is not None:
                    found |= dict.fromkeys(_maps_in(assign.expr, index, kind), instead)
        return found


class Secrets:
    """Values that are not written, folded, each with what is written instead."""

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._instead = instead
        long = (one for one in instead if len(one) >= _SHORTEST_INSIDE or not one.isascii())
        one = "|".join(map(re.escape, sorted(long, key=len, reverse=True)))
        word = "[0-9A-Za-z]"  # letters that write no words stand beside each other
        pattern = rf"(?<!{word})(?:{one})(?!{word})"
        self._inside = re.compile(pattern, re.IGNORECASE) if one else None

    def open(self, said: str) -> str:
        """What may be written for a text: nothing of it, or not where one of them stands in it."""
        whole = self._instead.get(said.strip().casefold())
        if whole is not None or self._inside is None:
            return said if whole is None else whole
        return self._inside.sub(lambda found: self._of(found[0]), said)

    def within(self, said: str) -> bool:
        """Whether one of them stands in a text."""
        return self.open(said) != said

    def _of(self, found: str) -> str:
        return self._instead.get(found.casefold(), "")


@dataclass(frozen=True, slots=True)
class Values:
    """Values and names as a rule file writes them; of `hidden` fields of a record that is written
    which the mapping says.
    """

    index: Index
    zone: ZoneInfo
    hidden: Mapping[str, str]
    secrets: Secrets

    def pairs(self, body: Body, kind: str) -> tuple[nodes.Pair, ...]:
        """The fields that the rules declare of a record or of a line, as far as it has them."""
        found = ((field.name, self.value(field, body.get(field.name))) for field in self._of(kind))
        return tuple(nodes.Pair(name, value, NOWHERE) for name, value in found if value is not None)

    def lines_of(self, body: Body, kind: str) -> tuple[tuple[nodes.Pair, ...], ...]:
        """The lines of a record."""
        lines, of_line = self._lines(body, kind), self.index.line_records.get(kind)
        return tuple(self.pairs(line, of_line.name) for line in lines) if of_line else ()

    def value(self, field: nodes.Field, held: object) -> nodes.Value | None:
        """A value of a field; None where it has none that could be written."""
        if held is None or isinstance(held, list | dict):
            return None
        if isinstance(held, bool):
            return nodes.Literal("yes_no", held, NOWHERE)
        said = str(held)
        if field.name in self.hidden and said.strip():
            return text_literal(self.hidden[field.name])
        if field.type in _NUMBERS and NUMBER.fullmatch(said) and len(said) <= DIGITS:
            return nodes.Literal("number", Decimal(said), NOWHERE)
        if field.type == "one_of" and said in {state.name for state in field.states}:
            return nodes.Word(said, NOWHERE)
        try:
            if field.type == "date" and DAY.fullmatch(said):
                return nodes.Literal("date", date.fromisoformat(said), NOWHERE)
            if field.type == "moment":
                return nodes.Literal("moment", self.local(datetime.fromisoformat(said)), NOWHERE)
        except ValueError:
            pass
        return self.text(said)

    def text(self, said: str) -> nodes.Literal:
        """A text between quotes, or what is written instead."""
        return text_literal(self.secrets.open(said))

    def local(self, moment: datetime) -> datetime:
        """The minute of a moment where the source is."""
        there = moment.astimezone(self.zone) if moment.tzinfo else moment
        return there.replace(second=0, microsecond=0, tzinfo=None)

    def changes(self, kind: str, before: Body, after: Body) -> Iterator[nodes.Fact]:
        """What of a record is otherwise after it was posted, as far as one can say it."""
        for field in self._of(kind):
            was, now = (self.value(field, of.get(field.name)) for of in (before, after))
            if now is None and was is not None:
                yield nodes.IsMissing(field.name, NOWHERE)
            elif now is not None and now != was:
                yield nodes.IsValue(field.name, now, NOWHERE)
        of_line = self.index.line_records.get(kind)
        pairs = zip(self._lines(before, kind), self._lines(after, kind), strict=False)
        for number, (line, other) in enumerate(pairs, 1):
            for field in self._of(of_line.name) if of_line else ():
                was, now = (self.value(field, of.get(field.name)) for of in (line, other))
                if now is not None and now != was:
                    yield nodes.LineValue(number, field.name, now, NOWHERE)

    def free_name(self, wanted: str, taken: Sequence[str] = ()) -> str:
        """A name for a sample that no other has."""
        name = re.sub("[^a-z0-9]+", "_", wanted.lower())[:_LONGEST_NAME].strip("_")
        return _free(name, {*self.index.samples, *taken}, "{}_{}")

    def free_title(self, wanted: str) -> str:
        """A title that no other test has."""
        title = _UNWRITTEN.sub(" ", wanted)[:_LONGEST_TITLE].strip()
        return _free(title, {test.title for test in self.index.ruleset.tests}, "{} ({})")

    def _of(self, kind: str) -> Iterator[nodes.Field]:
        for field in self.index.fields.get(kind, {}).values():
            if isinstance(field, nodes.Field) and field.type != "many":
                yield field

    def _lines(self, body: Body, kind: str) -> list[Body]:
        many = self.index.lines_field(kind)
        lines = body.get(many.name) if many else None
        return [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []


def _maps_in(expr: nodes.Expr, index: Index, kind: str) -> set[str]:
    """The maps that a value is read from, also by the way of fields that are worked out."""
    found, waiting, seen = set[str](), [expr], set[str]()
    while waiting:
        for node in nodes.walk(waiting.pop()):
            if isinstance(node, nodes.Call) and node.name in index.maps:
                found.add(node.name)
            elif isinstance(node, nodes.Name) and len(node.path) == 1 and node.path[0] not in seen:
                seen.add(node.path[0])
                field = index.fields.get(kind, {}).get(node.path[0])
                waiting += [field.expr] if isinstance(field, nodes.Computed) else []
    return found


def text_literal(value: str) -> nodes.Literal:
    """A text between quotes; a quote or a control character in it becomes an apostrophe."""
    return nodes.Literal("text", _UNWRITTEN.sub("'", value), NOWHERE)


def route_name(route: str) -> nodes.RouteName:
    """The name of a route as a node."""
    target, _, document = route.partition(".")
    return nodes.RouteName(target, document, NOWHERE)


def _free(wanted: str, taken: set[str], pattern: str) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = pattern.format(wanted, number)
    return name
