"""The hash that an approval is bound to and that a push is checked against.

Here: the hash of a planned document. Not here: bytes of a request, which follow from it.
"""

from typing import Any, Protocol

from rules.canonical import dumps, sha256_hex


class Planned(Protocol):
    """What the hash covers of a document; `rules.outcome.Document` fits."""

    @property
    def document(self) -> str:
        """The document type."""

    @property
    def number(self) -> str:
        """Our number of it."""

    @property
    def fields(self) -> Any:
        """Header fields."""

    @property
    def lines(self) -> Any:
        """Lines."""


def posting_hash(connection_id: int, target_company: str, document: Planned, action: str) -> str:
    """The hash over connection, company there, document type, number, action, fields and lines."""
    return hash_of(
        connection_id,
        target_company,
        action,
        document_type=document.document,
        number=document.number,
        fields=document.fields,
        lines=document.lines,
    )


def content_hash(
    connection_id: int, target_company: str, content: dict[str, Any], action: str
) -> str:
    """The same hash from a posting's stored content."""
    return hash_of(
        connection_id,
        target_company,
        action,
        document_type=content["document"],
        number=content["number"],
        fields=content["fields"],
        lines=content["lines"],
    )


def hash_of(
    connection_id: int,
    target_company: str,
    action: str,
    *,
    document_type: str,
    number: str,
    fields: Any,
    lines: Any,
) -> str:
    """The hash of its parts."""
    parts = [connection_id, target_company, document_type, number, action, fields, lines]
    return sha256_hex(dumps(parts))
