"""Write gates, checks, duplicates, approvals and readiness as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes
from rules.phrases import Phrases, a, capitalize, composed, join_words, message, named
from rules.rulebook.actions import action, becoming, but_for
from rules.types.symbol_table import Index
from rules.values.wording import readable_name

_CLEARS = {
    "itself": message("This hold cannot be released; it clears when the cause is corrected."),
    "never": message("Only a new version of the record clears it."),
}


def ready(post: nodes.Post, index: Index, words: Phrases) -> str:
    """Return one sentence for “Ready for <target>” of a route."""
    here = words.of(post.record)
    gate = index.gate(post.record, str(post.route))
    rows = [row for row in gate.rows if row.word == "ready"] if gate else []
    settled, early = _states(rows, early=False), _states(rows, early=True)
    still = composed("%(states)s, while it can still change", states=early) if early else ""
    states = join_words([text for text in (settled, still) if text], "or")
    parts: list[str] = [composed("its status is %(states)s", states=states)] if states else []
    parts += [here.expr(post.when)] if post.when is not None else []
    parts += [composed("part of it is not billed yet")] if post.bill else []
    if post.after:
        parts.append(composed("its %(document)s is posted", document=named(post.after.document)))
    parts += _conditions(post, index, here)
    parts.append(composed("all required fields are filled, and all codes and units are mapped"))
    return composed(
        "%(record)s is ready to post to %(target)s as %(document)s when: %(conditions)s.",
        record=capitalize(a(post.record)),
        target=post.route.target,
        document=a(post.route.document),
        conditions=join_words(parts, ";"),
    )


def _states(rows: list[nodes.GateRow], *, early: bool) -> str:
    words = [f"“{readable_name(w.name)}”" for row in rows if row.early is early for w in row.states]
    return join_words(words, "or")


def _conditions(post: nodes.Post, index: Index, words: Phrases) -> Iterator[str]:
    rules = index.ruleset
    if any(_speaks(d.records, d.route, post) for d in rules.duplicates):
        yield composed("it is not a duplicate")
    checks = [
        f"“{readable_name(c.name)}”"
        for c in rules.checks
        if _speaks(c.records, c.route, post) and c.action.kind != "warn"
    ]
    if checks:
        yield composed(
            message("these checks pass: %(checks)s")
            if len(checks) > 1
            else message("this check passes: %(checks)s"),
            checks=join_words(checks),
        )
    for one in rules.approvals:
        if one.record == post.record and one.route in (None, post.route):
            agreed = composed("%(team)s approved it", team=words.role(one.role))
            if one.when is not None:
                when = words.expr(one.when)
                agreed = composed("where %(condition)s, %(then)s", condition=when, then=agreed)
            yield agreed


def _speaks(
    records: tuple[nodes.Word, ...], route: nodes.RouteName | None, post: nodes.Post
) -> bool:
    return any(w.name == post.record for w in records) and route in (None, post.route)


_GATES = {
    "ready": message("%(what)s can be posted if all checks pass."),
    "early": message(
        "%(what)s can be posted if all checks pass, although its status can still change."
    ),
    "wait": message("%(what)s waits until its status changes."),
    "ignore": message("%(what)s is never posted."),
    "cancel": message(
        "%(what)s is not posted any more. If it was posted before, the table of cancellations"
        " applies."
    ),
    "hold": message("%(what)s is put on hold for %(team)s: %(message)s"),
}


def gate_row(gate: nodes.Gate, row: nodes.GateRow, words: Phrases) -> str:
    """Return the meaning of some statuses."""
    what = a(gate.record)
    others = (g.route for g in words.index.ruleset.gates if g.record == gate.record)
    left = "" if gate.route else but_for(others)
    if left:
        what = composed("%(what)s (%(exception)s)", what=what, exception=left)
    states = join_words([f"“{readable_name(s.name)}”" for s in row.states], "or")
    what = composed("%(record)s that is %(states)s", record=what, states=states)
    if gate.route:
        what = composed("%(what)s, as %(document)s,", what=what, document=becoming(gate.route))
    return composed(
        _GATES["early" if row.word == "ready" and row.early else row.word],
        what=capitalize(what),
        team=words.role(row.owner),
        message=words.of(gate.record).message(row.say or "", row.span),
    )


def spelling(record: nodes.Record, state: nodes.State) -> str:
    """Return how the source writes a status."""
    return composed(
        "“%(state)s” of %(record)s is %(written)s in %(source)s.",
        state=capitalize(readable_name(state.name)),
        record=a(record.name),
        written=join_words([f"“{alias}”" for alias in state.aliases], "or"),
        source=str(record.source),
    )


def check(one: nodes.Check, words: Phrases) -> str:
    """Return what must be true, and what happens otherwise."""
    here = words.of(one.records[0].name, line=one.each_line)
    what = join_words([a(w.name) for w in one.records], "or")
    if one.each_line:
        what = composed("each line of %(record)s", record=what)
    what = _becoming(what, one.route)
    if one.when is not None:
        when = here.expr(one.when)
        what = composed("%(what)s, where %(condition)s,", what=what, condition=when)
    passes = composed(
        "Check “%(name)s”: %(what)s passes only if %(conditions)s.",
        name=readable_name(one.name),
        what=what,
        conditions=here.all_of(one.requires),
    )
    told = here.message(one.say, one.span)
    done = action(one.action, words)
    otherwise = composed("Otherwise %(action)s: %(message)s", action=done, message=told)
    if one.action.kind == "warn":
        return join_words([passes, otherwise], ".")
    if one.clears.kind in _CLEARS:
        clears = composed(_CLEARS[one.clears.kind])
    else:
        clears = composed("%(team)s may release it.", team=words.role(one.clears.role))
    return join_words([passes, otherwise, clears], ".")


def _becoming(what: str, route: nodes.RouteName | None) -> str:
    """Return the words for a record, and for its route if one is named."""
    if route is None:
        return what
    document = becoming(route)
    return composed("%(what)s that becomes %(document)s", what=what, document=document)


def duplicates(one: nodes.Duplicates, unique: nodes.Unique, words: Phrases) -> str:
    """Return what makes a duplicate."""
    here = words.of(one.records[0].name)
    fields = join_words([_key(*key) for key in zip(unique.fields, unique.like, strict=True)])
    if unique.where == "history":
        record = join_words([named(w.name) for w in one.records], "or")
        other = composed("another %(record)s has the same %(fields)s", record=record, fields=fields)
    elif unique.where == "target":
        other = composed(
            "the accounting system has a document with the same %(fields)s, not posted by"
            " Clearpost",
            fields=fields,
        )
    else:
        other = composed(
            "the accounting system has a document with its number, not posted by Clearpost"
        )
    return composed(
        "%(what)s: if %(condition)s, %(action)s: %(message)s",
        what=capitalize(_becoming(join_words([a(w.name) for w in one.records], "or"), one.route)),
        condition=other,
        action=action(one.action, words),
        message=here.message(one.say, one.span),
    )


def _key(field: str, table: str) -> str:
    """Return the words for a compared field and its match."""
    name = field if field[:1].isupper() else named(field)
    if not table:
        return name
    return composed("%(field)s (as “%(table)s” matches it)", field=name, table=named(table))


def approve(one: nodes.Approve, words: Phrases) -> str:
    """Return who must approve."""
    here = words.of(one.record)
    what = capitalize(a(one.record))
    if one.when is not None:
        when = here.expr(one.when)
        what = composed("%(what)s, where %(condition)s", what=what, condition=when)
    needs = composed(
        "%(what)s, needs the approval of %(team)s", what=what, team=words.role(one.role)
    )
    if one.route:
        document = becoming(one.route)
        needs = composed("%(needs)s before it becomes %(document)s", needs=needs, document=document)
    said = [composed("%(needs)s.", needs=needs)]
    never = join_words([here.expr(nodes.Name((name,), one.span)) for name in one.never], "or")
    if never:
        said.append(composed("%(people)s cannot approve it.", people=capitalize(never)))
    covers = composed("It covers exactly this content; any change requires a new approval.")
    return join_words([*said, covers], ".")
