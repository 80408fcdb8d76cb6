"""The wholes of a text joined from pieces: `f"{n} {'is' if one else 'are'} late"` is two sentences.

Here: which values of an f-string are pieces of its sentence, also those put into a name before,
and the sentences that they make. Not here: what becomes of them (messages.py).
"""

import ast
import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

MOST = 8
"""So many sentences one text may make; pieces of more stay values of it."""

Piece = str | ast.expr
"""Words, or a value among them."""
Scope = Mapping[str, Sequence[ast.expr]]
"""What is put into each name of a function."""


def scope(function: ast.FunctionDef) -> Scope:
    """What this function puts into its names; a name that anything else changes has an Ellipsis."""
    found: dict[str, list[ast.expr]] = {one.arg: [ast.Constant(...)] for one in _given(function)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Tuple):
                    for name, value in _pairs(target, node.value):
                        found.setdefault(name, []).append(value)
        elif isinstance(node, ast.AugAssign | ast.For | ast.NamedExpr | ast.comprehension):
            for inner in ast.walk(node.target):
                if isinstance(inner, ast.Name):
                    found.setdefault(inner.id, []).append(ast.Constant(...))
    return found


def tables(module: ast.Module) -> Scope:
    """The tables of a module whose entries are pieces of sentences: name -> its entries."""
    found: dict[str, list[ast.expr]] = {}
    for node in module.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.isupper():
            given = getattr(node, "value", None)
            if isinstance(given, ast.Dict):
                found[target.id] = given.values
    return found


def _given(function: ast.FunctionDef) -> Iterator[ast.arg]:
    yield from (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)


def _pairs(target: ast.Tuple, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """`a, b = x, y`, also with a condition around both sides."""
    for at, one in enumerate(target.elts):
        if isinstance(one, ast.Name):
            yield one.id, _side(value, at)


def _side(value: ast.expr, at: int) -> ast.expr:
    if isinstance(value, ast.Tuple) and at < len(value.elts):
        return value.elts[at]
    if isinstance(value, ast.IfExp):
        return ast.IfExp(value.test, _side(value.body, at), _side(value.orelse, at))
    return ast.Constant(...)


def wholes(text: ast.JoinedStr, names: Scope) -> list[list[Piece]]:
    """The sentences that a text makes, each as its pieces."""
    return [list(itertools.chain(*one)) for one in choices(text, names)]


def choices(text: ast.JoinedStr, names: Scope) -> list[tuple[list[Piece], ...]]:
    """The same, by the parts of the text: for each sentence what stands for each part."""
    sides = [_ways(one, names, frozenset()) for one in text.values]
    while _count(sides) > MOST:
        longest = max(range(len(sides)), key=lambda at: len(sides[at]))
        part = text.values[longest]
        sides[longest] = [[part.value if isinstance(part, ast.FormattedValue) else part]]
    return list(itertools.product(*sides))


def _count(sides: Sequence[Sequence[object]]) -> int:
    count = 1
    for one in sides:
        count *= len(one)
    return count


def _ways(node: ast.expr, names: Scope, seen: frozenset[str]) -> list[list[Piece]]:
    if isinstance(node, ast.FormattedValue):
        inner = node.value
        piece = node.format_spec is None and is_piece(inner, names, seen)
        return _ways(inner, names, seen) if piece else [[inner]]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [[node.value]]
    if isinstance(node, ast.JoinedStr):
        sides = [_ways(one, names, seen) for one in node.values]
        if _count(sides) > MOST:
            return [[node]]
        return [list(itertools.chain(*one)) for one in itertools.product(*sides)]
    if isinstance(node, ast.IfExp):
        return [*_ways(node.body, names, seen), *_ways(node.orelse, names, seen)]
    if isinstance(node, ast.BoolOp) and is_piece(node, names, seen):
        return [way for one in node.values for way in _ways(one, names, seen)]
    if isinstance(node, ast.Subscript) and is_piece(node, names, seen):
        return [way for one in _entries(node, names) for way in _ways(one, names, seen)]
    if isinstance(node, ast.Name) and is_piece(node, names, seen):
        return [way for one in names[node.id] for way in _ways(one, names, seen | {node.id})]
    return [[node]]


def is_piece(node: ast.expr, names: Scope, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a value is words of the sentence that it stands in, on one side of a condition."""
    if isinstance(node, ast.IfExp):
        return any(_words(one, names, seen) for one in (node.body, node.orelse))
    if isinstance(node, ast.BoolOp):
        return isinstance(node.op, ast.Or) and _words(node.values[-1], names, seen)
    if isinstance(node, ast.Subscript):
        told = _entries(node, names)
        return bool(told) and all(_words(one, names, seen) for one in told)
    if isinstance(node, ast.Name):
        put = names.get(node.id, ())
        return (
            node.id not in seen
            and bool(put)
            and all(_words(one, names, seen | {node.id}) or _empty(one) for one in put)
            and any(_words(one, names, seen | {node.id}) for one in put)
        )
    return False


def spoken(node: ast.expr, names: Scope, speakers: Collection[str]) -> bool:
    """Whether a name holds texts of ours alone: words of the module, or what a speaker answered."""
    put = names.get(node.id, ()) if isinstance(node, ast.Name) else ()
    return bool(put) and all(_said(one, speakers) for one in put)


def _said(node: ast.expr, speakers: Collection[str]) -> bool:
    if isinstance(node, ast.IfExp):
        return _said(node.body, speakers) and _said(node.orelse, speakers)
    if isinstance(node, ast.Call):
        named = node.func
        return getattr(named, "attr", getattr(named, "id", "")) in speakers
    text = node
    if isinstance(node, ast.JoinedStr):
        text = ast.Constant(
            "".join(
                str(getattr(one, "value", ""))
                for one in node.values
                if isinstance(one, ast.Constant)
            )
        )
    return isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value


def _entries(node: ast.Subscript, names: Scope) -> Sequence[ast.expr]:
    """The entries of the table that a value is taken out of."""
    table = node.value
    return names.get(table.id, ()) if isinstance(table, ast.Name) and table.id.isupper() else ()


def _empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _words(node: ast.expr, names: Scope, seen: frozenset[str]) -> bool:
    """Whether it is words, but no sentence: that is a message of its own."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and _fragment(node.value)
    if isinstance(node, ast.JoinedStr):
        return _fragment(
            "".join(
                str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values
            )
        )
    return is_piece(node, names, seen)


def _fragment(text: str) -> bool:
    return bool(re.search("[A-Za-z]{2}|^s$", text)) and not re.match("[A-Z].*[.!?]$", text)
