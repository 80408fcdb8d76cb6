"""Put rules into plain words, as texts that keep their message so that they can be translated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from grammar import nodes
from grammar.text.characters import duration
from grammar.text.problem import Span
from rules.types.functions import AGGREGATES
from rules.types.inference import field_type, ignore_problem, infer, word_of
from rules.types.inference import resolve_list as listed_path
from rules.types.symbol_table import Index, Ref, Scope
from rules.values.kinds import Type
from rules.values.wording import (
    format_expression,
    format_literal,
    parse_message,
    readable_name,
    with_article,
)

CLOCK = (("today",), ("now",))

DATED = frozenset({"date", "moment"})

_PARTS = {";": "parts", ".": "sentences", "so": "conditions", "either": "conditions"}

_IRREGULAR = frozenset(
    [
        "paid",
        "sent",
        "made",
        "sold",
        "bought",
        "given",
        "written",
        "seen",
        "left",
        "held",
        "done",
        "gone",
        "taken",
        "built",
        "kept",
    ]
)

_BY_ITSELF = frozenset({"arrived", "left", "expired", "gone", "ended", "started"})

_WHEN = {
    ("by", "user"): "the person who",
    ("by", "text"): "the person who",
    ("on", "date"): "the day",
    ("at", "date"): "the day",
    ("on", "moment"): "the moment",
    ("at", "moment"): "the moment",
}

_HOURS = timedelta(hours=96)
"""Below this limit a duration is shown in hours, like the windows of tax offices."""

NONE: Mapping[str, str] = MappingProxyType({})


class Phrases:
    """Describe expressions in one scope in words, with teams by their titles."""

    def __init__(self, index: Index, scope: Scope) -> None:
        self.index = index
        self.scope = scope

    def of(self, record: str, *, line: bool = False) -> Phrases:
        """Return the phrases of another record kind."""
        return Phrases(self.index, Scope(self.index, record, line=line, document=True, bills=True))

    def role(self, name: str | None) -> str:
        """Return a team's title, or its name if it has none."""
        role = self.index.roles.get(name or "")
        return role.title if role else name or composed("nobody")

    def expr(self, node: nodes.Expr | nodes.Value) -> str:
        """Return an expression in words."""
        describe: Callable[[Any], str] | None = getattr(
            self, f"_{type(node).__name__.lower()}", None
        )
        return describe(node) if describe else format_expression(node)

    def all_of(self, conditions: Sequence[nodes.Expr]) -> str:
        """Return the conjunction of conditions in words."""
        return join_words([self.expr(node) for node in conditions], "so")

    def message(self, text: str, span: Span) -> str:
        """Return a message with its placeholders in words, each as ‹…›."""
        parts, _ = parse_message(text, span)
        return joined(["“", *(p if isinstance(p, str) else self._hole(p) for p in parts), "”"])

    def _hole(self, part: nodes.Expr) -> str:
        if (
            isinstance(part, nodes.Name)
            and len(part.path) == 1
            and part.path[0] in self.index.consts
        ):
            return const_in_words(self.index.consts[part.path[0]])
        return joined(["‹", without_article(self.expr(part)), "›"])

    # ---- leaves -------------------------------------------------------------------------------

    def _word(self, node: nodes.Word) -> str:
        if node.name in self.index.consts:
            return self._name(nodes.Name((node.name,), node.span))
        return named(node.name)

    def _literal(self, node: nodes.Literal) -> str:
        if node.kind == "duration":
            return duration_words(node.value)  # type: ignore[arg-type]
        if node.kind == "text":
            return f"“{node.value}”" if node.value else composed("nothing")
        return literal(node)

    def _name(self, node: nodes.Name) -> str:
        ref = self.scope.resolve(node.path)
        name = node.path[-1]
        if ref is None:
            path = "_".join(node.path)
            return composed(FACTS[name]) if name in FACTS else the(path)
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind in {"fact", "number"}:
            return composed(FACTS[name]) if name in FACTS else the(name)
        if ref.kind == "due":
            return composed("what is due of the line")
        owner = ""
        if ref.kind in {"line", "own"}:
            owner = composed("the line") if ref.kind == "line" else the(ref.record)
        return noun(name, self._type(ref), owner)

    def _const(self, const: nodes.Const) -> str:
        value = const_in_words(const)
        name = named(const.name)
        if const.rows[0].value.kind == "text" and len(const.rows) == 1:
            return composed("the %(name)s “%(value)s”", name=name, value=value)
        if len(const.rows) == 1:
            value = self._literal(const.rows[0].value)
        return composed("the %(name)s of %(value)s", name=name, value=value)

    def _type(self, ref: Ref) -> Type:
        return field_type(ref.field, ref.record, self.scope) if ref.field else Type("any")

    def kind(self, node: nodes.Expr) -> str:
        """Return the kind of an expression's type."""
        return infer(node, self.scope, ignore_problem).kind

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: nodes.Compare) -> str:
        ago = self._ago(node)
        if ago:
            return ago
        left_words = self.expr(node.left)
        word = word_of(infer(node.left, self.scope, ignore_problem), node.right)
        if word and self._of_fact(node.left):
            return composed(IS_STATE[node.op], left=left_words, state=_state(word))
        right_words = f"“{readable_name(word)}”" if word else self.expr(node.right)
        return composed(self._verb(node.left, node.op), left=left_words, right=right_words)

    def _verb(self, node: nodes.Expr, op: str) -> str:
        """Return the message of a comparison."""
        messages = (IS_WHEN, ARE_WHEN) if self.kind(node) in DATED else (IS, ARE)
        return messages[self._be(node) == "are"][op]

    def _be(self, node: nodes.Expr) -> str:
        """Return `is` or `are`, by the name of the field."""
        of_fact = isinstance(node, nodes.Name) and self.scope.resolve(node.path) is None
        return be(node.path[-1]) if isinstance(node, nodes.Name) and not of_fact else "is"

    def _ago(self, node: nodes.Compare) -> str:
        """Return the phrase of `ordered_on >= today - 31d`: the day it was ordered is at most 31
        days ago.
        """
        right = node.right
        if not isinstance(right, nodes.Arith) or right.op != "-" or node.op not in AGO:
            return ""
        if self.kind(node.left) not in DATED or self.kind(right.right) != "duration":
            return ""
        if not isinstance(right.left, nodes.Name) or right.left.path not in CLOCK:
            return ""
        ago = self.expr(right.right)
        return composed(AGO[node.op], left=self.expr(node.left), right=ago)

    def _of_fact(self, node: nodes.Expr) -> bool:
        """Check whether the words of an expression are the product's. A field's words are the
        source's, in quotes.
        """
        ref = self.scope.resolve(node.path) if isinstance(node, nodes.Name) else None
        return ref is not None and ref.kind == "fact"

    def compared(self, name: str, op: str, value: nodes.Value) -> str:
        """Return the phrase of a decision table's cell with a comparison: `<= cancel_window`."""
        node = nodes.Name((name,), value.span)
        return composed(self._verb(node, op), left=self.expr(node), right=self.expr(value))

    def _member(self, node: nodes.Member) -> str:
        left_words = self.expr(node.left)
        words = [v.name for v in node.values if isinstance(v, nodes.Word)]
        if self._of_fact(node.left) and len(words) == len(node.values):
            states = join_words([_state(word) for word in words], "or")
            return composed(IS_STATE["="], left=left_words, state=states)
        values = [
            f"“{readable_name(v.name)}”" if isinstance(v, nodes.Word) else self.expr(v)
            for v in node.values
        ]
        return composed(self._verb(node.left, "="), left=left_words, right=join_words(values, "or"))

    def among(self, name: str, values: Sequence[nodes.Value]) -> str:
        """Return the phrase of a decision table's cell with one or several words: `open`."""
        node = nodes.Name((name,), values[0].span)
        return self._member(nodes.Member(node, tuple(values), node.span))

    def gets(self, node: nodes.Expr) -> str:
        """Return a field's value in words, or "whether …" for a condition."""
        claims = self.kind(node) == "yesno" and not isinstance(node, nodes.Name | nodes.Literal)
        value = self.expr(node)
        return composed("whether %(condition)s", condition=value) if claims else value

    def _known(self, node: nodes.Known) -> str:
        entry_words = self._entry(node.expr, exists=True)
        return entry_words or self._when(node.expr) or self._so(node.expr, "known")

    def _absent(self, node: nodes.Absent) -> str:
        return self._entry(node.expr, exists=False) or self._so(node.expr, "missing")

    def _so(self, node: nodes.Expr, form: str) -> str:
        singular, plural = IS_SO[form]
        return composed(plural if self._be(node) == "are" else singular, what=self.expr(node))

    def _entry(self, node: nodes.Expr, *, exists: bool) -> str:
        """Return the phrase that a map has an entry or not: `there is no debtor for the
        customer`.
        """
        if not isinstance(node, nodes.Call) or node.name not in self.index.maps:
            return ""
        key = join_words([self.expr(arg) for arg in node.args])
        if exists:
            return composed("there is %(entry)s for %(key)s", entry=a(node.name), key=key)
        return composed("there is no %(entry)s for %(key)s", entry=named(node.name), key=key)

    def _when(self, node: nodes.Expr) -> str:
        """Return `it is known when it was paid`, or blank for a field that is no date."""
        match = re.fullmatch("the (?:moment|day) (it .*)", self.expr(node))
        if not match or not isinstance(node, nodes.Name):
            return ""
        return instead(f"it is known when {match[1]}", self._so(node, "known"))

    def _allof(self, node: nodes.AllOf) -> str:
        return join_words([self._part(p, nodes.AnyOf) for p in node.parts], "so")

    def _anyof(self, node: nodes.AnyOf) -> str:
        return join_words([self._part(p, nodes.AllOf) for p in node.parts], "either")

    def _part(self, node: nodes.Expr, bracketed: type) -> str:
        return _bracketed(self.expr(node)) if isinstance(node, bracketed) else self.expr(node)

    def _not(self, node: nodes.Not) -> str:
        inner = node.expr
        if isinstance(inner, nodes.Known | nodes.Absent):
            is_known = isinstance(inner, nodes.Known)
            entry_words = self._entry(inner.expr, exists=not is_known)
            return entry_words or self._so(inner.expr, "not known" if is_known else "not missing")
        if isinstance(inner, nodes.Call) and inner.name in CLAIMS:
            return self._claim(inner, 1)
        if isinstance(inner, nodes.Call) and inner.name == "any":
            return self._aggregate(inner, exists=False)
        return composed("it is not so that %(condition)s", condition=self.expr(inner))

    # ---- values -------------------------------------------------------------------------------

    def _arith(self, node: nodes.Arith) -> str:
        left_node, right_node = node.left, node.right
        if (
            self.kind(left_node) in DATED
            and isinstance(right_node, nodes.Literal)
            and node.op in MOVED
        ):
            return composed(MOVED[node.op], time=self.expr(right_node), day=self.expr(left_node))
        if node.op == "-" and isinstance(left_node, nodes.Literal) and left_node.value == 0:
            return composed("minus %(amount)s", amount=self._operand(right_node, nested=True))
        loose = node.op in "*/"
        return composed(
            ARITH[node.op],
            left=self._operand(left_node, nested=loose),
            right=self._operand(right_node, nested=loose or node.op == "-"),
        )

    def _operand(self, node: nodes.Expr, *, nested: bool) -> str:
        sums = isinstance(node, nodes.Arith) and (nested and node.op in "+-")
        rounded = isinstance(node, nodes.Call) and node.name == "round"
        return _bracketed(self.expr(node)) if sums or rounded else self.expr(node)

    def _negative(self, node: nodes.Negative) -> str:
        return composed("minus %(amount)s", amount=self._operand(node.expr, nested=True))

    def _otherwise(self, node: nodes.Otherwise) -> str:
        value, default = self.expr(node.expr), self.expr(node.default)
        return composed("%(value)s (%(default)s where it is missing)", value=value, default=default)

    def _call(self, node: nodes.Call) -> str:
        args = [self.expr(arg) for arg in node.args]
        if node.name in self.index.maps:
            return composed(
                "the %(entry)s for %(key)s", entry=named(node.name), key=join_words(args)
            )
        if node.name in AGGREGATES:
            return self._aggregate(node)
        if node.name in CLAIMS:
            return self._claim(node, 0)
        if node.name == "number_of" and isinstance(node.args[0], nodes.Name):
            document = named(node.args[0].path[-1])
            return composed("the number of its %(document)s", document=document)
        if node.name == "date_of":
            day = re.sub("^the moment (it|the )", r"the day \1", args[0])
            return instead(day, composed("the date of %(moment)s", moment=args[0]))
        if node.name in VALUES:
            values = {"first": args[0], "second": args[-1], "all": join_words(args)}
            return composed(VALUES[node.name], **values)
        return composed(
            "the %(name)s of %(values)s", name=named(node.name), values=join_words(args)
        )

    def _claim(self, node: nodes.Call, side: int) -> str:
        what = node.args[0]
        return composed(CLAIMS[node.name][self._be(what)][side], what=self.expr(what))

    def _aggregate(self, node: nodes.Call, *, exists: bool = True) -> str:
        """Return a list function in words. `exists` is False for "there is none"."""
        arg = node.args[0]
        path = arg.path if isinstance(arg, nodes.Name) else ("lines",)
        listed = listed_path(path, self.scope)
        inside = Phrases(self.index, self.scope.inside(listed.record)) if listed else self
        ends = path[:-1] if listed is not None and listed.field else path
        field = inside.expr(nodes.Name(path[-1:], arg.span)) if ends != path else ""
        where = inside.expr(node.where) if node.where is not None else ""
        if node.name == "any":
            return existence_words(ends, path[-1] if field else "", where, exists=exists)
        return list_words(node.name, ends, field, where)


