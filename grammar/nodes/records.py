"""What arrives: records, their fields, and links between them."""

from dataclasses import dataclass
from dataclasses import field as _field

from grammar.nodes.expressions import Expr
from grammar.nodes.values import Action
from grammar.problem import Span


@dataclass(frozen=True, slots=True)
class State:
    """A status in plain words, with the source's own spellings."""

    name: str
    aliases: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A stored field; `mark` is key, family, dated, optional or None."""

    name: str
    type: str
    states: tuple[State, ...]
    of: str | None
    mark: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """A field that is worked out."""

    name: str
    expr: Expr
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """What arrives: `from` a source, or the lines `of` another record."""

    name: str
    source: str | None
    parent: str | None
    fields: tuple[Field | Computed, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """Other records of the family as a list with an end.

    `theirs` is the field of the `other` record that equals `ours`, a field of `record`.
    """

    name: str
    record: str
    other: str
    theirs: str
    ours: str
    where: Expr | None
    most: int
    action: Action
    span: Span = _field(compare=False)
