"""What every source and every target offers, and the plain data that passes between them and the
holding floor.

Here: the protocols and their dataclasses. Not here: anything that talks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

from connectors.kit.errors import ErrorClass
from connectors.kit.http import Http
from connectors.kit.schema import DocumentSchema, KindSchema

Settings = Mapping[str, object]
Action = Literal["create", "update", "void"]
"""What is done to a document: made, brought to another content, made void."""


# ---- sources ----


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRecord:
    """One record as it arrived, already in its canonical form. `stamp` is the source's own
    change stamp.
    """

    kind: str
    external_id: str
    number: str
    stamp: str | None
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """One thing wrong at one place of a delivery: `orders!C17` or `order.items[2].qty`."""

    where: str
    value: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A delivery that could be read: its good records, and every error of the others."""

    delivery_id: str
    records: tuple[IncomingRecord, ...]
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceRefusal:
    """A delivery that is not let in at all; `status` is the HTTP answer it deserves."""

    status: int
    code: str
    message: str
    hint: str = ""


class Source(Protocol):
    """Where records come from."""

    @property
    def name(self) -> str:
        """The word in a rule file."""
        ...

    @property
    def kinds(self) -> tuple[KindSchema, ...]:
        """The record kinds it delivers."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The file endings that `read` understands."""
        ...

    def accept(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> Accepted | SourceRefusal:
        """A delivery from outside: who sent it is proved first, then it is read."""
        ...

    def read(self, name: str, raw: bytes) -> Accepted | SourceRefusal:
        """A file given by somebody who has already signed in."""
        ...


# ---- targets ----


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
    we sent, if known.
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
    target does not accept our key.
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


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection test; `ok` is None for a warning or a step that could not be
    made.
    """

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a connection test learnt about the other side.

    Codes are None where the target does not list them.
    """

    company_id: str
    company_name: str
    locked_through: date | None
    tax_codes: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    currencies: tuple[str, ...] | None
    permissions: tuple[str, ...]
    key_status: str
    rounding_mode: str
    base_currency: str
    excel_import_enabled: bool
    einvoice_enabled: bool
    quota_limit: int | None
    quota_used: int | None
    quota_resets_on: date | None

    def codes(self) -> dict[str, frozenset[str]]:
        """The codes known there, by the words the rules use; kinds that it cannot list are left
        out.
        """
        listed = {
            "tax_code": self.tax_codes,
            "account": self.accounts,
            "currency": self.currencies,
        }
        return {kind: frozenset(codes) for kind, codes in listed.items() if codes is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """The steps of a connection test in their order, and the snapshot when it got that far;
    `reached` is false when nobody answered, or only with "not now".
    """

    steps: tuple[Step, ...]
    snapshot: Snapshot | None
    reached: bool = True

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.ok is not False for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many calls a minute a target allows (None: it gives no figure), and how many calls one
    document costs at most when it is sent, and when it is looked up.
    """

    per_minute: int | None = None
    to_send: int = 1
    to_look: int = 1


class Target(Protocol):
    """Where documents go."""

    @property
    def name(self) -> str:
        """The word in a rule file."""
        ...

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def dedupe(self) -> Literal["key", "number", "number+customer", "none"]:
        """By what the target itself refuses a second document."""
        ...

    @property
    def lookup(self) -> Literal["strong", "lagging", "none"]:
        """Whether a look-up can be believed at once."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long a write may take to show in a look-up."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def at_once(self) -> int:
        """How many documents one call of a batch carries at most."""
        ...

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """The call that would do this to these documents. Pure.

        Only what a document's schema lists in `actions` is ever asked, one document at a time.
        """
        ...

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call, once, and say for each document what became of it."""
        ...

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,
        http: Http,
        *,
        action: Action = "create",
        standing: OutgoingDocument | None = None,
    ) -> Found:
        """Whether it has been done. Changes nothing, may be repeated.

        `equal`: it has: the document stands there, with the new content, or is void. `absent`: it
        has not: nothing stands there, or what we sent last (`standing`) stands unchanged.
        `different`: something else stands there, which a person must see.
        """
        ...

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        ...
