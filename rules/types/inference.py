"""The type of every expression, and what is wrong with it.

Here: infer. One walk answers both the checker (which listens to the problems) and the
interpreter (which wants to know how a value is written). Not here: values, and what library
functions take and give (functions.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from grammar import nodes as n
from grammar.advice.hints import WORDS as FOREIGN
from grammar.text.problem import Problem, Span
from rules.types.functions import AGGREGATES, LITERAL, NAMES, PURE, CallTypes, Report, did_you_mean
from rules.types.left_words import split_words
from rules.types.symbol_table import FACTS, LATER_FACTS, Scope, stored_type
from rules.types.ways_out import of_comparison, of_list, of_member, of_name
from rules.values.arithmetic import either, fruitless, impossible, negative, reckoned, written
from rules.values.kinds import (
    ANY,
    NUMERIC,
    ORDERED,
    YESNO,
    Type,
    comparable,
    say_type,
)
from rules.values.wording import say


def listed(path: tuple[str, ...], scope: Scope) -> Listed | None:
    """The list that a path of an aggregate means, or None if it means none.

    `lines`, `lines.qty`, `deliveries`, `deliveries.total`, `deliveries.lines.pieces`.
    """
    index = scope.index
    link = index.links.get(scope.record, {}).get(path[0]) if path else None
    if link is None:
        many = index.fields.get(scope.record, {}).get(path[0]) if path else None
        return _of_lines(None, many, path[1:], scope.line_record)
    rest = path[1:]
    many = index.fields.get(link.other, {}).get(rest[0]) if rest else None
    if isinstance(many, n.Field) and many.type == "many":
        lines = index.line_records.get(link.other)
        return _of_lines(link, many, rest[1:], lines.name if lines else "")
    return (
        Listed(link, lines=False, record=link.other, field=".".join(rest))
        if len(rest) < 2
        else None
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """What an aggregate goes over: `link` is None for the record's own lines.

    `lines` says whether the rows are lines; `record` is their kind, `field` what is asked of each,
    or an empty text.
    """

    link: n.Link | None
    lines: bool
    record: str
    field: str


def _of_lines(
    link: n.Link | None, many: object, rest: tuple[str, ...], lines: str
) -> Listed | None:
    if not isinstance(many, n.Field) or many.type != "many" or len(rest) > 1:
        return None
    return Listed(link, lines=True, record=many.of or lines, field=rest[0] if rest else "")


def infer(expr: n.Expr, scope: Scope, report: Report) -> Type:
    """The type of an expression in a scope; problems go to `report`, once each."""
    return _Walk(scope, report).of(expr)


def silent(_: Problem) -> None:
    """A listener for whoever only wants the type."""


def word_of(left: Type, right: n.Expr) -> str | None:
    """The bare word on the right of a comparison with a word type, if that is what it is."""
    bare = isinstance(right, n.Name) and len(right.path) == 1
    return right.path[0] if bare and left.states and isinstance(right, n.Name) else None


def field_type(field: n.Field | n.Computed, record: str, scope: Scope) -> Type:
    """The type of a stored or computed field."""
    if isinstance(field, n.Field):
        return stored_type(field, record, scope.index)
    return computed_type(field, record, scope)


def computed_type(field: n.Computed, record: str, scope: Scope) -> Type:
    """The type of a computed field, worked out once, in the scope of its own record."""
    known = scope.index.computed_types
    at = (record, field.name)
    if at not in known:
        known[at] = ANY  # a field that needs itself has no type; the checker says so elsewhere
        owner = scope.index.records[record].parent
        own = Scope(scope.index, owner or record, line=owner is not None)
        known[at] = infer(field.expr, own, silent)
    found = known[at]
    return found if isinstance(found, Type) else ANY


class _Walk(CallTypes):
    """One walk over an expression."""

    def of(self, expr: n.Expr) -> Type:
        found: Type = getattr(self, f"_{type(expr).__name__.lower()}")(expr)
        return found

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, expr: n.Literal) -> Type:
        return written(LITERAL.get(expr.kind, expr.kind), [expr.value])

    def _name(self, expr: n.Name) -> Type:
        ref = self.scope.resolve(expr.path)
        if ref is None:
            return self._unknown_name(expr)
        if ref.kind == "list":
            message = f"'{'.'.join(expr.path)}' is many values, one of each line"
            return self.say("TYP10", message, of_list(expr), expr.span)
        if ref.field is not None:
            return field_type(ref.field, ref.record, self.scope)
        if ref.kind == "const":
            rows = [row.value for row in self.scope.index.consts[ref.name].rows]
            return written(rows[0].kind, [value.value for value in rows])
        if ref.kind == "number":
            return Type("text")
        if ref.kind == "due":
            return Type("quantity")
        return Type(*FACTS[ref.name])

    def _unknown_name(self, expr: n.Name) -> Type:
        name = ".".join(expr.path)
        if expr.path[0] == "line" and not self.scope.line:
            message = f"'{name}': there is no line here"
            hint = "Say 'each line' in the declaration, or use an aggregate such as sum(lines.x)."
            return self.say("NAM02", message, hint, expr.span)
        if name in LATER_FACTS:
            message = f"the fact '{name}' cannot be asked here"
            hint = "It can be a column of a decision table, or a fact of a test."
            return self.say("NAM12", message, hint, expr.span)
        what = self.scope.item or self.scope.record or "this place"
        hint = of_name(name, self.scope)
        return self.say("NAM01", f"{what} has no field '{name}'", hint, expr.span)

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, expr: n.Compare) -> Type:
        left = self.of(expr.left)
        word = word_of(left, expr.right)
        if word is not None:
            self._word(word, left, expr.right.span)
            if expr.op not in {"=", "<>"}:
                self.say("TYP03", "words have no order", "Use = or <>.", expr.span)
            return YESNO
        right = self.of(expr.right)
        self._quoted(expr.right, left)
        self._quoted(expr.left, right)
        if not comparable(left, right):
            message = f"{say_type(left, right)} cannot be compared with {say_type(right, left)}"
            self.say("TYP01", message, of_comparison(expr, left, right), expr.span)
        elif expr.op not in {"=", "<>"} and not {left.kind, right.kind} <= ORDERED:
            self.say("TYP03", f"{say_type(left)} has no order", "Use = or <>.", expr.span)
        return YESNO

    def _word(self, word: str, left: Type, span: Span) -> None:
        if word not in left.states:
            message = f"'{word}' is none of {', '.join(left.states)}"
            self.say("NAM03", message, did_you_mean(word, left.states), span)
        elif self.scope.resolve((word,)) is not None:
            message = f"'{word}' is a word of the left side and a name of its own"
            self.say("NAM04", message, f'Write "{word}" in quotes.', span)

    def _quoted(self, text: n.Expr, other: Type) -> None:
        """A quoted text beside a word must be that word: no other is ever equal to it."""
        said = text.value if isinstance(text, n.Literal) else None
        if not isinstance(said, str) or not other.states or said in other.states:
            return
        meant = self.scope.index.spelled(other.states, said)
        if meant is None:
            message = f'"{said}" is none of {", ".join(other.states)}'
            hint = did_you_mean(said.strip().lower(), other.states)
        else:
            message = f'"{said}" is a spelling of the source: in rules the status is {meant}'
            taken = self.scope.resolve((meant,)) is not None
            hint = f'Write "{meant}".' if taken else f"Write {meant}, without quotes."
        self.say("NAM03", message, hint, text.span)

    def _member(self, expr: n.Member) -> Type:
        left = self.of(expr.left)
        for value in expr.values:
            if isinstance(value, n.Word):
                if left.states:
                    self._word(value.name, left, value.span)
                elif left.kind != "any":
                    hint = of_member(expr, value, self.scope)
                    self.say("NAM01", f"'{value.name}' is not a word here", hint, value.span)
            elif not comparable(left, self.of(value)):
                message = f"{say_type(left)} cannot be compared with {say_type(self.of(value))}"
                self.say("TYP01", message, "Both sides must be of one type.", value.span)
            else:
                self._quoted(value, left)
        return YESNO

    def _known(self, expr: n.Known) -> Type:
        self.of(expr.expr)
        return YESNO

    def _absent(self, expr: n.Absent) -> Type:
        self.of(expr.expr)
        return YESNO

    def _allof(self, expr: n.AllOf | n.AnyOf) -> Type:
        """Conditions side by side; a word alone may belong to the comparison before it."""
        conditions, left = split_words(expr.parts, self._is_word)
        for part in conditions:
            self.condition(part)
        for wrong in left:
            self.report(wrong)
        return YESNO

    _anyof = _allof

    def _is_word(self, compare: n.Compare, name: n.Name) -> bool:
        """Whether a name is but a word that a comparison could have named."""
        states = infer(compare.left, self.scope, silent).states
        return say(name) in states and self.scope.resolve(name.path) is None

    def _not(self, expr: n.Not) -> Type:
        return self.condition(expr.expr)

    def condition(self, expr: n.Expr) -> Type:
        """An expression that must be yes or no."""
        found = self.of(expr)
        if found.kind not in {"yesno", "any"}:
            hint = "Compare it with something, or ask whether it is known."
            self.say("TYP02", f"{say_type(found)} is neither yes nor no", hint, expr.span)
        return YESNO

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, expr: n.Arith) -> Type:
        left, right = self.of(expr.left), self.of(expr.right)
        if "any" in {left.kind, right.kind}:
            return ANY
        found = reckoned(expr.op, left, right)
        if found is None:
            return self.say("TYP04", *impossible(expr.op, left, right), expr.span)
        wrong = fruitless(expr.op, left, right, say(expr.right))
        if wrong is not None:  # the type stays: rules in force go on as they are
            self.say("TYP04", *wrong, expr.span)
        return found

    def _negative(self, expr: n.Negative) -> Type:
        found = self.of(expr.expr)
        if found.kind not in NUMERIC | {"duration", "any"}:
            message = f"{say_type(found)} has no negative"
            return self.say("TYP04", message, "Only numbers have one.", expr.span)
        return negative(found)

    def _otherwise(self, expr: n.Otherwise) -> Type:
        left, right = self.of(expr.expr), self.of(expr.default)
        if not comparable(left, right):
            message = f"{say_type(left)} otherwise {say_type(right)}: two types"
            return self.say("TYP05", message, "Give a default of the same type.", expr.span)
        self._quoted(expr.default, left)
        return either(left, right)

    # ---- calls --------------------------------------------------------------------------------

    def _call(self, expr: n.Call) -> Type:
        if expr.name in self.scope.index.maps:
            return self._map(expr)
        if expr.name in AGGREGATES:
            return self._aggregate(expr)
        if expr.name in PURE:
            return self._pure(expr)
        special = getattr(self, f"_call_{expr.name}", None)
        if special is not None:
            found: Type = special(expr)
            return found
        hint = FOREIGN.get(expr.name) or did_you_mean(expr.name, [*NAMES, *self.scope.index.maps])
        return self.say("NAM05", f"'{expr.name}' is not a function or a map", hint, expr.span)

    def _aggregate(self, expr: n.Call) -> Type:
        arg = expr.args[0] if len(expr.args) == 1 else None
        path = arg.path if isinstance(arg, n.Name) else ()
        over = listed(path, self.scope)
        if over is None:
            hint = "Write a list, such as lines, lines.amount, or a link."
            if isinstance(arg, n.Arith | n.Call):
                hint = "Give lines a field, amount = line.qty * line.price, then sum(lines.amount)."
            return self.say("TYP10", f"'{expr.name}' works over a list", hint, expr.span)
        if expr.where is not None:
            _Walk(self.scope.inside(over.record), self.report).condition(expr.where)
        needs_field = expr.name in {"sum", "latest"}
        if needs_field != bool(over.field):
            hint = "sum and latest want a field of the list, count, any and all the list itself."
            return self.say("TYP10", f"'{expr.name}' is used the wrong way", hint, expr.span)
        if not needs_field:
            return Type("whole") if expr.name == "count" else YESNO
        fields = self.scope.index.fields.get(over.record, {})
        if over.field not in fields:
            message = f"{over.record or 'line'} has no field '{over.field}'"
            return self.say("NAM01", message, did_you_mean(over.field, fields), expr.span)
        found = field_type(fields[over.field], over.record, self.scope)
        if expr.name == "sum" and found.kind not in NUMERIC | {"any"}:
            return self.say("TYP08", f"{say_type(found)} has no sum", "Sum a number.", expr.span)
        return replace(found, written=())
