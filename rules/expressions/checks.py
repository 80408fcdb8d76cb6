"""Compile checks, and judge a record or each of its lines by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from grammar import nodes
from grammar.text.characters import continue_with_amount
from rules.expressions.compiler import Compiler
from rules.expressions.lists import mentions_line, names_in
from rules.expressions.remedies import Wishes
from rules.expressions.run import Closure, EmptyLine, Run
from rules.outcomes import (
    HIT,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Finding,
    RuleNumbers,
    Said,
    Severity,
    Verdict,
    VerdictResult,
    clearing_of,
    gap_finding,
    keep_gaps,
)
from rules.types.symbol_table import Index, Scope
from rules.values.cause_keys import CauseKey, CauseKind, Gap, Unknown
from rules.values.kinds import Type
from rules.values.wording import (
    MISSING,
    const_values,
    format_expression,
    format_value,
    locked_clause,
    month_name,
    parse_message,
    period_opens_clause,
    readable_term,
)

if TYPE_CHECKING:
    from rules.expressions.run import Content
    from rules.outcomes import Glance

SEVERITY: Mapping[str, Severity] = {"warn": "warn", "reject": "reject"}

LINES_WITH_REMEDY = 5
"""On how many lines a check reports what would make it pass."""

Row = tuple[Any, ...]
"""One evaluated condition: its number, the line, the value, and the operands' values.

