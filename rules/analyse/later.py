"""What judging can answer and nothing carries out yet: one problem for each.

Here: answers and routes that are refused before rules come into force, so that nothing is ignored
in silence. Trying and testing rules may leave this question out. Not here: whether they are well
formed (grammar), and what they mean (rules/posted.py, rules/bills.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.index import Index
from rules.schema import DocumentSchema, Schemas

ON_DOCUMENT = frozenset({"update", "void"})
"""Answers that a target must offer for the document that is posted."""


def check(index: Index, known: Schemas | None = None) -> Iterator[Problem]:
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
