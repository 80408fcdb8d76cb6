"""Every expression of a ruleset with its scope, and whether every message can be said.

Here: Place, places, uses, check_messages, check_texts, check_signs. Not here: what is wrong with
any other expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from grammar import nodes as n
from grammar.text.finding_codes import STYLE
from grammar.text.invisible import control_signs, in_words, invisible, shown
from grammar.text.problem import Problem, Span
from rules.types.symbol_table import Index, Scope
from rules.values.wording import parse_message


@dataclass(frozen=True, slots=True)
class Place:
    """One expression where it stands; `what` is condition, value, posting or message."""

    expr: n.Expr
    scope: Scope
    what: str


def problem(code: str, message: str, hint: str, span: Span, severity: str = "error") -> Problem:
    """A problem of the checker; the register of codes says which are but style."""
    return Problem(code, message, hint, span, "style" if code in STYLE else severity)


def records_of(words: tuple[n.Word, ...], index: Index) -> list[str]:
    """The records that a declaration speaks of, as far as they exist and are judged."""
    return [w.name for w in words if w.name in index.judged]


def places(index: Index) -> tuple[Place, ...]:
    """All expressions; one that stands in a declaration of two records comes twice."""
    if index.places is None:
        index.places = tuple(with_checks(index.ruleset.checks, index))
    return index.places


def with_checks(checks: Iterable[n.Check], index: Index) -> Iterator[Place]:
    """The expressions of these checks, and all that stand in no check, in one order."""
    yield from _of_records(index)
    for check in checks:
        yield from of_check(check, index)
    yield from _of_routes(index)


def of_check(check: n.Check, index: Index) -> Iterator[Place]:
    """The expressions of a check."""
    for name in records_of(check.records, index):
        scope = Scope(index, name, line=check.each_line)
        yield from _conditions((check.when, *check.requires), scope)
        yield from messages(check.say, check.say.span, scope)


def _of_records(index: Index) -> Iterator[Place]:
    for record in index.ruleset.records:
        owner = record.parent or record.name
        scope = Scope(index, owner, line=record.parent is not None)
        for field in record.fields:
            if isinstance(field, n.Computed):
                yield Place(field.expr, scope, "value")
    for link in index.ruleset.links:
        if link.where is not None and link.other in index.records:
            yield Place(link.where, Scope.of_link(index, link), "condition")


def _of_routes(index: Index) -> Iterator[Place]:
    for approve in (a for a in index.ruleset.approvals if a.record in index.judged):
        scope = Scope(index, approve.record)
        yield from _conditions((approve.when,), scope)
        yield from messages(approve.say, approve.say.span, scope)
        for name in approve.never:
            yield Place(n.Name((name,), approve.span), scope, "value")
    yield from _of_gates(index)
    yield from _of_posts(index)


def _conditions(exprs: tuple[n.Expr | None, ...], scope: Scope) -> Iterator[Place]:
    for expr in exprs:
        if expr is not None:
            yield Place(expr, scope, "condition")


def _of_gates(index: Index) -> Iterator[Place]:
    for gate in (g for g in index.ruleset.gates if g.record in index.judged):
        for row in gate.rows:
            if row.say:
                yield from messages(row.say, row.say.span, Scope(index, gate.record))
    for duplicates in index.ruleset.duplicates:
        for name in records_of(duplicates.records, index):
            scope = Scope(index, name, document=True)
            yield from messages(duplicates.say, duplicates.say.span, scope)
            for unique in duplicates.uniques:
                for field in unique.fields if unique.where == "history" else ():
                    yield Place(n.Name((field,), unique.span), scope, "value")


def _of_posts(index: Index) -> Iterator[Place]:
    for post in index.ruleset.posts:
        if post.record not in index.records:
            continue
        head = Scope(index, post.record, document=True, bills=post.bill is not None)
        line = replace(head, line=True)
        yield from _conditions((post.when,), Scope(index, post.record))
        yield from messages(post.number.replace("{posting}", ""), post.span, head)
        for expr in (post.bill.expr, post.bill.of) if post.bill else ():
            yield Place(expr, replace(line, document=False, bills=False), "value")
        if isinstance(post.timing, n.Daily):
            yield Place(n.Name((post.timing.by,), post.timing.span), head, "value")
        yield from _assigned(post, head)
    for reversal in index.ruleset.reversals:
        if reversal.record in index.records:
            head = Scope(index, reversal.record, document=True)
            number = reversal.number.replace("{posting}", "").replace("{reversed}", "")
            yield from messages(number, reversal.span, head)
            yield from _assigned(reversal, head)


def _assigned(route: n.Post | n.Reversal, head: Scope) -> Iterator[Place]:
    for assign in route.fields:
        yield Place(assign.expr, head, "posting")
    for assign in route.line_fields:
        yield Place(assign.expr, replace(head, line=True), "posting")


def tables(index: Index) -> Iterator[n.Table]:
    """All decision tables."""
    rules = index.ruleset
    for declared in (rules.edits, rules.cancels, rules.retries):
        yield from (d.table for d in declared)


def messages(text: str, span: Span, scope: Scope) -> Iterator[Place]:
    """The placeholders of a message."""
    for part in parse_message(text, span)[0]:
        if not isinstance(part, str):
            yield Place(part, scope, "message")


def uses(expr: Any) -> Iterator[str]:
    """Every name that an expression says: of a field, const, fact, function or map."""
    return (path[0] for path in n.mentioned(expr))


_YEARS = (2000, 2099)
_LONGEST = timedelta(days=3653)  # ten years
_FAR = "Compare the digits: documents are of these years."
_LANGUAGE = re.compile(r"language\b")
_HOLE = re.compile(r"\{([^{}]*)\}")


def check_messages(index: Index) -> Iterator[Problem]:
    """The messages of a ruleset, without those of its checks."""
    rules = index.ruleset
    for said in _said(index):
        yield from unreadable(said, said.span)
    for missing in [s.missing for s in rules.sources] + [t.missing for t in rules.targets]:
        yield from _only(missing.say, ("field",))
    for table in rules.maps:
        yield from _only(table.missing.say, ("key",))
    for units in rules.units:
        yield from _only(units.missing.say, ("uom", "item"))


def unreadable(text: str, span: Span) -> Iterator[Problem]:
    """Placeholders of a message that are no names and no calls, and lone braces."""
    for broken in parse_message(text, span)[1]:
        yield problem("MSG02", *_unread(broken.text), broken.span)


def _unread(text: str) -> tuple[str, str]:
    """What is wrong with a placeholder, and what to write."""
    name = text.strip("{} ") or "number"
    if text in ("{{", "}}"):
        return f"'{text}' shows a brace to the reader", "Write one brace on each side: {number}."
    if not text.endswith("}"):
        return f"'{text}' is not closed", f"Write {{{name}}}, with both braces."
    if not text.startswith("{"):
        return f"'{text}' closes nothing", f"Write {{{name}}}, with both braces, or delete it."
    message = f"'{text}' is no name and no call"
    if re.fullmatch(r"[A-Za-z][\w.]*", name):
        return message, f"Names are in lower case: {{{name.lower()}}}."
    if name == "number":
        return message, "Write a field, such as {number}."
    return message, "Write a field, such as {number}; a formula becomes a computed field first."


def _said(index: Index) -> Iterator[n.Said]:
    rules = index.ruleset
    yield from (a.say for a in rules.approvals)
    yield from (d.say for d in rules.duplicates)
    yield from (row.say for gate in rules.gates for row in gate.rows if row.say is not None)


def _only(say: n.Said, known: tuple[str, ...]) -> Iterator[Problem]:
    for hole in _HOLE.finditer(say):
        if hole[1] not in known:
            names = " or ".join(f"{{{k}}}" for k in known)
            message = f"'{hole[1]}' is not known here"
            yield problem(
                "MSG01", message, f"This message may use {names}.", say.place(*hole.span())
            )
    for broken in parse_message(say, say.span)[1]:
        if _HOLE.fullmatch(broken.text) is None:
            yield problem("MSG02", *_unread(broken.text), broken.span)


def check_texts(index: Index) -> Iterator[Problem]:
    """Characters that nobody sees in texts that are compared or posted, without those of checks.

    Not in messages, where an emoji may be joined by one, nor in samples, which show what comes.
    """
    rules = index.ruleset
    declared = (rules.records, rules.consts, rules.maps, rules.units, rules.links, rules.gates)
    yield from hidden(declared)
    yield from hidden((rules.approvals, rules.edits, rules.cancels, rules.posts, rules.reversals))


def check_far_days(index: Index) -> Iterator[Problem]:
    """Days that no document of today has, without those of checks: written out where a value is
    made of them, or reached by adding years.
    """
    rules = index.ruleset
    yield from far((rules.records, rules.consts, rules.links, rules.gates, rules.approvals))
    yield from far((rules.edits, rules.cancels, rules.posts, rules.reversals))
    for part in n.walk((rules.records, rules.posts, rules.reversals)):
        value = part.value if isinstance(part, n.Literal) else None
        if isinstance(value, date) and not _YEARS[0] <= value.year <= _YEARS[1]:
            message = f"{value.isoformat()[:10]} is far from the day of any document"
            yield problem("TYP12", message, _FAR, part.span, "warning")


def far(node: object) -> Iterator[Problem]:
    """Durations of many years in a node and all its parts."""
    for part in n.walk(node):
        value = part.value if isinstance(part, n.Literal) else None
        if isinstance(value, timedelta) and abs(value) > _LONGEST:
            message = f"{value.days}d are {value.days // 365} years"
            yield problem("TYP12", message, _FAR, part.span, "warning")


def check_language(sources: Mapping[str, str]) -> Iterator[Problem]:
    """Files that say more than once which language they are written in."""
    for file, text in sources.items():
        lines = enumerate(text.splitlines(), start=1)
        said = [number for number, line in lines if _LANGUAGE.match(line)]
        for number in said[1:]:
            message = f"the file says its language twice: line {said[0]} has it already"
            span = Span(file, number, 1, number, len("language") + 1)
            yield problem("SYN41", message, "Take this line out.", span, "warning")


def check_signs(sources: Mapping[str, str]) -> Iterator[Problem]:
    """Control characters anywhere in a file: they are no text, and not every database keeps NUL."""
    for file, text in sources.items():
        for line, column, point in control_signs(text):
            message = f"a control character ({point}), which is no text"
            span = Span(file, line, column, line, column + 1)
            yield problem("SYN11", message, "Delete it: no page and no report can show it.", span)


def hidden(node: object) -> Iterator[Problem]:
    """The same in a node and all its parts."""
    for part in n.walk(node):
        for text in _compared(part):
            found = invisible(text)
            if found:
                message = (
                    f'"{shown(text)}" holds {in_words(found)}, so it is not what it looks like'
                )
                hint = "Delete what nobody sees, unless the source writes it so."
                yield problem("SYN11", message, hint, part.span, "warning")


def _compared(part: Any) -> Iterator[str]:
    """The texts of a node itself that something is compared with, or that are posted."""
    literal = part if isinstance(part, n.Literal) else getattr(part, "value", None)
    if isinstance(literal, n.Literal) and isinstance(literal.value, str):
        yield literal.value
    if isinstance(part, n.State):
        yield from part.aliases
    if isinstance(part, n.MapRow):
        yield part.key
    if isinstance(part, n.UnitBase | n.UnitRow):
        yield part.item or ""
