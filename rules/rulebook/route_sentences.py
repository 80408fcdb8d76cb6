"""What may be posted and what is posted, in sentences.

Here: gate, check, duplicates, approve, “ready”, and a document: when, what of it, with which
fields, and whose they are. Not here: their order (book.py), tables (setup_sentences.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grammar import nodes as n
from rules.rulebook.actions import action, becoming, but_for
from rules.types.phrases import Phrases
from rules.types.symbol_table import Index
from rules.types.terms import a, capital, listed
from rules.values.names import plain

_HOLE = re.compile(r"\{([^{}]*)\}")
_THERE = "the accounting system has a document with"
_COUNTED = {"posting": "1, 2, 3 …", "reversed": "the number of the document that it reverses"}


def timing(one: n.Post, words: Phrases) -> str:
    """When a document goes."""
    here = words.of(one.record)
    when = f", if {here.expr(one.when)}" if one.when is not None else ""
    if isinstance(one.timing, n.Daily):
        day = here.expr(n.Name((one.timing.by,), one.timing.span))
        moment = f"in the run of {one.timing.at:%H:%M} in the night after {day}"
    else:
        moment = "as soon as it is ready"
    after = f", once its {plain(one.after.document)} is posted" if one.after else ""
    return (
        f"{capital(a(one.record))} becomes {a(one.route.document)} in {one.route.target} "
        f"{moment}{after}{when}. Its number is {_number(one.number)}."
    )


def bill(one: n.Post, billed: n.Bill, words: Phrases) -> str:
    """What of it stands on the document."""
    here = words.of(one.record, line=True)
    document = plain(one.route.document)
    rest = {
        "wait": f"The rest waits for {a('later ' + document)}",
        "drop": "The rest is never billed",
    }.get(billed.action.kind, f"While a rest remains, {action(billed.action, words)}")
    return (
        f"{capital(becoming(one.route))} bills only what is not billed yet: "
        f"{here.expr(billed.expr)}, less what was billed before, out of {here.expr(billed.of)}. "
        f"{rest}."
    )


def uncompared(one: n.Post, said: n.Uncompared) -> str:
    """That its amount is not compared with the record's own total, and why."""
    return (
        f"The amount of {becoming(one.route)} is not compared with the total of the "
        f"{plain(one.record)}. The reason: “{said.reason.rstrip('.')}”."
    )


def allows(one: n.Post, said: n.Allows) -> str:
    """What goes there without anybody being asked, though it is unusual."""
    what = listed([plain(word) for word in said.what])
    return f"{capital(becoming(one.route))} may have {what}: no one is asked about them."


def fields_of(one: n.Post | n.Reversal, assigns: Sequence[n.Assign], words: Phrases) -> str:
    """The fields of a document, or those of its lines, in one sentence."""
    line = bool(assigns) and assigns is one.line_fields
    here = words.of(one.record, line=line)
    said = [f"{assign.name} is {here.gets(assign.expr)}" for assign in assigns]
    back = isinstance(one, n.Reversal)
    undone = f" that reverses {a(one.reversing.document)}" if isinstance(one, n.Reversal) else ""
    rest = "; everything else is as it was posted" if back else ""
    where = f"In {becoming(one.route)}{undone}{', on each line' if line else ''}"
    return f"{where}: {'; '.join(said)}{rest}."


def owned(one: n.Post | n.Reversal, words: Phrases) -> str:
    """Who may change what after posting."""
    theirs = listed(list(one.they_own))
    place = becoming(one.route)
    left = f"{theirs} of {place} may be edited there manually. " if theirs else ""
    other = "any other field" if theirs else f"any field of {place}"
    answer = action(one.we_own, words, one.route.target) if one.we_own else ""
    return f"{left}If {other} is edited there manually, {answer}."


def reversal(one: n.Reversal) -> str:
    """How a posting is taken back."""
    return (
        f"{capital(a(one.reversing.document))} in {one.reversing.target} is reversed by "
        f"{a(one.route.document)}, the mirror of what was posted, with the number "
        f"{_number(one.number)}. The tables of changes and cancellations start it."
    )


def _number(template: str) -> str:
    return f"“{_HOLE.sub(lambda hit: f'‹{_COUNTED.get(hit[1], plain(hit[1]))}›', template)}”"


_CLEARS = {
    "itself": "This hold cannot be released; it clears when the cause is corrected.",
    "never": "Only a new version of the record clears it.",
}


def ready(post: n.Post, index: Index, words: Phrases) -> str:
    """“Ready for <target>” for one route, in one sentence."""
    here = words.of(post.record)
    gate = index.gate(post.record, str(post.route))
    rows = [row for row in gate.rows if row.word == "ready"] if gate else []
    settled, early = _states(rows, early=False), _states(rows, early=True)
    still = f"{early}, while it can still change" if early else ""
    states = " or ".join(text for text in (settled, still) if text)
    parts = [f"its status is {states}"] if states else []
    parts += [here.expr(post.when)] if post.when is not None else []
    parts += ["part of it is not billed yet"] if post.bill else []
    parts += [f"its {plain(post.after.document)} is posted"] if post.after else []
    parts += _conditions(post, index, here)
    parts.append("all required fields are filled, and all codes and units are mapped")
    what = f"{capital(a(post.record))} is ready to post to {post.route.target}"
    return f"{what} as {a(post.route.document)} when: {'; '.join(parts)}."


