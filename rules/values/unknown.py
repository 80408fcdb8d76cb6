"""The explicit unknown: a missing value with its reasons; with Kleene's and, or, not.

Here: Gap (one reason), Unknown (a value that has reasons), the three connectives, and the gaps that
the interpreter makes: facts, consts, later numbers, broken bounds. Not here: who makes other gaps
(reading, look-ups, units), what a gap does to a record (decisions/record.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from grammar import nodes as n
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Span
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.tax_codes import class_advice


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
    error_class: ErrorClass
    owner: str
    message: str
    cause_key: CauseKey
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
        return f"Unknown({', '.join(str(g.cause_key) for g in self.gaps)})"

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


NOWHERE = Span("", 1, 1, 1, 1)
CLASS = "e_invoice_class"
"""The rule of a classification that is none."""
RING = ArithmeticError("the field needs itself")
NO_BASE = ArithmeticError("the item has no base unit")


_NO_DAY = re.compile("date value out of range")
_ENDLESS = re.compile("days=(-?[0-9]+); must have magnitude <= [0-9]+")
"""What Python says of days beyond the calendar, and of durations."""


def in_words(reason: BaseException) -> str:
    """Why something cannot be worked out, in none of Python's own words."""
    if not isinstance(reason, ArithmeticError):
        return "the values do not fit together"
    if isinstance(reason, ZeroDivisionError):
        return "it divides by zero"
    said = str(reason)
    if _NO_DAY.fullmatch(said):
        return "it leads to a day before the year 1 or after 9999"
    endless = _ENDLESS.fullmatch(said)
    if endless is not None:
        return f"a duration of {endless[1]} days is longer than can be counted"
    return said if said and not said.startswith("[") else "the result has more than 38 digits"


_SAID_NOW = re.compile(
    r"(?<= cannot be worked out: )(?:it leads to a day before the year 1 or after 9999"
    r"|a duration of (-?[0-9]+) days is longer than can be counted)(?=\.)"
)


def as_first_said(text: str) -> str:
    """A text with such reasons as the first versions gave them: the oldest digest counts words."""

    def first(now: re.Match[str]) -> str:
        days = now[1]
        return f"days={days}; must have magnitude <= 999999999" if days else _NO_DAY.pattern

    return _SAID_NOW.sub(first, text)


def limit_gap(rule: str, owner: str, source: str, reason: BaseException, span: Span) -> Gap:
    """The gap of a value that cannot be worked out within the bounds."""
    words = in_words(reason)
    return Gap(
        kind="limit",
        rule=rule,
        code="EVA01",
        error_class="business_rule",
        owner=owner,
        message=f"{source} cannot be worked out: {words}.",
        cause_key=CauseKey(CauseKind.RULE, rule),
        cause_label=f"{rule} cannot be worked out",
        would_pass="it can be worked out exactly",  # noqa: S106
        span=span,
    )


def fact_gap(name: str, owner: str, message: str = "", span: Span = NOWHERE) -> Gap:
    """The gap of a fact that nobody could tell."""
    return Gap(
        kind="fact",
        rule=name,
        code="FCT01",
        error_class="missing_field",
        owner=owner,
        message=message or f"{name} is not known.",
        cause_key=CauseKey(CauseKind.FIELD, name),
        cause_label=message or f"{name} is not known",
        would_pass=f"{name} is known",
        span=span,
    )


def class_gap(code: str, owner: str, source: str, span: Span) -> Gap:
    """The gap of a classification that the tax office does not list."""
    near = class_advice(code)
    label = f'"{code[:40]}" is no classification of the e-Invoice'
    return Gap(
        kind="code",
        rule=CLASS,
        code="VAL02",
        error_class="bad_value",
        owner=owner,
        message=f"{label}{f', {near}' if near else ''}.",
        cause_key=CauseKey(CauseKind.RULE, source),
        cause_label=label,
        would_pass=f"it is one of 001 to 045{f', {near}' if near else ''}",
        span=span,
    )


def later_gap(route: str) -> Gap:
    """The silent gap of a document number that is not there yet."""
    key = CauseKey(CauseKind.LATER, route)
    return replace(fact_gap(f"number_of({route})", ""), kind="later", cause_key=key)


def const_gap(const: n.Const, owner: str) -> Gap:
    """The gap of a const before its first day."""
    message = f"{const.name} has no value before {min(row.since for row in const.rows)}."
    return replace(fact_gap(const.name, owner, message, const.span), kind="const")
