"""Compile checks and judge a record, or each of its lines, by them."""

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
from rules.expressions.remedies import FirstWishes, Wishes
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

LINES_TOLD = 5
"""On so many lines a check says what would make it pass."""

Row = tuple[Any, ...]
"""What was answered: the number of the condition, the line, the value, and the operands' values.

The value is True or False, or an Unknown; that of a `when` is never True. Operands that are left
out are asked when the row is told.
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
"""What an expression may name that is another for each route, or for each of its documents."""

_LATER = frozenset({"closure", "type", "by_line", "lasting"})

Operands = tuple[tuple[str, str], ...]

Message = Callable[[Run], str]

AMOUNTS = frozenset({"money", "number"})
"""What messages say as amounts; a number of the rules has no currency of its own."""

_TITLE = re.compile(r"(.+)[:.;] ", re.DOTALL)


class Operand:
    """One value that a condition or a document field looks at."""

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
        """What is made at first use; from then on these are ordinary attributes."""
        if name not in _LATER:
            raise AttributeError(name)
        self.closure = self._compiler.expr(self.node, self._scope)
        self.type = self._compiler.type(self.node, self._scope)
        self.by_line, self.lasting = mentions_line(self.node), is_same_for_all_routes(self.node)
        return getattr(self, name)

    def text(self, run: Run) -> str:
        """The value as people read it; worked out once for a record or a line of it."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._shown(self._value(run))
        place = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(place)
        if text is None:
            text = run.texts[place] = self._shown(self._value(run))
        return text

    def told(self, run: Run, value: Any) -> str:
        """The text of a value that is worked out already."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._shown(value)
        place = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(place)
        if text is None:
            text = run.texts[place] = self._shown(value)
        return text

    def _value(self, run: Run) -> Any:
        try:
            return self.closure(run)
        except (ArithmeticError, TypeError, RecursionError):
            return Unknown()

    def _shown(self, value: Any) -> str:
        try:
            return format_value(value, self.type, self.zone)
        except (ArithmeticError, TypeError):
            return MISSING


class Condition:
    """A yes-or-no expression that can tell its story; compiled when it is first asked."""

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
        self._wishes: dict[bool, Wishes] = {}

    def __getattr__(self, name: str) -> Any:
        """What is made at first use; from then on it is an ordinary attribute."""
        if name == "run":
            self.run = self._compiler.guarded(self.node, self._scope, self._rule, self._owner)
            return self.run
        if name == "operands":
            self.operands = operands_of(self._compiler, self.node, self._scope)
            return self.operands
        raise AttributeError(name)

    def would_pass(self, run: Run, *, want: bool = True) -> str:
        """The smallest change that would make it pass (or fail), as far as that can be said."""
        if not run.story:
            return ""
        try:
            wishes = self._wishes.get(run.bare)
            if wishes is None:
                make = FirstWishes if run.bare else Wishes
                wishes = self._wishes[run.bare] = make(self._compiler, self._scope)
            return wishes.of(self.node, run, want=want)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return (
                format_expression(self.node) if want else f"not {format_expression(self.node)}"
            )  # beyond all bounds


class CheckProgram:
    """One check of one record kind; its conditions are numbered from `first` on.

    `bit` is what a glance says it with.
    """

    def __init__(self, compiler: Compiler, check: nodes.Check, first: int, bit: int) -> None:
        scope = Scope(compiler.index, compiler.record, line=check.each_line)
        self.check, self.first, self.bit = check, first, bit
        self.owner = check.action.role or compiler.owner
        self.severity = SEVERITY.get(check.action.kind, "hold")
        self.clears = clearing_of(check.clears)
        make = {"rule": check.name, "owner": self.owner}
        self.when = Condition(compiler, check.when, scope, **make) if check.when else None
        self.requires = [Condition(compiler, r, scope, **make) for r in check.requires]
        self.conditions = [*([self.when] if self.when else ()), *self.requires]
        parts, _ = parse_message(check.say, check.span)
        self.message, self.label = compile_message(compiler, parts, scope)
        self.by_route = not is_same_for_all_routes((check.when, *check.requires, *parts))
        self.everywhere = is_everywhere(check)
        self.period = "period" in names_in(check.requires)

    def ask(self, run: Run) -> list[Row]:
        """The rows of the check, one condition after the other, for the header or each line."""
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
        """All verdicts of the check, and at most one finding, with its lines."""
        said = Said()
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
            seen = (
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
            free = released and result in (HIT, UNKNOWN)
            said.verdicts.append(
                Verdict(
                    self.check.name, "check", route, result, condition.span, seen, line, text, free
                )
            )
        if hits and not released:
            said.findings.append(self._finding(run, route, message, hits))
        said.findings += [
            f for gap, lines in gaps.items() if (f := self._gap(run, gap, route, lines, released))
        ]
        return said

    def _failing(self, rows: list[Row]) -> set[int | None]:
        """The lines that fail for certain: what is unknown of them is no news."""
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
            shown = ", ".join(str(line) for line in lines[:20])
            message = f"{message} (lines {shown}{', …' if len(lines) > 20 else ''})"
        found = Finding(
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
        return self._locked(run, found) if self.period else found

    def _would_pass(self, run: Run, hits: list[tuple[Condition, int | None]]) -> str:
        """What would make all of its conditions pass, on the first lines that fail."""
        lines = list(dict.fromkeys(line for _, line in hits))
        wishes: dict[str, list[str]] = {}
        for line in lines[:LINES_TOLD]:
            if line is not None:
                run.line = run.lines[line - 1]
            told = dict.fromkeys(w for c in self.requires if (w := c.would_pass(run)))
            wishes.setdefault("; ".join(told), []).append(str(line))
        if len(wishes) == 1 and len(lines) <= LINES_TOLD:
            return next(iter(wishes))
        told_all = [f"line {', '.join(of)}: {wish}" for wish, of in wishes.items()]
        return "; ".join([*told_all, "…"] if len(lines) > LINES_TOLD else told_all)

    def _locked(self, run: Run, found: Finding) -> Finding:
        """A failing question about the period is of its own class and grouped by month."""
        closed, target = run.route.closed, run.route.target
        if run.route.period != "locked" or closed is None:
            return found
        key = CauseKey.period(target, f"{closed:%Y-%m}")
        month = month_name(key.month)
        until = run.world.targets[target].locked_through or closed
        return replace(
            found,
            code="PER01",
            error_class="period_locked",
            cause_key=key,
            cause_label=locked_clause(month, target),
            would_pass=period_opens_clause(month, target, _next_open(until)),
        )

    def _gap(
        self, run: Run, gap: Gap, route: str, lines: list[int], released: bool
    ) -> Finding | None:
        severity: Severity = "warn" if self.severity == "warn" else "hold"
        if gap.kind != "field":
            found = gap_finding(gap, route, severity=severity, lines=tuple(lines))
            return None if gap.silent else found
        if released:
            return None
        if lines:
            run.line = run.lines[lines[0] - 1]
        named = readable_term(gap.rule)
        field = named[:1].upper() + named[1:]
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


def _next_open(until: date) -> str:
    """The first open day, unless all days that there are are locked."""
    return "" if until == date.max else str(until + timedelta(days=1))


def _missing(label: str, words: str) -> str:
    return f"{label} is missing: {words}"


def number_checks(
    compiler: Compiler, checks: list[nodes.Check], numbers: RuleNumbers
) -> list[CheckProgram]:
    """The checks of one record kind, their conditions numbered one after the other."""
    found: list[CheckProgram] = []
    first = 0
    for check in checks:
        found.append(CheckProgram(compiler, check, first, numbers.bit("check", check.name)))
        first += len(found[-1].conditions)
    return found


@dataclass(slots=True)
class SharedRead:
    """One record: its typed content with the computed fields so far, and what one program found.

    `routes` are those whose documents both make alike, `checks` those that say the same in both;
    `failed` are the checks that did not pass, None until somebody has asked them. `but_checks`:
    both say the same of it unless a check that is not the same in both has something to say; then
    `said` is what the first program said, and by which numbers.
    """

    routes: frozenset[str]
    checks: frozenset[str]
    but_checks: bool = False
    read: tuple[Content, dict[Gap, list[int]]] | None = None
    failed: tuple[str, ...] | None = None
    said: tuple[Glance, RuleNumbers] | None = None
    whole: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin again: what one program left unfinished is not for the other."""
        self.read = self.failed = None
        self.whole.clear()


