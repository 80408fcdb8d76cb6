"""What an evaluation answers: decisions, findings, verdicts, documents, lineage.

Here: the frozen values and their plain JSON. Not here: how any of them is worked out,
their hash (digest.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from grammar import nodes as n
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Span
from rules.values.canonical import Plain, dumps, plain, revive
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.posting_states import PostingState
from rules.values.read_only import read_only

Severity = Literal["reject", "hold", "approve", "warn"]
"""What a finding does to its posting, the strongest first."""
VerdictResult = Literal["pass", "hit", "unknown", "not_applicable"]
"""What a rule says of a record."""
PASS: Final[VerdictResult] = "pass"  # noqa: S105 - a word about a record
HIT: Final[VerdictResult] = "hit"
UNKNOWN: Final[VerdictResult] = "unknown"
NOT_APPLICABLE: Final[VerdictResult] = "not_applicable"
VerdictKind = Literal[
    "gate", "check", "duplicates", "approve", "when", "timing", "after",
    "field", "map", "units", "codes", "rounding", "change",
]  # fmt: skip
"""What kind of rule says it; `change` is also what edit and cancel tables say."""
GateSaid: TypeAlias = n.GateWord | Literal["unknown"]
"""A gate's word for a status; unknown where the status is none of the gate's."""
STOPS = ("reject", "hold", "approve")
"""Severities that stop a record, the strictest first; a warning stops nothing."""
SEVERITIES = (*STOPS, "warn")

NEEDS_APPROVAL = "APP01"
"""The code of a finding, and of its hold, that asks for somebody's consent."""
NO_SOURCE: Final = "the rules"
"""Where a value comes from that nothing of the record went into."""
LETTERS: Final[dict[VerdictResult, str]] = {
    "pass": "p",
    "hit": "h",
    "unknown": "u",
    "not_applicable": "n",
}


class UnitSource(StrEnum):
    """The four that must count a posted line alike."""

    RECORD = "record"
    UNITS_TABLE = "units_table"
    ITEM_SET_UP = "item_set_up"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class UnitDifference:
    """Which two of the four count a line otherwise.

    `quantity` of `unit`, as shown, are `here` of `base` by the rules and `there` by the target:
    whole numbers, None where the line or the target does not say, or a part is left over.
    """

    unit: str
    item: str
    differ: tuple[UnitSource, UnitSource]
    quantity: str = ""
    base: str = ""
    here: int | None = None
    there: int | None = None


@read_only(frozen=True, slots=True)
class Verdict:
    """What one rule said of the record, or of one of its lines, for one route.

    `operands` are for people; what a program needs of a comparison of units is in `units`.
    """

    rule: str
    kind: VerdictKind
    route: str
    result: VerdictResult
    span: Span
    operands: tuple[tuple[str, str], ...] = ()
    line: int | None = None
    text: str = ""
    released: bool = False
    units: UnitDifference | None = None


def in_words(kind: VerdictKind | CauseKind, result: VerdictResult) -> str:
    """The result of a verdict as people read it; what asks for no approval is no pass.

    >>> in_words("check", "not_applicable"), in_words("approve", "pass")
    ('not applicable', 'not needed')
    """
    return "not needed" if (kind, result) == ("approve", PASS) else result.replace("_", " ")


@read_only(frozen=True, slots=True)
class Finding:
    """A verdict that wants attention: whose it is, what it says, what would clear it."""

    code: str
    error_class: ErrorClass
    rule: str
    route: str
    severity: Severity
    owner: str
    message: str
    clears: Clearing
    cause_key: CauseKey
    cause_label: str
    would_pass: str
    span: Span
    lines: tuple[int, ...] = ()


@read_only(frozen=True, slots=True)
class Document:
    """The target document as it would be sent: every value as canonical text."""

    target: str
    document: str
    number: str
    date: date
    party: str
    currency: str
    amount: Decimal
    fields: Mapping[str, str]
    lines: tuple[Mapping[str, str], ...]

    def to_json(self) -> dict[str, Plain]:
        """Plain JSON of it; its fields and lines are those of the document, not copies."""
        return {
            "target": self.target,
            "document": self.document,
            "number": self.number,
            "date": self.date.isoformat(),
            "party": self.party,
            "currency": self.currency,
            "amount": format(self.amount, "f"),
            "fields": self.fields,
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True)
class Wait:
    """What a posting waits for, and until when if that is known."""

    kind: str  # gate when until for
    until: datetime | None
    route: str | None
    text: str


