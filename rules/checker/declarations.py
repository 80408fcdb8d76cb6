"""Check that every name is declared once and used, and that every failure has an owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grammar import nodes
from grammar.text.problem import Problem, Span
from rules.checker.places import Look, all_tables, make_problem, used_names, with_checks
from rules.documents.unusual import NO_LINES, QUANTITIES, possible_unusual
from rules.types.functions import NAMES, did_you_mean
from rules.types.symbol_table import Families, Index, wrongly_completed
from rules.values.wording import with_article

_HOLDS = ("hold", "review")
_ANSWERS = (*_HOLDS, "warn", "reject")
_EDITS = (*_HOLDS, "block", "ignore")
_RESTS = (*_HOLDS, "warn", "wait", "drop")

_LACKS = {"role": "the owner of nothing", "sample": "in no test"}

_NONE = {NO_LINES: "no list of lines", QUANTITIES: "no quantity on its lines"}

_COINS = ((1,), (5,), (2,), (2, 5))

_ROUNDED = 100
"""A hundred lines, each rounded by a step: more is a difference, and no rounding."""

_Named = tuple[str, Span]


def check_owners(index: Index) -> Iterator[Problem]:
    """Yield the problems of roles and actions in all declarations."""
    for role, span in roles(index):
        if role not in index.roles:
            hint = did_you_mean(role, index.roles)
            yield make_problem("OWN01", f"no role '{role}' is declared", hint, span)
    for name, why, span in wrongly_completed(index.ruleset):
        hint = "Take the clause out: what is blank is filled in where the record comes from."
        yield make_problem("OWN03", f"'{name}' {why}: people never complete it", hint, span)
    for action, allowed, where in _actions(index):
        if action.kind not in allowed:
            message = f"'{action.kind.replace('_', ' ')}' cannot stand {where}"
            words = ", ".join(f"{a} {'by' if a == 'review' else 'for'} …" for a in _HOLDS)
            more = [a for a in allowed if a not in _HOLDS]
            yield make_problem("OWN02", message, f"Use {', '.join([words, *more])}.", action.span)


def _actions(index: Index) -> Iterator[tuple[nodes.Action, tuple[str, ...], str]]:
    rules = index.ruleset
    missing = [s.missing for s in rules.sources] + [t.missing for t in rules.targets]
    missing += [m.missing for m in rules.maps] + [u.missing for u in rules.units]
    for said in missing:
        yield said.action, _HOLDS, "behind 'missing'"
    for check_ in rules.checks:
        yield check_.action, _ANSWERS, "behind the 'else' of a check"
    for duplicates in rules.duplicates:
        yield duplicates.action, _ANSWERS, "behind the 'else' of duplicates"
    for link in rules.links:
        yield link.action, _HOLDS, "behind 'at most'"
    for target in rules.targets:
        yield target.tolerance_action, (*_HOLDS, "warn"), "behind 'tolerance'"
    for reversal in rules.reversals:
        if reversal.we_own is not None:
            yield reversal.we_own, _EDITS, "behind 'we own the rest'"
    for post in rules.posts:
        yield post.we_own, _EDITS, "behind 'we own the rest'"
        if post.bill is not None:
            yield post.bill.action, _RESTS, "behind the 'else' of bill"


def roles(index: Index) -> Iterator[tuple[str, Span]]:
    """Yield every named role with its place."""
    rules = index.ruleset
    named: list[tuple[str | None, Span]] = [(a.role, a.span) for a, _, _ in _actions(index)]
    named += [(row.owner, row.span) for gate in rules.gates for row in gate.rows]
    named += [(c.clears.role, c.clears.span) for c in rules.checks]
    named += [(a.role, a.span) for a in rules.approvals]
    alone = [table.kept for table in rules.maps] + [units.kept for units in rules.units]
    alone += [f.completed for r in rules.records for f in r.fields if isinstance(f, nodes.Field)]
    named += [(by.role, by.span) for by in alone if by is not None]
    for table in all_tables(index):
        answers = [row.action for row in table.rows]
        actions = [a.then if isinstance(a, nodes.TryAgain) else a for a in answers]
        named += [(a.role, a.span) for a in actions]
    named += [(p.bill.action.role, p.bill.action.span) for p in rules.posts if p.bill]
    outcomes = [e.outcome for test in rules.tests for e in test.expects]
    named += [(o.role, o.span) for o in outcomes if o is not None]
    yield from ((role, span) for role, span in named if role is not None)


def check_unused(look: Look) -> Iterator[Problem]:
    """Yield unused declarations."""
    index, rules = look.index, look.index.ruleset
    named = {name for place in with_checks((), index) for name in used_names(place.expr)}
    named.update(*map(look.names, rules.checks))
    named |= {name for table in all_tables(index) for name in _in_table(table)}
    named |= {table for d in rules.duplicates for u in d.uniques for table in u.like}
    owners = {role for role, _ in roles(index)}
    given = {t.given for t in rules.tests} | _seen(index)
    linked = named | {name for _, name in Families(index).links}
    for code, what, declarations, used in (
        ("USE01", "map", rules.maps, named),
        ("USE02", "role", rules.roles, owners),
        ("USE03", "const", rules.consts, named),
        ("USE04", "sample", rules.samples, given),
        ("USE05", "link", rules.links, linked),
    ):
        for node in declarations:
            if node.name not in used:
                message = f"the {what} '{node.name}' is {_LACKS.get(what, 'never used')}"
                hint = f'Use it, leave it out, or: silence {code} of {node.name} because "…"'
                yield make_problem(code, message, hint, node.span)
    for post in rules.posts:
        if post.allows is not None and post.record in index.records:
            yield from _allowed(post.allows, post.record, index)


def _allowed(said: nodes.Allows, record: str, index: Index) -> Iterator[Problem]:
    """Yield permissions of a route that do not apply or are repeated."""
    for at, word in enumerate(said.what):
        words = word.replace("_", " ")
        if word in said.what[:at]:
            yield make_problem("POS25", f"'{words}' is allowed twice", "Say it once.", said.span)
        elif word not in possible_unusual(index, record):
            message = f"nothing to allow: {with_article(record)} has {_NONE[word]}"
            yield make_problem("POS25", message, f"Take '{words}' out.", said.span, "warning")


def _in_table(table: nodes.Table) -> Iterator[str]:
    """Yield a table's columns, and the constants in its cells."""
    yield from table.head
    for cell in (c for row in table.rows for c in row.cells):
        if isinstance(cell, nodes.Compared) and isinstance(cell.value, nodes.Word):
            yield cell.value.name


