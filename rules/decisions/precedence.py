"""What wins of all that the rules say of a record under one route.

Here: decide: what is asked, in which order, and the state that comes of it; whose turn it is to
answer (Asked); and the state of a route that has posted something (state_of_posted). The story
(verdict.py) and the glance (fast_path.py) answer, each in its own way; neither says again what
wins. Not here: what becomes of what is posted already (verdict.py).
"""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

from rules.outcomes.outcome import GateSaid
from rules.values.posting_states import PostingState

ENDS: Final[dict[GateSaid, PostingState]] = {
    "ignore": PostingState.IGNORED,
    "cancel": PostingState.DROPPED,
}
"""Words of a gate behind which nothing is sent, whatever else the rules say."""
READY: Final = PostingState.READY
"""Read once: Python 3.11 looks a word of an enum up by a call."""
_GOES: Final[frozenset[GateSaid]] = frozenset({"ready", "hold"})
"""Words of a gate behind which a document is made: a hold is looked at with its document."""
Reason = Literal["gate", "when", "turn", "document"]
"""What it may wait for: a later status, its condition, its hour or another document, its number."""


class Asked(Protocol):
    """One route of one record, asked in the order of `decide`; it keeps what it wants to tell."""

    def rules(self, *, goes: bool) -> None:
        """Ask every rule that speaks of the record, and make its document if it `goes`."""

    def counts(self) -> None:
        """What the rules found counts; without that, only what is wrong with the record itself."""

    def waits(self, reason: Reason) -> bool:
        """Whether it waits for this: for the status and the condition always, once asked."""

    def has_document(self) -> bool:
        """Whether the document could be made."""

    def approvals(self) -> None:
        """Ask who must agree to the document."""

    def strictest(self) -> str | None:
        """The strictest severity of all that counts and stops a record; None where nothing does."""


def decide(route: Asked, gate: GateSaid, applies: Any) -> PostingState:
    """The state of a route by the word of its gate: ignored, dropped, held, waiting or ready.

    `applies` is what its condition answers: True, False or unknown.
    """
    route.rules(goes=gate in _GOES and applies is True)
    if gate in ENDS:
        return ENDS[gate]
    if gate == "wait":
        route.counts()
        waits = route.waits("gate")
    elif applies is False:
        waits = route.waits("when")
    else:
        route.counts()
        waits = _turn(route)
    worst = route.strictest()
    if worst is not None:
        return PostingState.IGNORED if worst == "reject" else PostingState.HELD
    return PostingState.WAITING if waits else READY


def held_too(state: PostingState, *, counts: bool) -> PostingState | None:
    """The state of a route that has posted nothing, once a check more holds its record.

    `counts`: it waits for something behind which checks count (a condition is none). None where it
    hangs on more than the state: on what it waits for, or on what rejects it.
    """
    if state is PostingState.READY or (state is PostingState.WAITING and counts):
        return PostingState.HELD
    return state if state in {PostingState.HELD, PostingState.DROPPED} else None


def state_of_posted(*, stopped: bool, does: bool, waits: bool) -> PostingState:
    """The state of a route that has posted something: it stays posted unless something is done in
    the target (`does`) or still waits to be; a finding (`stopped`) holds only that.
    """
    if stopped:
        return PostingState.HELD if does or waits else PostingState.POSTED
    if does:
        return PostingState.READY
    return PostingState.WAITING if waits else PostingState.POSTED


def _turn(route: Asked) -> bool:
    """Whether it waits where the gate lets it go (or holds it in its own words)."""
    waits = route.waits("turn")
    if route.has_document():
        route.approvals()
        return waits
    return waits or route.waits("document")
