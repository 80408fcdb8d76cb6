"""Whether what is posted can be reversed and posted again.

Here: routes that know no duplicates, document numbers that would be used twice, reversing routes,
tables that ask for a reversal that nobody declared or for what the target cannot do, and answers
that nothing carries out yet. Not here: whether a table is complete (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.text.problem import Problem, Span
from rules.checker.places import problem
from rules.types.functions import did_you_mean
from rules.types.outside_schemas import DocumentSchema, Schemas
from rules.types.symbol_table import Index
from rules.values.names import article

ON_DOCUMENT = frozenset({"update", "void"})
"""Answers that a target must offer for the document that is posted."""


def check_later(index: Index, known: Schemas | None = None) -> Iterator[Problem]:
    """What the targets do not offer, and what nothing reads yet; with schemas, also documents that
    no connector posts, or not without a field that is left out, and records that none delivers.
    """
    if known is not None:
        yield from _unconnected(index.ruleset, known)
    rules = index.ruleset
    for edit in rules.edits:
        yield from _not_offered(index, known, (edit.record,), edit)
    for cancel in rules.cancels:
        yield from _not_offered(index, known, tuple(w.name for w in cancel.records), cancel)


def _not_offered(
    index: Index, known: Schemas | None, records: tuple[str, ...], declared: n.Edit | n.Cancel
) -> Iterator[Problem]:
    """Rows that change a document in place, where its target cannot."""
    routes = [
        post.route
        for record in records
        for post in index.posts.get(record, [])
        if declared.route in (None, post.route)
    ]
    for row in declared.table.rows:
        kind = row.action.kind if isinstance(row.action, n.Action) else ""
        for route in routes if kind in ON_DOCUMENT else ():
            document = known.document(route.target, route.document) if known else None
            if kind not in getattr(document, "actions", ()):
                what = f"'{kind}' of a posted {route}, which {route.target} does not offer"
                hint = "Let a person decide: review by …, or take it back by a credit note."
                yield _later(what, hint, row.action.span)
                break


def _unconnected(rules: n.Ruleset, known: Schemas) -> Iterator[Problem]:
    hint = "Write and test the rules now; they come into force once it is connected."
    for post in rules.posts:
        document = known.document(post.route.target, post.route.document)
        if not getattr(document, "connected", True):
            yield _later(f"posting to '{post.route}'", hint, post.route.span)
        elif document is not None:
            yield from _unfilled(post, document)
    for reversal in rules.reversals:
        document = known.document(reversal.route.target, reversal.route.document)
        if not getattr(document, "connected", True):
            yield _later(f"posting to '{reversal.route}'", hint, reversal.route.span)
    for record in rules.records:
        kind = known.kind(record.source or "", record.name)
        if not getattr(kind, "connected", True):
            yield _later(f"'{record.name}' from '{record.source}'", hint, record.span)


def _unfilled(post: n.Post, document: DocumentSchema) -> Iterator[Problem]:
    """Fields without which the connector could post nothing new. A mirror has those of what it
    takes back.
    """
    sides = (
        (post.fields, document.header, ""),
        (post.line_fields, document.lines, " in each line"),
    )
    for assigns, fields, where in sides:
        given = {assign.name for assign in assigns}
        needed = (field.name for field in fields if getattr(field, "needed", False))
        missing = [name for name in needed if name not in given]
        if missing:
            what = f"posting to '{post.route}' without {', '.join(missing)}{where}"
            hint = f"Add: {missing[0]} = …; {post.route.target} takes no new document without it."
            yield _later(what, hint, post.route.span)


def _later(what: str, hint: str, span: Span) -> Problem:
    return problem("SYN40", f"not carried out by this version: {what}", hint, span)


AGAIN = ("new_document", "credit_and_new")
REVERSED = ("credit_note", "credit_and_new")
ABLE = ("update", "void")
_SAID = {
    "credit_note": "credit note",
    "credit_and_new": "credit note and new",
    "new_document": "new document",
}


def check_undoing(index: Index) -> Iterator[Problem]:
    """Numbers, reversing routes, and what tables ask of them."""
    for post in index.ruleset.posts:
        yield from _duplicates(post, index)
        why = _again(post, index)
        if why and "{posting}" not in post.number:
            message = f"this route {why}, so the number '{post.number}' comes twice"
            hint = f'Count the postings: as "{post.number}-{{posting}}".'
            yield problem("POS16", message, hint, post.span)
    seen: dict[tuple[str, str], Span] = {}
    for reversal in index.ruleset.reversals:
        yield from _reversal(reversal, index)
        at = (reversal.record, str(reversal.reversing))
        if at in seen:
            message = f"'{reversal.reversing}' is reversed already"
            yield problem("NAM20", message, f"It stands in {seen[at]}.", reversal.span)
        seen.setdefault(at, reversal.span)
    reversed_ = {(r.record, str(r.reversing)) for r in index.ruleset.reversals}
    for post, action in _answers(index):
        if action.kind in REVERSED and (post.record, str(post.route)) not in reversed_:
            yield _irreversible(post, action)


def _duplicates(post: n.Post, index: Index) -> Iterator[Problem]:
    known = (w.name for d in index.ruleset.duplicates for w in d.records)
    if post.record not in known:
        message = f"nothing says what makes {article(post.record)} for {post.route} a duplicate"
        hint = f"Declare 'duplicates of {post.record}' with at least one 'unique by'."
        yield problem("POS07", message, hint, post.span)


def _again(post: n.Post, index: Index) -> str:
    """Why a route may post one record more than once."""
    if post.bill is not None:
        return "bills in parts"
    undoes = {*AGAIN, "void", "credit_note"}
    if any(action.kind in undoes for of, action in _answers(index) if of is post):
        return "may be taken back and posted again"
    return ""


def _answers(index: Index) -> Iterator[tuple[n.Post, n.Action]]:
    """Every answer of the two tables that speak of a route: its own, or else the general one."""
    for post in index.ruleset.posts:
        route = str(post.route)
        tables = (index.edit(post.record, route), index.cancel(post.record, route))
        for row in (row for declared in tables if declared for row in declared.table.rows):
            if isinstance(row.action, n.Action):
                yield post, row.action


def _reversal(reversal: n.Reversal, index: Index) -> Iterator[Problem]:
    if reversal.record not in index.records:
        hint = did_you_mean(reversal.record, index.records)
        yield problem("NAM07", f"there is no record '{reversal.record}'", hint, reversal.span)
        return
    routes = [str(p.route) for p in index.posts.get(reversal.record, [])]
    if str(reversal.reversing) not in routes:
        message = f"{reversal.record} is not posted to '{reversal.reversing}'"
        hint = did_you_mean(str(reversal.reversing), routes)
        yield problem("NAM06", message, hint, reversal.reversing.span)
    if "{reversed}" not in reversal.number and "{posting}" not in reversal.number:
        message = "two reversals of one record would have the same number"
        hint = 'Name what is taken back: as "CN-{reversed}".'
        yield problem("POS17", message, hint, reversal.span)
    if reversal.route.target not in index.targets:
        hint = did_you_mean(reversal.route.target, index.targets)
        message = f"there is no target '{reversal.route.target}'"
        yield problem("NAM09", message, hint, reversal.route.span)


def _irreversible(post: n.Post, action: n.Action) -> Problem:
    message = f"'{_SAID[action.kind]}' for {post.route}, but nothing says how it is reversed"
    hint = f"Declare: post {post.record} to TARGET.DOCUMENT reversing {post.route}"
    return problem("POS18", message, f'{hint} as "CN-{{reversed}}"', action.span)


def check_targets(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Actions that the target of a posted document cannot do."""
    for post, action in _answers(index):
        if action.kind not in ABLE:
            continue
        known = schemas.document(post.route.target, post.route.document)
        can: tuple[str, ...] = tuple(getattr(known, "actions", ()))
        if known is None or action.kind in can:
            continue
        message = f"{post.route.target} cannot {action.kind} {article(post.route.document)}"
        others = ", ".join(a for a in ABLE if a in can)
        hint = f"It can {others}. " if others else ""
        hint += "Use review by …, hold for … or block, or reverse it with a credit note."
        yield problem("POS19", message, hint, action.span)
