"""Whether each condition says something, each check can pass and fail, and no two contradict.

Here: what is said of one condition, of one check, and of two, also of amounts in another currency.
A check is told once for each fault, with the first other check that shows it: a thousand alike give
a thousand findings, not a million. Not here: the reasoning over fields and pairs (rules/overlaps).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.checker.memory import Claims, Look
from rules.checker.places import problem, records_of, with_checks
from rules.overlaps.pairs import Pairs, Reasoned, contradicted, repeats
from rules.overlaps.ranges import Allowed, Cuts
from rules.types.day_differences import COMPARED, settled
from rules.types.inference import infer, silent
from rules.types.symbol_table import CURRENCY, Index, Scope, stored_currency
from rules.values.wording import say


def compared(reasoned: Sequence[Reasoned]) -> Iterator[Problem]:
    """Checks that contradict or cover each other."""
    pairs = Pairs(reasoned)
    for at, one in enumerate(reasoned):
        wrong = next((i for i in pairs.contradicting(at) if contradicted(reasoned[i], one)), None)
        if wrong is not None:
            yield both_fail(reasoned[wrong], one)
        others = (i for i in pairs.covering(at) if reasoned[i].check.name != one.check.name)
        more = next((i for i in others if repeats(i, at, reasoned)), None)
        if more is not None:
            yield covered(one.check, reasoned[more].check)


def both_fail(first: Reasoned, second: Reasoned) -> Problem:
    """The finding of two checks that contradict each other, at the later."""
    one, other = first.check, second.check
    fails = first.all.both(second.all).impossible
    message = f"'{other.name}' and '{one.name}' can never both pass: no '{fails}' fits both"
    hint = f"'{one.name}' stands in {one.span}: correct one of them."
    return problem("LOG05", message, hint, other.span)


def covered(less: n.Check, more: n.Check) -> Problem:
    """The finding of a check that adds nothing to another."""
    message = f"'{less.name}' adds nothing: wherever it fails, '{more.name}' fails too"
    hint = f"'{more.name}' stands in {more.span}: keep one of them."
    return problem("LOG06", message, hint, less.span, "warning")


_ALWAYS = frozenset({"=", "<=", ">="})


def check_constants(index: Index) -> Iterator[Problem]:
    """Conditions that say nothing, without those of checks."""
    for place in with_checks((), index):
        if place.what == "condition":
            yield from constant(place.expr)


def check_logic(look: Look) -> Iterator[Problem]:
    """All that can be proved of checks, of each and of two."""
    index = look.index
    for name, record in index.records.items():
        if record.source is None:
            continue
        mine = [c for c in index.ruleset.checks if name in records_of(c.records, index)]
        for each_line in (False, True):
            yield from _of_record([c for c in mine if c.each_line == each_line], name, look)


def constant(node: n.Expr) -> Iterator[Problem]:
    """Comparisons in a condition that are always or never so, and what stands in it twice."""
    if isinstance(node, n.AllOf | n.AnyOf):
        yield from repeated(node.parts)
        for part in node.parts:
            yield from constant(part)
    elif isinstance(node, n.Not):
        yield from constant(node.expr)
    elif isinstance(node, n.Compare) and node.op in {"=", "<>"} and _blank(node) is not None:
        asked = say(_blank(node) or node)
        hint = f"Write '{asked} is missing'." if node.op == "=" else f"Write '{asked} is known'."
        message = f"'{say(node)}' asks for a blank text, and what is blank is missing"
        yield problem("LOG01", message, hint, node.span, "warning")
    elif isinstance(node, n.Compare):
        answer = _answer(node)
        if answer is not None:
            word = "always" if answer else "never"
            message = f"'{say(node)}' is {word} so, whatever the record holds"
            yield problem("LOG01", message, "Compare a field with something else.", node.span)


def _blank(node: n.Compare) -> n.Expr | None:
    """What is compared with a blank text."""
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if (
            isinstance(other, n.Literal)
            and isinstance(other.value, str)
            and not other.value.strip()
        ):
            return one
    return None


def check_abroad(index: Index) -> Iterator[Problem]:
    """The same question as `abroad`, of approvals and routes."""
    asking: tuple[n.Approve | n.Post, ...] = (*index.ruleset.approvals, *index.ruleset.posts)
    for one in asking:
        if one.when is not None and one.record in index.records:
            yield from abroad((one.when,), Scope(index, one.record))


def abroad(asked: Sequence[n.Expr], scope: Scope) -> Iterator[Problem]:
    """Numbers of the rules beside amounts, where the record is asked to be in another currency.

    Such a number counts in the currency of the source, so that nothing is ever known of the two.
    """
    source = scope.index.sources.get(scope.index.records[scope.record].source or "")
    if source is None or not stored_currency(scope.index, scope.record):
        return
    parts = [p for one in asked for p in (one.parts if isinstance(one, n.AllOf) else (one,))]
    if not any(_elsewhere(part, source.currency) for part in parts):
        return
    for node in n.walk(tuple(parts)):
        if isinstance(node, n.Compare | n.Arith) and _sets_beside(node, scope):
            message = f"'{say(node)}' is never known here: a number counts in {source.currency}"
            hint = "No rate stands between two currencies: such a record is held for a person."
            yield problem("TYP01", message, hint, node.span, "warning")


def _elsewhere(part: n.Expr, home: str) -> bool:
    """Whether a condition lets through only records that are in another currency than this."""
    if isinstance(part, n.Member) and _is_currency(part.left):
        return all(_code(value) not in {home, None} for value in part.values)
    if not isinstance(part, n.Compare) or not _is_currency(part.left):
        return False
    code = _code(part.right)
    return code is not None and (part.op, code == home) in {("=", False), ("<>", True)}


def _is_currency(node: n.Expr) -> bool:
    return isinstance(node, n.Name) and node.path == (CURRENCY,)


def _code(node: n.Expr | n.Value) -> str | None:
    value = node.value if isinstance(node, n.Literal) else None
    return value.strip().upper() if isinstance(value, str) else None


def _sets_beside(node: n.Compare | n.Arith, scope: Scope) -> bool:
    """Whether one side is an amount and the other a number of the rules that is not zero."""
    if isinstance(node, n.Arith) and node.op in "*/":
        return False
    kinds = [infer(side, scope, silent) for side in (node.left, node.right)]
    number = next((kind for kind in kinds if kind.kind == "number"), None)
    return (
        number is not None
        and {k.kind for k in kinds} == {"number", "money"}
        and (not number.written or any(number.written))
    )


def repeated(parts: Sequence[n.Expr]) -> Iterator[Problem]:
    """Conditions that stand twice side by side: one of them was mostly meant otherwise."""
    seen: set[str] = set()
    for part in parts:
        if say(part) in seen:
            message = f"'{say(part)}' says nothing new: it stands here already"
            yield problem("LOG04", message, "Take it out, or correct it.", part.span, "warning")
        seen.add(say(part))


def _answer(node: n.Compare) -> bool | None:
    left, right = node.left, node.right
    if isinstance(left, n.Literal) and isinstance(right, n.Literal):
        same = type(left.value) is type(right.value)
        return bool(COMPARED[node.op](left.value, right.value)) if same else None
    if not isinstance(left, n.Literal) and say(left) == say(right):
        return node.op in _ALWAYS
    return settled(node)


def _of_record(checks: list[n.Check], record: str, look: Look) -> Iterator[Problem]:
    """What is wrong with the checks of a record; those that are known to be right are not asked."""
    group = tuple(map(look.studied, checks))
    if group and not look.memory.is_right(record, group):
        look.memory.compared += 1
        found = tuple(_among(checks, record, look))
        if not found:
            look.memory.found_right(record, group)
        yield from found


def _among(checks: list[n.Check], record: str, look: Look) -> Iterator[Problem]:
    claims = [look.claims(check_, record) for check_ in checks]
    said = [s for c in claims for s in (c.when, *c.requires) if s is not None]
    cuts = Cuts(look.index, said)
    reasoned = [_reasoned(c, of, cuts) for c, of in zip(checks, claims, strict=True)]
    for one in reasoned:
        yield from _alone(one, cuts)
    yield from compared(reasoned)


def _reasoned(check_: n.Check, claims: Claims, cuts: Cuts) -> Reasoned:
    when = cuts.allowed(claims.when) if claims.when is not None else Allowed()
    requires = tuple(cuts.allowed(claim) for claim in claims.requires)
    return Reasoned(check_, when, requires, reduce(Allowed.both, requires, Allowed()))


def _alone(one: Reasoned, cuts: Cuts) -> Iterator[Problem]:
    check_ = one.check
    never = one.when.impossible
    if never and check_.when is not None:
        message = f"'{check_.name}' never applies: no '{never}' fits its when"
        yield problem("LOG02", message, "Widen the condition behind when.", check_.when.span)
        return
    fails = one.all.impossible or one.when.both(one.all).impossible
    if fails:
        message = f"'{check_.name}' can never pass: no '{fails}' fits all its conditions"
        yield problem("LOG03", message, "Take one of them out, or correct it.", check_.span)
        return
    for allowed, node in zip(one.requires, check_.requires, strict=True):
        given = check_.when is not None and one.when.implies(allowed)
        if given or cuts.fits_all(allowed):
            why = "the when of the check says so already" if given else "every value fits it"
            message = f"'{say(node)}' never fails: {why}"
            yield problem("LOG04", message, "Take it out, or correct it.", node.span, "warning")
