"""Each declaration as a sentence or a few.

Here: one function for each kind of declaration. Not here: their order (book.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from rules.explain.phrases import Phrases, a, listed, plain
from rules.words import say

_GATE = {
    "ready": "may go",
    "wait": "waits",
    "ignore": "is nobody's business",
    "cancel": "is given up: unsent it is dropped, and once posted the table of cancels answers",
}
_CLEARS = {
    "itself": "Nobody can release it; only a change clears it.",
    "never": "Only a new version of the record clears it.",
}


def gate_row(gate: n.Gate, row: n.GateRow, words: Phrases) -> str:
    """What some statuses mean."""
    states = listed([plain(s.name) for s in row.states], "or")
    route = f" For {gate.route}." if gate.route else ""
    if row.word == "hold":
        what = f"is held for {words.role(row.owner)}: “{row.say}”"
    else:
        what = _GATE[row.word] + "."
    return f"{a(gate.record).capitalize()} that is {states} {what}{route}"


def spelling(record: n.Record, state: n.State) -> str:
    """How the source writes a status."""
    written = listed([f"“{alias}”" for alias in state.aliases], "or")
    return f"{plain(state.name).capitalize()} is what {record.source} writes as {written}."


def check(one: n.Check, words: Phrases) -> str:
    """What must be true, and what happens if it is not."""
    whose = listed([plain(w.name) for w in one.records])
    where = f"Each line of {whose}" if one.each_line else f"Every {whose}"
    route = f" (for {one.route} only)" if one.route else ""
    when = f", where {words.expr(one.when)}" if one.when is not None else ""
    must = words.joined(one.requires)
    clears = _CLEARS.get(one.clears.kind) or f"{words.role(one.clears.role)} may release it."
    return (
        f"{where}{route}{when}: {must}. Otherwise {words.action(one.action)}: “{one.say}” {clears}"
    )


def duplicates(one: n.Duplicates, words: Phrases) -> Iterator[str]:
    """What makes a duplicate."""
    whose = listed([plain(w.name) for w in one.records])
    route = f" for {one.route}" if one.route else ""
    for unique in one.uniques:
        fields = listed([plain(f) for f in unique.fields]) or "document number"
        other = {
            "history": f"another {whose} came with the same {fields}",
            "target": f"the target has a document with the same {fields} that we did not post",
        }.get(unique.where, "the target has a document with its number that we did not post")
        yield f"{whose.capitalize()}{route}: if {other}, {words.action(one.action)}: “{one.say}”"


def approve(one: n.Approve, words: Phrases) -> str:
    """Who must agree."""
    route = f" before it goes to {one.route}" if one.route else ""
    when = f" whose {words.expr(one.when)}" if one.when is not None else ""
    never = listed([f"{plain(name)} of the record" for name in one.never], "or")
    not_by = f" Nobody who is {never} may give it." if never else ""
    team = words.role(one.role)
    return (
        f"{a(one.record).capitalize()}{when} needs the approval of {team}{route}.{not_by} "
        "It holds for exactly what was seen: any change asks again."
    )


def post(one: n.Post, words: Phrases) -> Iterator[str]:
    """When a document goes, and what of it."""
    name = f"{a(one.record).capitalize()} becomes {a(one.route.document)} in {one.route.target}"
    when = f", if {words.expr(one.when)}" if one.when is not None else ""
    if isinstance(one.timing, n.Daily):
        timing = f"in the night run of {one.timing.at:%H:%M} after the day of its"
        timing = f"{timing} {plain(one.timing.by)}"
    else:
        timing = "as soon as it is ready"
    after = f" It waits until its {plain(one.after.document)} is posted." if one.after else ""
    yield f"{name}, {timing}{when}.{after} Its number is “{one.number}”."
    if one.bill is not None:
        rest = {
            "wait": "the rest waits for later documents",
            "drop": "the rest is never billed",
        }.get(one.bill.action.kind, words.action(one.bill.action))
        yield (
            f"Only what is there and not billed yet is billed: {words.expr(one.bill.expr)}, "
            f"out of {words.expr(one.bill.of)}; {rest}."
        )


def owned(one: n.Post, words: Phrases) -> str:
    """Who may change what after posting."""
    theirs = listed(list(one.they_own))
    left = f"{theirs} may be changed there. " if theirs else ""
    return f"{one.route}: {left}If anything else is changed there, {words.action(one.we_own)}."


def reversal(one: n.Reversal) -> str:
    """How a posting is taken back."""
    return (
        f"{one.reversing} is taken back by {a(one.route.document)} in {one.route.target} with the "
        f"number “{one.number}”: the mirror of what was posted."
    )


def edit(one: n.Edit, words: Phrases) -> Iterator[str]:
    """What a change after posting does."""
    route = f" (for {one.route})" if one.route else ""
    meaning = {g.name: listed([plain(w.name) for w in g.fields]) for g in one.groups}
    meaning["not_ready"] = "it falls back to a status that may not go"
    meaning["overbilled"] = "less is there than was billed"
    for row in one.table.rows:
        cells = dict(zip(one.table.head, row.cells, strict=False))
        changed = cells.pop("changed", None)
        groups = [v.name for v in getattr(changed, "values", ()) if isinstance(v, n.Word)]
        own = [f"{plain(g)} ({meaning.get(g, '')}) change" for g in groups if g in _own(one)]
        built = [meaning.get(g, plain(g)) for g in groups if g not in _own(one)]
        what = listed([*own, *built], "or") or "anything changes"
        given = _given(cells, words)
        begin = f"After {a(one.record)} was posted{route}"
        yield f"{begin}: if {what}{given}, {words.action(row.action)}."
    yield "If several of these changed at once, the strictest answer counts."


def _own(one: n.Edit) -> set[str]:
    return {g.name for g in one.groups}


def cancel(one: n.Cancel, words: Phrases) -> Iterator[str]:
    """What a cancellation after posting does."""
    whose = listed([plain(w.name) for w in one.records], "or")
    route = f" (for {one.route})" if one.route else ""
    for row in one.table.rows:
        cells = dict(zip(one.table.head, row.cells, strict=False))
        given = _given(cells, words).removeprefix(" while ").removeprefix(" and ")
        any_ = [plain(k) for k, c in cells.items() if isinstance(c, n.Any_)]
        whatever = f" (whatever the {listed(any_, 'and the')})" if any_ and given else ""
        when = f", where {given}{whatever}" if given else ""
        article = "An" if whose[:1] in "aeiou" else "A"
        yield (
            f"{article} {whose} that is already posted and then cancelled{route}{when}: "
            f"{words.action(row.action)}."
        )


def _given(cells: dict[str, n.Cell], words: Phrases) -> str:
    """The conditions of a row, but those that fit everything."""
    said = []
    for name, cell in cells.items():
        what = words.expr(n.Name((name,), cell.span))
        if isinstance(cell, n.Among):
            values = [words.expr(v) for v in cell.values]
            said.append(f"{what} is {listed(values, 'or')}")
        elif isinstance(cell, n.Compared):
            sign = n.Compare(n.Name((name,), cell.span), cell.op, _expr(cell.value), cell.span)
            said.append(words.expr(sign))
    return f" while {listed(said)}" if said else ""


def _expr(value: n.Value) -> n.Expr:
    return n.Name((value.name,), value.span) if isinstance(value, n.Word) else value


def retry(one: n.Retry, words: Phrases) -> Iterator[str]:
    """What an error of the target is answered with."""
    for row in one.table.rows:
        cells = dict(zip(one.table.head, row.cells, strict=False))
        errors = cells.pop("error", None)
        named = [plain(v.name) for v in getattr(errors, "values", ()) if isinstance(v, n.Word)]
        what = listed(named, "or") or "anything"
        given = _given(cells, words)
        yield f"If {one.target} answers {what}{given}: {words.action(row.action)}."


def table(one: n.Map, words: Phrases) -> str:
    """A mapping table."""
    how = {"exact": "exactly as it is written", "trimmed": "without blanks around it"}
    match = listed([how.get(m, "in any case") for m in one.match]) or how["exact"]
    start = f" It starts with {one.csv.path}." if one.csv else ""
    rows = f" It has {len(one.rows)} entries in the rules." if one.rows else ""
    return (
        f"The table {plain(one.name)} is searched {match}.{start}{rows} "
        f"Without an entry {words.action(one.missing.action)}: “{one.missing.say}”"
    )


def units(one: n.Units, words: Phrases) -> Iterator[str]:
    """The units, and what a missing factor does."""
    for base in one.bases:
        whose = f"“{base.item}”" if base.item else "Everything else" if len(one.bases) > 1 else ""
        yield f"{whose or 'Everything'} is counted in {base.unit}."
    for row in one.rows:
        of = f" of “{row.item}”" if row.item else ""
        yield f"{row.count} {row.unit}{of} is {row.base_count} {row.base_unit}."
    yield (
        f"A unit that nobody defined is never taken as 1: {words.action(one.missing.action)}: "
        f"“{one.missing.say}”"
    )


def const(one: n.Const) -> str:
    """A const with its days."""
    rows = listed([f"{say(row.value)} from {row.since} on" for row in one.rows])
    return f"The {plain(one.name)} is {rows}."


def link(one: n.Link, words: Phrases) -> str:
    """Other records as a list."""
    where = f" whose {words.expr(one.where)}" if one.where is not None else ""
    return (
        f"The {plain(one.name)} of {a(one.record)} are the records of kind {plain(one.other)}"
        f"{where}, whose {plain(one.theirs)} is its {plain(one.ours)}: at most {one.most}, "
        f"otherwise {words.action(one.action)}."
    )
