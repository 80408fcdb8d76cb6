"""One line of a record file: the format, and how it becomes a record that can be judged again.

Here: Lines. Docs: docs/rules/backtest.md. Numbers stay exact: a number with a fraction is read as
its text. Not here: finding lines in files (record_files.py), the worlds that they name
(record_worlds.py).
"""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from connectors.transport.strict_json import MAX_DIGITS
from rules.comparison.two_sides import Bad, Past
from rules.facts import Facts, Subject

State = Literal[
    "waiting",
    "held",
    "ignored",
    "dropped",
    "ready",
    "sending",
    "awaiting",
    "uncertain",
    "failed",
    "posted",
    "reversed",
]
"""States of a posting, as holding knows them."""
Aware = Annotated[datetime, msgspec.Meta(tz=True)]


def _strict(cls: type) -> Any:
    """The fields of a dataclass as a struct that takes no other: a mistyped name is told."""
    hints = get_type_hints(cls)
    return msgspec.defstruct(
        cls.__name__,
        [_field(field, hints[field.name]) for field in dataclasses.fields(cls)],
        forbid_unknown_fields=True,
    )


def _field(field: "dataclasses.Field[Any]", hint: Any) -> Any:
    kind = Aware if hint is datetime else hint
    if field.default is not dataclasses.MISSING:
        return field.name, kind, field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.name, kind, msgspec.field(default_factory=field.default_factory)
    return field.name, kind


_Facts: Any = _strict(Facts)


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in a line; only `body` must."""

    body: dict[str, object]
    kind: str | None = None
    source: str | None = None
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    now: Aware | None = None
    states: dict[str, State] = {}
    revision: int | None = None
    known: tuple[str, ...] | None = None
    facts: _Facts | None = None


class Lines:
    """Reads lines of records whose kinds are known: kind -> source."""

    def __init__(self, sources: Mapping[str, str], now: datetime) -> None:
        self._sources = sources
        self._only = next(iter(sources)) if len(sources) == 1 else None
        self._now = now
        self._decode = msgspec.json.Decoder(Line, float_hook=_exact).decode
        self._values = msgspec.structs.astuple

    def read(self, raw: bytes, file: str, first: int) -> Iterator[Past | Bad]:
        """The records of some whole lines, the first of which has the number `first`."""
        for number, text in enumerate(raw.split(b"\n"), start=first):
            if not text or text.isspace():
                continue
            where = (file, number)
            try:
                yield self._past(text, where)
            except (ValueError, ArithmeticError, RecursionError) as error:
                yield Bad(where, _said(error))

    def _past(self, text: bytes, where: tuple[str, int]) -> Past:
        line = self._decode(text)
        kind = line.kind or self._only
        if kind is None:
            message = f'it says no "kind", and the rules check {", ".join(self._sources)}'
            raise ValueError(message)
        source = self._sources.get(kind, "") if line.source is None else line.source
        now = line.now or self._now
        facts = Facts(now) if line.facts is None else Facts(*self._values(line.facts))
        return Past(
            Subject(kind, source, line.body, line.version),
            facts,
            now,
            tuple(line.states.items()),
            line.revision,
            line.known,
            where,
        )


def _exact(text: str) -> str:
    """A number with a fraction or an exponent as plain text, every digit kept."""
    value = Decimal(text)
    if len(text) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        message = f"the number {text[:30]}… is too long"
        raise ValueError(message)
    return format(value, "f")


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