def _state(word: str) -> str:
    return composed(STATES[word]) if word in STATES else named(word)


def _bracketed(text: str) -> str:
    return joined(["(", text, ")"])


def phrases_of(index: Index) -> Phrases:
    """Return the phrases of a rule set, outside any record."""
    return Phrases(index, Scope(index, ""))


def list_words(name: str, path: Sequence[str], field: str, where: str) -> str:
    """Return a list function's value in words: `the sum of the amount over all lines where …`."""
    if name == "all":
        condition = where or composed("%(field)s is yes", field=field)
        return composed("in all %(list)s %(condition)s", list=_list_name(path), condition=condition)
    narrowed = _narrowed(_list_name(path), where)
    if name == "sum":
        return composed("the sum of %(field)s over all %(list)s", field=field, list=narrowed)
    if name == "latest":
        latest = without_article(field)
        return composed("the latest %(field)s over all %(list)s", field=latest, list=narrowed)
    return composed("the number of %(list)s", list=narrowed)


def _list_name(path: Sequence[str]) -> str:
    """Return a list of the record, or of its lines, in words: `deliveries of the lines`."""
    *owners, last = path
    words: str = named(last)
    for owner in reversed(owners):
        words = composed("%(list)s of the %(owner)s", list=words, owner=named(owner))
    return words


