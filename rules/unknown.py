"""The explicit unknown: a value that is not there, and why; with Kleene's and, or, not.

Here: Gap (one reason), Unknown (a value that has reasons), the three connectives. Not here: who
makes gaps (reading, look-ups, units, facts) or what a gap does to a record (judge.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grammar.problem import Span


@dataclass(frozen=True, slots=True)
class Gap:
    """One reason why a value is unknown, ready to be said to its owner.

    `kind`: field (an optional one), required (said already when the record was read), map, unit,
    fact, const, limit, code (a text that stands in no table of codes), later (known once the
    record's other document is there).
    """

    kind: str
    rule: str
    code: str
    error_class: str
    owner: str
    message: str
    cause_key: str
    cause_label: str
    would_pass: str
    span: Span

    @property
    def silent(self) -> bool:
        """Whether it makes no finding: it is said elsewhere, or nothing is wrong."""
        return self.kind in {"required", "later"}


class Unknown:
    """A value that is not there. Never equal to anything, never true, never false."""

    __slots__ = ("gaps",)

    def __init__(self, *gaps: Gap) -> None:
        self.gaps = gaps

    def __repr__(self) -> str:
        return f"Unknown({', '.join(g.cause_key for g in self.gaps)})"

    def __bool__(self) -> bool:
        raise TypeError("an unknown is neither true nor false")


def join(*values: object) -> Unknown:
    """The unknown that has the reasons of all unknowns among the values, each once."""
    gaps = [g for v in values if type(v) is Unknown for g in v.gaps]
    return Unknown(*dict.fromkeys(gaps))


def all_of(values: Iterable[object]) -> bool | Unknown:
    """Kleene's and: one no is no; else one unknown is unknown."""
    unknown = []
    for value in values:
        if value is False:
            return False
        if type(value) is Unknown:
            unknown.append(value)
    return join(*unknown) if unknown else True


def any_of(values: Iterable[object]) -> bool | Unknown:
    """Kleene's or: one yes is yes; else one unknown is unknown."""
    unknown = []
    for value in values:
        if value is True:
            return True
        if type(value) is Unknown:
            unknown.append(value)
    return join(*unknown) if unknown else False


def negation(value: object) -> bool | Unknown:
    """Kleene's not: of unknown it is unknown."""
    return value if type(value) is Unknown else not value
