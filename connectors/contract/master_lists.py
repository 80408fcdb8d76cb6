"""What a target lists: customers, suppliers, items, and what is left to pay of invoices and bills.

Here: the kinds, an entry, a page, and when a connection wants them read; how it counts an item,
asked one by one. Not here: keeping what was read (holding/code_lists), the lists that a connection
test reads whole (calls.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, Protocol, runtime_checkable

from connectors.contract.calls import Found, ItemSetup
from connectors.contract.declared_settings import Setting
from connectors.contract.schema import DocumentSchema
from connectors.contract.targets import Pace, Settings
from connectors.transport.http import Http

Listed = Literal["customer", "vendor", "item", "invoice", "bill"]
READ: Final = "lists_read"
READ_AT: Final = "lists_read_at"
NIGHTLY, WEEKLY, OFF = "nightly", "weekly", "off"
USUAL_HOUR: Final = "01:30"
SETTINGS: Final = (
    Setting(
        name=READ,
        label="Read customers, suppliers, items and unpaid documents",
        hint="Values of mappings are chosen from these lists and compared with them; payments are"
        " compared with what is unpaid.",
        kind="choice",
        choices={NIGHTLY: "Every night", WEEKLY: "Once a week", OFF: "Only when asked"},
        unset="Not set: every night",
    ),
    Setting(
        name=READ_AT,
        label="Hour at which they are read",
        hint=f"In the time zone of the company. Blank: {USUAL_HOUR}.",
        example=USUAL_HOUR,
        kind="time",
    ),
)
"""Of every target that lists something."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry: its code as documents name it, its name, whether it is in use, and its numbers
    where the target tells them; `sku` of an item is the code that people gave it, where documents
    name it by another one.

    Of an unpaid invoice or bill: `sku` its number, where `code` is an id; `name` that of its
    customer or supplier, `party` that one's code; `left` what is still to be paid, above zero, in
    `currency`, which is blank where it is that of the books.
    """

    code: str
    name: str
    active: bool = True
    tin: str = ""
    registration: str = ""
    sku: str = ""
    party: str = ""
    left: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list; `after` is where the next one begins, blank where there is none."""

    entries: tuple[ListEntry, ...]
    after: str


@runtime_checkable
class TellsLists(Protocol):
    """A target that lists customers, suppliers, items or what is unpaid whole."""

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def lists(self) -> tuple[Listed, ...]:
        """What it lists."""
        ...

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """The page that begins there, the first one where `after` is blank: one read-only call.
        Entries out of use are told, too. `unknown` when nobody can say now.
        """
        ...


@runtime_checkable
class TellsItems(Protocol):
    """A target that tells how it counts an item."""

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def items_at_once(self) -> int:
        """How many may be asked for in one round, which is every quarter of an hour."""
        ...

    def items(
        self, codes: Sequence[str], settings: Settings, secret: str, http: Http
    ) -> Mapping[str, ItemSetup | None] | Found:
        """The set-up of each of these that could be read, None where there is no such item or where
        it has no unit; what could not be asked for now is left out. `unknown` when nobody can say
        anything now. Changes nothing.
        """
        ...


def every(settings: Mapping[str, object]) -> str:
    """How often a connection with these settings wants them read."""
    return str(settings.get(READ) or NIGHTLY)


def hour(settings: Mapping[str, object]) -> str:
    """At which hour."""
    return str(settings.get(READ_AT) or USUAL_HOUR)