def _narrowed(words: str, where: str) -> str:
    return composed("%(list)s where %(condition)s", list=words, condition=where) if where else words


def existence_words(path: Sequence[str], field: str, where: str, *, exists: bool) -> str:
    """Return the phrase that a list has rows, or none; `field` names a yes-or-no field that is
    yes.
    """
    words = _narrowed(_list_name(path), where)
    if field:
        words = composed("%(list)s whose %(field)s is yes", list=words, field=named(field))
    template = message("there are %(list)s") if exists else message("there are no %(list)s")
    return composed(template, list=words)


def literal(value: nodes.Literal) -> str:
    """Return a value as written in the rules, a text without its quotes. Yes and no are
    translated.
    """
    if value.kind == "yes_no":
        return composed("yes") if value.value else composed("no")
    return format_literal(value)


def const_in_words(const: nodes.Const) -> str:
    """Return the value of a const, with its earlier values: `8000.00 (before 2026-07-01:
    5000.00)`.
    """
    rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
    older = [
        composed("before %(day)s: %(value)s", day=str(later.since), value=literal(row.value))
        for later, row in pairwise(rows)
    ]
    value = literal(rows[0].value)
    if not older:
        return value
    return composed("%(value)s (%(older)s)", value=value, older=join_words(older, ","))


