"""Can each route ever go, and does each of its conditions ask something?

Here: gates without a ready status, a `when` that no record fits or every record fits, approvals
that are never or always asked for. Only what is proved over single fields is said. Not here:
checks (logic.py), the order of routes (posts.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.analyse.ranges import Cuts
from rules.index import Index, Scope
from rules.words import say


def check(index: Index) -> Iterator[Problem]:
    """Routes that never go, and conditions of routes and approvals that ask nothing."""
    for post in index.ruleset.posts:
        if post.record in index.records:
            yield from _route(post, index)
    for approve in index.ruleset.approvals:
        if approve.when is not None and approve.record in index.records:
            yield from _approval(approve, approve.when, index)


def _route(post: n.Post, index: Index) -> Iterator[Problem]:
    gate, status = index.gate(post.record, str(post.route)), index.status_field(post.record)
    ready = [s.name for row in gate.rows if row.word == "ready" for s in row.states] if gate else []
    what = f"no {post.record} ever goes to {post.route}"
    if gate is not None and not ready:
        message = f"{what}: its gate has no ready status"
        yield problem("POS20", message, "Give a status a ready row.", gate.span, "warning")
    if post.when is None:
        return
    cuts = Cuts(Scope(index, post.record), [post.when])
    allowed = cuts.allowed(post.when)
    column = cuts.columns.get(status.name) if status else None
    wanted = allowed.cases.get(status.name) if status else None
    if allowed.impossible:
        message = f"{what}: no '{allowed.impossible}' fits its when"
        yield problem("POS20", message, "Widen the condition.", post.when.span, "warning")
    elif column is not None and wanted is not None and ready:
        lets = sum(1 << at for at, name in enumerate(column.labels) if name in ready)
        if not wanted & lets:
            message = f"{what}: its when fits none of the statuses that its gate lets go"
            hint = f"The gate lets go {', '.join(ready)}."
            yield problem("POS20", message, hint, post.when.span, "warning")
    if _every(post.when, cuts):
        yield _says_nothing(post.when)


def _approval(approve: n.Approve, when: n.Expr, index: Index) -> Iterator[Problem]:
    cuts = Cuts(Scope(index, approve.record), [when])
    never = cuts.allowed(when).impossible
    if never:
        message = f"the approval of {approve.record} is never asked for: no '{never}' fits its when"
        yield problem("LOG02", message, "Widen the condition behind when.", when.span)
    elif _every(when, cuts):
        yield _says_nothing(when)


def _every(when: n.Expr, cuts: Cuts) -> bool:
    """Whether every value fits a condition."""
    allowed = cuts.allowed(when)
    full = bool(allowed.cases) and not allowed.rest
    return full and not any(cuts.columns[k].all & ~cases for k, cases in allowed.cases.items())


def _says_nothing(when: n.Expr) -> Problem:
    message = f"'{say(when)}' never fails: every value fits it"
    return problem("LOG04", message, "Leave the when out, or correct it.", when.span, "warning")
