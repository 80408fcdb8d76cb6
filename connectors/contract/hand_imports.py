"""Targets that people carry files to: what only they offer, and what is read back of them; and
those that show a page of what they imported.

Here: the protocols and their plain data, and which types of document such a target takes. Not
here: how a file is written (each target's build), what becomes of its documents
(holding/import_files).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

from connectors.contract.declared_settings import Setting, listed
from connectors.contract.sources import SourceRefusal
from connectors.contract.targets import Settings
from grammar.text.finding_codes import ErrorClass

DOCUMENT_TYPES: Final = "document_types"


def document_types(titles: Mapping[str, str]) -> Setting:
    """Which types of document a target takes, name -> title; all that it knows where none is."""
    return Setting(
        name=DOCUMENT_TYPES,
        label="Document types it takes",
        hint="A document of any other type is not sent by it. Leave all blank to allow all.",
        kind="some_of",
        choices=titles,
    )


def types_taken(settings: Mapping[str, object], known: Iterable[str]) -> frozenset[str]:
    """The types of document that a target with these settings takes, of those that it knows."""
    return frozenset(listed(str(settings.get(DOCUMENT_TYPES, "")))) or frozenset(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document as the target's own listing has it; `row` is its row there. A date or a total
    that cannot be read is None; `cancelled` where the listing says so.
    """

    number: str
    party: str
    date: date | None
    total: Decimal | None
    row: int
    cancelled: bool = False


@runtime_checkable
class ImportedByHand(Protocol):
    """A target that cannot be called: a person imports its file there, and tells what happened."""

    def class_of(self, message: str) -> ErrorClass:
        """The class of what its import said of a row that it did not take."""
        ...

    def listed(self, raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
        """The documents of a listing that was saved there as a workbook; or why it is not read."""
        ...


@runtime_checkable
class ShowsImports(Protocol):
    """A target with a page of its own for what became of a call."""

    def import_page(self, settings: Settings, answer: bytes) -> str:
        """The address of that page for the call that was answered so, in the company of this
        connection; blank where there is none.
        """
        ...