The value is True, False or an Unknown; the value of a `when` is never True. Missing operands are
evaluated when the verdict is written.
"""

ROUTE_WORDS = (
    "period",
    "document_number",
    "number_of",
    "e_invoice_age",
    "target_edited",
    "due_of",
    "line.due",
    "was",
)
"""Names whose values depend on the route or on its document."""

_LATER = frozenset({"closure", "type", "by_line", "lasting"})

Operands = tuple[tuple[str, str], ...]

Message = Callable[[Run], str]

AMOUNTS = frozenset({"money", "number"})
"""Types that messages show as amounts; a number in the rules has no currency."""

_TITLE = re.compile(r"(.+)[:.;] ", re.DOTALL)


class Operand:
    """Evaluate one value that a condition or a document field reads."""

    __slots__ = (
        "_compiler",
        "_scope",
        "by_line",
        "closure",
        "label",
        "lasting",
        "node",
        "type",
        "zone",
    )
    closure: Closure
    type: Type
    by_line: bool
    lasting: bool

    def __init__(self, compiler: Compiler, node: nodes.Expr, scope: Scope) -> None:
        self._compiler, self._scope, self.node = compiler, scope, node
        self.label = format_expression(node)
        self.zone = compiler.zone

    def __getattr__(self, name: str) -> Any:
        """Compile the attributes at their first use; afterwards they are ordinary attributes."""
        if name not in _LATER:
            raise AttributeError(name)
        self.closure = self._compiler.expr(self.node, self._scope)
        self.type = self._compiler.type(self.node, self._scope)
        self.by_line, self.lasting = mentions_line(self.node), is_same_for_all_routes(self.node)
        return getattr(self, name)

    def text(self, run: Run) -> str:
        """Return the value as text, cached per record or line."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._format(self._value(run))
        cache_key = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(cache_key)
        if text is None:
            text = run.texts[cache_key] = self._format(self._value(run))
        return text

    def text_of_value(self, run: Run, value: Any) -> str:
        """Return the text of a value that is already computed, cached per record or line."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._format(value)
        cache_key = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(cache_key)
        if text is None:
            text = run.texts[cache_key] = self._format(value)
        return text

    def _value(self, run: Run) -> Any:
        try:
            return self.closure(run)
        except (ArithmeticError, TypeError, RecursionError):
            return Unknown()

    def _format(self, value: Any) -> str:
        try:
            return format_value(value, self.type, self.zone)
        except (ArithmeticError, TypeError):
            return MISSING


class Condition:
    """Evaluate a yes-or-no expression, and describe its operands and what would make it pass.
    Compiled at its first use.
    """

    __slots__ = (
        "_compiler",
        "_owner",
        "_rule",
        "_scope",
        "_wishes",
        "node",
        "operands",
        "run",
        "span",
    )
    run: Closure
    operands: tuple[Operand, ...]

    def __init__(
        self, compiler: Compiler, node: nodes.Expr, scope: Scope, *, rule: str, owner: str
    ) -> None:
        self.node = node
        self.span = node.span
        self._compiler, self._scope, self._rule, self._owner = compiler, scope, rule, owner
        self._wishes: Wishes | None = None

    def __getattr__(self, name: str) -> Any:
        """Compile an attribute at its first use; afterwards it is an ordinary attribute."""
        if name == "run":
            self.run = self._compiler.guarded(self.node, self._scope, self._rule, self._owner)
            return self.run
        if name == "operands":
            self.operands = operands_of(self._compiler, self.node, self._scope)
            return self.operands
        raise AttributeError(name)

    def would_pass(self, run: Run, *, want: bool = True) -> str:
        """Return the smallest change that makes the condition true, or false if `want` is False."""
        if not run.story:
            return ""
        try:
            if self._wishes is None:
                self._wishes = Wishes(self._compiler, self._scope)
            return self._wishes.of(self.node, run, want=want)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return (
                format_expression(self.node) if want else f"not {format_expression(self.node)}"
            )  # the numbers leave their bounds


class CheckProgram:
    """Judge one check of one record kind; its conditions are numbered from `first` on.

    `bit` is the check's bit in a glance.
    """

    def __init__(self, compiler: Compiler, check: nodes.Check, first: int, bit: int) -> None:
        scope = Scope(compiler.index, compiler.record, line=check.each_line)
        self.check, self.first, self.bit = check, first, bit
        self.owner = check.action.role or compiler.owner
        self.severity = SEVERITY.get(check.action.kind, "hold")
        self.clears = clearing_of(check.clears)
        owner_names = {"rule": check.name, "owner": self.owner}
        self.when = Condition(compiler, check.when, scope, **owner_names) if check.when else None
        self.requires = [Condition(compiler, r, scope, **owner_names) for r in check.requires]
        self.conditions = [*([self.when] if self.when else ()), *self.requires]
        parts, _ = parse_message(check.say, check.span)
        self.message, self.label = compile_message(compiler, parts, scope)
        self.by_route = not is_same_for_all_routes((check.when, *check.requires, *parts))
        self.everywhere = is_everywhere(check)
        self.period = "period" in names_in(check.requires)

    def ask(self, run: Run) -> list[Row]:
        """Return the evaluated conditions in order, for the header or for each line."""
        rows: list[Row] = []
        if not self.check.each_line:
            self._ask(run, None, rows)
            return rows
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            if row.__class__ is EmptyLine:
                continue
            run.line = row
            self._ask(run, number, rows)
        return rows

    def _ask(self, run: Run, line: int | None, rows: list[Row]) -> None:
        number = self.first
        if self.when is not None:
            applies = self.when.run(run)
            if applies is not True:
                rows.append((number, line, applies))
                return
            number += 1
        rows += [(number + i, line, c.run(run)) for i, c in enumerate(self.requires)]

    def judge(self, run: Run, route: str, rows: list[Row]) -> Said:
        """Return all verdicts of the check, and at most one finding, with its lines."""
        judged = Said()
        hits: list[tuple[Condition, int | None]] = []
        gaps: dict[Gap, list[int]] = {}
        message = ""
        released = self.clears.by_people and (route, self.check.name) in run.facts.releases
        failing = self._failing(rows)
        for row in rows:
            line: int | None = row[1]
            if line is not None:
                run.line = run.lines[line - 1]
            condition = self.conditions[row[0] - self.first]
            result = self._result(condition, row[2])
            operands = condition.operands
            operand_values = (
                texts_of_values(operands, run, row[3:])
                if len(row) > 3
                else operand_texts(operands, run)
            )
            text = ""
            if result is HIT:
                text = self.message(run)
                hits.append((condition, line))
                message = message or text
            elif result is UNKNOWN and line not in failing:
                keep_gaps(gaps, row[2], line)
            is_released = released and result in (HIT, UNKNOWN)
            judged.verdicts.append(
                Verdict(
                    self.check.name,
                    "check",
                    route,
                    result,
                    condition.span,
                    operand_values,
                    line,
                    text,
                    is_released,
                )
            )
        if hits and not released:
            judged.findings.append(self._finding(run, route, message, hits))
        judged.findings += [
            f for gap, lines in gaps.items() if (f := self._gap(run, gap, route, lines, released))
        ]
        return judged

    def _failing(self, rows: list[Row]) -> set[int | None]:
        """Return the lines that certainly fail: their unknown conditions need no finding."""
        return {r[1] for r in rows if r[2] is False and self._required(r)}

    def _required(self, row: Row) -> bool:
        return self.when is None or row[0] != self.first

    def _result(self, condition: Condition, value: Any) -> VerdictResult:
        if type(value) is Unknown:
            return UNKNOWN
        if condition is self.when:
            return NOT_APPLICABLE
        return PASS if value else HIT

    def _finding(
        self,
        run: Run,
        route: str,
        message: str,
        hits: list[tuple[Condition, int | None]],
    ) -> Finding:
        lines = tuple(sorted({line for _, line in hits if line is not None}))
        if len(lines) > 1:
            line_list = ", ".join(str(line) for line in lines[:20])
            message = f"{message} (lines {line_list}{', …' if len(lines) > 20 else ''})"
        finding = Finding(
            code="CHK01",
            error_class="business_rule",
            rule=self.check.name,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=message,
            clears=self.clears,
            cause_key=CauseKey(CauseKind.RULE, self.check.name),
            cause_label=self.label,
            would_pass=self._would_pass(run, hits),
            span=hits[0][0].span,
            lines=lines,
        )
        return self._locked(run, finding) if self.period else finding

    def _would_pass(self, run: Run, hits: list[tuple[Condition, int | None]]) -> str:
        """Return what would make all conditions pass, for the first lines that fail."""
        lines = list(dict.fromkeys(line for _, line in hits))
        wishes: dict[str, list[str]] = {}
        for line in lines[:LINES_WITH_REMEDY]:
            if line is not None:
                run.line = run.lines[line - 1]
            line_wishes = dict.fromkeys(
                line_wish for c in self.requires if (line_wish := c.would_pass(run))
            )
            wishes.setdefault("; ".join(line_wishes), []).append(str(line))
        if len(wishes) == 1 and len(lines) <= LINES_WITH_REMEDY:
            return next(iter(wishes))
        texts = [f"line {', '.join(numbers)}: {wish}" for wish, numbers in wishes.items()]
        return "; ".join([*texts, "…"] if len(lines) > LINES_WITH_REMEDY else texts)

    def _locked(self, run: Run, finding: Finding) -> Finding:
        """Return the finding of a failing period condition, with its own class and grouped by
        month.
        """
        closed, target = run.route.closed, run.route.target
        if run.route.period != "locked" or closed is None:
            return finding
        key = CauseKey.period(target, f"{closed:%Y-%m}")
        month = month_name(key.month)
        locked_through = run.world.targets[target].locked_through or closed
        return replace(
            finding,
            code="PER01",
            error_class="period_locked",
            cause_key=key,
            cause_label=locked_clause(month, target),
            would_pass=period_opens_clause(month, target, _next_open(locked_through)),
        )

    def _gap(
        self, run: Run, gap: Gap, route: str, lines: list[int], released: bool
    ) -> Finding | None:
        severity: Severity = "warn" if self.severity == "warn" else "hold"
        if gap.kind != "field":
            finding = gap_finding(gap, route, severity=severity, lines=tuple(lines))
            return None if gap.silent else finding
        if released:
            return None
        if lines:
            run.line = run.lines[lines[0] - 1]
        label = readable_term(gap.rule)
        field = label[:1].upper() + label[1:]
        return Finding(
            code="CHK02",
            error_class="missing_field",
            rule=self.check.name,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=_missing(field, self.message(run)),
            clears=self.clears,
            cause_key=gap.cause_key,
            cause_label=_missing(field, self.label),
            would_pass=gap.would_pass,
            span=self.check.span,
            lines=tuple(lines),
        )


def _next_open(locked_through: date) -> str:
    """Return the first open day, or blank if all days are locked."""
    return "" if locked_through == date.max else str(locked_through + timedelta(days=1))


def _missing(label: str, message: str) -> str:
    return f"{label} is missing: {message}"


def number_checks(
    compiler: Compiler, checks: list[nodes.Check], numbers: RuleNumbers
) -> list[CheckProgram]:
    """Return the checks of one record kind, with their conditions numbered consecutively."""
    programs: list[CheckProgram] = []
    first = 0
    for check in checks:
        programs.append(CheckProgram(compiler, check, first, numbers.bit("check", check.name)))
        first += len(programs[-1].conditions)
    return programs


@dataclass(slots=True)
class SharedRead:
    """One record's typed content with its computed fields, and one program's results on it.

    `routes` are those whose documents are equal in both rule sets, `checks` the equal checks;
    `failed` are the checks that did not pass, None until evaluated. With `but_checks`, both decide
    equally unless a differing check has a result; then `first_glance` is the first program's
    glance, with its bit numbers.
    """

    routes: frozenset[str]
    checks: frozenset[str]
    but_checks: bool = False
    read: tuple[Content, dict[Gap, list[int]]] | None = None
    failed: tuple[str, ...] | None = None
    first_glance: tuple[Glance, RuleNumbers] | None = None
    completeness: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def forget(self) -> None:
        """Clear the results: unfinished results of one program must not reach the other."""
        self.read = self.failed = None
        self.completeness.clear()


class SharedKinds:
    """Find the record kinds that two rule sets read identically in one world."""

    def __init__(self, old: nodes.Ruleset, new: nodes.Ruleset) -> None:
        self._kinds: dict[str, tuple[frozenset[str], frozenset[str], bool]] = {}
        if (old.maps, old.units, old.links) != (new.maps, new.units, new.links) or old.links:
            return
        changed = _changed_consts(old.consts, new.consts)
        rest_unchanged = _but_checks(old) == _but_checks(new) and not _uses_names(
            (_but_checks(old),), changed
        )
        for record in old.records:
            names = _kind_declarations(old, record.name)
            if names == _kind_declarations(new, record.name) and not _uses_names(names, changed):
                routes = frozenset(_unchanged_routes(old, new, record.name, changed))
                checks = frozenset(_unchanged_checks(old, new, changed))
                changed_checks = (c for c in (*old.checks, *new.checks) if c.name not in checks)
                only_checks_differ = rest_unchanged and all(map(is_everywhere, changed_checks))
                self._kinds[record.name] = (routes, checks, only_checks_differ)

    def shared_read(self, kind: str) -> SharedRead | None:
        """Return a record to read once for both rule sets, or None if each must read it."""
        shared = self._kinds.get(kind)
        return None if shared is None else SharedRead(*shared)


def _changed_consts(old: Iterable[nodes.Const], new: Iterable[nodes.Const]) -> set[str]:
    """Return the names of the consts that differ between two rule sets."""
    by_name = {c.name: c for c in old}, {c.name: c for c in new}
    return {
        name
        for name in {**by_name[0], **by_name[1]}
        if by_name[0].get(name) != by_name[1].get(name)
    }


def _but_checks(ruleset: nodes.Ruleset) -> nodes.Ruleset:
    """Return the rule set without its checks and consts. A const counts where it is used."""
    return replace(ruleset, checks=(), consts=(), samples=(), tests=(), silences=())


def _uses_names(parts: tuple[Any, ...], names: set[str]) -> bool:
    """Check whether any of these names is used in the parts, or in a document number in them."""
    used_names = names_in(parts)
    for part in nodes.walk(parts):
        if isinstance(part, nodes.Post | nodes.Reversal):
            used_names |= names_in(parse_message(part.number, part.span)[0])
    return not used_names.isdisjoint(names)


def _kind_declarations(ruleset: nodes.Ruleset, kind: str) -> tuple[Any, ...]:
    """Return all declarations that define how a record of a kind and its lines are read."""
    records = [r for r in ruleset.records if r.name == kind or r.parent == kind]
    sources = {r.source for r in records}
    return (*records, *(s for s in ruleset.sources if s.name in sources))


def _unchanged_routes(
    old: nodes.Ruleset, new: nodes.Ruleset, kind: str, changed: set[str]
) -> Iterable[str]:
    """Yield the routes whose documents, targets and duplicate keys are equal in both."""
    for post in old.posts:
        if post.record != kind:
            continue
        parts = [_route_declarations(ruleset, post) for ruleset in (old, new)]
        if parts[0] == parts[1] and not _uses_names(parts[0], changed):
            yield str(post.route)


def _route_declarations(ruleset: nodes.Ruleset, post: nodes.Post) -> tuple[Any, ...]:
    return (
        *(p for p in ruleset.posts if (p.record, p.route) == (post.record, post.route)),
        *(t for t in ruleset.targets if t.name == post.route.target),
        *(d for d in ruleset.duplicates if any(w.name == post.record for w in d.records)),
    )


def _unchanged_checks(old: nodes.Ruleset, new: nodes.Ruleset, changed: set[str]) -> Iterable[str]:
    """Yield the names of the checks that are equal in both."""
    others = {c.name: c for c in new.checks}
    for check in old.checks:
        if others.get(check.name) == check and not _uses_names((check,), changed):
            yield check.name


def is_same_for_all_routes(node: Any) -> bool:
    """Check whether an expression has one value for every route and document of a record."""
    return names_in(node).isdisjoint(ROUTE_WORDS)


def is_everywhere(check: nodes.Check) -> bool:
    """Check whether a check has one result and one message for every route."""
    parts, _ = parse_message(check.say, check.span)
    return check.route is None and is_same_for_all_routes((check.when, *check.requires, *parts))


def operands_of(compiler: Compiler, node: nodes.Expr, scope: Scope) -> tuple[Operand, ...]:
    """Return the operands of an expression, outermost calls first, without repetition."""
    return tuple(Operand(compiler, leaf, scope) for leaf in operand_expressions(node, scope))


def operand_texts(operands: tuple[Operand, ...], run: Run) -> Operands:
    """Return the (label, value) texts of operands, for a verdict."""
    return tuple([(o.label, o.text(run)) for o in operands])


def texts_of_values(operands: tuple[Operand, ...], run: Run, values: tuple[Any, ...]) -> Operands:
    """Return the (label, value) texts of operands with these values."""
    return tuple(
        [(o.label, o.text_of_value(run, v)) for o, v in zip(operands, values, strict=True)]
    )


def operand_expressions(node: nodes.Expr, scope: Scope) -> tuple[nodes.Expr, ...]:
    """Return the expressions of the operands, outermost calls first, without repetition."""
    return tuple(dict.fromkeys(_leaves(node, scope)))


def _leaves(node: Any, scope: Scope) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.Name):
        ref = scope.resolve(node.path)
        if ref is not None and ref.kind != "list":
            yield node
        return
    if isinstance(node, nodes.Call):
        if node.name != "round":
            yield node
        if node.where is None:
            for arg in node.args:
                yield from _leaves(arg, scope)
        return
    for part in nodes.operands(node):
        yield from _leaves(part, scope)


def compile_message(
    compiler: Compiler, parts: tuple[str | nodes.Expr, ...], scope: Scope
) -> tuple[Message, str]:
    """Return a message's renderer, and the label that all records of one cause share.

    If the message is a title and then variable text, as in `Foreign orders are invoiced by hand:
    {number} is in {currency}.`, the label is the title. Else it names what differs by record, and
    shows constant values: `‹total› is above 5000.00`. Stored outcomes contain labels in this form;
    `title_text` in rules/values/wording.py puts them in words.
    """
    pieces: list[str | Operand] = [
        p if isinstance(p, str) else Operand(compiler, p, scope) for p in parts
    ]

    def render(run: Run) -> str:
        message = ""
        for piece in pieces:
            if isinstance(piece, str):
                message += piece
            elif not run.story or piece.type.kind not in AMOUNTS:
                message += piece.text(run)
            else:
                currency = compiler.currencies.of(run.head)
                money = currency if piece.type.kind == "money" else ""
                message = continue_with_amount(message, piece.text(run), money, others=(currency,))
        return message

    return render, _label(compiler.index, parts, scope)


def _label(index: Index, parts: tuple[str | nodes.Expr, ...], scope: Scope) -> str:
    texts = [part if isinstance(part, str) else _in_label(index, part, scope) for part in parts]
    constant_text = "".join(takewhile(lambda text: not text.startswith("‹"), texts))
    title = _TITLE.match(constant_text)
    return title[1] if title and len(constant_text) < len("".join(texts)) else "".join(texts)


def _in_label(index: Index, part: nodes.Expr, scope: Scope) -> str:
    """Return a placeholder as it is equal for all records: a const's values, or a name."""
    ref = scope.resolve(part.path) if isinstance(part, nodes.Name) else None
    if ref is not None and ref.kind == "const":
        return const_values(index.consts[ref.name])
    return f"‹{format_expression(part)}›"
