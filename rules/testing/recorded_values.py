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
"""Shorter Latin texts are only matched as complete texts, because they would be part of many words.
"""
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A record, the input of its evaluation, and its outcome; `used`: the entries it may
    need.
    """

    subject: Subject
    facts: Facts
    world: World
    now: datetime
    outcome: Outcome
    used: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """The content at the start, and its content after a change that followed the posting; None
    without a change.
    """

    body: Body
    changed: Body | None


def story_of(subject: Subject, facts: Facts) -> Story:
    """Return the story of a record. A record or document that changed after posting is posted
    first.
    """
    posted_bodies = [posting.body for posting in facts.postings if posting.body is not None]
    if posted_bodies:
        return Story(posted_bodies[-1], subject.body)
    return Story(subject.body, subject.body if facts.target_edited else None)


@dataclass(frozen=True, slots=True)
class Neutral:
    """Define the replacements of personal values, by record field and by document field."""

    of_records: Mapping[str, str]
    of_documents: Mapping[str, str]

    def secrets(self, judged: Judged, story: Story, index: Index) -> Secrets:
        """Return the values that must not be written."""
        tables = self._tables(index, judged.subject.kind)
        entries = [
            (value.value, tables[value.table]) for value in judged.used if value.table in tables
        ]
        linked = (body for bodies in judged.facts.links.values() for body in bodies)
        bodies = (judged.subject.body, story.body, *linked)
        rows = [(fields, self.of_records) for fields in bodies]
        for decision in judged.outcome.decisions:
            rows += [(s.document.fields, self.of_documents) for s in decision.plan if s.document]
        rows += [(value.fields, self.of_documents) for value in judged.facts.documents]
        field_values = [
            (fields.get(name), instead) for fields, by in rows for name, instead in by.items()
        ]
        texts = ((str(value).strip(), to) for value, to in (*entries, *field_values) if value)
        return Secrets({value.casefold(): to for value, to in texts if value})

    def _tables(self, index: Index, kind: str) -> dict[str, str]:
        """Return the maps that give such a document field, each with the replacement text."""
        replacements = dict[str, str]()
        for post in index.posts.get(kind, []):
            for assign in post.fields:
                if (instead := self.of_documents.get(assign.name)) is not None:
                    replacements |= dict.fromkeys(_maps_in(assign.expr, index, kind), instead)
        return replacements


class Secrets:
    """Case-folded values that must not be written, each with its replacement."""

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._instead = instead
        inside_texts = (
            alternatives
            for alternatives in instead
            if len(alternatives) >= _SHORTEST_INSIDE or not alternatives.isascii()
        )
        alternatives = "|".join(map(re.escape, sorted(inside_texts, key=len, reverse=True)))
        word = "[0-9A-Za-z]"  # letters that write no words stand beside each other
        pattern = rf"(?<!{word})(?:{alternatives})(?!{word})"
        self._inside = re.compile(pattern, re.IGNORECASE) if alternatives else None

    def redact(self, text: str) -> str:
        """Return a text with the secrets in it replaced."""
        replacement = self._instead.get(text.strip().casefold())
        if replacement is not None or self._inside is None:
            return text if replacement is None else replacement
        return self._inside.sub(lambda match: self._of(match[0]), text)

    def within(self, text: str) -> bool:
        """Check whether a text contains a secret."""
        return self.redact(text) != text

    def _of(self, secret: str) -> str:
        return self._instead.get(secret.casefold(), "")


@dataclass(frozen=True, slots=True)
class Values:
    """Write values and names as in a rule file; `hidden` maps record fields to replacement
    texts.
    """

    index: Index
    zone: ZoneInfo
    hidden: Mapping[str, str]
    secrets: Secrets

    def pairs(self, body: Body, kind: str) -> tuple[nodes.Pair, ...]:
        """Return the values of a record's or a line's declared fields, if it has them."""
        values = ((field.name, self.value(field, body.get(field.name))) for field in self._of(kind))
        return tuple(
            nodes.Pair(name, value, NOWHERE) for name, value in values if value is not None
        )

    def lines_of(self, body: Body, kind: str) -> tuple[tuple[nodes.Pair, ...], ...]:
        """Return the lines of a record."""
        lines, line_record = self._lines(body, kind), self.index.line_records.get(kind)
        return tuple(self.pairs(line, line_record.name) for line in lines) if line_record else ()

    def value(self, field: nodes.Field, content: object) -> nodes.Value | None:
        """Return a field's value as a node, or None if it has none that can be written."""
        if content is None or isinstance(content, list | dict):
            return None
        if isinstance(content, bool):
            return nodes.Literal("yes_no", content, NOWHERE)
        text = str(content)
        if field.name in self.hidden and text.strip():
            return text_literal(self.hidden[field.name])
        if field.type in _NUMBERS and NUMBER.fullmatch(text) and len(text) <= DIGITS:
            return nodes.Literal("number", Decimal(text), NOWHERE)
        if field.type == "one_of" and text in {state.name for state in field.states}:
            return nodes.Word(text, NOWHERE)
        try:
            if field.type == "date" and DAY.fullmatch(text):
                return nodes.Literal("date", date.fromisoformat(text), NOWHERE)
            if field.type == "moment":
                return nodes.Literal("moment", self.local(datetime.fromisoformat(text)), NOWHERE)
        except ValueError:
            pass
        return self.text(text)

    def text(self, text_: str) -> nodes.Literal:
        """Return a text literal with secrets replaced."""
        return text_literal(self.secrets.redact(text_))

    def local(self, moment: datetime) -> datetime:
        """Return a moment in the source's time zone, cut to the minute."""
        local = moment.astimezone(self.zone) if moment.tzinfo else moment
        return local.replace(second=0, microsecond=0, tzinfo=None)

    def changes(self, kind: str, before: Body, after: Body) -> Iterator[nodes.Fact]:
        """Yield the record's changes after posting, as far as a test can describe them."""
        for field in self._of(kind):
            was, now = (self.value(field, body_.get(field.name)) for body_ in (before, after))
            if now is None and was is not None:
                yield nodes.IsMissing(field.name, NOWHERE)
            elif now is not None and now != was:
                yield nodes.IsValue(field.name, now, NOWHERE)
        line_record = self.index.line_records.get(kind)
        pairs = zip(self._lines(before, kind), self._lines(after, kind), strict=False)
        for number, (line, other) in enumerate(pairs, 1):
            for field in self._of(line_record.name) if line_record else ():
                was, now = (self.value(field, body_.get(field.name)) for body_ in (line, other))
                if now is not None and now != was:
                    yield nodes.LineValue(number, field.name, now, NOWHERE)

    def free_name(self, base: str, used_names: Sequence[str] = ()) -> str:
        """Return an unused name for a sample."""
        name = re.sub("[^a-z0-9]+", "_", base.lower())[:_LONGEST_NAME].strip("_")
        return _unused(name, {*self.index.samples, *used_names}, "{}_{}")

    def free_title(self, base: str) -> str:
        """Return an unused title for a test."""
        title = _UNWRITTEN.sub(" ", base)[:_LONGEST_TITLE].strip()
        return _unused(title, {test.title for test in self.index.ruleset.tests}, "{} ({})")

    def _of(self, kind: str) -> Iterator[nodes.Field]:
        for field in self.index.fields.get(kind, {}).values():
            if isinstance(field, nodes.Field) and field.type != "many":
                yield field

    def _lines(self, body: Body, kind: str) -> list[Body]:
        list_field = self.index.lines_field(kind)
        lines = body.get(list_field.name) if list_field else None
        return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _maps_in(expr: nodes.Expr, index: Index, kind: str) -> set[str]:
    """Return the maps that a value is read from, also through computed fields."""
    maps, pending, visited = set[str](), [expr], set[str]()
    while pending:
        for node in nodes.walk(pending.pop()):
            if isinstance(node, nodes.Call) and node.name in index.maps:
                maps.add(node.name)
            elif (
                isinstance(node, nodes.Name) and len(node.path) == 1 and node.path[0] not in visited
            ):
                visited.add(node.path[0])
                field = index.fields.get(kind, {}).get(node.path[0])
                pending += [field.expr] if isinstance(field, nodes.Computed) else []
    return maps


def text_literal(value: str) -> nodes.Literal:
    """Return a text literal. A quote or a control character becomes an apostrophe."""
    return nodes.Literal("text", _UNWRITTEN.sub("'", value), NOWHERE)


def route_name(route: str) -> nodes.RouteName:
    """Return the name of a route as a node."""
    target, _, document = route.partition(".")
    return nodes.RouteName(target, document, NOWHERE)


def _unused(base: str, used: set[str], pattern: str) -> str:
    name, number = base, 1
    while name in used:
        number += 1
        name = pattern.format(base, number)
    return name
