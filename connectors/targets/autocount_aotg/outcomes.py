"""What became of a document: the result of its request, then one look at what the target has.

Here: tickets, polling, the look-up over the day of the document, and what both say together. Not
here: the calls (relay.py), what words mean (answers.py).

Reads are requests as well: a look that is not done yet has a ticket, too. What AutoCount says of a
write is never the last word, neither a yes nor a no.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from connectors.contract import Answer, Found, Kept, OutgoingDocument, Settings, Stands
from connectors.kit.rounding.rounding_bounds import room
from connectors.targets.autocount_aotg.answers import failed, undone
from connectors.targets.autocount_aotg.documents import TOTAL
from connectors.targets.autocount_aotg.payload import SCHEMAS, day_text
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

Entry = Mapping[str, Any]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be in the books of one document; its day as AutoCount shows it, too."""

    number: str
    party: str
    day: str
    shown_day: str
    currency: str
    total: Decimal
    lines: int

    @property
    def room(self) -> Decimal:
        """How far rounding alone may move the total."""
        return room(["0"] * self.lines)


@dataclass(frozen=True, slots=True)
class Written:
    """How the write of one document ended by AutoCount's word; `whole`: with all of its batch."""

    done: bool
    message: str
    whole: bool = True


def wanted_of(document: OutgoingDocument, settings: Settings) -> Wanted:
    """What a document asks for."""
    day = document.fields[SCHEMAS[document.document].date_field]
    return Wanted(
        number=document.number,
        party=document.party,
        day=day,
        shown_day=day_text(day, settings),
        currency=document.currency,
        total=document.amount,
        lines=len(document.lines),
    )


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
    """Look for it among the invoices of its day, once; `write` is the end of its request, if that
    is known.
    """
    answer = relay.listed(wanted.day)
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


def written(told: Told, number: str) -> Written:
    """What the end of a request says of one of its documents."""
    rows = told.rows
    mine = next((one for one in rows if one.get("DocNo") == number), None)
    if mine is None:
        return Written(told.progress == Progress.COMPLETED, told.message)
    done = mine.get("Status") == Progress.COMPLETED
    message = mine.get("Message")
    words = message if isinstance(message, str) and message else told.message
    return Written(done, words, whole=told.progress == Progress.COMPLETED)


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


def judged(wanted: Wanted, write: Written | None, look: Told) -> Found:
    """What the end of the write and what the target has say together."""
    mine = [one for one in look.rows if is_number(one, wanted.number)]
    live = [one for one in mine if one.get("Cancelled") is not True]
    if len(live) > 1:
        words = f"{len(live)} documents {wanted.number} exist there."
        return Found(kind="different", words=words, target_ref=_id(live[0]), proof=look.proof)
    if live:
        return _beside(wanted, live[0], look)
    if mine and write is None:
        words = f"{wanted.number} exists there, but it was made void."
        ref = _id(mine[0])
        return Found(kind="different", words=words, target_ref=ref, proof=look.proof, void=True)
    if write is None:
        words = f"No {wanted.number} exists there under {wanted.day}."
        return Found(kind="absent", words=words, proof=look.proof)
    if not write.done:
        return _refused(wanted, failed(wanted.number, write.message), look)
    if not write.whole:
        return _refused(wanted, undone(wanted.number, write.message), look)
    words = (
        f"AutoCount says that it made {wanted.number}, and no such document exists there under "
        f"{wanted.day}. If it stands under another day, correct the date format of the connection."
    )
    return Found(kind="different", words=words, proof=look.proof)


def _refused(wanted: Wanted, answer: Answer, look: Told) -> Found:
    words = f"{wanted.number} was not made: {answer.words}"
    return Found(kind="absent", words=words, proof=look.proof, refused=answer)


def _beside(wanted: Wanted, entry: Entry, look: Told) -> Found:
    ref, total = _id(entry), _amount(entry.get(TOTAL))
    differs: list[Kept] = []
    if entry.get("DebtorCode") != wanted.party:
        differs.append(Kept(0, "DebtorCode", str(entry.get("DebtorCode") or "")))
    if entry.get("DocDate") != wanted.shown_day:
        differs.append(Kept(0, "DocDate", str(entry.get("DocDate") or "")))
    if total is None or abs(total - wanted.total) > wanted.room:
        differs.append(Kept(0, TOTAL, "" if total is None else format(total, "f")))
    if not differs:
        words = f"It exists there as it was sent, under {wanted.number}."
        return Found(kind="equal", words=words, target_ref=ref, proof=look.proof, total=total)
    told = "; ".join(f"{one.field} is {one.value or 'blank'} there" for one in differs)
    return Found(
        kind="different",
        words=f"Something else exists there under {wanted.number}: {told}.",
        target_ref=ref,
        proof=look.proof,
        differs=tuple(differs),
        stands=Stands(
            number=str(entry.get("DocNo")),
            target_ref=ref,
            party=str(entry.get("DebtorCode") or ""),
            date=str(entry.get("DocDate") or ""),
            currency=wanted.currency,
            amount=total,
        ),
        total=total,
    )


def is_number(entry: Entry, number: str) -> bool:
    """Whether an invoice of the list has this number; AutoCount takes large for small letters."""
    found = entry.get("DocNo")
    return isinstance(found, str) and found.casefold() == number.casefold()


def _id(entry: Entry) -> str | None:
    found = entry.get("Id")
    return str(found) if isinstance(found, int | str) and found not in ("", False, True) else None


def _amount(value: object) -> Decimal | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return Decimal(str(value)) if whole or isinstance(value, Decimal) else None


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
