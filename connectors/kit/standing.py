"""What else a target may be able to do: show what stands there, find what is like a document, and
tell how it counts its items.

Here: the abilities as protocols. Not here: what every target does (contract). A target
without an ability is not asked.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from connectors.kit.contract import (
    Found,
    ItemSetup,
    OutgoingDocument,
    Pace,
    Settings,
    Stands,
)
from connectors.kit.http import Http
from connectors.kit.schema import DocumentSchema


@runtime_checkable
class Readable(Protocol):
    """A target that shows what stands there."""

    @property
    def read_at_once(self) -> int:
        """How many documents one call shows at most."""
        ...

    def read(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        secret: str,
        http: Http,
    ) -> tuple[Found, ...]:
        """What stands there beside each of these documents as they were sent last, in their order.

        Changes nothing. `absent` is told only where nothing of that number stands there.
        """
        ...


@runtime_checkable
class Searchable(Protocol):
    """A target that can be searched for documents under other numbers."""

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Live documents there of the same party and amount and about the same day, whatever their
        number. `unknown` when nobody can say now; `different` when so many documents stand
        there that a person must look. Changes nothing.
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
    ) -> Mapping[str, ItemSetup]:
        """The set-up of each of these that is known there and could be read. Changes nothing."""
        ...
