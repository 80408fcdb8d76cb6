"""What the caller tells us about the outside: target documents and source record kinds, as data.

Here: protocols that connectors' schemas fit by their shape. Not here: any schema itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class FieldSchema(Protocol):
    """One field of a document or of a record kind."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def required(self) -> bool: ...  # noqa: D102
    @property
    def max_length(self) -> int | None: ...  # noqa: D102
    @property
    def places(self) -> int | None: ...  # noqa: D102


class Amounts(Protocol):
    """How the amount of a line, and of a document, is made; a blank name is no field.

    `amount` is quantity times price less discount; its tax is added, beside or inside (`tax_is`);
    `inclusive` is the header field with the word that puts inside what is beside; `by_code` says
    that the tax of each code is rounded for itself.
    """

    @property
    def amount(self) -> str: ...  # noqa: D102
    @property
    def tax(self) -> str: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def quantity(self) -> str: ...  # noqa: D102
    @property
    def price(self) -> str: ...  # noqa: D102
    @property
    def discount(self) -> str: ...  # noqa: D102
    @property
    def tax_is(self) -> str: ...  # noqa: D102
    @property
    def inclusive(self) -> tuple[str, bool | str] | None: ...  # noqa: D102
    @property
    def by_code(self) -> bool: ...  # noqa: D102


class DocumentSchema(Protocol):
    """One document type of a target, and which of its fields carry number, date, party, total."""

    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def lines(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def number_field(self) -> str: ...  # noqa: D102
    @property
    def number_max(self) -> int: ...  # noqa: D102
    @property
    def date_field(self) -> str: ...  # noqa: D102
    @property
    def party_field(self) -> str: ...  # noqa: D102
    @property
    def total_field(self) -> str | None: ...  # noqa: D102


class KindSchema(Protocol):
    """One kind of record of a source, with the fields its canonical body may have."""

    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def lines(self) -> Sequence[FieldSchema]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Schemas:
    """All document types and record kinds that the caller's connectors know."""

    documents: tuple[DocumentSchema, ...]
    kinds: tuple[KindSchema, ...]

    def document(self, target: str, name: str) -> DocumentSchema | None:
        """The schema of one target document, if it is known."""
        found = (d for d in self.documents if d.target == target and d.name == name)
        return next(found, None)

    def kind(self, source: str, kind: str) -> KindSchema | None:
        """The schema of one record kind, if it is known."""
        return next((k for k in self.kinds if k.source == source and k.kind == kind), None)
