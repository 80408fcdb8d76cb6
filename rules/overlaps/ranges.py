"""What a condition says of single fields: for each field the cases that it allows.

Here: Cuts (the values that the conditions of a record name) and Allowed. Not here: what a condition
claims alone (claims.py), what follows from it for two checks (pairs.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from grammar import nodes as n
from rules.overlaps.cases import Cases, Column, ordered_column, text_column, words_column
from rules.overlaps.claims import (
    ORDERED_KINDS,
    TEXT_KINDS,
    Claim,
    Every,
    OfField,
    Several,
    of_fields,
    words_of,
)
from rules.types.symbol_table import Index
from rules.values.kinds import Type

_KNOWN, _MISSING = " is known", " is missing"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A conjunction: the cases of each field, and what else must hold, as it is written."""

    cases: Mapping[str, Cases] = field(default_factory=dict)
    rest: frozenset[str] = frozenset()

    def both(self, other: Allowed) -> Allowed:
        """What both allow."""
        cases = dict(self.cases)
        for name, mine in other.cases.items():
            cases[name] = cases[name] & mine if name in cases else mine
        return Allowed(cases, self.rest | other.rest)

    @property
    def impossible(self) -> str:
        """The field that no value fits, or an empty text."""
        for name, cases in self.cases.items():
            if not cases:
                return name
        known = (text.removesuffix(_KNOWN) for text in self.rest if text.endswith(_KNOWN))
        return next((name for name in known if name + _MISSING in self.rest), "")

    def implies(self, other: Allowed) -> bool:
        """Whether whatever fits here fits there, as far as it can be proved."""
        within = all(
            name in self.cases and not self.cases[name] & ~cases
            for name, cases in other.cases.items()
        )
        return within and other.rest <= self.rest


class Cuts:
    """The columns of the fields that some conditions of one record claim something of."""

    def __init__(self, index: Index, claims: Iterable[Claim]) -> None:
        self._index = index
        types: dict[str, Type] = {}
        values: dict[str, dict[str, Any]] = {}
        for of in (each for claim in claims for each in of_fields(claim)):
            types[of.name] = of.type
            values.setdefault(of.name, {}).update(of.values)
        self.columns = {
            name: self._column(name, types[name], found) for name, found in values.items()
        }

    def _column(self, name: str, of: Type, values: dict[str, n.Value]) -> Column:
        if of.kind in ORDERED_KINDS:
            return ordered_column(name, of, {k: self._value(v) for k, v in values.items()})
        if of.kind in TEXT_KINDS:
            return text_column(name, list(values.values()))
        return words_column(name, words_of(of))

    def _value(self, value: n.Value) -> Any:
        if isinstance(value, n.Word):
            return self._index.consts[value.name].rows[0].value.value
        held = value.value
        return held.replace(tzinfo=None) if isinstance(held, datetime) else held

    def allowed(self, claim: Claim) -> Allowed:
        """What a condition allows; it must be one of those that the columns were made of."""
        if isinstance(claim, Every):
            return reduce(Allowed.both, map(self.allowed, claim.parts), Allowed())
        if isinstance(claim, Several):
            return self._combined(claim) or Allowed(rest=frozenset({claim.text}))
        if isinstance(claim, OfField):
            return Allowed({claim.name: self._cases(claim)})
        return Allowed(rest=frozenset({claim}))

    def fits_all(self, allowed: Allowed) -> bool:
        """Whether it is known that every value fits what a condition allows."""
        full = bool(allowed.cases) and not allowed.rest
        return full and not any(self.columns[k].all & ~c for k, c in allowed.cases.items())

    def _combined(self, claim: Several) -> Allowed | None:
        """`not x` and `x or y`, where all of it is about one field."""
        parts = [self.allowed(part) for part in claim.parts]
        names = {name for part in parts for name in part.cases}
        if len(names) != 1 or any(part.rest or not part.cases for part in parts):
            return None
        (name,) = names
        if claim.turned:
            return Allowed({name: self.columns[name].all & ~parts[0].cases[name]})
        return Allowed({name: reduce(or_, (part.cases[name] for part in parts))})

    def _cases(self, claim: OfField) -> Cases:
        column = self.columns[claim.name]
        if claim.cell is None:
            return 1 << column.labels.index("yes")
        return column.among(claim.cell, self._value) or 0
