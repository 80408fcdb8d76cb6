"""Can what is posted be taken back, and posted again?

Here: document numbers that would be used twice, reversing routes, tables that ask for a reversal
that nobody declared, and tables that ask a target for what it cannot do. Not here: whether a table
is complete (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.index import Index
from rules.schema import Schemas
from rules.types import did_you_mean

AGAIN = ("new_document", "credit_and_new")
REVERSED = ("credit_note", "credit_and_new")
ABLE = ("update", "void")
_SAID = {
    "credit_note": "credit note",
    "credit_and_new": "credit note and new",
    "new_document": "new document",
}


def check(index: Index) -> Iterator[Problem]:
    """Numbers, reversing routes, and what tables ask of them."""
    for post in index.ruleset.posts:
        why = _again(post, index)
        if why and "{posting}" not in post.number:
            message = f"this route {why}, so the number '{post.number}' comes twice"
            hint = f'Count the postings: as "{post.number}-{{posting}}".'
            yield problem("POS16", message, hint, post.span)
    seen: dict[tuple[str, str], Span] = {}
    for reversal in index.ruleset.reversals:
        yield from _reversal(reversal, index)
        at = (reversal.record, str(reversal.reversing))
        if at in seen:
            message = f"'{reversal.reversing}' is reversed already"
            yield problem("NAM20", message, f"It stands in {seen[at]}.", reversal.span)
        seen.setdefault(at, reversal.span)
    reversed_ = {(r.record, str(r.reversing)) for r in index.ruleset.reversals}
    for post, action in _answers(index):
        if action.kind in REVERSED and (post.record, str(post.route)) not in reversed_:
            yield _irreversible(post, action)


def _again(post: n.Post, index: Index) -> str:
    """Why a route may post one record more than once."""
    if post.bill is not None:
        return "bills in parts"
    undoes = {*AGAIN, "void", "credit_note"}
    if any(action.kind in undoes for of, action in _answers(index) if of is post):
        return "may be taken back and posted again"
    return ""


def _answers(index: Index) -> Iterator[tuple[n.Post, n.Action]]:
    """Every answer of the two tables that speak of a route: its own, or else the general one."""
    for post in index.ruleset.posts:
        route = str(post.route)
        tables = (index.edit(post.record, route), index.cancel(post.record, route))
        for row in (row for declared in tables if declared for row in declared.table.rows):
            if isinstance(row.action, n.Action):
                yield post, row.action


def _reversal(reversal: n.Reversal, index: Index) -> Iterator[Problem]:
    if reversal.record not in index.records:
        hint = did_you_mean(reversal.record, index.records)
        yield problem("NAM07", f"there is no record '{reversal.record}'", hint, reversal.span)
        return
    routes = [str(p.route) for p in index.posts.get(reversal.record, [])]
    if str(reversal.reversing) not in routes:
        message = f"{reversal.record} is not posted to '{reversal.reversing}'"
        hint = did_you_mean(str(reversal.reversing), routes)
        yield problem("NAM06", message, hint, reversal.reversing.span)
    if "{reversed}" not in reversal.number and "{posting}" not in reversal.number:
        message = "two reversals of one record would have the same number"
        hint = 'Name what is taken back: as "CN-{reversed}".'
        yield problem("POS17", message, hint, reversal.span)
    if reversal.route.target not in index.targets:
        hint = did_you_mean(reversal.route.target, index.targets)
        message = f"there is no target '{reversal.route.target}'"
        yield problem("NAM09", message, hint, reversal.route.span)


def _irreversible(post: n.Post, action: n.Action) -> Problem:
    message = f"'{_SAID[action.kind]}' for {post.route}, but nothing says how it is reversed"
    hint = f"Declare: post {post.record} to TARGET.DOCUMENT reversing {post.route}"
    return problem("POS18", message, f'{hint} as "CN-{{reversed}}"', action.span)


def check_targets(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Actions that the target of a posted document cannot do."""
    for post, action in _answers(index):
        if action.kind not in ABLE:
            continue
        known = schemas.document(post.route.target, post.route.document)
        can: tuple[str, ...] = tuple(getattr(known, "actions", ()))
        if known is None or action.kind in can:
            continue
        message = f"{post.route.target} cannot {action.kind} a {post.route.document}"
        others = ", ".join(a for a in ABLE if a in can)
        hint = f"It can {others}. " if others else ""
        hint += "Use review by …, hold for … or block, or reverse it with a credit note."
        yield problem("POS19", message, hint, action.span)
