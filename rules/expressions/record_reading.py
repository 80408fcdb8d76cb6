"""From the plain JSON body of a record to typed values.

Here: Reader (one record kind); a blank, a wrong type or an unknown word becomes an Unknown with its
gap, never an exception. Not here: how each type is read (values/kinds.py), what a gap does
(decisions/record.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from sys import intern
from typing import Any

from grammar.nodes import Field
from grammar.text.editions import Edition
from grammar.text.invisible import in_words, invisible, shown, without_invisible
from rules.types.symbol_table import Index
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.kinds import LONGEST_TEXT, BadValueError, as_text, clean, reader_of
from rules.values.unknown import Gap, Unknown

MOST_LINES = 10_000
MOST_KEPT = 16_384
_KEPT = frozenset({"one_of", "whole", "decimal", "money", "quantity", "date"})
"""Types whose values come again and again, so that what a text was read as is kept."""
_TELLING = frozenset({"key", "family"})
"""Marks of the fields by which records and families are told apart."""
FIRST_SEEN = "!"
"""The first character that is seen: a text that is not before it begins with one like it."""
_FREE = frozenset({"text", "user"})
_WRITTEN = frozenset({str, int})
_WORDS = {
    "text": "a text",
    "whole": "a whole number",
    "decimal": "a number",
    "money": "an amount",
    "quantity": "a quantity",
    "date": "a date such as 2026-11-20",
    "moment": "a moment with its zone",
    "yesno": "yes or no",
    "user": "a user",
}


@dataclass(slots=True)
class Content:
    """The typed values of one body; `gaps` are the holds that reading alone makes."""

    head: dict[str, Any]
    lines: list[dict[str, Any]]
    gaps: list[tuple[Gap, int | None]]
    status_word: str = ""
    too_many_lines: bool = False


class Reader:
    """Reads the bodies of one record kind."""

    def __init__(self, index: Index, record: str, rows: Rows | None = None) -> None:
        declared, self.edition = index.records[record], index.edition
        source = index.sources.get(declared.source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.say = source.missing.say if source else "{field} is blank or unknown."
        status, many = index.status_field(record), index.lines_field(record)
        self.status = status.name if status else ""
        self.many = many
        lines = index.line_records.get(record)
        line_fields = lines.fields if lines else ()
        self._kept: dict[str, dict[Any, Any]] = {}
        self.head = [self._slot(f, "") for f in declared.fields if isinstance(f, Field)]
        self.line = [self._slot(f, "line.") for f in line_fields if isinstance(f, Field)]
        make = rows or plainly
        self._head, self._line = (
            make([s.quick for s in self.head]),
            make([s.quick for s in self.line]),
        )

    def _slot(self, field: Field, prefix: str) -> Slot:
        name = prefix + field.name
        message = self.say.replace("{field}", name)
        gap = Gap(
            kind="field" if field.mark == "optional" else "required",
            rule=name,
            code="MIS01",
            error_class="missing_field",
            owner=self.owner,
            message=message,
            cause_key=CauseKey(CauseKind.FIELD, name),
            cause_label=message,
            would_pass=f"{name} is filled in",
            span=field.span,
        )
        key = field.name if field.type == "one_of" else field.type
        kept = self._kept.setdefault(key, {})
        tells = field.mark in _TELLING and self.edition >= Edition.SECOND
        return Slot(intern(field.name), field, reader_of(field), Unknown(gap), gap, kept, tells)

    def blank_line(self) -> dict[str, Any]:
        """A line of which nothing is known."""
        return {slot.name: slot.missing for slot in self.line}

    def read(self, body: Mapping[str, object]) -> Content:
        """The typed content of a body, whatever the body is."""
        content = Content({}, [], [])
        content.head = self._head(body, content, None)
        raw_status = body.get(self.status)
        content.status_word = raw_status if isinstance(raw_status, str) else ""
        if self.many is not None:
            self._lines(body.get(self.many.name), content)
        return content

    def _lines(self, raw: object, content: Content) -> None:
        if self.many is None or raw is None:
            return
        if not isinstance(raw, list | tuple):
            return
        content.too_many_lines = len(raw) > MOST_LINES
        if content.too_many_lines:
            return
        for number, row in enumerate(raw, start=1):
            mapped = row.__class__ is dict or isinstance(row, Mapping)
            values: Mapping[str, object] = row if mapped else {}
            content.lines.append(self._line(values, content, number))


def plainly(slots: Sequence[Quick]) -> Callable[..., dict[str, Any]]:
    """What reads the fields one after the other."""
    return partial(_row, slots)


def _row(
    slots: Sequence[Quick], values: Mapping[str, object], content: Content, line: int | None
) -> dict[str, Any]:
    """The fields of a header or a line. What is plain is taken at once; slots know all the rest."""
    found: dict[str, Any] = {}
    get = values.get
    for name, text, known, gone, slot in slots:
        raw = get(name)
        value: Any = None
        if raw.__class__ is str:
            if not text:
                value = known(raw)
            elif raw >= FIRST_SEEN and raw.isprintable() and len(raw) <= LONGEST_TEXT:
                value = raw
        elif raw is None:
            value = gone
        elif raw.__class__ is int:
            value = known(raw)
        found[name] = slot.read(raw, content, line) if value is None else value
    return found


@dataclass(slots=True)
class Slot:
    """One stored field: how it is read, and what it is when it is not there."""

    name: str
    field: Field
    convert: Callable[[Any], Any]
    missing: Unknown
    gap: Gap
    kept: dict[Any, Any]  # what texts and whole numbers were read as before
    tells: bool  # records or families apart: no character of it may be unseen

    @property
    def quick(self) -> Quick:
        """What reads most values without asking the slot."""
        gone = self.missing if self.gap.kind == "field" else None
        return self.name, self.convert is as_text, self.kept.get, gone, self

    def read(self, raw: object, content: Content, line: int | None) -> Any:
        """The value of what was given, or its Unknown; a gap goes to the content."""
        if raw is None or (type(raw) is str and (not raw or raw.isspace())):
            if self.gap.kind == "required":
                content.gaps.append((self.gap, line))
            return self.missing
        try:
            if self.tells and type(raw) is str and invisible(raw):
                raise BadValueError  # two numbers that look the same would be two records
            value = self.convert(raw)
            if self.field.type in _KEPT and type(raw) in _WRITTEN and len(self.kept) < MOST_KEPT:
                self.kept[raw] = value
            return value
        except (BadValueError, ValueError, ArithmeticError):
            content.gaps.append((self._bad(raw), line))
            return Unknown(replace(self.gap, kind="required"))

    def _bad(self, raw: object) -> Gap:
        """What a value that cannot be read holds the record for."""
        told = repr(raw)[:60] if not isinstance(raw, str) else f'"{shown(clean(raw[:60]))}"'
        hidden = invisible(raw) if isinstance(raw, str) and self._forbids_invisible else ()
        said = _WORDS.get(self.field.type, "a list")
        wrong, right = f"is not {said}", " is ".join((self.gap.rule, said))
        gap = replace(self.gap, code="VAL01", error_class="bad_value")
        if self.field.type == "one_of":
            word = clean(raw.strip()[:60]) if isinstance(raw, str) else told
            known = ", ".join(s.name for s in self.field.states)
            wrong, right = "is no word of the rules", f"{self.gap.rule} is one of {known}"
            gap = replace(
                gap,
                code="STA01",
                cause_key=CauseKey(CauseKind.STATUS, word),
                cause_label=f"Unknown {self.field.name} {told}",
            )
        if hidden and isinstance(raw, str):
            wrong = f"holds {in_words(hidden)}"
            right = f"{self.gap.rule} is written without it: {without_invisible(clean(raw[:60]))}"
        value = f"{self.gap.rule} = {told} {wrong}."
        return replace(gap, message=f"{self.gap.message} {value}", would_pass=right)

    @property
    def _forbids_invisible(self) -> bool:
        """Whether a character that nobody sees is a fault here: in a name it may be right."""
        return self.tells or self.field.type not in _FREE


Quick = tuple[str, bool, Callable[[Any], Any], Unknown | None, Slot]
"""What reads most values of a field: its name, whether it is a text, what was read before, what it
is where it is not there (None: the slot says), and the slot, which reads all others.
"""
Rows = Callable[[Sequence[Quick]], Callable[..., dict[str, Any]]]
"""What makes a function of slots that reads a header or a line, as `plainly` does."""
