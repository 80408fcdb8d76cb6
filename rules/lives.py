"""The postings of a record that count: in the target, or on their way there.

Here: live, next_seq, billed, the age of an e-invoice. Not here: what is done about them
(posted.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules.facts import Facts, PostingFact
from rules.gaps import fact_gap
from rules.numbers import CONTEXT
from rules.unknown import Unknown

if TYPE_CHECKING:
    from rules.run import Run

SENT = frozenset({"sending", "awaiting", "uncertain", "posted"})
OVER = frozenset({*SENT, "reversed"})
"""States of a posting whose number is used up."""


def live(postings: Iterable[PostingFact], route: str) -> tuple[PostingFact, ...]:
    """The postings of a route that are in the target or on their way, oldest first."""
    sent = [p for p in postings if p.route == route and p.state in SENT]
    return tuple(sorted(sent, key=lambda p: p.seq))


def earlier(facts: Facts, route: str) -> Mapping[str, object] | None:
    """The record as it was posted last, or else as it first came; None where it is the same."""
    lives = live(facts.postings, route)
    return lives[-1].body if lives else facts.first


def next_seq(postings: Iterable[PostingFact], route: str) -> int:
    """The place of the next posting of a route; one that is planned and not sent keeps its own."""
    own = [p for p in postings if p.route == route]
    planned = [p.seq for p in own if p.state not in OVER]
    return min(planned) if planned else max((p.seq for p in own), default=0) + 1


def billed(facts: Facts, route: str) -> Mapping[str, Decimal]:
    """What is billed so far of each line."""
    told = facts.billed.get(route)
    return told if told is not None else summed(live(facts.postings, route))


def summed(postings: tuple[PostingFact, ...]) -> dict[str, Decimal]:
    """What some postings bill together, by line key."""
    found: dict[str, Decimal] = {}
    for posting in postings:
        for key, quantity in posting.billed.items():
            found[key] = CONTEXT.add(found.get(key, Decimal(0)), quantity)
    return found


def age(run: Run, posting: PostingFact | None, owner: str, words: str = "") -> Any:
    """How long the e-invoice of a posting exists, or Unknown."""
    if posting is None or posting.e_invoice_at is None:
        return Unknown(fact_gap("e_invoice_age", owner, words.replace("{field}", "e_invoice_age")))
    run.clock.add("now")
    return run.now - posting.e_invoice_at
