"""Decision tables in sentences, one for each row: changes, cancellations and errors.

Here: edit_row, cancel_row, retry_row, and what counts when several fit. Not here: what may be
posted (route_sentences.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from grammar import nodes as n
from grammar.nodes import OF_LINE
from rules.phrases.composed import capital, composed, instead, message, named
from rules.phrases.expression_words import Phrases
from rules.phrases.terms import a, listed
from rules.rulebook.actions import action, becoming, but_for, posted, targets_of
from rules.values.names import plain

_BUILT_IN = {
    "not_ready": message("returns to a status that does not allow posting"),
    "overbilled": message("has less to bill than was billed"),
}
_ANSWERS = {
    "missing_field": message("finds a required field missing"),
    "bad_value": message("rejects a value"),
    "mapping_missing": message("does not know a code"),
    "authorization_failed": message("rejects the API key"),
    "duplicate": message("has the document already"),
    "stale_version": message("has the document with other content"),
    "period_locked": message("has locked the period"),
    "temporary": message("is busy or not responding"),
    "uncertain": message("does not confirm"),
    "business_rule": message("rejects it by its own rule"),
}


def edit_row(one: n.Edit, row: n.TableRow, words: Phrases) -> str:
    """What a change after posting does."""
    here = words.of(one.record)
    cells = dict(zip(one.table.head, row.cells, strict=False))
    changed = cells.pop("changed", None)
    names = [v.name for v in getattr(changed, "values", ()) if isinstance(v, n.Word)]
    groups = {g.name: listed([_field(w.name) for w in g.fields], "or") for g in one.groups}
    own = [
        composed("its %(group)s (%(fields)s)", group=named(g), fields=groups[g])
        for g in names
        if g in groups
    ]
    what = [composed("changes in %(groups)s", groups=listed(own, "or"))] if own else []
    what += [composed(_BUILT_IN[g]) for g in names if g in _BUILT_IN]
    done = action(row.action, words, targets_of([one.record], words.index))
    does = listed(what, "either") or composed("changes in anything")
    says = composed("%(record)s that %(change)s", record=_posted(one, words), change=does)
    return composed("%(what)s: %(action)s.", what=_given(says, cells, here), action=done)


def _field(name: str) -> str:
    """A field in a group of changes: `line price`."""
    if not name.startswith(OF_LINE):
        return named(name)
    field, line = named(name.removeprefix(OF_LINE)), composed("the line")
    return instead(plain(name), composed("%(what)s of %(whose)s", what=field, whose=line))


def strictest(one: n.Edit) -> str:
    """What counts when several rows fit."""
    return composed(
        "If %(record)s changes in several of these at once, the strictest answer counts.",
        record=_for(composed("%(record)s posted", record=a(one.record)), one.route)
        if one.route
        else posted(one.record),
    )


def cancel_row(one: n.Cancel, row: n.TableRow, words: Phrases) -> str:
    """What a cancellation after posting does, in one sentence."""
    records = [w.name for w in one.records]
    here = words.of(records[0])
    cells = dict(zip(one.table.head, row.cells, strict=False))
    what: str = composed(
        "%(record)s that is cancelled after it was posted",
        record=capital(listed([a(name) for name in records], "or")),
    )
    what = _given(_of_cancel(what, one, words), cells, here)
    open_ = [_whatever(name, c, here) for name, c in cells.items() if isinstance(c, n.Any_)]
    if open_:
        whatever = listed(open_, "so")
        what = composed("%(what)s, %(whatever)s", what=what, whatever=whatever)
    done = action(row.action, words, targets_of(records, words.index))
    return composed("%(what)s: %(action)s.", what=what, action=done)


def retry_row(one: n.Retry, row: n.TableRow, words: Phrases) -> str:
    """What an error of the target is answered with."""
    cells = dict(zip(one.table.head, row.cells, strict=False))
    errors = cells.pop("error", None)
    errors_ = [v.name for v in getattr(errors, "values", ()) if isinstance(v, n.Word)]
    told = [composed(_ANSWERS[name]) if name in _ANSWERS else named(name) for name in errors_]
    does = listed(told, "either") or composed("rejects it")
    what = composed("When %(target)s %(answer)s", target=one.target, answer=does)
    done = action(row.action, words, one.target)
    return composed("%(what)s: %(action)s.", what=_given(what, cells, words), action=done)


def _posted(one: n.Edit, words: Phrases) -> str:
    """What a table of edits speaks of."""
    if one.route is not None:
        return _for(composed("%(record)s posted", record=capital(a(one.record))), one.route)
    others = (e.route for e in words.index.ruleset.edits if e.record == one.record)
    return _but(capital(posted(one.record)), others)


def _of_cancel(what: str, one: n.Cancel, words: Phrases) -> str:
    if one.route:
        return _for(what, one.route)
    mine = {w.name for w in one.records}
    tables = words.index.ruleset.cancels
    return _but(what, (c.route for c in tables if mine & {w.name for w in c.records}))


def _for(what: str, route: n.RouteName) -> str:
    return composed("%(what)s as %(document)s", what=what, document=becoming(route))


def _but(what: str, routes: Iterable[n.RouteName | None]) -> str:
    left = but_for(routes)
    return composed("%(what)s (%(exception)s)", what=what, exception=left) if left else what


def _whatever(name: str, cell: n.Cell, words: Phrases) -> str:
    if name == "e_invoice_age":
        return composed("whether or not it has an e-invoice")
    return composed("whatever %(value)s is", value=words.expr(n.Name((name,), cell.span)))


def _given(what: str, cells: dict[str, n.Cell], words: Phrases) -> str:
    """What is spoken of, with the conditions of a row, but those that fit everything."""
    said = []
    for name, cell in cells.items():
        if isinstance(cell, n.Among):
            said.append(words.among(name, cell.values))
        elif isinstance(cell, n.Compared):
            said.append(words.compared(name, cell.op, cell.value))
    if not said:
        return what
    return composed("%(what)s, while %(conditions)s", what=what, conditions=listed(said, "so"))
