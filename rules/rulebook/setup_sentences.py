"""Sources, targets, maps, units, links, values and decision tables, in sentences.

Here: one function for each kind of declaration. Not here: what may be posted (route_sentences.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from rules.rulebook.actions import action, becoming, but_for, targets_of, whose
from rules.types.phrases import Phrases
from rules.types.symbol_table import Scope
from rules.types.terms import a, be, capital, listed, spoken
from rules.values.names import plain
from rules.values.wording import bare

_BUILT_IN = {
    "not_ready": "returns to a status that does not allow posting",
    "overbilled": "has less to bill than was billed",
}
_WHATEVER = {"e_invoice_age": "whether or not it has an e-invoice"}
_ANSWERS = {
    "missing_field": "finds a required field missing",
    "bad_value": "rejects a value",
    "mapping_missing": "does not know a code",
    "authorization_failed": "rejects the API key",
    "duplicate": "has the document already",
    "stale_version": "has the document with other content",
    "period_locked": "has locked the period",
    "temporary": "is busy or not responding",
    "uncertain": "does not confirm",
    "business_rule": "rejects it by its own rule",
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
    what = listed([_ANSWERS.get(name, plain(name)) for name in named], "or") or "rejects it"
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


_FORGOTTEN = {
    "trimmed": "leading and trailing spaces",
    "any_case": "upper and lower case",
    "any_punctuation": "everything that is neither letter nor digit",
}
_HOLES = {
    "{field}": "‹field›",
    "{key}": "‹what was looked up›",
    "{uom}": "‹unit›",
    "{item}": "‹item›",
}


def source(one: n.Source) -> str:
    """What amounts and days of a source mean."""
    amounts = f"Amounts from {one.name} are in {one.currency}"
    return f"{amounts}, and its dates are in the time zone {one.zone}."


def blank(one: n.Source, words: Phrases) -> str:
    """What a source leaves out."""
    return (
        f"A record with blank fields or an unknown status from {one.name} is never ready to post: "
        f"{action(one.missing.action, words)}: {_told(one.missing)}"
    )


def target(one: n.Target, words: Phrases) -> str:
    """How amounts are rounded, and what is not known of a target."""
    how = {
        "per_line": f"each line is rounded to {one.places}, then they are totalled",
        "at_the_end": f"all lines are totalled, then the total is rounded to {one.places}",
    }[one.rounding]
    return (
        f"For {one.name} {how}. If {one.name} makes a total that differs by more than "
        f"{one.tolerance}, {action(one.tolerance_action, words)}. If it does not report what "
        f"a rule needs, {action(one.missing.action, words)}: {_told(one.missing)}"
    )


def table(one: n.Map, words: Phrases) -> str:
    """A mapping table."""
    forgotten = listed([_FORGOTTEN[m] for m in one.match if m in _FORGOTTEN])
    match = (
        f"{forgotten} are ignored" if forgotten else "exact match (case, spaces and dashes matter)"
    )
    rows = listed([f"“{row.key}” is {bare(row.value)}" for row in one.rows])
    start = f"; initial entries: {one.csv.path}" if one.csv else ""
    first = f"; initial entries: {rows}" if rows else ""
    return (
        f"Mapping table “{plain(one.name)}”: {match}{start}{first}. {_kept(one.kept, words)}"
        f"For unmapped values, {action(one.missing.action, words)}: {_told(one.missing)}"
    )


def units(one: n.Units, words: Phrases) -> Iterator[tuple[n.UnitBase | n.UnitRow | n.Units, str]]:
    """The units, and what a missing factor does."""
    several = len(one.bases) > 1
    for base in one.bases:
        whose = f"“{base.item}”" if base.item else "Everything else" if several else "Everything"
        yield base, f"{whose} is counted in {base.unit}."
    for row in one.rows:
        of = f" of “{row.item}”" if row.item else ""
        yield row, f"{row.count} {row.unit}{of} is {row.base_count} {row.base_unit}."
    more = f"Further units come from {one.csv}. " if one.csv else ""
    yield (
        one,
        (
            f"{more}{_kept(one.kept, words)}Undefined units are never treated as 1: "
            f"{action(one.missing.action, words)}: {_told(one.missing)} The same where the source, "
            "these units, the item in the accounting system and the posted document do not agree."
        ),
    )


def const(one: n.Const) -> str:
    """A fixed value with its days."""
    rows = []
    for row in sorted(one.rows, key=lambda row: row.since):
        value = row.value
        text = spoken(value.value) if value.kind == "duration" else bare(value)  # type: ignore[arg-type]
        rows.append(f"{f'“{text}”' if value.kind == 'text' else text} from {row.since} on")
    return f"The {plain(one.name)} {be(one.name)} {listed(rows)}."


def link(one: n.Link, words: Phrases) -> str:
    """Other records as a list."""
    there = Phrases(words.index, Scope.of_link(words.index, one))
    where = f", where {there.expr(one.where)}" if one.where is not None else ""
    whose = "a line of the" if one.of_lines else "the"
    return (
        f"The {plain(one.name)} of {a(one.record)}: every {plain(one.other)} whose "
        f"{plain(one.theirs)} is the {plain(one.ours)} of {whose} {plain(one.record)}{where}. "
        f"If there are more than {one.most}, {action(one.action, words)}."
    )


def computed(record: n.Record, field: n.Computed, words: Phrases) -> str:
    """A field that is worked out."""
    here = words.of(record.parent or record.name, line=record.parent is not None)
    what = f"{capital(plain(field.name))} of {whose(record)} {be(field.name)}"
    return f"{what} calculated: {here.gets(field.expr)}."


def _told(missing: n.Missing) -> str:
    text = missing.say
    for hole, words in _HOLES.items():
        text = text.replace(hole, words)
    return f"“{text}”"


def _kept(kept: n.ByTeam | None, words: Phrases) -> str:
    """Who alone changes the entries of a table."""
    return f"Only {words.role(kept.role)} may change its entries. " if kept else ""


def completed(record: n.Record, words: Phrases) -> Iterator[tuple[n.ByTeam, str]]:
    """Who fills in what the source left blank, each team once with its fields."""
    fields: dict[str, list[n.Field]] = {}
    for field in record.fields:
        if isinstance(field, n.Field) and field.completed is not None:
            fields.setdefault(field.completed.role, []).append(field)
    for role, own in fields.items():
        names = listed([plain(field.name) for field in own], "or")
        what = f"a blank or unreadable {names} of {whose(record)}"
        clause = next(field.completed for field in own if field.completed is not None)
        yield clause, f"{capital(words.role(role))} may fill in {what}; no one else does."
