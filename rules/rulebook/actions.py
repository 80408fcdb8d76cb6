"""Actions as the end of a sentence, and the rules that each team owns.

Here: what is done with a record, in words, and owned_by. Not here: whether the teams exist
(checker/declarations.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grammar import nodes as n
from rules.phrases.composed import composed, message, named
from rules.phrases.expression_words import Phrases
from rules.phrases.terms import a, listed, spoken
from rules.types.symbol_table import Index
from rules.values.names import plain

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


def action(done: n.Action | n.TryAgain, words: Phrases, where: str = ANYWHERE) -> str:
    """What is done; `where` is the target that it would be done in."""
    if isinstance(done, n.TryAgain):
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
            pause=spoken(done.pause),
            action=action(done.then, words),
        )
    if done.kind not in _DONE:
        return named(done.kind)
    return composed(_DONE[done.kind], team=words.role(done.role), where=where)


def targets_of(records: list[str], index: Index) -> str:
    """Where documents of these records go."""
    names = [post.route.target for name in records for post in index.posts.get(name, ())]
    return listed(list(dict.fromkeys(names))) or ANYWHERE


def but_for(routes: Iterable[n.RouteName | None]) -> str:
    """What a general declaration leaves to the narrowed ones beside it; blank for nothing."""
    own = [
        composed("as %(document)s", document=becoming(route))
        for route in routes
        if route is not None
    ]
    return composed("but not %(documents)s", documents=listed(own, "or")) if own else ""


def becoming(route: n.RouteName) -> str:
    """What a route makes: `an invoice in autocount`."""
    return composed("%(document)s in %(target)s", document=a(route.document), target=route.target)


def owned_by(index: Index) -> dict[str, tuple[str, ...]]:
    """Team -> what it is called for, each once."""
    found: dict[str, dict[str, None]] = {}
    for role, what in _duties(index.ruleset):
        if role is not None:
            found.setdefault(role, {})[what] = None
    return {role: tuple(things) for role, things in found.items()}


def _duties(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
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


def _alone(rules: n.Ruleset) -> Iterator[tuple[str, str]]:
    """What one team alone may do."""
    for record in rules.records:
        for field in record.fields:
            if isinstance(field, n.Field) and field.completed is not None:
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


def whose(record: n.Record) -> str:
    """A record, or a line of one, with its article."""
    return (
        composed("a line of %(whose)s", whose=a(record.parent)) if record.parent else a(record.name)
    )


def _of_rules(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
    for gate in rules.gates:
        for row in gate.rows:
            states = listed([f"“{plain(s.name)}”" for s in row.states], "or")
            record = a(gate.record)
            yield row.owner, composed("%(record)s that is %(states)s", record=record, states=states)
    for check in rules.checks:
        name = plain(check.name)
        yield check.action.role, composed("the check “%(name)s”", name=name)
        if check.clears.role != check.action.role:
            yield check.clears.role, composed("releases of the check “%(name)s”", name=name)
    for one in rules.duplicates:
        yield one.action.role, composed("duplicates of %(records)s", records=_any(one.records))
    for approve in rules.approvals:
        yield approve.role, composed("approval of %(record)s", record=a(approve.record))


def _of_tables(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
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


def posted(record: str) -> str:
    """A record of which a document is posted, with its article."""
    return composed("a posted %(record)s", record=named(record))


def _any(records: tuple[n.Word, ...]) -> str:
    return listed([a(word.name) for word in records], "or")


def _roles(table: n.Table) -> Iterator[str | None]:
    for row in table.rows:
        action = row.action.then if isinstance(row.action, n.TryAgain) else row.action
        yield action.role