def noun(name: str, field_type: Type, owner: str = "") -> str:
    """Return a field as the subject of a sentence; `owner` is the thing that has it, if not the
    record.

    >>> noun("total", Type("money")), noun("approved_by", Type("user"))
    ('the total', 'the person who approved it')
    >>> noun("qty", Type("quantity"), "the line"), noun("paid_at", Type("moment"))
    ('the quantity of the line', 'the moment it was paid')
    >>> noun("arrived_on", Type("date"))
    'the day it arrived'
    """
    name_words = named(name)
    if field_type.kind == "yesno":
        return _with_owner(composed("“%(name)s”", name=name_words), owner)
    stem, _, tail = name.rpartition("_")
    opening = _WHEN.get((tail, field_type.kind))
    if opening and _is_done(stem):
        thing = owner or "it"
        was = "" if stem in _BY_ITSELF else "was "
        by = tail == "by"
        done = f"{readable_name(stem)} {thing}" if by else f"{thing} {was}{readable_name(stem)}"
        field = message("the person in “%(name)s”") if by else message("the %(name)s")
        return instead(f"{opening} {done}", _with_owner(composed(field, name=name_words), owner))
    what = the(name)
    if not stem and _is_done(name):
        what = instead(f"what is {name}", what)
    return _with_owner(what, owner)


