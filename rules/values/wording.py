"""Rules and values in people's words: expressions as text, values as text, messages.

Here: say (an expression as it is written), shown (a value for people), wire (a value for a
document), parse_message (a `say` text with its placeholders). Not here: which value it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from grammar import nodes as n
from grammar.text.amounts import separated
from grammar.text.durations import duration
from grammar.text.problem import Span
from rules.values.canonical import moment_text, number_text
from rules.values.kinds import Type
from rules.values.numbers import show
from rules.values.unknown import Unknown

MISSING = "(missing)"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_GONE = "\0"
_BRACE = re.compile(
    rf"(?P<twice>\{{(?={_GONE})|(?<={_GONE})\}})"
    r"|\{ *[a-z][\w.]*(?<!\.)|\{|[A-Za-z][\w.]*\}|\}"
)
"""A brace that belongs to no placeholder, with the name beside it, where placeholders are gone."""
_TOKEN = re.compile(r"\s*([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?|[(),])")


class NotExactError(ValueError):
    """A value that no document can hold: a fraction that no decimal says exactly."""


def say(expr: n.Expr | n.Value) -> str:
    """An expression as it is written in the language."""
    words: str = _SAY[type(expr)](expr)
    return words


HOLE = "‹"
"""What a name begins with that stands in a label for what differs from record to record."""
_HOLE = re.compile(r"(?P<before>\w*)(?P<gap>\s*)‹(?P<said>[^›]*)›")
_JOINS = frozenset(
    (
        *("of", "to", "for", "on", "in", "is", "by", "from", "at", "with", "and", "or", "than"),
        *("over", "under", "above", "below", "was", "are", "as", "up", "make", "makes", "has"),
    )
)
"""What stands before a noun with its article; after any other word it has none."""


def titled(text: str) -> str:
    """A title in which `‹name›` stands for what differs from record to record, in words.

    >>> titled("The lines of ‹number› do not add up to ‹total›.")
    'The lines of the number do not add up to the total.'
    >>> titled("TIN ‹tin› is customer ‹customer_of_tin(tin)›, order ‹number› of ‹party›.")
    'TIN is customer of tin, order number of the party.'
    >>> titled("‹total› is above 5000.00")
    'The total is above 5,000.00'
    """
    said = separated(_HOLE.sub(_in_words, text))
    return said[:1].upper() + said[1:] if text.startswith("‹") else said


def _in_words(hole: re.Match[str]) -> str:
    before, gap = hole["before"], hole["gap"]
    words = hole["said"].partition("(")[0].replace("_", " ").replace(".", " ").split()
    if words and words[0].casefold() == before.casefold():
        words = words[1:]
    elif not before or before.casefold() in _JOINS:
        words = ["the", *words]
    return f"{before}{gap}{' '.join(words)}" if words else before


def const_values(const: n.Const) -> str:
    """The value of a const; one that changes: `8000.00 (before 2026-07-01: 5000.00)`."""
    rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
    older = [f"before {later.since}: {bare(row.value)}" for later, row in pairwise(rows)]
    return f"{bare(rows[0].value)} ({', '.join(older)})" if older else bare(rows[0].value)


def _call(expr: n.Call) -> str:
    where = f" where {say(expr.where)}" if expr.where is not None else ""
    return f"{expr.name}({', '.join(say(a) for a in expr.args)}{where})"


def _inner(expr: n.Expr) -> str:
    text = say(expr)
    return f"({text})" if isinstance(expr, n.Arith | n.AllOf | n.AnyOf) else text


def _arith(expr: n.Arith) -> str:
    if expr.op in "+-":
        left = say(expr.left)
        right = _inner(expr.right) if expr.op == "-" else say(expr.right)
        return f"{left} {expr.op} {right}"
    return f"{_inner(expr.left)} {expr.op} {_inner(expr.right)}"


def _literal(expr: n.Literal) -> str:
    return f'"{expr.value}"' if expr.kind == "text" else bare(expr)


def bare(literal: n.Literal) -> str:
    """A value as it is written, a text without its quotes."""
    kinds = {"percent": Type("percent"), "yes_no": Type("yesno")}
    return shown(literal.value, kinds.get(literal.kind, Type("number")), ZoneInfo("UTC"))


_SAY: dict[type, Callable[[Any], str]] = {
    n.Word: lambda e: e.name,
    n.Name: lambda e: ".".join(e.path),
    n.Literal: _literal,
    n.Call: _call,
    n.Compare: lambda e: f"{say(e.left)} {e.op} {say(e.right)}",
    n.Member: lambda e: f"{say(e.left)} in ({', '.join(say(v) for v in e.values)})",
    n.Known: lambda e: f"{say(e.expr)} is known",
    n.Absent: lambda e: f"{say(e.expr)} is missing",
    n.AllOf: lambda e: " and ".join(_inner(p) for p in e.parts),
    n.AnyOf: lambda e: " or ".join(_inner(p) for p in e.parts),
    n.Not: lambda e: f"not {_inner(e.expr)}",
    n.Arith: _arith,
    n.Negative: lambda e: f"-{_inner(e.expr)}",
    n.Otherwise: lambda e: f"{_inner(e.expr)} otherwise {_inner(e.default)}",
}


def shown(value: Any, of: Type, zone: ZoneInfo) -> str:
    """A value as people read it."""
    kind = type(value)
    if kind is Decimal:
        if of.kind == "percent":
            return f"{number_text(value * 100)}%"
        if of.kind == "number":
            return format(value, "f")  # as it was written
        return number_text(value, 2 if of.kind == "money" else 0)
    if kind is str:
        return str(value)
    if kind is Unknown:
        return MISSING
    if kind is Fraction:
        return show(value)
    if kind is bool:
        return "yes" if value else "no"
    if kind is datetime:
        local = value.astimezone(zone) if value.tzinfo else value
        return f"{local:%Y-%m-%d %H:%M}"
    if kind is timedelta:
        return duration(value)
    return value.isoformat() if kind is date else str(value)


def wire(value: Any, of: Type) -> str:
    """A value as the text that stands in a document."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is Decimal:
        return number_text(value, 2 if of.kind == "money" else 0)
    if kind is date:
        return str(value.isoformat())
    if kind is Fraction:
        raise NotExactError(show(value))
    if kind is datetime:
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment_text(aware)
    return shown(value, of, ZoneInfo("UTC"))


