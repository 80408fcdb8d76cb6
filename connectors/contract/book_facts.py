"""What a target tells of the books behind it, as data.

Here: whether it tells units, stock, periods, where the closing date comes from, and for how long it
knows what it had as the same. Not here: the calls that ask for any of it (targets.py), the last
closed day itself (`Snapshot.locked_through`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from connectors.contract.e_invoices import SAME_E_INVOICE


@dataclass(frozen=True, slots=True)
class DuplicateWindow:
    """By what a target knows that it had something before, for how long and where that was read, in
    a sentence; `lasts` is that time, None as long as it has the document.
    """

    says: str
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """What can be known of a target's books without a person.

    `units`: how it counts an item (it is then a `TellsItems`). `stock`: how many are there.
    `periods`: its list of accounting periods. `closing_date` is `told` where the connection test
    reads the last closed day, and `entered` where a person keeps it in the setting
    `locked_through`. `by_id`: documents name customers, vendors and items by ids that it gave them
    itself, so that no source has the same ones. `known_by`: by what it knows that it had something
    before; empty where it would make it again. `kept_while_paused` is the status of its answer to
    a call that it keeps until a paused key is active again.
    """

    units: bool = False
    stock: bool = False
    periods: bool = False
    by_id: bool = False
    closing_date: Literal["told", "entered"]
    known_by: tuple[DuplicateWindow, ...] = ()
    kept_while_paused: int | None = None

    @property
    def second_documents(self) -> tuple[str, ...]:
        """What counts as the same document, there and at the tax office, each with its source."""
        return (*(one.says for one in self.known_by), SAME_E_INVOICE)
