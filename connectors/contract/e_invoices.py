"""Who submits the e-invoices of a target's documents to the tax office (LHDN), as data.

Here: what a target states of it, which documents make one, and whether a posted document waits for
anything, and what the tax office calls the same one. Not here: since
when an e-invoice is valid (`Found.e_invoice_at`), what rules make of its age. Clearpost itself
submits none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SAME_E_INVOICE: Final = (
    "LHDN takes one e-Invoice of a type, day and time, number and supplier, and names no end of"
    " that (DV302, MyInvois SDK, duplicate document validator)."
)
"""What the tax office calls the same e-invoice: two systems that submit one sale at two times would
make two.
"""
NONE_HERE: Final = "e_invoices"
"""The setting that says `none` where no e-invoice is made of the documents of a connection."""


class Submitter(StrEnum):
    """Who submits: the accounting system, or a service beside it that the company chose."""

    TARGET = "target"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoices:
    """What a target states: who submits, and the sentences about it that people read.

    Of a service's e-invoice the target shows nothing of its own: `field_setting` names the setting
    in which a company enters the field of the target where its service notes since when one is
    valid, and `awaited` the document types for which that must come back. A target that submits
    them itself has neither. `types`: document type -> the tax office's type of its e-invoice (01
    invoice, 02 credit note).
    """

    submitter: Submitter
    says: tuple[str, ...]
    field_setting: str = ""
    awaited: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def awaited_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """The field of the target in which the e-invoice of such a document has to be noted, under
        these settings; blank where nothing is awaited.
        """
        if self.submitter is Submitter.TARGET or doc_type not in self.awaited:
            return ""
        return str(settings.get(self.field_setting, "")).strip()

    def type_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """The type of the e-invoice that is made of such a document under these settings; blank
        where none is made.
        """
        by_service = self.submitter is Submitter.SERVICE
        used = settings.get(self.field_setting) if by_service else settings.get(NONE_HERE) != "none"
        return self.types.get(doc_type, "") if used else ""
