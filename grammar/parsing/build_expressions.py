# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""Build the nodes of values and expressions from the parse tree.

A token with the right shape and no valid value, such as 30 February, raises `NoValueError`, which
`parser.py` turns into a problem.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from grammar import nodes
from grammar.text.problem import Span

DIGITS = 28
"""A number has at most so many digits; more would be rounded somewhere on its way."""

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class NoValueError(Exception):
    """A token that looks like a value and is none; the whole token, which knows its place."""

    def __init__(self, token: str, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.token, self.code, self.message, self.hint = token, code, message, hint


def read_quoted(token: str) -> str:
    """Return the text between the quotes."""
    return str(token)[1:-1]


def read_message(token: str, span: Span) -> nodes.Said:
    """Return a message with its place; a message ends its clause."""
    begin = span.end_column - len(token)
    at = Span(span.file, span.end_line, begin, span.end_line, span.end_column)
    return nodes.Said(read_quoted(token), at)


def read_decimal(token: str) -> Decimal:
    """Return the number exactly as written; a percentage without its sign.

    Raise `NoValueError` for more than `DIGITS` digits.
    """
    text = str(token).removesuffix("%")
    if len(text.replace(".", "")) > DIGITS:
        raise NoValueError(token, "SYN14", "this number is too long", f"at most {DIGITS} digits")
    return Decimal(text)


def read_count(
    token: str, what: str = "line number", hint: str = "lines are counted 1, 2, 3, …"
) -> int:
    """Return a number that counts from one, or raise `NoValueError`."""
    text = str(token)
    if not text.isdigit() or len(text) > 6 or int(text) == 0:
        raise NoValueError(token, "SYN14", f"'{text}' is no {what}", hint)
    return int(text)


def read_pause(token: str) -> timedelta:
    """Return the duration, or raise `NoValueError` if it is too long."""
    text = str(token)
    count = text.rstrip("smindh")
    try:
        return timedelta(seconds=int(count[:20]) * _UNITS[text[len(count) :]])
    except OverflowError:
        hint = "years are 365d or 366d, not more than some thousands of them"
        raise NoValueError(token, "SYN14", "this duration is too long", hint) from None


def read_day(token: str) -> date:
    """Return the calendar day, or raise `NoValueError`."""
    try:
        return date.fromisoformat(str(token))
    except ValueError:
        hint = "year-month-day, with a month up to 12 and a day that the month has"
        raise NoValueError(token, "SYN20", f"there is no day {token}", hint) from None


def read_clock(token: str) -> time:
    """Return the time of day, or raise `NoValueError`."""
    try:
        return time.fromisoformat(str(token))
    except ValueError:
        hint = "hours run from 00 to 23, minutes from 00 to 59"
        raise NoValueError(token, "SYN20", f"there is no time {token}", hint) from None


class ExpressionBuilder:
    """Turns values and expressions into nodes; knows where the text came from."""

    def __init__(self, file: str, first: int) -> None:
        self._file, self._shift = file, first - 1

    def place(self, at: Any) -> Span:
        """Return the span of a token or of a tree's positions."""
        shift = self._shift
        return Span(self._file, at.line + shift, at.column, at.end_line + shift, at.end_column)

    def span(self, at: tuple[int, int, int, int]) -> Span:
        """Return the span of lines and columns that are relative to the declaration."""
        line, column, end_line, end_column = at
        shift = self._shift
        return Span(self._file, line + shift, column, end_line + shift, end_column)

    # ---- values ---------------------------------------------------------------------------------

    def number(self, span: Span, token: str) -> nodes.Literal:
        return nodes.Literal("number", read_decimal(token), span)

    def minus_number(self, span: Span, _: str, token: str) -> nodes.Literal:
        return nodes.Literal("number", read_decimal(token).copy_negate(), span)

    def percent(self, span: Span, token: str) -> nodes.Literal:
        sign, digits, exponent = read_decimal(token).as_tuple()
        return nodes.Literal("percent", Decimal((sign, digits, int(exponent) - 2)), span)

    def duration(self, span: Span, token: str) -> nodes.Literal:
        return nodes.Literal("duration", read_pause(token), span)

    def date_value(self, span: Span, token: str) -> nodes.Literal:
        return nodes.Literal("date", read_day(token), span)

    def moment_value(self, span: Span, moment: datetime) -> nodes.Literal:
        return nodes.Literal("moment", moment, span)

    def date_time(self, _: Span, date_: str, time_: str) -> datetime:
        return datetime.combine(read_day(date_), read_clock(time_))

    def string(self, span: Span, token: str) -> nodes.Literal:
        return nodes.Literal("text", read_quoted(token), span)

    def yes(self, span: Span) -> nodes.Literal:
        return nodes.Literal("yes_no", True, span)  # noqa: FBT003 - the value itself

    def no(self, span: Span) -> nodes.Literal:
        return nodes.Literal("yes_no", False, span)  # noqa: FBT003 - the value itself

    def word(self, span: Span, name: str) -> nodes.Word:
        return nodes.Word(str(name), span)

    # ---- expressions ----------------------------------------------------------------------------

    def any_of(self, span: Span, *parts: nodes.Expr) -> nodes.AnyOf:
        return nodes.AnyOf(parts, span)

    def all_of(self, span: Span, *parts: nodes.Expr) -> nodes.AllOf:
        return nodes.AllOf(parts, span)

    def not_(self, span: Span, expr: nodes.Expr) -> nodes.Not:
        return nodes.Not(expr, span)

    def compare(self, span: Span, left: nodes.Expr, op: str, right: nodes.Expr) -> nodes.Compare:
        return nodes.Compare(left, op, right, span)

    def comparison(self, _: Span, op: str) -> str:
        return str(op)

    def known(self, span: Span, expr: nodes.Expr) -> nodes.Known:
        return nodes.Known(expr, span)

    def missing(self, span: Span, expr: nodes.Expr) -> nodes.Absent:
        return nodes.Absent(expr, span)

    def member(self, span: Span, left: nodes.Expr, *values: nodes.Value) -> nodes.Member:
        return nodes.Member(left, values, span)

    def arith(self, span: Span, left: nodes.Expr, op: str, right: nodes.Expr) -> nodes.Arith:
        return nodes.Arith(str(op), left, right, span)

    def negative(self, span: Span, _: str, expr: nodes.Expr) -> nodes.Negative:
        return nodes.Negative(expr, span)

    def otherwise(self, span: Span, expr: nodes.Expr, default: nodes.Expr) -> nodes.Otherwise:
        return nodes.Otherwise(expr, default, span)

    def call(self, span: Span, name: str, *rest: nodes.Expr | None) -> nodes.Call:
        *args, where = rest
        return nodes.Call(str(name), tuple(arg for arg in args if arg is not None), where, span)

    def bracketed(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr

    def where(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr

    def path(self, span: Span, *names: str) -> nodes.Name:
        return nodes.Name(tuple(str(name) for name in names), span)
