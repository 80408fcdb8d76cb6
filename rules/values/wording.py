"""Write expressions, values, messages and clauses as text for people and for documents."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.nodes import OF_LINE
from grammar.text.characters import duration, separated
from grammar.text.problem import Span
from rules.values.canonical import moment_text, number_text
from rules.values.cause_keys import Unknown
from rules.values.kinds import Type, show

MISSING = "(missing)"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_BLANK = "\0"

_BRACE = re.compile(
    rf"(?P<twice>\{{(?={_BLANK})|(?<={_BLANK})\}})"
    r"|\{ *[a-z][\w.]*(?<!\.)|\{|[A-Za-z][\w.]*\}|\}"
)
"""A brace outside placeholders, with the adjacent name. The placeholders are blanked out first."""

_TOKEN = re.compile(r"\s*([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?|[(),])")

HOLE = "‹"
"""The first character of a name in a title that stands for a value which differs by record."""

_HOLE = re.compile(r"(?P<before>\w*)(?P<gap>\s*)‹(?P<name>[^›]*)›")

_JOINS = frozenset(
    (
        *("of", "to", "for", "on", "in", "is", "by", "from", "at", "with", "and", "or", "than"),
        *("over", "under", "above", "below", "was", "are", "as", "up", "make", "makes", "has"),
    )
)
"""Words that a noun with an article may follow. After any other word the noun has no article."""

_NAME = re.compile(r"(?<![\w.“\"])(?:line\.[a-z]\w*|[a-z]+(?:_[a-z0-9]+)+)(?![\w.]*[(\w])")

_BETWEEN = re.compile(r"(^line [\d, ]+: |; (?:line [\d, ]+: )?| or (?=[a-z_.]+ [=<>]))")

_DAY = re.compile(r"\d{4}-\d\d-\d\d.*")

_COMPARED = re.compile(r"([a-z][a-z0-9_.]*(?:\([\w.]+\))?) (<=|>=|<>|<|>|=) (.+)")

_FILLED = re.compile(r"([a-z][a-z0-9_.]*) is (filled in|given|known|left blank)")

_AMONG = re.compile(r"(?!it )([a-z][a-z0-9_.]*) is one of ([\w, ]+)")

_UNIT = re.compile(r"(1 .+) = … (.+) is in the units table")

_SIGNS = {
    " <= ": " is at most ",
    " >= ": " is at least ",
    " <> ": " is not ",
    " < ": " is below ",
    " > ": " is above ",
    " = ": " is ",
}
"""Comparison signs of a condition that is given as it is written in the rules."""

MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

_SPOKEN_VOWEL = re.compile(r"(?!uni|us[ae]|eu|one(?:_|$))[aeiou]")

_NAME_WORDS = {
    "tin": "TIN",
    "sku": "SKU",
    "uom": "UOM",
    "id": "ID",
    "sst": "SST",
    "po": "PO",
    "ar": "AR",
    "ap": "AP",
    "pos": "position",
    "qty": "quantity",
}

_SYSTEMS = {"aiaccount": "AiAccount", "autocount": "AutoCount", "quickbooks": "QuickBooks"}


class NotExactError(ValueError):
    """Raised for a fraction that no decimal represents exactly, so no document can hold it."""


def format_expression(expr: nodes.Expr | nodes.Value) -> str:
    """Return an expression in the notation of the rules language."""
    words: str = _FORMATTERS[type(expr)](expr)
    return words


def title_text(text: str) -> str:
    """Return a title with each `‹name›`, the placeholder of a value that differs by record, in
    words.

    >>> title_text("The lines of ‹number› do not add up to ‹total›.")
    'The lines of the number do not add up to the total.'
    >>> title_text("TIN ‹tin› is customer ‹customer_of_tin(tin)›, order ‹number› of ‹party›.")
    'TIN is customer of tin, order number of the party.'
    >>> title_text("‹total› is above 5000.00")
    'The total is above 5,000.00'
    """
    sentence = separated(_HOLE.sub(_fill_hole, text))
    return sentence[:1].upper() + sentence[1:] if text.startswith("‹") else sentence


def _fill_hole(hole: re.Match[str]) -> str:
    before, gap = hole["before"], hole["gap"]
    words = hole["name"].partition("(")[0].replace("_", " ").replace(".", " ").split()
    if words and words[0].casefold() == before.casefold():
        words = words[1:]
    elif not before or before.casefold() in _JOINS:
        words = ["the", *words]
    return f"{before}{gap}{' '.join(words)}" if words else before


def const_values(const: nodes.Const) -> str:
    """Return a const's value, with its earlier values: `8000.00 (before 2026-07-01: 5000.00)`."""
    rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
    older = [f"before {later.since}: {format_literal(row.value)}" for later, row in pairwise(rows)]
    return (
        f"{format_literal(rows[0].value)} ({', '.join(older)})"
        if older
        else format_literal(rows[0].value)
    )