def _states(rows: list[n.GateRow], *, early: bool) -> str:
    words = [f"“{plain(w.name)}”" for row in rows if row.early is early for w in row.states]
    return listed(words, "or")


def _conditions(post: n.Post, index: Index, words: Phrases) -> Iterator[str]:
    rules = index.ruleset
    if any(_speaks(d.records, d.route, post) for d in rules.duplicates):
        yield "it is not a duplicate"
    checks = [
        f"“{plain(c.name)}”"
        for c in rules.checks
        if _speaks(c.records, c.route, post) and c.action.kind != "warn"
    ]
    if checks:
        pass_ = "these checks pass:" if len(checks) > 1 else "this check passes:"
        yield f"{pass_} {listed(checks)}"
    for one in rules.approvals:
        if one.record == post.record and one.route in (None, post.route):
            when = f"where {words.expr(one.when)}, " if one.when is not None else ""
            yield f"{when}{words.role(one.role)} approved it"


def _speaks(records: tuple[n.Word, ...], route: n.RouteName | None, post: n.Post) -> bool:
    return any(w.name == post.record for w in records) and route in (None, post.route)


def gate_row(gate: n.Gate, row: n.GateRow, words: Phrases) -> str:
    """What some statuses mean."""
    one = capital(a(gate.record))
    states = listed([f"“{plain(s.name)}”" for s in row.states], "or")
    route = f", as {becoming(gate.route)}," if gate.route else ""
    others = (g.route for g in words.index.ruleset.gates if g.record == gate.record)
    left = "" if route else but_for(others)
    told = words.of(gate.record).message(row.say or "", row.span)
    what = {
        "ready": "can be posted if all checks pass, although its status can still change."
        if row.early
        else "can be posted if all checks pass.",
        "wait": "waits until its status changes.",
        "ignore": "is never posted.",
        "cancel": "is not posted any more. If it was posted before, the table of cancellations "
        "applies.",
        "hold": f"is put on hold for {words.role(row.owner)}: {told}",
    }[row.word]
    return f"{one}{left} that is {states}{route} {what}"


def spelling(record: n.Record, state: n.State) -> str:
    """How the source writes a status."""
    written = listed([f"“{alias}”" for alias in state.aliases], "or")
    whose = a(record.name)
    return f"“{capital(plain(state.name))}” of {whose} is {written} in {record.source}."


def check(one: n.Check, words: Phrases) -> str:
    """What must be true, and what happens if it is not."""
    here = words.of(one.records[0].name, line=one.each_line)
    whose = listed([a(w.name) for w in one.records], "or")
    begin = f"each line of {whose}" if one.each_line else whose
    route = f" that becomes {becoming(one.route)}" if one.route else ""
    when = f", where {here.expr(one.when)}," if one.when is not None else ""
    clears = _CLEARS.get(one.clears.kind) or f"{words.role(one.clears.role)} may release it."
    freely = one.action.kind == "warn"
    return (
        f"Check “{plain(one.name)}”: {begin}{route}{when} passes only if "
        f"{here.all_of(one.requires)}. Otherwise {action(one.action, words)}: "
        f"{here.message(one.say, one.span)}{'' if freely else f' {clears}'}"
    )


def duplicates(one: n.Duplicates, unique: n.Unique, words: Phrases) -> str:
    """What makes a duplicate."""
    here = words.of(one.records[0].name)
    whose = listed([plain(w.name) for w in one.records], "or")
    route = f" that becomes {becoming(one.route)}" if one.route else ""
    fields = listed([_key(*key) for key in zip(unique.fields, unique.like, strict=True)])
    other = {
        "history": f"another {whose} has the same {fields}",
        "target": f"{_THERE} the same {fields}, not posted by Clearpost",
    }.get(unique.where, f"{_THERE} its number, not posted by Clearpost")
    begin = capital(listed([a(w.name) for w in one.records], "or"))
    told = here.message(one.say, one.span)
    return f"{begin}{route}: if {other}, {action(one.action, words)}: {told}"


def _key(field: str, table: str) -> str:
    """A field that is compared, and whose match says what is the same."""
    name = field if field[:1].isupper() else plain(field)
    return f"{name} (as “{plain(table)}” matches it)" if table else name


def approve(one: n.Approve, words: Phrases) -> str:
    """Who must agree."""
    here = words.of(one.record)
    route = f" before it becomes {becoming(one.route)}" if one.route else ""
    when = f", where {here.expr(one.when)}" if one.when is not None else ""
    never = listed([here.expr(n.Name((name,), one.span)) for name in one.never], "or")
    not_by = f" {capital(never)} cannot approve it." if never else ""
    return (
        f"{capital(a(one.record))}{when}, needs the approval of {words.role(one.role)}{route}."
        f"{not_by} It covers exactly this content; any change requires a new approval."
    )
