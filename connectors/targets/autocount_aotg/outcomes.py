"""What became of a document: the result of its request, then one look at what the target has.

Here: tickets, polling, the look-up over the day of the document. Not here: the calls (relay.py),
what words mean (answers.py), what both say together (compare.py).

Reads are requests as well: a look that is not done yet has a ticket, too. What AutoCount says of a
write is never the last word, neither a yes nor a no.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.contract import Answer, Found
from connectors.targets.autocount_aotg.answers import failed
from connectors.targets.autocount_aotg.compare import Wanted, judged, written
from connectors.targets.autocount_aotg.relay import (
    GONE,
    UNDER_WAY,
    Progress,
    Relay,
    Told,
    is_apart,
    not_told,
    told_of,
    with_result,
)
from connectors.transport.http import HttpAnswer


@dataclass(frozen=True, slots=True)
class Ticket:
    """The requests of a document that are under way: its write, and the look that followed."""

    write: str
    look: str = ""

    @property
    def text(self) -> str:
        """As it is kept."""
        return f"{self.write}+{self.look}" if self.look else self.write

    @classmethod
    def read(cls, text: str) -> "Ticket":
        """What was kept."""
        write, _, look = text.partition("+")
        return cls(write, look)


def ask_again(wanted: Wanted, ticket: Ticket, relay: Relay) -> Found:
    """What became of it, as far as that is known by now."""
    if ticket.look:
        found = _of_look(wanted, ticket, relay)
        if found is not None:
            return found
    if not ticket.write:
        return look_up(wanted, relay)
    ticket = Ticket(ticket.write)
    told = result(ticket.write, relay)
    if isinstance(told, Found):  # it is not kept for ever: then only the look-up can tell
        return look_up(wanted, relay) if told.status == GONE else told
    if told.progress in UNDER_WAY:
        return _under_way(ticket, told)
    return look_up(wanted, relay, told)


def look_up(wanted: Wanted, relay: Relay, write: Told | None = None) -> Found:
    """Look for it among the invoices of its days, once; `write` is the end of its request, if that
    is known.
    """
    answer = relay.listed(*wanted.days)
    asked = told_of(answer)
    if asked is None:
        return not_told(answer)
    ticket = Ticket(write.request if write else "", asked.request)
    if asked.progress in UNDER_WAY:
        return _under_way(ticket, asked)
    found = _of_look(wanted, ticket, relay, write)
    if found is None:
        return Found(kind="unknown", words="The look-up did not go through: it is made once more.")
    return found


def _of_look(
    wanted: Wanted, ticket: Ticket, relay: Relay, write: Told | None = None
) -> Found | None:
    """What a look saw; None where it came to nothing, so that another has to be made."""
    told = result(ticket.look, relay)
    if isinstance(told, Found):
        return None if told.status == GONE else told
    if told.progress in UNDER_WAY:
        return _under_way(ticket, told)
    if told.progress == Progress.FAILED or not isinstance(told.content, list):
        return None
    if ticket.write and write is None:
        again = result(ticket.write, relay)
        if isinstance(again, Found) and again.status != GONE:
            return again
        write = again if isinstance(again, Told) else None
    return judged(wanted, written(write, wanted.number) if write else None, told)


def result(request: str, relay: Relay) -> Told | Found:
    """What became of a request; why nobody can say, with the status that was answered."""
    answer = relay.result(request)
    told = told_of(answer, request)
    if told is not None and is_apart(told):
        answer = relay.result_apart(request)
        told = with_result(told, answer)
    if told is not None:
        return told
    found = not_told(answer)
    status = answer.status if isinstance(answer, HttpAnswer) else None
    return replace(found, status=status)


def _under_way(ticket: Ticket, told: Told) -> Found:
    state = "is working on it" if told.progress == Progress.PROCESSING else "has not begun it yet"
    return Found(
        kind="unknown",
        words=f"The account book {state} (request {told.request}).",
        proof=told.proof,
        target_ref=ticket.text,
    )


def answers_of(told: Told, wanted: Sequence[Wanted], relay: Relay) -> tuple[Answer, ...]:
    """What the answer to a write says of each of its documents: mostly that it was taken in."""
    waits = tuple(_awaiting(one, told) for one in wanted)
    if told.progress in UNDER_WAY or len(wanted) > 1:  # the looks of many have a pass of their own
        return waits
    ended = result(told.request, relay)
    if isinstance(ended, Found) or ended.progress in UNDER_WAY:
        return waits
    pairs = zip(wanted, waits, strict=True)
    return tuple(_ended(one, ended, look_up(one, relay, ended), waits_) for one, waits_ in pairs)


def _awaiting(wanted: Wanted, told: Told) -> Answer:
    return Answer(
        kind="awaiting",
        code="taken_in",
        words=f"AutoCount keeps it until the account book has made it (request {told.request}).",
        target_ref=Ticket(told.request).text,
        number=wanted.number,
        status=200,
    )


def _ended(wanted: Wanted, told: Told, found: Found, waits: Answer) -> Answer:
    """The answer where everything was done at once; what is not sure yet is asked again."""
    write = written(told, wanted.number)
    taken = failed(wanted.number, write.message).error_class == "duplicate"
    if found.refused is not None:
        return found.refused
    if found.kind == "equal":
        words = "Already there, with the same content." if taken else "Accepted, and looked up."
        existing = not write.done and taken
        return Answer(
            kind="accepted",
            words=words if existing or write.done else f"Made, though it said: {write.message}",
            target_ref=found.target_ref,
            number=wanted.number,
            status=200,
            existing=existing,
            same_content=True if existing else None,
            total=found.total,
        )
    if found.kind == "different" and found.stands is not None and not write.done and taken:
        return Answer(
            kind="refused",
            error_class="stale_version",
            code="number_taken",
            words=f"The number is already there, with other content. {found.words}",
            target_ref=found.target_ref,
            number=wanted.number,
            status=200,
            existing=True,
            same_content=False,
        )
    return waits