class SharedKinds:
    """The record kinds that two rule sets read alike in the same world."""

    def __init__(self, old: nodes.Ruleset, new: nodes.Ruleset) -> None:
        self._kinds: dict[str, tuple[frozenset[str], frozenset[str], bool]] = {}
        if (old.maps, old.units, old.links) != (new.maps, new.units, new.links) or old.links:
            return
        changed = _differing(old.consts, new.consts)
        alike = _but_checks(old) == _but_checks(new) and not _touched((_but_checks(old),), changed)
        for record in old.records:
            names = _of_kind(old, record.name)
            if names == _of_kind(new, record.name) and not _touched(names, changed):
                routes = frozenset(_documents(old, new, record.name, changed))
                checks = frozenset(_checks(old, new, changed))
                others = (c for c in (*old.checks, *new.checks) if c.name not in checks)
                alone = alike and all(map(is_everywhere, others))
                self._kinds[record.name] = (routes, checks, alone)

    def once(self, kind: str) -> SharedRead | None:
        """A record that is to be read for both; None where each reads for itself."""
        found = self._kinds.get(kind)
        return None if found is None else SharedRead(*found)


def _differing(old: Iterable[nodes.Const], new: Iterable[nodes.Const]) -> set[str]:
    """The names of the consts that are not the same in both."""
    found = {c.name: c for c in old}, {c.name: c for c in new}
    return {name for name in {**found[0], **found[1]} if found[0].get(name) != found[1].get(name)}


