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

CARRIED = frozenset({"review", "hold", "block", "ignore", "drop", "wait", "warn"})
"""Answers about something posted that leave it as it is, for a person or for good."""


def check(index: Index) -> Iterator[Problem]:
    """Every answer that changes what is posted, every bill in parts, and what nothing reads yet."""
    rules = index.ruleset
    for link in rules.links:
        yield _later("`link` (records that belong together)", "Take it out.", link.span)
    for retry in rules.retries:
        hint = "Take it out: what is refused is tried again by its error class."
        yield _later("a `retry` table", hint, retry.span)
    tables: tuple[n.Edit | n.Cancel, ...] = (*rules.edits, *rules.cancels)
    for row in (row for declared in tables for row in declared.table.rows):
        if isinstance(row.action, n.Action) and row.action.kind not in CARRIED:
            words = row.action.kind.replace("credit_and_new", "credit_note and new")
            what = f"'{words.replace('_', ' ')}' of something posted"
            yield _later(what, "Let a person decide: review by ….", row.action.span)
    for reversal in rules.reversals:
        hint = "Take the declaration out."
        yield _later("`reversing` (taking a posting back)", hint, reversal.span)
    for post in rules.posts:
        if post.bill is not None:
            hint = "Take it out: the whole order is posted at once."
            yield _later("`bill` (billing in parts)", hint, post.bill.span)


def _later(what: str, hint: str, span: Span) -> Problem:
    return problem("SYN40", f"not carried out by this version: {what}", hint, span)
