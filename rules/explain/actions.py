"""What is done, as the end of a sentence about a record.

Here: action. Not here: when it is done (tables.py, readiness.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from grammar import nodes as n
from rules.explain.nouns import a, listed, plain, spoken
from rules.explain.phrases import Phrases
from rules.index import Index


def action(done: n.Action | n.TryAgain, words: Phrases, where: str = "the target") -> str:
    """What is done; `where` is the target that it would be done in."""
    if isinstance(done, n.TryAgain):
        first = f"the first time after {spoken(done.pause)}, then ever later"
        times = f"{done.times} times" if done.times > 1 else "once"
        return f"it is tried again up to {times}, {first}; after that {action(done.then, words)}"
    team = words.role(done.role)
    return {
        "hold": f"it is held for {team}",
        "review": f"it stays as it is until {team} has decided",
        "warn": "it goes on, with this warning beside it",
        "reject": "it is rejected and never posted",
        "block": f"nothing is done in {where}, and nobody can release it",
        "ignore": "the document stays as it is",
        "drop": "it is dropped",
        "wait": "it waits",
        "update": "the document is changed in place",
        "void": f"the document is made void in {where}",
        "new_document": "a further document is posted beside it",
        "credit_note": "a credit note takes the document back",
        "credit_and_new": "a credit note takes the document back, and a new document is posted",
        "look_up": "it is looked up there first, and sent again only if it is not there",
    }.get(done.kind, plain(done.kind))


def targets_of(records: list[str], index: Index) -> str:
    """Where documents of these records go."""
    names = [post.route.target for name in records for post in index.posts.get(name, ())]
    return listed(list(dict.fromkeys(names))) or "the target"


def but_for(routes: Iterable[n.RouteName | None]) -> str:
    """What a general declaration leaves to the narrowed ones beside it."""
    own = [f"as {becoming(route)}" for route in routes if route is not None]
    return f" (but not {listed(own, 'or')})" if own else ""


def becoming(route: n.RouteName) -> str:
    """What a route makes: `an invoice in autocount`."""
    return f"{a(route.document)} in {route.target}"
