"""Whether a record or its document exists already, and whether its identity is consistent.

Here: DuplicateProgram, the link keys by which records find each other, and the conflict of
identity: one id under another number than before, or one number under several ids. Not here: who
looks the keys up (the caller puts the answers into Facts).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from grammar import nodes as n
from grammar.text.editions import Edition
from grammar.text.invisible import shown, without_invisible
from grammar.text.problem import Span
from rules.decisions.own_company import COMPANY
from rules.expressions.checks import SEVERITY
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Operand, message_of, texts
from rules.expressions.run import Run
from rules.facts.world import Conflict, Facts
from rules.outcomes.findings import Said, gap_finding, keep
from rules.outcomes.outcome import HIT, PASS, UNKNOWN, Finding, Verdict
from rules.types.key_matches import match_of
from rules.types.symbol_table import Scope
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.spelling import fold
from rules.values.unknown import Gap, Unknown, join
from rules.values.wording import NotExactError, parse_message, wire

CODE: Final = "IDN01"
RULE: Final = "duplicates"
IDENTITY: Final = "identity"
"""The rule of a conflict of identity is one of its own from the fourth edition on: before, who
released a duplicate had released it, too.
"""


def findings(
    facts: Facts, route: str, *, owner: str, span: Span, edition: Edition
) -> list[Finding]:
    """One for each conflict, unless a person has said that it is right so."""
    rule = IDENTITY if edition >= Edition.FOURTH else RULE
    if (route, rule) in facts.releases:
        return []
    mine = [conflict for conflict in facts.conflicts if conflict.what != COMPANY]
    return [_finding(conflict, route, owner, span, rule) for conflict in mine]


def _finding(conflict: Conflict, route: str, owner: str, span: Span, rule: str) -> Finding:
    others, mine = ", ".join(map(shown, conflict.others)), shown(conflict.mine)
    if conflict.what == "number":
        message = f"It was {others} before and calls itself {mine} now, under the same id."
        label, would_pass = "Another number under the same id", f"its number is {others} again"
    else:
        message = f"{mine} came under another id, too: {others}. Which of them is it?"
        label, would_pass = "The same number under another id", "only one of the ids has the number"
    return Finding(
        code=CODE,
        error_class="stale_version" if conflict.what == "number" else "duplicate",
        rule=rule,
        route=route,
        severity="hold",
        owner=owner,
        message=message,
        clears=Clearing.by(owner),
        cause_key=CauseKey(CauseKind.IDENTITY, conflict.mine[:LONGEST_NUMBER]),
        cause_label=label,
        would_pass=would_pass,
        span=span,
    )


LONGEST_KEY = 160
LONGEST_NUMBER = 191
"""Of a number in the key of a cause, so that the whole key has 200 signs at most."""


class DuplicateProgram:
    """One duplicates declaration of one record kind."""

    def __init__(self, compiler: Compiler, declared: n.Duplicates) -> None:
        self.declared = declared
        self.scope = Scope(compiler.index, compiler.record, document=True)
        self.route = str(declared.route) if declared.route else "*"
        self.owner = declared.action.role or compiler.owner
        self.severity = SEVERITY.get(declared.action.kind, "hold")
        parts, _ = parse_message(declared.say, declared.span)
        self.message, self.label = message_of(compiler, parts, self.scope)
        self.fields = [
            tuple(self._operand(compiler, f, u) for f in u.fields) if u.where == "history" else ()
            for u in declared.uniques
        ]
        self.record = compiler.record
        self.as_seen = compiler.index.edition >= Edition.FOURTH
        self.match = [self._matches(compiler, u) for u in declared.uniques]

    def _matches(self, compiler: Compiler, unique: n.Unique) -> tuple[frozenset[str], ...]:
        """The match words by which values of each field are the same."""
        if compiler.index.edition < Edition.THIRD:
            return (frozenset(),) * len(unique.fields)
        keys = zip(unique.fields, unique.like, strict=True)
        return tuple(match_of(compiler.index, compiler.record, f, table) for f, table in keys)

    def _operand(self, compiler: Compiler, name: str, unique: n.Unique) -> Operand:
        return Operand(compiler, n.Name((name,), unique.span), self.scope)

    def key_name(self, number: int) -> str:
        """The name of the link key of the n-th `unique … in history`."""
        return f"dup:{self.route}:{self.record}.{number}"

    def key_value(self, number: int, run: Run) -> str | Unknown:
        """The canonical value of that key, or why it is unknown."""
        values = [(o.label, o.closure(run), o) for o in self.fields[number]]
        if any(type(v) is Unknown for _, v, _ in values):
            return join(*(v for _, v, _ in values))
        match = self.match[number]
        told = [(label, wire(v, o.type).strip()) for label, v, o in values]
        if self.as_seen:
            told = [(label, without_invisible(v).strip()) for label, v in told]
        text = dumps({label: fold(v, how) for (label, v), how in zip(told, match, strict=True)})
        return text if len(text) <= LONGEST_KEY else f"sha256:{sha256_hex(text)}"

    def link_keys(self, run: Run) -> list[tuple[str, str]]:
        """Names and values of all link keys that are known."""
        found = []
        for number, unique in enumerate(self.declared.uniques):
            if unique.where == "history":
                value = self.key_value(number, run)
                if isinstance(value, str):
                    found.append((self.key_name(number), value))
        return found

    def judge(self, run: Run, route: str, fields: Mapping[str, str]) -> Said:
        """A verdict for each unique, and one finding; `fields` is the document so far."""
        said = Said()
        released = (route, RULE) in run.facts.releases
        same: list[tuple[str, tuple[str, ...]]] = []
        gaps: dict[Gap, list[int]] = {}
        for number, unique in enumerate(self.declared.uniques):
            value, others = self._ask(number, unique, run, route, fields)
            result = UNKNOWN if type(value) is Unknown else HIT if others else PASS
            if result is PASS and not run.whole:
                continue
            keep(gaps, value, None)
            operands = texts(self.fields[number], run) or _shown(unique, fields)
            text = ""
            if others:
                same.append((str(value), others))
                text = f"The same: {', '.join(others[:5])}"
                operands += (("same as", ", ".join(others[:5])),)
            said.verdicts.append(
                Verdict(
                    RULE,
                    "duplicates",
                    route,
                    result,
                    unique.span,
                    operands,
                    None,
                    text,
                    released and result == HIT,
                )
            )
        if same and not released:
            said.findings.append(self._finding(run, route, same))
        said.findings += [
            gap_finding(g, route, severity=self.severity if g.kind == "field" else "hold")
            for g in gaps
            if not g.silent
        ]
        return said

    def _ask(
        self, number: int, unique: n.Unique, run: Run, route: str, fields: Mapping[str, str]
    ) -> tuple[Any, tuple[str, ...]]:
        """The value that must be unique, and who else has it."""
        if unique.where == "history":
            others = run.facts.history.get(self.key_name(number), ())
            if not (others or run.whole) and self._is_known(number, run):
                return "", ()
            try:
                value = self.key_value(number, run)
            except (ArithmeticError, TypeError, NotExactError):
                value = Unknown()
            if isinstance(value, Unknown):
                return value, ()
            shown = " / ".join(t for _, t in texts(self.fields[number], run))
            return shown, others
        if unique.where == "number_in_target":
            mine = run.route.number
            if type(mine) is Unknown or mine is None:
                return Unknown(), ()
            same = [d for d in run.facts.documents if d.route == route and d.number == mine]
            return mine, tuple(d.record or d.number for d in same)
        if any(f not in fields for f in unique.fields):
            return Unknown(), ()
        same = [
            d
            for d in run.facts.documents
            if d.route == route
            and all(d.fields.get(f, "").strip() == fields[f].strip() for f in unique.fields)
        ]
        shown = " / ".join(fields[f] for f in unique.fields)
        return shown, tuple(d.record or d.number or shown for d in same)

    def _is_known(self, number: int, run: Run) -> bool:
        """Whether the n-th key has a value that can be written."""
        try:
            values = [type(o.closure(run)) for o in self.fields[number]]
        except (ArithmeticError, TypeError):
            return False
        return Unknown not in values and Fraction not in values

    def _finding(self, run: Run, route: str, same: list[tuple[str, tuple[str, ...]]]) -> Finding:
        value, others = same[0]
        return Finding(
            code="DUP01",
            error_class="duplicate",
            rule=RULE,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=f"{self.message(run)} The same: {', '.join(others[:5])}.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.DUPLICATE, value[:120]),
            cause_label=self.label,
            would_pass=f"no other has {value[:120]}",
            span=self.declared.span,
        )


def _shown(unique: n.Unique, fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f, fields.get(f, "(missing)")) for f in unique.fields)
