"""The shape of what arrives and of what is posted, as data.

Here: fields of record kinds and of target documents. Not here: the values, and what rules make
of them.
"""

from dataclasses import dataclass, field
from typing import Literal

FieldType = Literal["text", "whole", "decimal", "money", "quantity", "date", "moment", "yesno"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field. `title` is the word in a column header, `wire` the word in the other side's
    JSON.

    `sent` is false for a field that only describes or compares (a total that the target works
    out itself); `theirs` marks one that only the other side writes, so a rule may name it but
    never fill it.
    """

    name: str
    type: FieldType = "text"
    title: str = ""
    wire: str = ""
    required: bool = False
    max_length: int | None = None
    places: int | None = None
    sent: bool = True
    theirs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSchema:
    """One document type of a target: header and line fields, and which of them mean what.

    `actions` are what the target can do with a posted document: update, void. Creating it every
    target can.
    """

    target: str
    name: str
    title: str
    header: tuple[FieldSchema, ...]
    lines: tuple[FieldSchema, ...]
    number_field: str
    number_max: int
    date_field: str
    party_field: str
    total_field: str | None = None
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSchema:
    """One kind of record of a source, in its canonical form."""

    source: str
    kind: str
    fields: tuple[FieldSchema, ...]
    lines: tuple[FieldSchema, ...] = field(default=())
