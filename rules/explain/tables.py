"""Decision tables in sentences: on edit, on cancel, retry.

Here: one sentence for each row. Not here: what an action does (actions.py).
"""

from __future__ import annotations

from grammar import nodes as n
from rules.explain.actions import action, becoming, but_for, targets_of
from rules.explain.nouns import a, capital, listed, plain
from rules.explain.phrases import Phrases

_BUILT_IN = {
    "not_ready": "falls back to a status that may not go",
    "overbilled": "has less to bill than was billed",
}
_WHATEVER = {"e_invoice_age": "whether or not it has an e-invoice"}
_ANSWERS = {
    "missing_field": "misses a field",
    "bad_value": "refuses a value",
    "mapping_missing": "does not know a code",
    "authorization_failed": "refuses our key",
    "duplicate": "has the document already",
    "stale_version": "holds another content of the document",
    "period_locked": "has locked the period",
    "temporary": "is busy or out of reach",
    "uncertain": "gives no clear answer",
    "business_rule": "refuses by a rule of its own",
}


def edit_row(one: n.Edit, row: n.TableRow, words: Phrases) -> str:
    """What a change after posting does."""
    here = words.of(one.record)
    cells = dict(zip(one.table.head, row.cells, strict=False))
    changed = cells.pop("changed", None)
    names = [v.name for v in getattr(changed, "values", ()) if isinstance(v, n.Word)]
    groups = {g.name: listed([plain(w.name) for w in g.fields], "or") for g in one.groups}
    own = [f"its {plain(g)} ({groups[g]})" for g in names if g in groups]
    what = [f"changes in {listed(own, 'or')}"] if own else []
    what += [_BUILT_IN[g] for g in names if g in _BUILT_IN]
    given = _given(cells, here)
    begin = f"{_posted(one, words)} that"
    done = action(row.action, words, targets_of([one.record], words.index))
    return f"{begin} {listed(what, 'or') or 'changes in anything'}{given}: {done}."


def strictest(one: n.Edit) -> str:
    """What counts when several rows fit."""
    what = f"{a(one.record)} posted{_for(one.route)}" if one.route else a(f"posted {one.record}")
    return f"If {what} changes in several of these at once, the strictest answer counts."


def cancel_row(one: n.Cancel, row: n.TableRow, words: Phrases) -> str:
    """What a cancellation after posting does, in one sentence."""
    records = [w.name for w in one.records]
    here = words.of(records[0])
    cells = dict(zip(one.table.head, row.cells, strict=False))
    open_ = [_whatever(name, c, here) for name, c in cells.items() if isinstance(c, n.Any_)]
    whatever = f", {listed(open_, 'and')}" if open_ else ""
    whose = capital(listed([a(name) for name in records], "or"))
    done = action(row.action, words, targets_of(records, words.index))
    return (
        f"{whose} that is cancelled after it was posted{_of_cancel(one, words)}"
        f"{_given(cells, here)}{whatever}: {done}."
    )


def retry_row(one: n.Retry, row: n.TableRow, words: Phrases) -> str:
    """What an error of the target is answered with."""
    cells = dict(zip(one.table.head, row.cells, strict=False))
    errors = cells.pop("error", None)
    named = [v.name for v in getattr(errors, "values", ()) if isinstance(v, n.Word)]
    what = listed([_ANSWERS.get(name, plain(name)) for name in named], "or") or "refuses"
    given = _given(cells, words)
    done = action(row.action, words, one.target)
    return f"When {one.target} {what}{given}: {done}."


def _posted(one: n.Edit, words: Phrases) -> str:
    """What a table of edits speaks of."""
    if one.route is not None:
        return f"{capital(a(one.record))} posted{_for(one.route)}"
    others = (e.route for e in words.index.ruleset.edits if e.record == one.record)
    return f"{capital(a('posted ' + one.record))}{but_for(others)}"


def _of_cancel(one: n.Cancel, words: Phrases) -> str:
    mine = {w.name for w in one.records}
    tables = words.index.ruleset.cancels
    return _for(one.route) or but_for(c.route for c in tables if mine & {w.name for w in c.records})


def _for(route: n.RouteName | None) -> str:
    return f" as {becoming(route)}" if route else ""


def _whatever(name: str, cell: n.Cell, words: Phrases) -> str:
    return _WHATEVER.get(name) or f"whatever {words.expr(n.Name((name,), cell.span))} is"


def _given(cells: dict[str, n.Cell], words: Phrases) -> str:
    """The conditions of a row, but those that fit everything."""
    said = []
    for name, cell in cells.items():
        if isinstance(cell, n.Among):
            said.append(words.among(name, cell.values))
        elif isinstance(cell, n.Compared):
            said.append(words.compared(name, cell.op, cell.value))
    return f", while {listed(said)}" if said else ""
