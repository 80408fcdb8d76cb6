"""What passes between a target and the holding floor: documents out, answers and findings back.

Here: plain data of one call or look-up. Not here: who makes it (targets.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from connectors.kit.errors import ErrorClass


class OutgoingDocument(Protocol):
    """What is posted; the document of a decision fits. All values are canonical text."""

    @property
    def document(self) -> str:
        """The document type, `sales_invoice`."""
        ...

    @property
    def number(self) -> str:
        """Our own number of it."""
        ...

    @property
    def party(self) -> str:
        """The customer or supplier there."""
        ...

    @property
    def currency(self) -> str:
        """Its currency."""
        ...

    @property
    def amount(self) -> Decimal:
        """Its total."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """Header fields by the schema's names."""
        ...

    @property
    def lines(self) -> Sequence[Mapping[str, str]]:
        """Lines, fields by the schema's names."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that the target keeps otherwise than it was sent; lines count from 1, 0 is the
    header.
    """

    line: int
    field: str
    value: str


AnswerKind = Literal["accepted", "refused", "awaiting", "uncertain", "temporary", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one document.

    `existing` says that it stood there before this call; `same_content` whether with the content
    we sent, if known. `total` is what it comes to there, where the answer tells it.
    """

    kind: AnswerKind
    words: str
    error_class: ErrorClass | None = None
    code: str = ""
    target_ref: str | None = None
    number: str | None = None
    status: int | None = None
    body: bytes = b""
    existing: bool = False
    same_content: bool | None = None
    retry_after: float | None = None
    kept: tuple[Kept, ...] = ()
    total: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One call, ready to be sent: the same documents always give the same bytes.

    `body` is the JSON or the file itself (for a file, `form` and `file_name` go round it when it
    is sent). `rows` tells which sheet row or line belongs to which number. `numbers` has one
    entry for each document asked for; those that the target could never take are left out of the
    body and answered in `refused`, by position. `expected` is what the target works out itself and
    we did, too, by its own words; it is not sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    content_type: str
    rows: Mapping[int, str]
    numbers: tuple[str, ...]
    positions: Mapping[int, int]
    refused: Mapping[int, Answer] = field(default_factory=dict)
    file_name: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came back from one call: one answer for each document, in order."""

    answers: tuple[Answer, ...]
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """A document as it stands in a target, by the names of our schema; all values are text."""

    number: str
    target_ref: str | None
    party: str
    date: str
    currency: str
    amount: Decimal | None
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look-up saw.

    `unknown` means: ask again later. When the target refused the document after all, `kind` is
    `absent` and `refused` holds that answer: sending it again would change nothing. `differs` is
    what of ours stands there with another value, where the target tells it; a blank field is a
    difference that no field names, such as a line that came or went. `void` says that it was made
    void there; `e_invoice_at` since when its e-invoice is valid, where the target tells it;
    `stands` is the document itself where it is not ours. `key_refused` says why it is unknown: the
    target does not accept our key. `status` and `retry_after` are those of the answer that told
    nothing: a target that has enough of us is to be left alone. `total` is what the document comes
    to there, where the target shows it.
    """

    kind: Literal["equal", "different", "absent", "unknown"]
    words: str
    target_ref: str | None = None
    proof: bytes = b""
    refused: Answer | None = None
    differs: tuple[Kept, ...] = ()
    void: bool = False
    e_invoice_at: datetime | None = None
    stands: Stands | None = None
    key_refused: bool = False
    status: int | None = None
    retry_after: float | None = None
    total: Decimal | None = None
