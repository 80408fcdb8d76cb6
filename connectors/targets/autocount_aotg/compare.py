"""Compare a document with the relay's word on its write and with a list of invoices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from connectors.contract import Answer, Found, Kept, OutgoingDocument, Settings, Stands
from connectors.contract.schema import looks_first
from connectors.kit.preflight import room
from connectors.targets.autocount_aotg.relay import (
    SCHEMAS,
    TOTAL,
    Progress,
    Told,
    day_text,
    failed,
    undone,
)

Entry = Mapping[str, Any]
AROUND: Final = timedelta(days=3)
"""How far another day than that of a document is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The expected content of the books for one document.

    `shown_day` is its day as AutoCount writes it. With `around`, invoices of some days before and
    after are searched too.
    """

    number: str
    party: str
    day: str
    shown_day: str
    currency: str
    total: Decimal
    lines: int
    around: bool = False

    @property
    def room(self) -> Decimal:
        """The largest difference of the total that rounding can explain."""
        return room(["0"] * self.lines)

    @property
    def days(self) -> tuple[str, str]:
        """The first and last day to search for the document, as ISO dates."""
        day, more = date.fromisoformat(self.day), AROUND if self.around else timedelta(0)
        return (day - more).isoformat(), (day + more).isoformat()


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing one document, as AutoCount reports it.

    `whole`: its whole batch succeeded.
    """

    done: bool
    message: str
    whole: bool = True


def wanted_of(document: OutgoingDocument, settings: Settings) -> Wanted:
    """Return the values to compare for a document: number, party, day, currency, total and
    lines.
    """
    day = document.fields[SCHEMAS[document.document].date_field]
    return Wanted(
        number=document.number,
        party=document.party,
        day=day,
        shown_day=day_text(day, settings),
        currency=document.currency,
        total=document.amount,
        lines=len(document.lines),
        around=looks_first(settings),
    )


def written(state: Told, number: str) -> Written:
    """Return the result for one document of a finished write request."""
    rows = state.rows
    document_row = next((row for row in rows if row.get("DocNo") == number), None)
    if document_row is None:
        return Written(state.progress == Progress.COMPLETED, state.message)
    done = document_row.get("Status") == Progress.COMPLETED
    message = document_row.get("Message")
    words = message if isinstance(message, str) and message else state.message
    return Written(done, words, whole=state.progress == Progress.COMPLETED)


def judged(expected: Wanted, write: Written | None, look: Told) -> Found:
    """Return the lookup result from the write's outcome and the list of existing documents.

    `write` is None if the outcome of the write is unknown.
    """
    matching_rows = [row for row in look.rows if is_number(row, expected.number)]
    live = [row for row in matching_rows if row.get("Cancelled") is not True]
    if len(live) > 1:
        words = f"{len(live)} documents {expected.number} exist there."
        return Found(kind="different", words=words, target_ref=_id(live[0]), proof=look.proof)
    if live:
        return _beside(expected, live[0], look, written=write is not None and write.done)
    if matching_rows and write is None:
        words = f"{expected.number} exists there, but it was made void."
        ref = _id(matching_rows[0])
        return Found(kind="different", words=words, target_ref=ref, proof=look.proof, void=True)
    if write is None:
        words = f"No {expected.number} exists there under {expected.day}."
        return Found(kind="absent", words=words, proof=look.proof, alike=_alike(expected, look))
    if not write.done:
        return _refused(expected, failed(expected.number, write.message), look)
    if not write.whole:
        return _refused(expected, undone(expected.number, write.message), look)
    words = (
        f"AutoCount says that it made {expected.number}, and no such document exists there under "
        f"{expected.day}. If it stands under another day, correct the date format of the "
        "connection."
    )
    return Found(kind="different", words=words, proof=look.proof)


def _refused(expected: Wanted, answer: Answer, look: Told) -> Found:
    words = f"{expected.number} was not made: {answer.words}"
    return Found(kind="absent", words=words, proof=look.proof, refused=answer)


def _beside(expected: Wanted, entry: Entry, look: Told, *, written: bool) -> Found:
    """Compare an existing invoice with ours; `written`: AutoCount has just created ours.

    A number that differs only in case belongs to another document of ours.
    """
    ref, total = _id(entry), _amount(entry.get(TOTAL))
    differs: list[Kept] = []
    if not written and entry.get("DocNo") != expected.number:
        differs.append(Kept(0, "DocNo", str(entry.get("DocNo"))))
    if entry.get("DebtorCode") != expected.party:
        differs.append(Kept(0, "DebtorCode", str(entry.get("DebtorCode") or "")))
    if entry.get("DocDate") != expected.shown_day:
        differs.append(Kept(0, "DocDate", str(entry.get("DocDate") or "")))
    if total is None or abs(total - expected.total) > expected.room:
        differs.append(Kept(0, TOTAL, "" if total is None else format(total, "f")))
    if not differs:
        words = f"It exists there as it was sent, under {expected.number}."
        return Found(kind="equal", words=words, target_ref=ref, proof=look.proof, total=total)
    differences_text = "; ".join(
        f"{deviation.field} is {deviation.value or 'blank'} there" for deviation in differs
    )
    return Found(
        kind="different",
        words=f"Something else exists there under {expected.number}: {differences_text}.",
        target_ref=ref,
        proof=look.proof,
        differs=tuple(differs),
        stands=_stands(expected, entry),
        total=total,
    )


def _alike(expected: Wanted, look: Told) -> tuple[Stands, ...]:
    """Return live invoices with an equal debtor and total but other numbers.

    Empty if only the document's own day was read. The list shows no lines.
    """
    if not expected.around:
        return ()
    return tuple(
        _stands(expected, row)
        for row in look.rows
        if row.get("Cancelled") is not True
        and row.get("DebtorCode") == expected.party
        and _amount(row.get(TOTAL)) == expected.total
    )


def _stands(expected: Wanted, entry: Entry) -> Stands:
    return Stands(
        number=str(entry.get("DocNo") or ""),
        target_ref=_id(entry),
        party=str(entry.get("DebtorCode") or ""),
        date=str(entry.get("DocDate") or ""),
        currency=expected.currency,
        amount=_amount(entry.get(TOTAL)),
    )


def is_number(entry: Entry, number: str) -> bool:
    """Check whether a listed invoice has this number. AutoCount ignores case."""
    listed_number = entry.get("DocNo")
    return isinstance(listed_number, str) and listed_number.casefold() == number.casefold()


def _id(entry: Entry) -> str | None:
    value = entry.get("Id")
    return str(value) if isinstance(value, int | str) and value not in ("", False, True) else None


def _amount(value: object) -> Decimal | None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return Decimal(str(value)) if is_integer or isinstance(value, Decimal) else None