def format_literal(literal: nodes.Literal) -> str:
    """Return a literal as written in the rules, a text without its quotes."""
    kinds = {"percent": Type("percent"), "yes_no": Type("yesno")}
    return format_value(literal.value, kinds.get(literal.kind, Type("number")), ZoneInfo("UTC"))


def format_value(value: Any, value_type: Type, zone: ZoneInfo) -> str:
    """Return a value as text for people, moments in the given time zone."""
    kind = type(value)
    if kind is Decimal:
        if value_type.kind == "percent":
            return f"{number_text(value * 100)}%"
        if value_type.kind == "number":
            return format(value, "f")  # as it was written
        return number_text(value, 2 if value_type.kind == "money" else 0)
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


def document_text(value: Any, value_type: Type) -> str:
    """Return a value as document text. Raises NotExactError for a fraction without an exact
    decimal.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is Decimal:
        return number_text(value, 2 if value_type.kind == "money" else 0)
    if kind is date:
        return str(value.isoformat())
    if kind is Fraction:
        raise NotExactError(show(value))
    if kind is datetime:
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment_text(aware)
    return format_value(value, value_type, ZoneInfo("UTC"))


def number_or_date_text(value: Any, value_type: Type) -> str:
    """Return a number or a date as text. Raises ArithmeticError for a fraction without an exact
    decimal.
    """
    if type(value) is Fraction:
        raise ArithmeticError(f"{show(value)} is no exact decimal")
    return (
        format_value(value, value_type, ZoneInfo("UTC"))
        if value_type.kind == "percent"
        else document_text(value, value_type)
    )


class BrokenPlaceholder(NamedTuple):
    """An invalid placeholder: its text with its braces, and its span."""

    text: str
    span: Span


def parse_message(
    text: str, span: Span
) -> tuple[tuple[str | nodes.Expr, ...], tuple[BrokenPlaceholder, ...]]:
    """Return the parts of a message and its invalid placeholders and lone braces.

    If the span is the text's span, each placeholder gets its own span within it.
    """
    span_within = text.place if isinstance(text, nodes.Said) and span == text.span else None
    parts: list[str | nodes.Expr] = []
    broken: list[BrokenPlaceholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        parts.append(text[end : match.start()])
        placeholder_span = span_within(*match.span()) if span_within else span
        expr = _parse(match.group(1), placeholder_span)
        if expr is None:
            broken.append(BrokenPlaceholder(match.group(0), placeholder_span))
            parts.append(match.group(0))
        else:
            parts.append(expr)
        end = match.end()
    parts.append(text[end:])
    for match in _BRACE.finditer(_PLACEHOLDER.sub(_blank_out, text)):
        brace = match.group() * (2 if match["twice"] else 1)
        broken.append(BrokenPlaceholder(brace, span_within(*match.span()) if span_within else span))
    return tuple(p for p in parts if p), tuple(broken)


def _parse(text: str, span: Span) -> nodes.Expr | None:
    tokens, position = [], 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            return None
        tokens.append(match.group(1))
        position = match.end()
    try:
        return _read_whole_term(tokens, span) if tokens and len(tokens) < 60 else None
    except IndexError:
        return None


def _read_whole_term(tokens: list[str], span: Span) -> nodes.Expr | None:
    """Return a name or a call if it uses all tokens, else None."""
    expr, remaining = _read_term(tokens, span)
    return expr if not remaining else None


def _read_term(tokens: list[str], span: Span) -> tuple[nodes.Expr | None, list[str]]:
    word, remaining = tokens[0], tokens[1:]
    if word in "(),":
        return None, []
    if not remaining or remaining[0] != "(":
        return nodes.Name(tuple(word.split(".")), span), remaining
    args: list[nodes.Expr] = []
    while remaining[0] in "(,":
        arg, remaining = _read_term(remaining[1:], span)
        if arg is None:
            return None, []
        args.append(arg)
    return (
        (nodes.Call(word, tuple(args), None, span), remaining[1:])
        if remaining[0] == ")"
        else (None, [])
    )


def _blank_out(match: re.Match[str]) -> str:
    return _BLANK * len(match.group())


def comparison_clause(name: str, op: str, bound: str, *, is_date: bool = False) -> str:
    """Return a clause that compares a named value with a bound, dates in words of time.

    >>> comparison_clause("total", "<=", "RM 1.00"), comparison_clause(
    ...     "day it was paid", "<", "2026-11-23", is_date=True
    ... )
    ('the total is at most RM 1.00', 'the day it was paid is before 2026-11-23')
    """
    if op == "=":
        return f"the {name} is {bound}"
    if op == "<>":
        return f"the {name} is not {bound}"
    if op == "<=":
        return f"the {name} is {bound} or earlier" if is_date else f"the {name} is at most {bound}"
    if op == ">=":
        return f"the {name} is {bound} or later" if is_date else f"the {name} is at least {bound}"
    if op == "<":
        return f"the {name} is before {bound}" if is_date else f"the {name} is below {bound}"
    return f"the {name} is after {bound}" if is_date else f"the {name} is above {bound}"


def with_current_value(clause: str, bound: str, current: str) -> str:
    """Return the clause with the current value in brackets, if it is known and differs from the
    bound.
    """
    return f"{clause} (now {current})" if current and current != bound else clause


def filled_clause(name: str, *, is_filled: bool) -> str:
    """Return the clause that a field is filled in, or left blank."""
    return f"the {name} is filled in" if is_filled else f"the {name} is left blank"


def form_clause(name: str, predicate: str, advice: str) -> str:
    """Return the clause that a field has a form (`is_tin` or a whole number), with a suggested
    value.
    """
    is_tin = predicate == "is_tin"
    sentence = f"the {name} has the form of a TIN" if is_tin else f"the {name} is a whole number"
    return f"{sentence} ({advice})" if advice else sentence


def locked_clause(t_month: str, target: str) -> str:
    """Return the clause that a target's period is locked."""
    return f"Period {t_month} of {target} is locked"