def _with_owner(what: str, owner: str) -> str:
    """Return a phrase with its owner, if that is not the record."""
    return composed("%(what)s of %(whose)s", what=what, whose=owner) if owner else what


def _is_done(word: str) -> bool:
    last = word.rpartition("_")[2]
    return (last.endswith("ed") and len(last) > 4) or last in _IRREGULAR


def the(name: str) -> str:
    """Return a name with its definite article: `the total`."""
    return composed("the %(name)s", name=named(name))


def be(name: str) -> str:
    """Return `are` for the plural of a name, else `is`.

    >>> be("fees"), be("status"), be("gross"), be("pos")
    ('are', 'is', 'is', 'is')
    """
    word = readable_name(name)
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return "are" if plural else "is"


def a(name: str) -> str:
    """Return a name with its indefinite article: `an order`, `a refund`."""
    an = with_article(name).startswith("an ")
    return composed(message("an %(name)s") if an else message("a %(name)s"), name=named(name))


def join_words(words: Sequence[str], kind: str = "and") -> str:
    """Return the words as a list in words: `a, b and c`; `kind` is a key of ROWS.

    >>> join_words(["a", "b", "c"]), join_words(["a"], "or"), join_words([]), join_words(
    ...     ["a", "b"], ";"
    ... )
    ('a, b and c', 'a', '', 'a; b')
    """
    between, last = ROWS[kind]
    row = words[0] if words else ""
    for position, word in enumerate(words[1:], start=2):
        is_last = position == len(words)
        row = composed(
            last if is_last else between, **{_PARTS.get(kind, "words"): row, "next": word}
        )
    return row


def duration_words(value: timedelta) -> str:
    """Return a duration in words: `72 hours`, `31 days`, `1 minute`.

    >>> duration_words(timedelta(hours=72)), duration_words(timedelta(days=31)), duration_words(
    ...     timedelta(seconds=30)
    ... )
    ('72 hours', '31 days', '30 seconds')
    """
    text = duration(value)
    if text.endswith("d") and value < _HOURS:
        text = f"{int(value.total_seconds()) // 3600}h"
    number = text.rstrip("dhmins")
    singular, plural = _UNITS[text[len(number) :]]
    return composed(singular if number == "1" else plural, number=number)


class Composed(str):
    """An English text that knows its message; equal to any other text with these words.

    `message` has a placeholder `%(name)s` for each of `values`; it is blank if English has its own
    phrase for `other`. `capital` marks a text that begins with a capital letter. Joining or cutting
    it gives a plain text.
    """

    __slots__ = ("capital", "message", "other", "values")

    message: str
    values: Mapping[str, str]
    other: str
    capital: bool


