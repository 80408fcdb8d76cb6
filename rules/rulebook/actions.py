"""Write actions, and the fields and timing of a document, as parts of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from grammar import nodes
from rules.documents.unusual import NO_LINES, QUANTITIES, TOTALS
from rules.phrases import (
    Phrases,
    a,
    capitalize,
    composed,
    duration_words,
    join_words,
    joined,
    message,
    named,
)
from rules.types.symbol_table import Index
from rules.values.wording import readable_name

_DONE = {
    "hold": message("it is put on hold for %(team)s"),
    "review": message("it is put on hold for %(team)s, and the posted document is not changed"),
    "warn": message("it is posted with this warning"),
    "reject": message("it is rejected and never posted"),
    "block": message("nothing is done in %(where)s, and the hold cannot be released"),
    "ignore": message("the document stays as it is"),
    "drop": message("it is cancelled before posting"),
    "wait": message("it waits"),
    "update": message("the document is changed in place"),
    "void": message("the document is voided in %(where)s"),
    "new_document": message("an additional document is posted"),
    "credit_note": message("a credit note reverses the document"),
    "credit_and_new": message("a credit note reverses the document, and a new document is posted"),
    "look_up": message("it is looked up there first, and sent again only if it is not found"),
}

ANYWHERE = composed("the accounting system")

_HOLE = re.compile(r"\{([^{}]*)\}")

_COUNTED = {
    "posting": "1, 2, 3 …",
    "reversed": composed("the number of the document that it reverses"),
}

_ALLOWED = {
    NO_LINES: message("no lines"),
    QUANTITIES: message("negative quantities"),
    TOTALS: message("negative totals"),
}


def action(done: nodes.Action | nodes.TryAgain, words: Phrases, where: str = ANYWHERE) -> str:
    """Return the words for an action; `where` is the target that it would be done in."""
    if isinstance(done, nodes.TryAgain):
        return composed(
            message(
                "it is retried up to %(times)s times, first after %(pause)s, then at longer"
                " intervals; after that %(action)s"
            )
            if done.times > 1
            else message(
                "it is retried up to once, first after %(pause)s, then at longer intervals; after"
                " that %(action)s"
            ),
            times=str(done.times),
            pause=duration_words(done.pause),
            action=action(done.then, words),
        )
    if done.kind not in _DONE:
        return named(done.kind)
    return composed(_DONE[done.kind], team=words.role(done.role), where=where)


def targets_of(records: list[str], index: Index) -> str:
    """Return where documents of these records go."""
    names = [post.route.target for name in records for post in index.posts.get(name, ())]
    return join_words(list(dict.fromkeys(names))) or ANYWHERE


def but_for(routes: Iterable[nodes.RouteName | None]) -> str:
    """Return what a general declaration leaves to narrowed ones, or blank."""
    own = [
        composed("as %(document)s", document=becoming(route))
        for route in routes
        if route is not None
    ]
    return composed("but not %(documents)s", documents=join_words(own, "or")) if own else ""


def becoming(route: nodes.RouteName) -> str:
    """Return what a route makes: `an invoice in autocount`."""
    return composed("%(document)s in %(target)s", document=a(route.document), target=route.target)


def owned_by(index: Index) -> dict[str, tuple[str, ...]]:
    """Return by team what it must decide, each once."""
    found: dict[str, dict[str, None]] = {}
    for role, what in _duties(index.ruleset):
        if role is not None:
            found.setdefault(role, {})[what] = None
    return {role: tuple(things) for role, things in found.items()}


def _duties(rules: nodes.Ruleset) -> Iterator[tuple[str | None, str]]:
    for source in rules.sources:
        yield (
            source.missing.action.role,
            composed("blank fields from %(source)s", source=source.name),
        )
    for target in rules.targets:
        yield (
            target.missing.action.role,
            composed("what %(target)s does not report", target=target.name),
        )
        amounts = composed("differences of amounts in %(target)s", target=target.name)
        yield target.tolerance_action.role, amounts
    for table in rules.maps:
        entries = composed("missing entries of the table “%(table)s”", table=named(table.name))
        yield table.missing.action.role, entries
    for units in rules.units:
        yield units.missing.action.role, composed("missing units")
    yield from _alone(rules)
    for link in rules.links:
        many = composed(
            "too many %(records)s of %(whose)s", records=named(link.name), whose=a(link.record)
        )
        yield link.action.role, many
    yield from _of_rules(rules)
    yield from _of_tables(rules)
    for post in rules.posts:
        route = becoming(post.route)
        yield post.we_own.role, composed("manual changes of %(document)s", document=route)


def _alone(rules: nodes.Ruleset) -> Iterator[tuple[str, str]]:
    """Yield what only one team may do."""
    for record in rules.records:
        for field in record.fields:
            if isinstance(field, nodes.Field) and field.completed is not None:
                blank = composed(
                    "a blank %(field)s of %(whose)s", field=named(field.name), whose=whose(record)
                )
                yield field.completed.role, blank
    for table in rules.maps:
        if table.kept is not None:
            name = named(table.name)
            yield table.kept.role, composed("the entries of the table “%(table)s”", table=name)
    for units in rules.units:
        if units.kept is not None:
            yield units.kept.role, composed("the entries of the units")


def _of_rules(rules: nodes.Ruleset) -> Iterator[tuple[str | None, str]]:
    for gate in rules.gates:
        for row in gate.rows:
            states = join_words([f"“{readable_name(s.name)}”" for s in row.states], "or")
            record = a(gate.record)
            yield row.owner, composed("%(record)s that is %(states)s", record=record, states=states)
    for check in rules.checks:
        name = readable_name(check.name)
        yield check.action.role, composed("the check “%(name)s”", name=name)
        if check.clears.role != check.action.role:
            yield check.clears.role, composed("releases of the check “%(name)s”", name=name)
    for one in rules.duplicates:
        yield one.action.role, composed("duplicates of %(records)s", records=_any(one.records))
    for approve in rules.approvals:
        yield approve.role, composed("approval of %(record)s", record=a(approve.record))


def _any(records: tuple[nodes.Word, ...]) -> str:
    return join_words([a(word.name) for word in records], "or")


def _of_tables(rules: nodes.Ruleset) -> Iterator[tuple[str | None, str]]:
    for edit in rules.edits:
        changes = composed("changes of %(record)s", record=posted(edit.record))
        yield from ((role, changes) for role in _roles(edit.table))
    for cancel in rules.cancels:
        records = _any(cancel.records)
        cancellations = composed("cancellations of %(records)s after posting", records=records)
        yield from ((role, cancellations) for role in _roles(cancel.table))
    for retry in rules.retries:
        failed = composed("failed postings to %(target)s", target=retry.target)
        yield from ((role, failed) for role in _roles(retry.table))


def _roles(table: nodes.Table) -> Iterator[str | None]:
    for row in table.rows:
        action = row.action.then if isinstance(row.action, nodes.TryAgain) else row.action
        yield action.role


def whose(record: nodes.Record) -> str:
    """Return the words for a record or a line of one, with its article."""
    return (
        composed("a line of %(whose)s", whose=a(record.parent)) if record.parent else a(record.name)
    )


def posted(record: str) -> str:
    """Return the words for a record with a posted document, with its article."""
    return composed("a posted %(record)s", record=named(record))


def timing(one: nodes.Post, words: Phrases) -> str:
    """Return the words for when a document is sent."""
    here = words.of(one.record)
    if isinstance(one.timing, nodes.Daily):
        day = here.expr(nodes.Name((one.timing.by,), one.timing.span))
        time = f"{one.timing.at:%H:%M}"
        moment = composed("in the run of %(time)s in the night after %(day)s", time=time, day=day)
    else:
        moment = composed("as soon as it is ready")
    if one.after:
        before = named(one.after.document)
        moment = composed(
            "%(moment)s, once its %(document)s is posted", moment=moment, document=before
        )
    if one.when is not None:
        when = here.expr(one.when)
        moment = composed("%(moment)s, if %(condition)s", moment=moment, condition=when)
    goes = composed(
        "%(record)s becomes %(document)s %(moment)s.",
        record=capitalize(a(one.record)),
        document=becoming(one.route),
        moment=moment,
    )
    return join_words(
        [goes, composed("Its number is %(number)s.", number=_number(one.number))], "."
    )


def _number(template: str) -> str:
    parts: list[str] = []
    for at, piece in enumerate(_HOLE.split(template)):  # each second one is a name
        parts += ["‹", _COUNTED.get(piece) or named(piece), "›"] if at % 2 else [piece]
    return joined(["“", *parts, "”"])


def bill(one: nodes.Post, billed: nodes.Bill, words: Phrases) -> str:
    """Return the words for what of the record is on the document."""
    here = words.of(one.record, line=True)
    only = composed(
        "%(document)s bills only what is not billed yet: %(quantity)s, less what was billed before,"
        " out of %(whole)s.",
        document=capitalize(becoming(one.route)),
        quantity=here.expr(billed.expr),
        whole=here.expr(billed.of),
    )
    if billed.action.kind == "wait":
        document = named(one.route.document)
        rest = composed("The rest waits for a later %(document)s.", document=document)
    elif billed.action.kind == "drop":
        rest = composed("The rest is never billed.")
    else:
        done = action(billed.action, words)
        rest = composed("While a rest remains, %(action)s.", action=done)
    return join_words([only, rest], ".")


def uncompared(one: nodes.Post, said: nodes.Uncompared) -> str:
    """Return that the amount is not compared with the record's own total, and why."""
    apart = composed(
        "The amount of %(document)s is not compared with the total of the %(record)s.",
        document=becoming(one.route),
        record=named(one.record),
    )
    reason = said.reason.rstrip(".")
    return join_words([apart, composed("The reason: “%(reason)s”.", reason=reason)], ".")


