"""Define the data of one call, lookup or connection test between `holding` and a target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from connectors.transport.http import NOT_NOW
from grammar.text.finding_codes import ErrorClass

Action = Literal["create", "update", "void"]
"""What is done to a document: made, brought to another content, made void."""

Rounding = Literal["per_line", "sum_then_round"]
"""How a target makes a total: each line is rounded and then summed, or the sum is rounded once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection test; `ok` is None for a warning or a step that was not run.

    `hint` is what to do next, where and who; `code` says which failure it is, or that it was not
    run. `ms` is how long its calls took; None where it made none of its own.
    """

    name: str
    ok: bool | None
    words: str
    hint: str = ""
    code: str = ""
    ms: int | None = field(default=None, compare=False)

    @classmethod
    def failed(cls, name: str, words: str, hint: str, code: str) -> "Step":
        """A step that did not pass, with its next step."""
        return cls(name, ok=False, words=words, hint=hint, code=code)

    def took(self, seconds: float) -> "Step":
        """The step, with how long its calls took."""
        return replace(self, ms=round(seconds * 1000))


NOT_RUN = "not_run"
WHOLE_ONLY = frozenset({"key.types", "refunds.off"})
"""What only a test of each document type finds (targets.py, TestedWhole): types that the key may
not reach, and refunds that a company does not take. A usual test says nothing of it.
"""


@dataclass(frozen=True, slots=True)
class ItemSetup:
    """How a target counts one of its items: 1 of a unit is num/den of `unit`."""

    unit: str
    rates: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a connection test learnt about the other side.

    Codes are None where the target does not list them; `names` are those of codes that say nothing
    by themselves, by the words of `codes`; `tax_rates` are the rates of tax codes on what is sold,
    where they are listed: 0.1 is 10%. None is also the way of rounding (a Rounding,
    or whatever word it has for it) where it does not tell that.
    """

    company_id: str
    company_name: str
    locked_through: date | None
    tax_codes: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    currencies: tuple[str, ...] | None
    permissions: tuple[str, ...]
    key_status: str
    rounding_mode: str | None
    base_currency: str
    excel_import_enabled: bool
    einvoice_enabled: bool
    quota_limit: int | None
    quota_used: int | None
    quota_resets_on: date | None
    items: Mapping[str, ItemSetup | None] | None = None  # those that were asked for
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    payment_methods: tuple[str, ...] | None = None
    terms: tuple[str, ...] | None = None  # of payment
    tax_rates: Mapping[str, Decimal] = field(default_factory=dict)
    tax_rate_ids: Mapping[str, str] = field(default_factory=dict)  # of codes of one rate each
    custom_fields: tuple[str, ...] | None = None  # ids of fields that the company added itself

    def called(self, kind: str, code: str) -> dict[str, str]:
        """What is kept of a code: its name, and the rate of a tax code with that rate's id."""
        name = self.names.get(kind, {}).get(code, "")
        rate = self.tax_rates.get(code) if kind == "tax_code" else None
        told = {"name": name} if name else {}
        if rate is not None:
            told["rate"] = format(rate, "f")
            rate_id = self.tax_rate_ids.get(code, "")
            told |= {"rate_id": rate_id} if rate_id else {}
        return told

    def codes(self) -> dict[str, frozenset[str]]:
        """The codes known there, by the words the rules use; kinds that it cannot list are left
        out.
        """
        listed = {
            "tax_code": self.tax_codes,
            "account": self.accounts,
            "currency": self.currencies,
            "payment_method": self.payment_methods,
            "payment_term": self.terms,
            "custom_field": self.custom_fields,
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

    @classmethod
    def stopped(cls, names: Sequence[str], *made: Step, there: bool = True) -> "ConnectionReport":
        """A test that got no further than the last of the steps that were made."""
        words = f"Not run: {made[-1].name[0].lower()}{made[-1].name[1:]} comes first."
        later = tuple(Step(name, None, words, code=NOT_RUN) for name in names[len(made) :])
        return cls(steps=(*made, *later), snapshot=None, reached=there)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a look-up is asked: whether this was done to the document, under this key; `standing` is
    what was sent before, where it was.
    """

    document: OutgoingDocument
    key: str
    action: Action = "create"
    standing: OutgoingDocument | None = None


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

    `existing` says that it was posted before this call; `same_content` whether with the content
    we sent, if known. `total` is its total there, where the answer tells it, and `tax` its tax,
    where only the answer does. `target_ref` is its id there; of what is `awaiting`, that of the
    call that was taken in (targets.py, Deferring). `besides` is what else it says of what it took,
    in whole sentences: what is left to pay.
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
    tax: Decimal | None = None
    besides: str = ""


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

    `unknown` means: ask again later; with a `target_ref`, by that ticket. When the target refused
    the document after all, `kind` is `absent` and `refused` holds that answer: sending it again
    would change nothing. `differs` is
    which of our fields has another value there, where the target tells it; a blank field is a
    difference that no field names, such as a line that came or went. `void` says that it was made
    void there; `e_invoice_at` since when its e-invoice is valid, where the target tells it;
    `stands` is the document itself where it is not ours. `key_refused` says why it is unknown: the
    target does not accept our key. `status` and `retry_after` are those of the answer that told
    nothing: a target that has enough of us is to be left alone. `total` is what the document comes
    to there, where the target shows it; `changed_by` who changed it there last, in the target's own
    word, where the target tells that. `key_lasts`: it answered, and shows no documents of this type
    at all: only the same call with the same key tells what became of it, for so long after the
    first. `besides` as in an answer. `alike`: where it is `absent` and the same look shows it, what
    a search tells (targets.py, Searchable).
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
    changed_by: str = ""
    key_lasts: timedelta | None = None
    besides: str = ""
    alike: tuple[Stands, ...] = ()
    answered: bool = False
    """Whether an unknown result is the target's own clear answer, such as "still processing"."""

    @property
    def lookup_refused(self) -> bool:
        """Check whether the target refused the lookup itself.

        It is within reach then, and the same lookup would be refused again.
        """
        if self.kind != "unknown" or self.target_ref or self.key_refused:
            return False
        return (self.status or 0) // 100 == 4 and self.status not in NOT_NOW

    @property
    def unseen(self) -> bool:
        """Whether it is not there as far as a call can tell: of what a target shows to people
        alone, only a person can tell more.
        """
        return self.kind == "absent" or self.key_lasts is not None
