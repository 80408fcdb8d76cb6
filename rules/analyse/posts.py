"""Can every route be followed to its end?

Here: targets, waiting in a ring, document numbers, timing, missing duplicates rules. Not here: the
fields of the target (schemas.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.index import Index
from rules.types import did_you_mean
from rules.words import parse_message, say


def check(index: Index) -> Iterator[Problem]:
    """All problems of routes as a whole."""
    for post in index.ruleset.posts:
        if post.route.target not in index.targets:
            hint = did_you_mean(post.route.target, index.targets)
            message = f"there is no target '{post.route.target}'"
            yield problem("NAM09", message, hint, post.route.span)
        if post.record in index.records:
            yield from _timing(post, index)
            yield from _number(post)
        yield from _after(post, index)
        yield from _assigned(post)
        yield from _duplicates(post, index)


def _timing(post: n.Post, index: Index) -> Iterator[Problem]:
    if not isinstance(post.timing, n.Daily):
        return
    field = index.fields[post.record].get(post.timing.by)
    if isinstance(field, n.Field) and field.type not in {"date", "moment"}:
        message = f"'{field.name}' is no date and no moment, so it has no day"
        yield problem("POS06", message, "Name a date or a moment.", post.timing.span)


def _number(post: n.Post) -> Iterator[Problem]:
    parts, broken = parse_message(post.number.replace("{posting}", ""), post.span)
    if broken:
        message = f"'{{{broken[0]}}}' in the document number is no name"
        yield problem("MSG02", message, "Write {number}, or another field.", post.span)
    elif not any(not isinstance(p, str) for p in parts):
        message = "every document of this route would have the same number"
        yield problem("POS04", message, 'Put the key into it: as "{number}".', post.span)


def _after(post: n.Post, index: Index) -> Iterator[Problem]:
    routes = index.routes()
    chain = [str(post.route)]
    at: n.Post | None = post
    while at is not None and at.after is not None:
        name = str(at.after)
        if name not in routes:
            if at is post:
                hint = did_you_mean(name, routes)
                message = f"waits for '{name}', which nothing posts"
                yield problem("POS03", message, hint, at.after.span)
            return
        if name in chain:
            message = f"waits in a ring: {' waits for '.join([*chain, name])}"
            span = post.after.span if post.after else post.span
            yield problem("POS02", message, "One of them must not wait.", span)
            return
        chain.append(name)
        at = routes[name]
    for call in _calls((post.fields, post.line_fields)):
        if call.args and (post.after is None or say(call.args[0]) != str(post.after)):
            message = f"the number of {say(call.args[0])} is not known yet"
            hint = f"Say 'after {say(call.args[0])}' in this route."
            yield problem("POS05", message, hint, call.span)


def _calls(node: Any) -> Iterator[n.Call]:
    if isinstance(node, n.Call) and node.name == "number_of":
        yield node
    parts = node if isinstance(node, tuple) else ()
    slots = getattr(node, "__slots__", ())
    for part in (*parts, *(getattr(node, s) for s in slots if s not in {"span", "value"})):
        yield from _calls(part)


def _assigned(post: n.Post) -> Iterator[Problem]:
    for assigns in (post.fields, post.line_fields):
        seen: dict[str, n.Assign] = {}
        for assign in assigns:
            if assign.name in seen:
                message = f"'{assign.name}' is given twice"
                hint = f"It stands in {seen[assign.name].span} already."
                yield problem("POS08", message, hint, assign.span)
            seen.setdefault(assign.name, assign)
            if assign.name in post.they_own and not isinstance(assign.expr, n.Literal):
                message = f"'{assign.name}' is theirs, and follows the record too"
                hint = "Take it out of 'they own', or post only a first value for it."
                yield problem("POS09", message, hint, assign.span)


def _duplicates(post: n.Post, index: Index) -> Iterator[Problem]:
    known = (w.name for d in index.ruleset.duplicates for w in d.records)
    if post.record not in known:
        message = f"nothing says what makes a {post.record} for {post.route} a duplicate"
        hint = f"Declare 'duplicates of {post.record}' with at least one 'unique by'."
        yield problem("POS07", message, hint, post.span)
