"""The parts of routes: when a document goes, what stands in it, who owns it afterwards.

Here: post and reversing, computed fields and links. Not here: what must be true before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grammar import nodes as n
from rules.breaking.part import GONE, Part, part
from rules.breaking.values import other
from rules.index import Index, Scope


def of_routes(index: Index) -> Iterator[Part]:
    """All parts of all routes."""
    for post in index.ruleset.posts:
        name = f"post {post.record} to {post.route}"
        yield from _going(post, name)
        yield from _document(post, name, index)
    for reversal in index.ruleset.reversals:
        yield from _document(reversal, f"post {reversal.record} to {reversal.route}", index)


def of_fields(index: Index) -> Iterator[Part]:
    """Computed fields, and what a link leaves out."""
    for record in index.ruleset.records:
        scope = Scope(index, record.parent or record.name, line=record.parent is not None)
        for field in record.fields:
            if isinstance(field, n.Computed) and (way := other(field.expr, scope)) is not None:
                name = f"{record.name}.{field.name}"
                yield part("computed fields", name, record, field, (replace(field, expr=way),))
    for link in index.ruleset.links:
        if link.where is not None:
            name = f"link {link.name} of {link.record}: where"
            yield part("links", name, link, link.where, (GONE,))


def _going(post: n.Post, name: str) -> Iterator[Part]:
    """When it goes, and who may change it."""
    if post.when is not None:
        yield part("timing of routes", f"{name}: when", post, post.when, (GONE,))
    if isinstance(post.timing, n.Daily):
        later = replace(post.timing, at=post.timing.at.replace(hour=(post.timing.at.hour + 1) % 24))
        yield part("timing of routes", f"{name}: daily", post, post.timing, (later,))
    if post.after is not None:
        yield part("timing of routes", f"{name}: after", post, post.after, (GONE,))
    if post.bill is not None:
        yield part("timing of routes", f"{name}: bill", post, post.bill, (GONE,))
    if post.uncompared is not None:
        yield part("amounts of routes", f"{name}: amount", post, post.uncompared, (GONE,))
    kind = "ignore" if post.we_own.kind != "ignore" else "block"
    instead = n.Action(kind, None, post.we_own.span)
    yield part("owners of fields", f"{name}: we own", post, post.we_own, (instead,))


def _document(route: n.Post | n.Reversal, name: str, index: Index) -> Iterator[Part]:
    """The number, the fields, the fields of each line."""
    if route.record not in index.records:
        return
    bills = isinstance(route, n.Post) and route.bill is not None
    head = Scope(index, route.record, document=True, bills=bills)
    numbered = replace(route, number=f"{route.number}-broken")
    yield Part("document numbers", f"{name} as", route.span, route, (numbered,))
    sides = ((route.fields, head, ""), (route.line_fields, replace(head, line=True), "line "))
    for assigns, scope, where in sides:
        for assign in assigns:
            if (way := other(assign.expr, scope)) is not None:
                said = f"{name}: {where}{assign.name}"
                changed = replace(assign, expr=way)
                yield part("posted fields", said, route, assign, (changed,))