@dataclass(frozen=True, slots=True)
class ApprovalNeed:
    """An approval that is asked for; always beside a finding NEEDS_APPROVAL."""

    rule: str
    team: str
    never: tuple[str, ...]
    message: str


@read_only(frozen=True, slots=True)
class Step:
    """One thing that is done: `seq` is the posting of `route` that it makes or changes.

    A credit note makes a posting of its own route and takes the posting `takes_back` of the
    decision's route back. `billed` is what a created or updated document bills of each line key.
    """

    action: str  # create update void credit_note review block hold warn ignore drop wait
    route: str
    seq: int
    document: Document | None
    rule: str
    span: Span
    reason: str
    takes_back: int | None = None
    billed: Mapping[str, Decimal] = field(default_factory=dict)


@read_only(frozen=True, slots=True)
class Decision:
    """The answer for one route; `plan` is what is done, in this order, once it is ready.

    `open` is what then remains to be billed: line key -> quantity. `withdrawn`: whether a document
    is posted that its gate would not have posted any more, whatever is done about that.
    """

    route: str
    state: PostingState  # of what is not sent yet, or posted
    document: Document | None
    findings: tuple[Finding, ...]
    wait: Wait | None
    reason: str
    approvals: tuple[ApprovalNeed, ...] = ()
    plan: tuple[Step, ...] = ()
    open: Mapping[str, Decimal] = field(default_factory=dict)
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One mapping or unit entry that the evaluation read."""

    table: str
    key: str
    entry_id: int
    value: str


@read_only(frozen=True, slots=True)
class Lineage:
    """Where one value of a document comes from: by name in `reads`, each operand with its value as
    it is shown; `beside` are the defaults that were taken, and who gave it another value.
    """

    field: str
    line: int | None
    span: Span
    used: tuple[Use, ...]
    value: str
    route: str = ""
    reads: tuple[tuple[str, str], ...] = ()
    beside: str = ""

    @property
    def source(self) -> str:
        """The same for people, written when it is looked at: a long document has ten thousand."""
        told = [f"{name} = {shown}" for name, shown in self.reads]
        return "; ".join([*told, self.beside] if self.beside else told) or NO_SOURCE


@read_only(frozen=True, slots=True)
class Outcome:
    """Everything one evaluation says."""

    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    used: tuple[Use, ...]
    lineage: tuple[Lineage, ...]
    status: str
    status_word: str
    number: str
    party: str
    doc_date: date | None
    amount: Decimal | None
    currency: str
    valid_until: datetime | None
    engine: str

    def to_json(self) -> dict[str, Plain]:
        """Plain JSON, complete and deterministic."""
        return dict(plain(self))

    @staticmethod
    def from_json(value: Plain) -> Outcome:
        """The outcome whose to_json this is."""
        outcome: Outcome = revive(Outcome, value)
        return outcome

    def codes(self) -> str:
        """The compact form of a whole evaluation: states, findings, one letter a verdict.

        What is stored since nobody tells verdicts in judging (bare_codes) has no letters.
        """
        letters = "".join(LETTERS[v.result] for v in self.verdicts)
        return dumps({"decisions": self._states(), "verdicts": letters})

    def bare_codes(self) -> str:
        """The compact form that is stored: states and findings.

        A finding names its route where it is another than its decision's.
        """
        if not any(d.findings for d in self.decisions):
            return _codes(tuple([(d.route, d.state) for d in self.decisions]))
        return dumps({"decisions": self._states()})

    def _states(self) -> list[Plain]:
        return [
            {
                "route": d.route,
                "state": d.state,
                "findings": [
                    [f.code, f.rule, f.severity, str(f.cause_key), *({f.route} - {d.route})]
                    for f in d.findings
                ],
            }
            for d in self.decisions
        ]


@lru_cache(maxsize=1024)
def _codes(states: tuple[tuple[str, PostingState], ...]) -> str:
    """The compact form where nothing was found: a few texts for most records."""
    told = [{"route": route, "state": state, "findings": []} for route, state in states]
    return dumps({"decisions": told})
