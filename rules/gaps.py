"""The gaps that the interpreter itself makes: facts, consts, later numbers, broken bounds.

Here: their words and codes. Not here: gaps of fields (reading.py), maps and units (lookups.py).
"""

from __future__ import annotations

from dataclasses import replace

from grammar import nodes as n
from grammar.problem import Span
from rules.lhdn import class_advice
from rules.unknown import Gap

NOWHERE = Span("", 1, 1, 1, 1)
CLASS = "e_invoice_class"
"""The rule of a classification that is none."""
RING = ArithmeticError("the field needs itself")
NO_BASE = ArithmeticError("the item has no base unit")


def limit_gap(rule: str, owner: str, source: str, reason: BaseException, span: Span) -> Gap:
    """The gap of a value that cannot be worked out within the bounds."""
    words = "the values do not fit together"
    if isinstance(reason, ArithmeticError):
        words = str(reason)
        if not words or words.startswith("["):
            words = "the result has more than 38 digits"
    return Gap(
        kind="limit",
        rule=rule,
        code="EVA01",
        error_class="business_rule",
        owner=owner,
        message=f"{source} cannot be worked out: {words}.",
        cause_key=f"rule:{rule}",
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
        cause_key=f"field:{name}",
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
        cause_key=f"rule:{source}",
        cause_label=label,
        would_pass=f"it is one of 001 to 045{f', {near}' if near else ''}",
        span=span,
    )


def later_gap(route: str) -> Gap:
    """The silent gap of a document number that is not there yet."""
    return replace(fact_gap(f"number_of({route})", ""), kind="later", cause_key=route)


def const_gap(const: n.Const, owner: str) -> Gap:
    """The gap of a const before its first day."""
    message = f"{const.name} has no value before {min(row.since for row in const.rows)}."
    return replace(fact_gap(const.name, owner, message, const.span), kind="const")