def _seen(index: Index) -> set[str]:
    facts = [f for sample in index.ruleset.samples for f in sample.facts]
    facts += [f for test in index.ruleset.tests for f in test.facts]
    facts += [f for test in index.ruleset.tests for step in test.steps for f in step.facts]
    return {name for f in facts if isinstance(f, nodes.IsRecords) for name in f.samples}


def check_names(index: Index) -> Iterator[Problem]:
    """Yield all problems of declared names."""
    yield from _twice(index)
    yield from _nameless(index)
    yield from _zones(index)
    yield from _references(index)


def _nameless(index: Index) -> Iterator[Problem]:
    """Yield teams without a title, which pages and mails use as their name."""
    for role in index.ruleset.roles:
        if not role.title.strip():
            message = f"the role '{role.name}' has no title"
            yield make_problem(
                "NAM28", message, 'Write what people call it: "Accounts".', role.span
            )


def _twice(index: Index) -> Iterator[Problem]:
    rules = index.ruleset
    groups: tuple[tuple[str, Iterable[tuple[str, Span]]], ...] = (
        ("role", ((d.name, d.span) for d in rules.roles)),
        ("source", ((d.name, d.span) for d in rules.sources)),
        ("target", ((d.name, d.span) for d in rules.targets)),
        ("record", ((d.name, d.span) for d in rules.records)),
        ("check", ((d.name, d.span) for d in rules.checks)),
        ("sample", ((d.name, d.span) for d in rules.samples)),
        ("test", ((d.title, d.span) for d in rules.tests)),
        (
            "map or const",
            chain(((m.name, m.span) for m in rules.maps), ((c.name, c.span) for c in rules.consts)),
        ),
        ("route", ((str(d.route), d.route.span) for d in rules.posts)),
    )
    for what, named in groups:
        seen: dict[str, Span] = {}
        for name, span in named:
            if name in seen:
                message = f"the {what} '{name}' is declared twice"
                hint = f"It stands in {seen[name]} already: keep one, or give it another name."
                yield make_problem("NAM20", message, hint, span)
            seen.setdefault(name, span)
    for second in rules.units[1:]:
        hint = f"It stands in {rules.units[0].span} already: put all rows there."
        yield make_problem("NAM20", "units are declared twice", hint, second.span)


