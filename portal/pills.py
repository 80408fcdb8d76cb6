"""The status pill of every target and document type.

Here: which pills there are. Not here: their words (holding/pill.py).
"""

from dataclasses import dataclass
from typing import Any

from connectors import registry
from holding.pill import pill
from holding.queries import connections as queries

TONES = {"good": "ok", "bad": "bad", "busy": "info", "paused": "idle", "never": "idle"}


@dataclass(frozen=True, slots=True)
class PillRow:
    """One pill with the place it belongs to."""

    connection: str
    connection_id: int
    doc_type: str
    text: str
    tone: str
    detail: str

    @property
    def busy(self) -> bool:
        """Whether it is worth asking again soon."""
        return self.tone == "info"


def of_targets(session: Any, company_id: int) -> tuple[PillRow, ...]:
    """All pills of the company."""
    rows = queries.listing(session, company_id)
    return tuple(
        one(session, company_id, row, doc_type)
        for row in rows
        if row.side == "target"
        for doc_type in document_types(row.connector)
    )


def one(session: Any, company_id: int, row: queries.ConnectionRow, doc_type: str) -> PillRow:
    """The pill of one document type of a target."""
    made = pill(session, company_id, row.id, doc_type)
    return PillRow(row.name, row.id, doc_type, made.text, TONES[made.tone], made.detail)


def document_types(connector: str) -> tuple[str, ...]:
    """What a target takes."""
    target = registry.targets().get(connector)
    return tuple(document.name for document in target.documents) if target else ()
