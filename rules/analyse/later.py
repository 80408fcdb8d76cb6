"""What the language can say and judging does not know yet: one problem for each.

Here: constructs that are read, laid out and refused, so that nothing is ignored in silence. Not
here: whether they are well formed (grammar).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.index import Index

_OUTCOMES = {
    "update",
    "void",
    "new_document",
    "credit_note",
    "credit_and_new",
    "look_up",
    "try_again",
}


def check(index: Index) -> Iterator[Problem]:
    """Every construct of a later version."""
    rules = index.ruleset
    tables: tuple[n.Edit | n.Cancel, ...] = (*rules.edits, *rules.cancels)
    for table in tables:
        hint = "Take it out: for now a person decides."
        yield _later("the tables `on edit` and `on cancel`", hint, table.span)
    for retry in rules.retries:
        hint = "Take it out: retries follow the table that is built in."
        yield _later("a `retry` table", hint, retry.span)
    for reversal in rules.reversals:
        hint = "Take the declaration out."
        yield _later("`reversing` (taking a posting back)", hint, reversal.span)
    for post in rules.posts:
        if post.bill is not None:
            hint = "Take it out: the whole order is posted at once."
            yield _later("`bill` (billing in parts)", hint, post.bill.span)
    for test in rules.tests:
        yield from _story(test)


def _story(test: n.Test) -> Iterator[Problem]:
    """The further steps of a test, or else outcomes that only those can have."""
    for step in test.steps:
        yield _later("`then` (a second step)", "Tell the facts at once: given … with …", step.span)
    for outcome in (expect.outcome for expect in test.expects if not test.steps):
        if outcome is not None and outcome.kind in _OUTCOMES:
            words = outcome.kind.replace("_", " ")
            yield _later(f"the outcome '{words}'", "Expect hold for … instead.", outcome.span)


def _later(what: str, hint: str, span: Span) -> Problem:
    return problem("SYN40", f"not part of this version of the language: {what}", hint, span)
