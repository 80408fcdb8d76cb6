"""The status pill of every target and document type.

Here: which pills there are. Not here: their words (holding/runs/status.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors import registry
from holding.connections import connection_rows as queries
from holding.runs.status import pills
from holding.store.database import DatabaseSession
from holding.store.together import Question

TONES = {
    "good": "ok",
    "bad": "bad",
    "busy": "info",
    "paused": "idle",
    "never": "idle",
    "near": "warn",
}


@dataclass(frozen=True, slots=True)
class PillRow:
    """One pill with the place it belongs to."""

    connection: str
    connection_id: int
    doc_type: str
    text: str
    tone: str
    detail: str
    stops: bool

    @property
    def busy(self) -> bool:
        """Whether it is worth asking again soon."""
        return self.tone == "info"


def of_targets(session: DatabaseSession, company_id: int) -> Question[tuple[PillRow, ...]]:
    """All pills of the company."""
    rows = yield from queries.asked_listing(company_id)
    return (yield from of_rows(session, company_id, [row for row in rows if row.is_target]))


def of_rows(
    session: DatabaseSession, company_id: int, rows: Sequence[queries.ConnectionRow]
) -> Question[tuple[PillRow, ...]]:
    """The pills of these targets."""
    named = {row.id: row.name for row in rows}
    wanted = [(row.id, doc_type) for row in rows for doc_type in document_types(row.connector)]
    found = yield from pills(session, company_id, wanted)
    return tuple(
        PillRow(named[key], key, doc_type, made.text, TONES[made.tone], made.detail, made.stops)
        for (key, doc_type), made in found.items()
    )


def document_types(connector: str) -> tuple[str, ...]:
    """What a target takes."""
    target = registry.targets().get(connector)
    return tuple(document.name for document in target.documents) if target else ()
