"""Can every amount be compared: the document's with its own lines and with its record's?

Here: routes without a comparable total, routes that lose the record's tax or total, and the word
that leaves a comparison out. Not here: comparing (rules/amounts.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.index import Index
from rules.schema import Amounts, DocumentSchema, Schemas
from rules.totals import Own, Parts, posts_tax, shows_money

_MEANT = 'If it is meant so, say why: amount not compared because "…".'


def check(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """All routes that post money."""
    for post in index.ruleset.posts:
        known = schemas.document(post.route.target, post.route.document)
        if known is None or post.record not in index.records:
            continue
        own = Own.of(index, post.record, schemas)
        yield from _uncompared(post, own)
        if shows_money(post, known) or getattr(known, "books", None) is not None:
            yield from _route(_Route(post, known), own, index)


class _Route:
    """A route by what its documents may say of their amounts."""

    def __init__(self, post: n.Post, known: DocumentSchema) -> None:
        self.post, self.known = post, known
        self.total = (known.total_field or "") if post.bill is None else ""  # a part has none
        self.given = {a.name for a in (*post.fields, *post.line_fields)}
        self.defined: Amounts | None = getattr(known, "amounts", None)

    @property
    def described(self) -> bool:
        """Whether the target says how its total is made, and asks for no field of that anyhow."""
        names = {self.known.total_field, self.defined.amount if self.defined else ""} - {None, ""}
        fields = (f for f in (*self.known.header, *self.known.lines) if f.name in names)
        return bool(names) and not any(f.required and f.name not in self.given for f in fields)

    def says(self, *fields: str) -> str:
        """How to say the first or another of these fields."""
        ways = [f"{name} = …" for name in fields if name and name not in self.given]
        return f"Add {', or '.join(ways)}." if ways else "Say each amount in a field of its own."


def _route(route: _Route, own: Own | None, index: Index) -> Iterator[Problem]:
    post, known, total = route.post, route.known, route.total
    if total not in route.given and Parts.of(index, post, known, total) is None:
        if not route.described:
            return
        message = f"nothing says what {post.route} comes to in the books, with its tax"
        yield problem("POS21", message, _completed(route), post.span)
    elif own is not None and post.uncompared is None:
        yield from _lost(route, own, index)


def _completed(route: _Route) -> str:
    """What is missing of the sum of the lines, or the total itself."""
    defined = route.defined
    if defined is None:
        return route.says(route.total)
    tax = defined.tax if defined.code in route.given else ""
    return route.says(defined.amount, tax, route.total)


def _lost(route: _Route, own: Own, index: Index) -> Iterator[Problem]:
    post, defined = route.post, route.defined
    if own.read(index, post.record) is None:
        message = f"the {own.total} of the {post.record} is not read, so amounts may get lost"
        hint = f"Add to the record: {own.total}  money. {_MEANT}"
        yield problem("POS22", message, hint, post.span)
    elif (
        own.tax and route.known.total_field not in route.given and not posts_tax(post, route.known)
    ):
        message = f"{post.route} has neither the tax nor the total of the {post.record}"
        hint = f"{route.says(route.total, defined.tax if defined else '')} {_MEANT}"
        yield problem("POS22", message, hint, post.span)


def _uncompared(post: n.Post, own: Own | None) -> Iterator[Problem]:
    said = post.uncompared
    if said is None:
        return
    if not said.reason.strip():
        message = f"the amount of {post.route} is not compared, and nobody says why"
        yield problem("POS23", message, 'Say why it is meant so: because "…".', said.span)
    elif own is None:
        message = f"nothing to leave out: the {post.record} has no total to compare with"
        yield problem("POS23", message, "Take the line out.", said.span, "warning")
