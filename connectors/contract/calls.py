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

    `hint` is the next action, where and by whom. `code` identifies the failure, or is `NOT_RUN`.
    `ms` is the duration of the step's calls in milliseconds, or None if it made no call.
    """

    name: str
    ok: bool | None
    words: str
    hint: str = ""
    code: str = ""
    ms: int | None = field(default=None, compare=False)

    @classmethod
    def failed(cls, name: str, words: str, hint: str, code: str) -> "Step":
        """Return a failed step with its next action."""
        return cls(name, ok=False, words=words, hint=hint, code=code)

    def took(self, seconds: float) -> "Step":
        """Return the step with the duration of its calls, given in seconds."""
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
    """What a connection test read from the connected system.

    Codes are None where the target does not list them. `names` maps a kind of `codes()` to code ->
    name, for codes that mean nothing to a person. `tax_rates` are the listed rates of sales tax
    codes: 0.1 is 10%. `rounding_mode` is a Rounding or the target's own word for it, and None where
    the target does not report it.
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
        """Return a code's description: its name, and for a tax code its rate and the rate's id."""
        name = self.names.get(kind, {}).get(code, "")
        rate = self.tax_rates.get(code) if kind == "tax_code" else None
        description = {"name": name} if name else {}
        if rate is not None:
            description["rate"] = format(rate, "f")
            rate_id = self.tax_rate_ids.get(code, "")
            description |= {"rate_id": rate_id} if rate_id else {}
        return description

    def codes(self) -> dict[str, frozenset[str]]:
        """Return kind -> codes that the target lists. A kind that it does not list is left out."""
        codes_by_kind = {
            "tax_code": self.tax_codes,
            "account": self.accounts,
            "currency": self.currencies,
            "payment_method": self.payment_methods,
            "payment_term": self.terms,
            "custom_field": self.custom_fields,
        }
        return {
            kind: frozenset(codes) for kind, codes in codes_by_kind.items() if codes is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """The steps of a connection test in order, and the snapshot if the test got that far.

    `reached` is false when the other side did not answer, or answered only with "not now".
    """

    steps: tuple[Step, ...]
    snapshot: Snapshot | None
    reached: bool = True

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.ok is not False for step in self.steps)

    @classmethod
    def stopped(
        cls, names: Sequence[str], *completed: Step, there: bool = True
    ) -> "ConnectionReport":
        """Return a test that ended at the last completed step; the later steps are not run.

        Connectors outside the product pass `there` by keyword, so it keeps its name.
        """
        words = f"Not run: {completed[-1].name[0].lower()}{completed[-1].name[1:]} comes first."
        later = tuple(Step(name, None, words, code=NOT_RUN) for name in names[len(completed) :])
        return cls(steps=(*completed, *later), snapshot=None, reached=there)


class OutgoingDocument(Protocol):
    """What is posted; the document of a decision fits. All values are canonical text."""

    @property
    def document(self) -> str:
        """The document type, `sales_invoice`."""
        ...

    @property
    def number(self) -> str:
        """Our number of the document."""
        ...

    @property
    def party(self) -> str:
        """The document's customer or supplier in the target."""
        ...

    @property
    def currency(self) -> str:
        """The document's currency."""
        ...

    @property
    def amount(self) -> Decimal:
        """The document's total."""
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
    """One lookup: whether this action was done to the document under this key.

    `standing` is the version sent before, if there is one.
    """

    document: OutgoingDocument
    key: str
    action: Action = "create"
    standing: OutgoingDocument | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that the target stored differently from what was sent; lines count from 1, 0 is the
    header.
    """

    line: int
    field: str
    value: str


AnswerKind = Literal["accepted", "refused", "awaiting", "uncertain", "temporary", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome of one document.

    `existing` is true if it was posted before this call; `same_content` whether that content equals
    ours, if known. `total` is the document's total in the target where the answer shows it, and
    `tax` its tax where only the answer shows that. `target_ref` is its id there; for `awaiting`,
    the id of the queued call (targets.py, Deferring). `besides` are further facts about the
    accepted document in whole sentences, such as the unpaid amount.
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
    """One call, ready to be sent: equal documents always give equal bytes.

    `body` is the JSON or the file itself (for a file, `form` and `file_name` are wrapped around it
    when it is sent). `rows` maps a sheet row or line to its document number. `numbers` has one
    entry for each requested document. Documents that the target could never accept are left out of
    the body and answered in `refused`, by position. `expected` holds the amounts that the target
    and Clearpost both calculate, by the target's names; it is not sent.
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
    """The response to one call: one answer for each document, in order."""

    answers: tuple[Answer, ...]
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """A document as it exists in a target, by the field names of our schema. All values are
    text.
    """

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
    """The result of a lookup.

    `unknown`: look up again later, by `target_ref` if that is set. If the target refused the
    document after all, `kind` is `absent` and `refused` holds its answer. Sending the document
    again would change nothing.

    `differs` lists our fields whose values differ, where the target shows them. A blank field name
    is a difference outside our fields, such as an added or deleted line. `void`: the document was
    voided in the target. `e_invoice_at`: since when its e-invoice is valid, where the target shows
    that. If the document there is not ours, the result contains its content as well.

    `key_refused`: the result is unknown because the target does not accept our key. `status` and
    `retry_after` (seconds) come from the answer that left the result unknown. A target that
    throttles us must not be called again before `retry_after`. `total` is the document's total in
    the target, and `changed_by` its last editor in the target's wording, where the target shows
    them.

    `key_lasts`: the target answered, but never shows documents of this type. Only a repeated call
    with an equal idempotency key shows the outcome, for this long after the first call. `besides`
    as in an answer. `alike`: for `absent`, the result of a search, where the lookup shows it as
    well (targets.py, Searchable).
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
    key_paused: bool = False
    """Whether the target keeps the document until its paused key is made active."""
    by_person: bool = False
    """Whether an unknown result stays so until a person looks, as among too many documents."""

    @property
    def lookup_refused(self) -> bool:
        """Check whether the target refused the lookup itself.

        It is within reach then, and an equal lookup would be refused again.
        """
        if self.kind != "unknown" or self.target_ref or self.key_refused:
            return False
        return (self.status or 0) // 100 == 4 and self.status not in NOT_NOW

    @property
    def unseen(self) -> bool:
        """Whether the document is missing as far as a call can show.

        A target may show some documents only to people, so then only a person can check.
        """
        return self.kind == "absent" or self.key_lasts is not None