def _zones(index: Index) -> Iterator[Problem]:
    """Yield unknown time zones."""
    for source in index.ruleset.sources:
        try:
            ZoneInfo(source.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"there is no time zone '{source.zone}'"
            hint = 'Write a name of the IANA list: "Asia/Kuala_Lumpur", "Asia/Singapore", "UTC".'
            yield make_problem("NAM26", message, hint, source.span)


def check_targets(index: Index) -> Iterator[Problem]:
    """Yield invalid rounding steps and tolerances."""
    for target in index.ruleset.targets:
        step, tolerance, name = target.places, target.tolerance, target.name
        if step <= 0:
            message = f"'{name}' rounds to {step}: to no step at all"
            yield make_problem("TYP06", message, "Write the smallest amount: 0.01.", target.span)
        elif step > 1 or step.normalize().as_tuple().digits not in _COINS:
            message = f"'{name}' rounds to {step}, which is no coin"
            hint = "Write the smallest amount that is posted: 0.01, or 0.05."
            yield make_problem("TYP06", message, hint, target.span, "warning")
        elif tolerance > step * _ROUNDED:
            message = f"'{name}' tolerates {tolerance}: no rounding to {step} comes to that"
            hint = f"Write what rounding may differ by, at most {step * _ROUNDED}."
            yield make_problem("TYP06", message, hint, target.span, "warning")


def _references(index: Index) -> Iterator[Problem]:
    """Yield declarations' references to missing records, routes and targets."""
    back = {str(reversal.route) for reversal in index.ruleset.reversals}
    approved = {id(a.route) for a in index.ruleset.approvals if str(a.route) in back}
    for records, route in _spoken_of(index):
        for name, span in records:
            yield from _record_of_its_own(name, span, index)
        if route is not None and id(route) not in approved:
            yield from _route_of(route, [name for name, _ in records], index)
    for retry in index.ruleset.retries:
        if retry.target not in index.targets:
            hint = did_you_mean(retry.target, index.targets)
            yield make_problem("NAM09", f"there is no target '{retry.target}'", hint, retry.span)
    for table in index.ruleset.maps:
        if table.name in NAMES:
            message = f"'{table.name}' is a function of the language"
            yield make_problem("NAM21", message, "Give the map another name.", table.span)


def _spoken_of(index: Index) -> Iterator[tuple[list[_Named], nodes.RouteName | None]]:
    """Yield each declaration's records and the route that it is limited to."""
    rules = index.ruleset
    several: tuple[nodes.Check | nodes.Duplicates | nodes.Cancel, ...] = rules.checks
    for of_many in (*several, *rules.duplicates, *rules.cancels):
        yield [(word.name, word.span) for word in of_many.records], of_many.route
    single: tuple[nodes.Gate | nodes.Approve | nodes.Edit, ...] = rules.gates
    for of_one in (*single, *rules.approvals, *rules.edits):
        yield [(of_one.record, of_one.span)], of_one.route
    for post in rules.posts:
        yield [(post.record, post.span)], None


def _record_of_its_own(name: str, span: Span, index: Index) -> Iterator[Problem]:
    record = index.records.get(name)
    if record is None:
        whole = [r.name for r in index.ruleset.records if r.parent is None]
        hint = did_you_mean(name, whole)
        yield make_problem("NAM07", f"there is no record '{name}'", hint, span)
    elif record.parent is not None:
        message = f"'{name}' is a line of {record.parent}, not a record of its own"
        hint = f"Speak of {record.parent}; what asks for every line says 'each line'."
        yield make_problem("NAM07", message, hint, span)


def _route_of(route: nodes.RouteName, records: list[str], index: Index) -> Iterator[Problem]:
    """Yield routes of declarations that post none of the declaration's records."""
    name, routes = str(route), index.routes()
    back = [r for r in index.ruleset.reversals if str(r.route) == name]
    reversed_ = next((r for r in back if r.record in records), None)
    own = {str(p.route) for p in index.ruleset.posts if p.record in records}
    if name in own or not index.records.keys() & set(records):
        return  # of a record that is not there nothing more is said
    if reversed_ is not None:
        message = f"{name} takes documents back: only an approval speaks of it"
        hint = f"Speak of what it reverses: {reversed_.reversing}."
        yield make_problem("NAM06", message, hint, route.span)
    elif name in routes:
        message = f"{name} posts {routes[name].record}, not {', '.join(records)}"
        yield make_problem("NAM06", message, did_you_mean(name, own), route.span)
    else:
        hint = did_you_mean(name, own or routes)
        yield make_problem("NAM06", f"nothing is posted to '{name}'", hint, route.span)
