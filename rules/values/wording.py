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

_GONE = "\0"

_BRACE = re.compile(
    rf"(?P<twice>\{{(?={_GONE})|(?<={_GONE})\}})"
    r"|\{ *[a-z][\w.]*(?<!\.)|\{|[A-Za-z][\w.]*\}|\}"
)
"""A brace that belongs to no placeholder, with the name beside it, where placeholders are gone."""

_TOKEN = re.compile(r"\s*([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?|[(),])")

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

_NAMED = re.compile(r"(?<![\w.“\"])(?:line\.[a-z]\w*|[a-z]+(?:_[a-z0-9]+)+)(?![\w.]*[(\w])")

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
"""What stood in clauses of older versions, and is stored with open holds."""

MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

_SPOKEN_VOWEL = re.compile(r"(?!uni|us[ae]|eu|one(?:_|$))[aeiou]")

_SAID = {
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
    """A value that no document can hold: a fraction that no decimal says exactly."""


def say(expr: nodes.Expr | nodes.Value) -> str:
    """An expression as it is written in the language."""
    words: str = _SAY[type(expr)](expr)
    return words


def title_text(text: str) -> str:
    """A title in which `‹name›` stands for what differs from record to record, in words.

    >>> title_text("The lines of ‹number› do not add up to ‹total›.")
    'The lines of the number do not add up to the total.'
    >>> title_text("TIN ‹tin› is customer ‹customer_of_tin(tin)›, order ‹number› of ‹party›.")
    'TIN is customer of tin, order number of the party.'
    >>> title_text("‹total› is above 5000.00")
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


def const_values(const: nodes.Const) -> str:
    """The value of a const; one that changes: `8000.00 (before 2026-07-01: 5000.00)`."""
    rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
    older = [f"before {later.since}: {bare(row.value)}" for later, row in pairwise(rows)]
    return f"{bare(rows[0].value)} ({', '.join(older)})" if older else bare(rows[0].value)


def bare(literal: nodes.Literal) -> str:
    """A value as it is written, a text without its quotes."""
    kinds = {"percent": Type("percent"), "yes_no": Type("yesno")}
    return shown(literal.value, kinds.get(literal.kind, Type("number")), ZoneInfo("UTC"))


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


def document_text(value: Any, of: Type) -> str:
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


def number_or_date_text(value: Any, of: Type) -> str:
    """A number or a date as a text; a number that no decimal says exactly raises."""
    if type(value) is Fraction:
        raise ArithmeticError(f"{show(value)} is no exact decimal")
    return shown(value, of, ZoneInfo("UTC")) if of.kind == "percent" else document_text(value, of)


class Broken(NamedTuple):
    """A placeholder that is none: its text with the braces that it has, and its place."""

    text: str
    span: Span


def parse_message(text: str, span: Span) -> tuple[tuple[str | nodes.Expr, ...], tuple[Broken, ...]]:
    """The parts of a `say` text, and what in it is no name or call, or a lone brace.

    Where the place is that of the text, each placeholder has its own in it.
    """
    inside = text.place if isinstance(text, nodes.Said) and span == text.span else None
    parts: list[str | nodes.Expr] = []
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


def _parse(text: str, span: Span) -> nodes.Expr | None:
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


def _term(tokens: list[str], span: Span) -> nodes.Expr | None:
    """A name, or a call of names and calls; takes all tokens or nothing."""
    expr, rest = _one(tokens, span)
    return expr if not rest else None


def _one(tokens: list[str], span: Span) -> tuple[nodes.Expr | None, list[str]]:
    word, rest = tokens[0], tokens[1:]
    if word in "(),":
        return None, []
    if not rest or rest[0] != "(":
        return nodes.Name(tuple(word.split(".")), span), rest
    args: list[nodes.Expr] = []
    while rest[0] in "(,":
        arg, rest = _one(rest[1:], span)
        if arg is None:
            return None, []
        args.append(arg)
    return (nodes.Call(word, tuple(args), None, span), rest[1:]) if rest[0] == ")" else (None, [])


def _gone(placeholder: re.Match[str]) -> str:
    return _GONE * len(placeholder.group())


def comparison_clause(name: str, op: str, bound: str, *, dated: bool = False) -> str:
    """How something compares.

    >>> comparison_clause("total", "<=", "RM 1.00"), comparison_clause(
    ...     "day it was paid", "<", "2026-11-23", dated=True
    ... )
    ('the total is at most RM 1.00', 'the day it was paid is before 2026-11-23')
    """
    if op == "=":
        return f"the {name} is {bound}"
    if op == "<>":
        return f"the {name} is not {bound}"
    if op == "<=":
        return f"the {name} is {bound} or earlier" if dated else f"the {name} is at most {bound}"
    if op == ">=":
        return f"the {name} is {bound} or later" if dated else f"the {name} is at least {bound}"
    if op == "<":
        return f"the {name} is before {bound}" if dated else f"the {name} is below {bound}"
    return f"the {name} is after {bound}" if dated else f"the {name} is above {bound}"


def with_current_value(clause: str, bound: str, now: str) -> str:
    """A clause with what is so now, where that is known and another."""
    return f"{clause} (now {now})" if now and now != bound else clause


def filled_clause(name: str, *, want: bool) -> str:
    """That something has a value, or has none."""
    return f"the {name} is filled in" if want else f"the {name} is left blank"


def form_clause(name: str, form: str, advice: str) -> str:
    """A test of a form, with what the value could be."""
    is_tin = form == "is_tin"
    so = f"the {name} has the form of a TIN" if is_tin else f"the {name} is a whole number"
    return f"{so} ({advice})" if advice else so


def locked_clause(t_month: str, target: str) -> str:
    """That a period of a target is locked."""
    return f"Period {t_month} of {target} is locked"


def mapped_clause(value: str, meant: str) -> str:
    """That a value has an entry; `meant` is what it nearly is, or blank.

    >>> mapped_clause('"A 1"', '"A1"')
    '"A 1" is mapped, or the source writes "A1"'
    """
    if meant:
        return f"{value} is mapped, or the source writes {meant}"
    return f"{value} is mapped"


def period_opens_clause(t_month: str, target: str, first_open: str) -> str:
    """What ends the wait for a locked period; `first_open` is blank where no day is open."""
    if first_open:
        return (
            f"it is dated in the next open period, from {first_open} on; or {t_month} is opened"
            f" again in {target}; or the rules send it elsewhere"
        )
    return f"{t_month} is opened again in {target}; or the rules send it elsewhere"


def clause(text: str) -> str:
    """What would make something pass, for people: names without underscores, signs as words.

    >>> clause("tax_total = 3.03; line.qty is filled in")
    'the tax total is 3.03; the quantity of the line is filled in'
    >>> clause("accounts approves, or total <= 3000.00")
    'accounts approves, or the total is at most 3,000.00'
    >>> clause("it is one of 001 to 045")
    'it is one of 001 to 045'
    >>> clause("1 TIN of TEA-1 = … PCS is in the units table")
    'the units table says how many PCS 1 TIN of TEA-1 is'
    """
    if asked := _UNIT.fullmatch(text):
        return f"the units table says how many {asked[2]} {asked[1]} is"
    parts = _BETWEEN.split(text)  # each part, and what stands before the next
    return separated("".join(part if at % 2 else _part(part) for at, part in enumerate(parts)))


def _part(text: str) -> str:
    if compared := _COMPARED.fullmatch(text):
        name, op, bound = compared.groups()
        return comparison_clause(term(name), op, bound, dated=bool(_DAY.fullmatch(bound)))
    if filled := _FILLED.fullmatch(text):
        return filled_clause(term(filled[1]), want=filled[2] != "left blank")
    if among := _AMONG.fullmatch(text):
        *others, last = [term(one) for one in among[2].split(", ")]
        return comparison_clause(
            term(among[1]), "=", f"{', '.join(others)} or {last}" if others else last
        )
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    return _NAMED.sub(lambda found: term(found[0]), text)


def clears_when(text: str) -> str:
    """The same as a sentence; blank where nothing is known to clear it. What is a sentence of its
    own, such as an act, stays one.
    """
    if text.endswith("."):
        return text
    return f"Clears when {clause(text)}." if text else ""


def plain(name: str) -> str:
    """A name without its underscores: `e_invoice_limit` is the e-invoice limit.

    >>> plain("e_invoice_limit"), plain("debtor_of_tin"), plain("qty"), plain("line.price")
    ('e-invoice limit', 'debtor of TIN', 'quantity', 'line price')
    """
    words = [_SAID.get(word, word) for word in name.replace(OF_LINE, "line_").split("_")]
    return " ".join(words).replace("e invoice", "e-invoice")


def article(name: str) -> str:
    """A thing, as it is written, with its article.

    >>> article("order"), article("refund"), article("unit")
    ('an order', 'a refund', 'a unit')
    """
    return f"{'an' if _SPOKEN_VOWEL.match(name) else 'a'} {name}"


def month_name(key: str) -> str:
    """A month by its name; what is no month stays.

    >>> month_name("2026-10"), month_name("")
    ('October 2026', '')
    """
    return f"{date.fromisoformat(f'{key}-01'):%B %Y}" if MONTH.fullmatch(key) else key


def term(name: str) -> str:
    """A name of the rules where it is alone on a page: a table, a check, a field, a route, or what
    a table says for a field.

    >>> term("debtor_of_tin"), term("line.tax_due"), term("aiaccount.sales_invoice")
    ('debtor of TIN', 'tax due of the line', 'AiAccount sales invoice')
    >>> term("debtor_of_tin(tin)")
    'debtor of TIN for TIN'
    """
    table, bracket, key = name.partition("(")
    if bracket:
        return f"{plain(table)} for {term(key.removesuffix(')'))}"
    head, dot, tail = name.partition(".")
    if not dot:
        return plain(name)
    if name.startswith(OF_LINE):
        return f"{plain(tail)} of the line"
    return f"{_SYSTEMS.get(head, plain(head))} {plain(tail)}"


def _call(expr: nodes.Call) -> str:
    where = f" where {say(expr.where)}" if expr.where is not None else ""
    return f"{expr.name}({', '.join(say(a) for a in expr.args)}{where})"


def _inner(expr: nodes.Expr) -> str:
    text = say(expr)
    return f"({text})" if isinstance(expr, nodes.Arith | nodes.AllOf | nodes.AnyOf) else text


def _arith(expr: nodes.Arith) -> str:
    if expr.op in "+-":
        left = say(expr.left)
        right = _inner(expr.right) if expr.op == "-" else say(expr.right)
        return f"{left} {expr.op} {right}"
    return f"{_inner(expr.left)} {expr.op} {_inner(expr.right)}"


def _literal(expr: nodes.Literal) -> str:
    return f'"{expr.value}"' if expr.kind == "text" else bare(expr)


_SAY: dict[type, Callable[[Any], str]] = {
    nodes.Word: lambda e: e.name,
    nodes.Name: lambda e: ".".join(e.path),
    nodes.Literal: _literal,
    nodes.Call: _call,
    nodes.Compare: lambda e: f"{say(e.left)} {e.op} {say(e.right)}",
    nodes.Member: lambda e: f"{say(e.left)} in ({', '.join(say(v) for v in e.values)})",
    nodes.Known: lambda e: f"{say(e.expr)} is known",
    nodes.Absent: lambda e: f"{say(e.expr)} is missing",
    nodes.AllOf: lambda e: " and ".join(_inner(p) for p in e.parts),
    nodes.AnyOf: lambda e: " or ".join(_inner(p) for p in e.parts),
    nodes.Not: lambda e: f"not {_inner(e.expr)}",
    nodes.Arith: _arith,
    nodes.Negative: lambda e: f"-{_inner(e.expr)}",
    nodes.Otherwise: lambda e: f"{_inner(e.expr)} otherwise {_inner(e.default)}",
}