def mapped_clause(value: str, suggestion: str) -> str:
    """Return the clause that a value has a mapping entry. `suggestion` is a similar known value, or
    blank.

    >>> mapped_clause('"A 1"', '"A1"')
    '"A 1" is mapped, or the source writes "A1"'
    """
    if suggestion:
        return f"{value} is mapped, or the source writes {suggestion}"
    return f"{value} is mapped"


def period_opens_clause(t_month: str, target: str, first_open: str) -> str:
    """Return the clause that ends the wait for a locked period. `first_open` is blank if no day is
    open.
    """
    if first_open:
        return (
            f"it is dated in the next open period, from {first_open} on; or {t_month} is opened"
            f" again in {target}; or the rules send it elsewhere"
        )
    return f"{t_month} is opened again in {target}; or the rules send it elsewhere"


def format_clause(text: str) -> str:
    """Return a clause for people: names without underscores, signs as words.

    >>> format_clause("tax_total = 3.03; line.qty is filled in")
    'the tax total is 3.03; the quantity of the line is filled in'
    >>> format_clause("accounts approves, or total <= 3000.00")
    'accounts approves, or the total is at most 3,000.00'
    >>> format_clause("it is one of 001 to 045")
    'it is one of 001 to 045'
    >>> format_clause("1 TIN of TEA-1 = … PCS is in the units table")
    'the units table says how many PCS 1 TIN of TEA-1 is'
    """
    if unit_match := _UNIT.fullmatch(text):
        return f"the units table says how many {unit_match[2]} {unit_match[1]} is"
    parts = _BETWEEN.split(text)  # each part, and what stands before the next
    return separated(
        "".join(part if at % 2 else _format_part(part) for at, part in enumerate(parts))
    )


def _format_part(text: str) -> str:
    if comparison := _COMPARED.fullmatch(text):
        name, op, bound = comparison.groups()
        return comparison_clause(
            readable_term(name), op, bound, is_date=bool(_DAY.fullmatch(bound))
        )
    if filled_match := _FILLED.fullmatch(text):
        return filled_clause(
            readable_term(filled_match[1]), is_filled=filled_match[2] != "left blank"
        )
    if membership := _AMONG.fullmatch(text):
        *others, last = [readable_term(word) for word in membership[2].split(", ")]
        return comparison_clause(
            readable_term(membership[1]), "=", f"{', '.join(others)} or {last}" if others else last
        )
    for sign, sign_text in _SIGNS.items():
        text = text.replace(sign, sign_text)
    return _NAME.sub(lambda match: readable_term(match[0]), text)