def _but_checks(ruleset: nodes.Ruleset) -> nodes.Ruleset:
    """All that decides about a record but the checks, and the consts, which count where they are
    named.
    """
    return replace(ruleset, checks=(), consts=(), samples=(), tests=(), silences=())


def _touched(parts: tuple[Any, ...], names: set[str]) -> bool:
    """Whether any of these names is said there, or in the number of a document."""
    said = names_in(parts)
    for part in nodes.walk(parts):
        if isinstance(part, nodes.Post | nodes.Reversal):
            said |= names_in(parse_message(part.number, part.span)[0])
    return not said.isdisjoint(names)


def _of_kind(ruleset: nodes.Ruleset, kind: str) -> tuple[Any, ...]:
    """All that says how a record of a kind is read, and its lines."""
    records = [r for r in ruleset.records if r.name == kind or r.parent == kind]
    sources = {r.source for r in records}
    return (*records, *(s for s in ruleset.sources if s.name in sources))


def _documents(
    old: nodes.Ruleset, new: nodes.Ruleset, kind: str, changed: set[str]
) -> Iterable[str]:
    """The routes whose documents, targets and keys of duplicates are the same in both."""
    for post in old.posts:
        if post.record != kind:
            continue
        parts = [_of_route(ruleset, post) for ruleset in (old, new)]
        if parts[0] == parts[1] and not _touched(parts[0], changed):
            yield str(post.route)


def _of_route(ruleset: nodes.Ruleset, post: nodes.Post) -> tuple[Any, ...]:
    return (
        *(p for p in ruleset.posts if (p.record, p.route) == (post.record, post.route)),
        *(t for t in ruleset.targets if t.name == post.route.target),
        *(d for d in ruleset.duplicates if any(w.name == post.record for w in d.records)),
    )


def _checks(old: nodes.Ruleset, new: nodes.Ruleset, changed: set[str]) -> Iterable[str]:
    """The checks that are the same in both."""
    others = {c.name: c for c in new.checks}
    for check in old.checks:
        if others.get(check.name) == check and not _touched((check,), changed):
            yield check.name


def is_same_for_all_routes(node: Any) -> bool:
    """Whether an expression is the same for every route and document of a record."""
    return names_in(node).isdisjoint(ROUTE_WORDS)


def is_everywhere(check: nodes.Check) -> bool:
    """Whether a check is the same for every route, and says so in the same words."""
    parts, _ = parse_message(check.say, check.span)
    return check.route is None and is_same_for_all_routes((check.when, *check.requires, *parts))


def operands_of(compiler: Compiler, node: nodes.Expr, scope: Scope) -> tuple[Operand, ...]:
    """The operands of an expression, outermost calls first, each once."""
    return tuple(Operand(compiler, leaf, scope) for leaf in operand_expressions(node, scope))


def operand_texts(operands: tuple[Operand, ...], run: Run) -> Operands:
    """Names and values of operands, for a verdict."""
    return tuple([(o.label, o.text(run)) for o in operands])


def texts_of_values(operands: tuple[Operand, ...], run: Run, values: tuple[Any, ...]) -> Operands:
    """The same, of values that are worked out already."""
    return tuple([(o.label, o.told(run, v)) for o, v in zip(operands, values, strict=True)])


def operand_expressions(node: nodes.Expr, scope: Scope) -> tuple[nodes.Expr, ...]:
    """The expressions whose values are the operands, outermost calls first, each once."""
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
    """A message from its parts, and the label that all records of one cause share.

    Where the message is a title and then what differs, as in `Foreign orders are invoiced by hand:
    {number} is in {currency}.`, the label is the title. Else it names what differs from record to
    record, and says the values that do not: `‹total› is above 5000.00`. So it has stood in stored
    outcomes from the first; who shows it puts it in words (rules/values/wording.py, titled).
    """
    pieces: list[str | Operand] = [
        p if isinstance(p, str) else Operand(compiler, p, scope) for p in parts
    ]

    def render(run: Run) -> str:
        said = ""
        for piece in pieces:
            if isinstance(piece, str):
                said += piece
            elif run.bare or not run.story or piece.type.kind not in AMOUNTS:
                said += piece.text(run)
            else:
                own = compiler.currencies.of(run.head)
                money = own if piece.type.kind == "money" else ""
                said = continue_with_amount(said, piece.text(run), money, others=(own,))
        return said

    return render, _label(compiler.index, parts, scope)


def _label(index: Index, parts: tuple[str | nodes.Expr, ...], scope: Scope) -> str:
    shown = [p if isinstance(p, str) else _in_label(index, p, scope) for p in parts]
    same = "".join(takewhile(lambda text: not text.startswith("‹"), shown))
    title = _TITLE.match(same)
    return title[1] if title and len(same) < len("".join(shown)) else "".join(shown)


def _in_label(index: Index, part: nodes.Expr, scope: Scope) -> str:
    """A placeholder as all records share it: the values of a const, the name of anything else."""
    ref = scope.resolve(part.path) if isinstance(part, nodes.Name) else None
    if ref is not None and ref.kind == "const":
        return const_values(index.consts[ref.name])
    return f"‹{format_expression(part)}›"