def message(text: str) -> str:
    """Return a message for a table unchanged; `tools/messages.py` extracts it."""
    return text


def composed(message: str, /, **values: str) -> Composed:
    """Return a message with its values.

    >>> limit = composed("the limit of %(amount)s", amount="10.00")
    >>> composed("%(left)s is at most %(right)s", left=named("total"), right=limit)
    'total is at most the limit of 10.00'
    """
    return _make_composed(message % values, message, values)


def _make_composed(
    text: str,
    message: str,
    values: Mapping[str, str],
    *,
    other: str = "",
    capital: bool = False,
) -> Composed:
    composed_text = Composed(text)
    composed_text.message, composed_text.values, composed_text.other, composed_text.capital = (
        message,
        values,
        other,
        capital,
    )
    return composed_text


def named(name: str) -> Composed:
    """Return a name of the rules as words, for which a language may have its own word.

    >>> named("tax_total")
    'tax total'
    """
    words = readable_name(name)
    return _make_composed(words, words.replace("%", "%%"), NONE)


def instead(english: str, other: str) -> Composed:
    """Return a phrase that exists in English only; other languages use `other`."""
    return _make_composed(english, "", NONE, other=other)


def without_article(text: str) -> str:
    """Return a noun as in a heading: `total` of `the total`."""
    return instead(text.removeprefix("the "), text) if text.startswith("the ") else text


def capitalize(text: str) -> str:
    """Return a text with a capital letter at its start."""
    capitalized = text[:1].upper() + text[1:]
    if not isinstance(text, Composed):
        return capitalized
    return _make_composed(capitalized, text.message, text.values, other=text.other, capital=True)


def change_text(text: str, change: Callable[[str], str]) -> str:
    """Return a text with its values changed; the messages stay unchanged."""
    if not isinstance(text, Composed):
        return change(text)
    values = {name: change_text(value, change) for name, value in text.values.items()}
    other = change_text(text.other, change) if text.other else ""
    return _make_composed(change(text), text.message, values, other=other, capital=text.capital)


def joined(parts: Sequence[str]) -> Composed:
    """Return the parts concatenated.

    >>> joined(["“", named("total"), "”"])
    '“total”'
    """
    values = {f"part{index}": part for index, part in enumerate(parts)}
    return composed("".join(f"%({name})s" for name in values), **values)


IS_SO = {
    "known": (message("%(what)s is known"), message("%(what)s are known")),
    "missing": (message("%(what)s is missing"), message("%(what)s are missing")),
    "not known": (message("%(what)s is not known"), message("%(what)s are not known")),
    "not missing": (message("%(what)s is not missing"), message("%(what)s are not missing")),
}
"""Phrases about a value, in the singular and plural."""

MOVED = {"-": message("%(time)s before %(day)s"), "+": message("%(time)s after %(day)s")}

IS = {
    "=": message("%(left)s is %(right)s"),
    "<>": message("%(left)s is not %(right)s"),
    "<": message("%(left)s is below %(right)s"),
    "<=": message("%(left)s is at most %(right)s"),
    ">": message("%(left)s is above %(right)s"),
    ">=": message("%(left)s is at least %(right)s"),
}

ARE = {
    "=": message("%(left)s are %(right)s"),
    "<>": message("%(left)s are not %(right)s"),
    "<": message("%(left)s are below %(right)s"),
    "<=": message("%(left)s are at most %(right)s"),
    ">": message("%(left)s are above %(right)s"),
    ">=": message("%(left)s are at least %(right)s"),
}

IS_WHEN = IS | {
    "<": message("%(left)s is before %(right)s"),
    "<=": message("%(left)s is not after %(right)s"),
    ">": message("%(left)s is after %(right)s"),
    ">=": message("%(left)s is not before %(right)s"),
}

ARE_WHEN = ARE | {
    "<": message("%(left)s are before %(right)s"),
    "<=": message("%(left)s are not after %(right)s"),
    ">": message("%(left)s are after %(right)s"),
    ">=": message("%(left)s are not before %(right)s"),
}