def allows(one: nodes.Post, said: nodes.Allows) -> str:
    """Return the unusual documents that a route posts without a person."""
    what = [composed(_ALLOWED[w]) if w in _ALLOWED else named(w) for w in said.what]
    return composed(
        "%(document)s may have %(what)s: no one is asked about them.",
        document=capitalize(becoming(one.route)),
        what=join_words(what),
    )


def fields_of(
    one: nodes.Post | nodes.Reversal, assigns: Sequence[nodes.Assign], words: Phrases
) -> str:
    """Return one sentence for the fields of a document or of its lines."""
    line = bool(assigns) and assigns is one.line_fields
    here = words.of(one.record, line=line)
    said = [
        composed("%(field)s is %(value)s", field=assign.name, value=here.gets(assign.expr))
        for assign in assigns
    ]
    fields, document = join_words(said, ";"), becoming(one.route)
    if isinstance(one, nodes.Reversal):
        fields = composed("%(fields)s; everything else is as it was posted", fields=fields)
        other = a(one.reversing.document)
        document = composed("%(document)s that reverses %(other)s", document=document, other=other)
    return composed(
        message("In %(document)s, on each line: %(fields)s.")
        if line
        else message("In %(document)s: %(fields)s."),
        document=document,
        fields=fields,
    )


def owned(one: nodes.Post | nodes.Reversal, words: Phrases) -> str:
    """Return who may change what after posting."""
    theirs = join_words(list(one.they_own))
    place = becoming(one.route)
    answer = action(one.we_own, words, one.route.target) if one.we_own else ""
    if not theirs:
        return composed(
            "If any field of %(document)s is edited there manually, %(action)s.",
            document=place,
            action=answer,
        )
    left = composed(
        "%(fields)s of %(document)s may be edited there manually.", fields=theirs, document=place
    )
    other = composed("If any other field is edited there manually, %(action)s.", action=answer)
    return join_words([left, other], ".")


def reversal(one: nodes.Reversal) -> str:
    """Return how a posting is reversed."""
    mirror = composed(
        "%(document)s is reversed by %(reversal)s, the mirror of what was posted, with the number"
        " %(number)s.",
        document=capitalize(becoming(one.reversing)),
        reversal=a(one.route.document),
        number=_number(one.number),
    )
    return join_words([mirror, composed("The tables of changes and cancellations start it.")], ".")