def written(value: Any, of: Type) -> str:
    """A number or a date as a text; a number that no decimal says exactly raises."""
    if type(value) is Fraction:
        raise ArithmeticError(f"{show(value)} is no exact decimal")
    return shown(value, of, ZoneInfo("UTC")) if of.kind == "percent" else wire(value, of)


class Broken(NamedTuple):
    """A placeholder that is none: its text with the braces that it has, and its place."""

    text: str
    span: Span


def parse_message(text: str, span: Span) -> tuple[tuple[str | n.Expr, ...], tuple[Broken, ...]]:
    """The parts of a `say` text, and what in it is no name or call, or a lone brace.

    Where the place is that of the text, each placeholder has its own in it.
    """
    inside = text.place if isinstance(text, n.Said) and span == text.span else None
    parts: list[str | n.Expr] = []
    broken: list[Broken] = []
    end = 0
    for hit in _PLACEHOLDER.finditer(text):
        parts.append(text[end : hit.start()])
        place = inside(*hit.span()) if inside else span
        expr = _parse(hit.group(1), place)
        if expr is None:
            broken.append(Broken(hit.group(0), place))
            parts.append(hit.group(0))
        else:
            parts.append(expr)
        end = hit.end()
    parts.append(text[end:])
    for hit in _BRACE.finditer(_PLACEHOLDER.sub(_gone, text)):
        brace = hit.group() * (2 if hit["twice"] else 1)
        broken.append(Broken(brace, inside(*hit.span()) if inside else span))
    return tuple(p for p in parts if p), tuple(broken)


def _gone(placeholder: re.Match[str]) -> str:
    return _GONE * len(placeholder.group())


def _parse(text: str, span: Span) -> n.Expr | None:
    tokens, at = [], 0
    stripped = text.rstrip()
    while at < len(stripped):
        hit = _TOKEN.match(stripped, at)
        if hit is None:
            return None
        tokens.append(hit.group(1))
        at = hit.end()
    try:
        return _term(tokens, span) if tokens and len(tokens) < 60 else None
    except IndexError:
        return None


def _term(tokens: list[str], span: Span) -> n.Expr | None:
    """A name, or a call of names and calls; takes all tokens or nothing."""
    expr, rest = _one(tokens, span)
    return expr if not rest else None


def _one(tokens: list[str], span: Span) -> tuple[n.Expr | None, list[str]]:
    word, rest = tokens[0], tokens[1:]
    if word in "(),":
        return None, []
    if not rest or rest[0] != "(":
        return n.Name(tuple(word.split(".")), span), rest
    args: list[n.Expr] = []
    while rest[0] in "(,":
        arg, rest = _one(rest[1:], span)
        if arg is None:
            return None, []
        args.append(arg)
    return (n.Call(word, tuple(args), None, span), rest[1:]) if rest[0] == ")" else (None, [])