def clears_when(text: str) -> str:
    """Return the sentence that names what clears a hold, or blank if nothing is known to clear it.

    A text that is already a sentence is returned unchanged.
    """
    if text.endswith("."):
        return text
    return f"Clears when {format_clause(text)}." if text else ""


def readable_name(name: str) -> str:
    """Return a name without its underscores: `e_invoice_limit` becomes "e-invoice limit".

    >>> [readable_name(name) for name in ("e_invoice_limit", "debtor_of_tin", "qty", "line.price")]
    ['e-invoice limit', 'debtor of TIN', 'quantity', 'line price']
    """
    words = [_NAME_WORDS.get(word, word) for word in name.replace(OF_LINE, "line_").split("_")]
    return " ".join(words).replace("e invoice", "e-invoice")


def with_article(name: str) -> str:
    """Return a noun with its article.

    >>> with_article("order"), with_article("refund"), with_article("unit")
    ('an order', 'a refund', 'a unit')
    """
    return f"{'an' if _SPOKEN_VOWEL.match(name) else 'a'} {name}"


def month_name(key: str) -> str:
    """Return a YYYY-MM key as the month's name; any other text is returned unchanged.

    >>> month_name("2026-10"), month_name("")
    ('October 2026', '')
    """
    return f"{date.fromisoformat(f'{key}-01'):%B %Y}" if MONTH.fullmatch(key) else key


def readable_term(name: str) -> str:
    """Return a name of the rules for use on its own on a page: a table, check, field, route or
    table lookup.

    >>> readable_term("debtor_of_tin"), readable_term("line.tax_due")
    ('debtor of TIN', 'tax due of the line')
    >>> readable_term("aiaccount.sales_invoice")
    'AiAccount sales invoice'
    >>> readable_term("debtor_of_tin(tin)")
    'debtor of TIN for TIN'
    """
    table, bracket, key = name.partition("(")
    if bracket:
        return f"{readable_name(table)} for {readable_term(key.removesuffix(')'))}"
    head, dot, tail = name.partition(".")
    if not dot:
        return readable_name(name)
    if name.startswith(OF_LINE):
        return f"{readable_name(tail)} of the line"
    return f"{_SYSTEMS.get(head, readable_name(head))} {readable_name(tail)}"


def _format_call(expr: nodes.Call) -> str:
    where = f" where {format_expression(expr.where)}" if expr.where is not None else ""
    return f"{expr.name}({', '.join(format_expression(a) for a in expr.args)}{where})"


def _format_inner(expr: nodes.Expr) -> str:
    text = format_expression(expr)
    return f"({text})" if isinstance(expr, nodes.Arith | nodes.AllOf | nodes.AnyOf) else text


def _format_arithmetic(expr: nodes.Arith) -> str:
    if expr.op in "+-":
        left = format_expression(expr.left)
        right = _format_inner(expr.right) if expr.op == "-" else format_expression(expr.right)
        return f"{left} {expr.op} {right}"
    return f"{_format_inner(expr.left)} {expr.op} {_format_inner(expr.right)}"


def _format_quoted(expr: nodes.Literal) -> str:
    return f'"{expr.value}"' if expr.kind == "text" else format_literal(expr)


_FORMATTERS: dict[type, Callable[[Any], str]] = {
    nodes.Word: lambda e: e.name,
    nodes.Name: lambda e: ".".join(e.path),
    nodes.Literal: _format_quoted,
    nodes.Call: _format_call,
    nodes.Compare: lambda e: f"{format_expression(e.left)} {e.op} {format_expression(e.right)}",
    nodes.Member: lambda e: (
        f"{format_expression(e.left)} in ({', '.join(format_expression(v) for v in e.values)})"
    ),
    nodes.Known: lambda e: f"{format_expression(e.expr)} is known",
    nodes.Absent: lambda e: f"{format_expression(e.expr)} is missing",
    nodes.AllOf: lambda e: " and ".join(_format_inner(p) for p in e.parts),
    nodes.AnyOf: lambda e: " or ".join(_format_inner(p) for p in e.parts),
    nodes.Not: lambda e: f"not {_format_inner(e.expr)}",
    nodes.Arith: _format_arithmetic,
    nodes.Negative: lambda e: f"-{_format_inner(e.expr)}",
    nodes.Otherwise: lambda e: f"{_format_inner(e.expr)} otherwise {_format_inner(e.default)}",
}