ARITH = {
    "+": message("%(left)s plus %(right)s"),
    "-": message("%(left)s less %(right)s"),
    "*": message("%(left)s times %(right)s"),
    "/": message("%(left)s divided by %(right)s"),
}

VALUES: dict[str, str] = {
    "text": message("%(first)s as a text"),
    "words": message("%(first)s with single blanks"),
    "tin_fault": message("what is wrong with the TIN %(first)s"),
    "near_tin": message("the TIN that %(first)s probably means"),
    "match_key": message("%(first)s by its letters and digits alone"),
    "e_invoice_class": message("%(first)s as a classification of the e-Invoice"),
    "abs": message("the size of %(first)s"),
    "min": message("the smallest of %(all)s"),
    "max": message("the largest of %(all)s"),
    "net": message("%(first)s without its tax of %(second)s"),
    "tax": message("the tax of %(second)s on %(first)s"),
    "tax_key": message("%(first)s with its rate of %(second)s"),
    "piece_price": message(
        "%(first)s, with the decimals that the line needs for its amount and tax"
    ),
    "piece_discount": message("the discount of the line at %(first)s"),
    "was": message("%(first)s as it was before"),
    "round": message("%(first)s, rounded to %(second)s"),
    "in_base": message("%(first)s in the base unit"),
    "price_in_base": message("%(first)s for one base unit"),
    "base_unit": message("the base unit of %(first)s"),
    "due_of": message("the part of %(first)s that falls on this document"),
}

CLAIMS: dict[str, dict[str, tuple[str, str]]] = {
    "is_tin": dict.fromkeys(
        ("is", "are"),
        (
            message("%(what)s has the form of a TIN"),
            message("%(what)s has not the form of a TIN"),
        ),
    ),
    "is_whole": {
        "is": (
            message("%(what)s is a whole number"),
            message("%(what)s is not a whole number"),
        ),
        "are": (
            message("%(what)s are a whole number"),
            message("%(what)s are not a whole number"),
        ),
    },
}
"""What a function claims of a value and its negation, in the singular and plural."""

FACTS = {
    "period": message("the period of the document"),
    "e_invoice_age": message("the age of its e-invoice"),
    "e_invoice_issuer": message("the issuer of its e-Invoice"),
    "today": message("today"),
    "now": message("now"),
    "last_editor": message("the person who edited it last"),
    "first_seen": message("the moment it was first seen"),
    "document_number": message("its document number"),
    "target_edited": message("a change by hand in the target"),
    "error": message("the answer"),
    "tries": message("the number of tries"),
}

IS_STATE = {"=": message("%(left)s is %(state)s"), "<>": message("%(left)s is not %(state)s")}
"""Phrases about a fact, such as the period of the document."""

STATES = {
    "open": message("open"),
    "locked": message("locked"),
    "us": message("the company itself"),
    "platform": message("the platform"),
    "unknown": message("not known"),
}

AGO = {
    "<": message("%(left)s is more than %(right)s ago"),
    "<=": message("%(left)s is at least %(right)s ago"),
    ">": message("%(left)s is less than %(right)s ago"),
    ">=": message("%(left)s is at most %(right)s ago"),
}

ROWS = {
    "and": (message("%(words)s, %(next)s"), message("%(words)s and %(next)s")),
    "or": (message("%(words)s, %(next)s"), message("%(words)s or %(next)s")),
    ",": (message("%(words)s, %(next)s"), message("%(words)s, %(next)s")),
    ";": (message("%(parts)s; %(next)s"), message("%(parts)s; %(next)s")),
    ".": (message("%(sentences)s %(next)s"), message("%(sentences)s %(next)s")),
    "so": (message("%(conditions)s, %(next)s"), message("%(conditions)s and %(next)s")),
    "either": (message("%(conditions)s, %(next)s"), message("%(conditions)s or %(next)s")),
}
"""How the next member of a list follows, and the last: of words, parts, sentences, conditions."""

_UNITS = {
    "d": (message("%(number)s day"), message("%(number)s days")),
    "h": (message("%(number)s hour"), message("%(number)s hours")),
    "min": (message("%(number)s minute"), message("%(number)s minutes")),
    "s": (message("%(number)s second"), message("%(number)s seconds")),
}
