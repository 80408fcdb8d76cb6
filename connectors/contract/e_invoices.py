"""Who submits the e-invoices of a target's documents to the tax office (LHDN), as data.

Here: what a target states of it, and whether a posted document waits for anything. Not here: since
when an e-invoice is valid (`Found.e_invoice_at`), what rules make of its age. Clearpost itself
submits none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
    them itself has neither.
    """

    submitter: Submitter
    says: tuple[str, ...]
    field_setting: str = ""
    awaited: tuple[str, ...] = ()

    def awaited_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """The field of the target in which the e-invoice of such a document has to be noted, under
        these settings; blank where nothing is awaited.
        """
        if self.submitter is Submitter.TARGET or doc_type not in self.awaited:
            return ""
        return str(settings.get(self.field_setting, "")).strip()
