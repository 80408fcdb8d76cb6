"""Define the result of an evaluation: decisions, verdicts, findings, lineage and glances."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from grammar import nodes
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Span
from rules.values.canonical import Plain, PostingState, dumps, plain, read_only, revive
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing, Gap, HowCleared, Unknown
from rules.values.wording import HOLE, title_text
from rules.values.wording import readable_name as plain_name

VerdictKind = Literal[
    "gate", "check", "duplicates", "approve", "when", "timing", "after",
    "field", "map", "units", "codes", "rounding", "change",
]  # fmt: skip
"""The kind of rule behind a verdict; edit and cancel tables also use `change`."""

KINDS: Final[tuple[VerdictKind, ...]] = (
    "gate",
    "when",
    "field",
    "check",
    "units",
    "rounding",
    "codes",
    "duplicates",
    "approve",
    "timing",
    "after",
    "map",
    "change",
)
"""Every kind of verdict, in the order in which a route evaluates them."""

APPROVE = "to approve"

NO_ROUTE = "no route"

_STRICT = {
    "ready": 0,
    "posted": 0,
    "waiting": 1,
    APPROVE: 2,
    "held": 3,
    "dropped": 4,
    "ignored": 4,
    NO_ROUTE: 5,
}

_ENTRY_CODES = frozenset({"MAP01", "MAP02", "MAP03", "MIS01", "UOM01"})
"""Codes of findings about data that a person adds, such as a mapping entry or a field."""

NAMED_LINES: Final = 5
"""How many lines without a SKU one finding names."""

_POSTED = frozenset({"posted", "reversed"})

_WAITS = frozenset({"when", "timing", "after"})

NAMED: Final = 2
"""How many placeholder names still read as a sentence."""

Severity = Literal["reject", "hold", "approve", "warn"]
"""A finding's effect on its posting, the strongest first."""

VerdictResult = Literal["pass", "hit", "unknown", "not_applicable"]
"""A rule's result for a record."""

PASS: Final[VerdictResult] = "pass"  # noqa: S105 - a verdict, no password

HIT: Final[VerdictResult] = "hit"

UNKNOWN: Final[VerdictResult] = "unknown"

NOT_APPLICABLE: Final[VerdictResult] = "not_applicable"

GateSaid: TypeAlias = nodes.GateWord | Literal["unknown"]
"""A gate's word for a status, or unknown if the gate does not list the status."""

STOPS = ("reject", "hold", "approve")
"""Severities that stop a record, the strictest first. A warning stops nothing."""

SEVERITIES = (*STOPS, "warn")

NEEDS_APPROVAL = "APP01"
"""The code of a finding, and of its hold, that requires an approval."""

NO_SOURCE: Final = "the rules"
"""The source of a value that uses no data of the record."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Name the rule of bit i of a glance: Program.rules[i]. An empty name means any other rule."""

    kind: VerdictKind
    name: str


@dataclass(frozen=True, slots=True)
class RouteGlance:
    """The state of one route, and its failed rules as bits: bit i is Program.rules[i].

    `fail` omits released rules; `unknown` are rules with an unknown result.
    """

    route: str
    state: PostingState  # as Decision.state
    fail: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Glance:
    """The state of one record in all its routes; `amount` is the outcome's, None if
    unknown.
    """

    routes: tuple[RouteGlance, ...]
    amount: Decimal | None


@read_only(frozen=True, slots=True)
class Document:
    """A document for a target, with every value as canonical text."""

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
        """Return plain JSON. Its fields and lines are the document's own objects, not copies."""
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


@read_only(frozen=True, slots=True)
class Finding:
    """Store a verdict that needs attention: its owner, its message and what clears it."""

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


@dataclass(frozen=True, slots=True)
class Wait:
    """Store what a posting waits for, and until when if that is known."""

    kind: str  # gate when until for
    until: datetime | None
    route: str | None
    text: str


@dataclass(frozen=True, slots=True)
class ApprovalNeed:
    """Store an approval that is required. It always comes with a NEEDS_APPROVAL finding."""

    rule: str
    team: str
    never: tuple[str, ...]
    message: str


@read_only(frozen=True, slots=True)
class Step:
    """Describe one action: `seq` is the posting of `route` that it creates or changes.

    A credit note creates a posting of its own route and reverses the posting `takes_back` of the
    decision's route. `billed` is the quantity by line key that a created or updated document bills.
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
    """Decide about one route; `plan` lists the actions in order, once the posting is ready.

    `open` is what then remains to be billed: line key -> quantity. `withdrawn`: whether a document
    is posted that its gate would no longer post. `incomplete` is the document without its missing
    values, if it cannot be completed.
    """

    route: str
    state: PostingState  # of the unsent posting, or posted
    document: Document | None
    findings: tuple[Finding, ...]
    wait: Wait | None
    reason: str
    approvals: tuple[ApprovalNeed, ...] = ()
    plan: tuple[Step, ...] = ()
    open: Mapping[str, Decimal] = field(default_factory=dict)
    withdrawn: bool = False
    incomplete: Document | None = field(default=None, compare=False)


class UnitSource(StrEnum):
    """Name the four places that must count a posted line equally."""

    RECORD = "record"
    UNITS_TABLE = "units_table"
    ITEM_SET_UP = "item_set_up"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class UnitDifference:
    """Describe which two unit sources count a line differently.

    `quantity` of `unit`, as shown, is `here` of `base` by the rules and `there` by the target:
    whole numbers, None if the line or the target does not give one, or it is a fraction.
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
    """Record one rule's result for the record, or for one of its lines, in one route.

    `operands` are for people; `units` holds a unit comparison for programs.
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


@dataclass(frozen=True, slots=True)
class Use:
    """Store one mapping or unit entry that the evaluation read."""

    table: str
    key: str
    entry_id: int
    value: str


@read_only(frozen=True, slots=True)
class Lineage:
    """Describe the source of one document value: `reads` names each operand with its value as
    shown; `beside` names the defaults that were used, and a person who set another value.
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
        """The source as text, formatted on demand because a long document has ten thousand
        values.
        """
        operand_texts = [f"{name} = {value}" for name, value in self.reads]
        return (
            "; ".join([*operand_texts, self.beside] if self.beside else operand_texts) or NO_SOURCE
        )


@read_only(frozen=True, slots=True)
class Outcome:
    """Store the complete result of one evaluation."""

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
        """Return complete and deterministic plain JSON."""
        return dict(plain(self))

    @staticmethod
    def from_json(value: Plain) -> Outcome:
        """Return the outcome from its to_json."""
        outcome: Outcome = revive(Outcome, value)
        return outcome

    def codes(self) -> str:
        """Return the compact form that is stored: states and findings.

        A finding names its route if that differs from its decision's route.
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


class RuleNumbers:
    """Number the rules of a rule set: checks, approvals and maps by name, all others by kind."""

    def __init__(self, ruleset: nodes.Ruleset) -> None:
        self.rules = tuple(dict.fromkeys(_rules(ruleset)))
        self._bits = {(r.kind, r.name): 1 << i for i, r in enumerate(self.rules)}

    def bit(self, kind: VerdictKind, name: str) -> int:
        """Return the bit of the rule with this verdict kind and name."""
        return self._bits.get((kind, name)) or self._bits[kind, ""]

    def renumbered(
        self, glance: RouteGlance, other: RuleNumbers, checks: AbstractSet[str]
    ) -> RouteGlance | None:
        """Return the glance with the bit numbers of another program. None if a check outside
        `checks` has a result.

        The programs must share these checks and all rules that are not checks.
        """
        bits_by_side = [0, 0]
        for i, bits in enumerate((glance.fail, glance.unknown)):
            rules = [rule for number, rule in enumerate(self.rules) if bits >> number & 1]
            if any(rule.kind == "check" and rule.name not in checks for rule in rules):
                return None
            for rule in rules:
                bits_by_side[i] |= other.bit(rule.kind, rule.name)
        return RouteGlance(glance.route, glance.state, *bits_by_side)

    def glance(self, outcome: Outcome) -> Glance:
        """Return the glance of an outcome."""
        fail: dict[str, int] = {}
        unknown: dict[str, int] = {}
        for verdict in outcome.verdicts:
            bits_by_route = self._into(verdict, fail, unknown)
            if bits_by_route is not None:
                bit = self.bit(verdict.kind, verdict.rule)
                bits_by_route[verdict.route] = bits_by_route.get(verdict.route, 0) | bit
        routes = tuple(
            RouteGlance(d.route, d.state, fail.get(d.route, 0), unknown.get(d.route, 0))
            for d in outcome.decisions
        )
        return Glance(routes, outcome.amount)

    @staticmethod
    def _into(
        verdict: Verdict, fail: dict[str, int], unknown: dict[str, int]
    ) -> dict[str, int] | None:
        if verdict.released:
            return None
        return {"hit": fail, "unknown": unknown}.get(verdict.result)


def _rules(ruleset: nodes.Ruleset) -> Iterator[Rule]:
    named = {
        "check": [c.name for c in ruleset.checks],
        "approve": [f"approve by {a.role}" for a in ruleset.approvals],
        "map": [m.name for m in ruleset.maps],
    }
    for kind in KINDS:
        for name in named.get(kind, ()):
            yield Rule(kind, name)
        yield Rule(kind, "")


class RouteWords:
    """Describe route states in words for one program: a held route that only lacks an approval is
    `to approve`.
    """

    def __init__(self, rules: tuple[Rule, ...], ruleset: nodes.Ruleset) -> None:
        warns = {("check", c.name) for c in ruleset.checks if c.action.kind == "warn"}
        if all(d.action.kind == "warn" for d in ruleset.duplicates):
            warns.add(("duplicates", ""))
        approvals = _bits(rules, lambda r: r.kind == "approve")
        stops = _bits(rules, lambda r: (r.kind, r.name) not in warns) & ~approvals
        self._asks = approvals
        self._stops_unknown = stops
        self._stops_failed = stops & ~_bits(rules, lambda r: r.kind in _WAITS)

    def word_of(self, glance: RouteGlance) -> str:
        """Return the word for one route's state."""
        if glance.state != PostingState.HELD or not (glance.fail | glance.unknown) & self._asks:
            return glance.state
        is_stopped = glance.fail & self._stops_failed or glance.unknown & self._stops_unknown
        return glance.state if is_stopped else APPROVE


def _bits(rules: tuple[Rule, ...], is_included: Callable[[Rule], bool]) -> int:
    return sum(1 << i for i, rule in enumerate(rules) if is_included(rule))


def is_stricter(new: str, old: str) -> bool:
    """Check whether the first state is stricter than the second, so that fewer records pass."""
    return _STRICT[new] > _STRICT[old]


def has_posted(state: str) -> bool:
    """Check whether a posting in this state has reached the target."""
    return state in _POSTED


@dataclass(frozen=True, slots=True)
class TraceLine:
    """Pair one verdict with its line of the rules."""

    route: str
    rule: str
    kind: VerdictKind
    result: VerdictResult
    file: str
    line: int
    column: int
    source: str  # the text of the rule line
    operands: tuple[tuple[str, str], ...]
    record_line: int | None
    text: str
    released: bool

    @property
    def where(self) -> str:
        """The place as file:line:column."""
        return f"{self.file}:{self.line}:{self.column}"


def trace_lines(outcome: Outcome, sources: Mapping[str, str]) -> tuple[TraceLine, ...]:
    """Return each verdict with its rule line; `sources` are the rule files by path."""
    lines_by_file = {path: text.splitlines() for path, text in sources.items()}
    trace = []
    for verdict in outcome.verdicts:
        span = verdict.span
        text = lines_by_file.get(span.file, [])
        source = text[span.line - 1].strip() if 0 < span.line <= len(text) else ""
        trace.append(
            TraceLine(
                route=verdict.route,
                rule=verdict.rule,
                kind=verdict.kind,
                result=verdict.result,
                file=span.file,
                line=span.line,
                column=span.column,
                source=source,
                operands=verdict.operands,
                record_line=verdict.line,
                text=verdict.text,
                released=verdict.released,
            )
        )
    return tuple(trace)


@dataclass(slots=True)
class Said:
    """Collect the verdicts and findings of rules for one route."""

    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Said) -> None:
        """Add another rule's verdicts and findings."""
        self.verdicts += other.verdicts
        self.findings += other.findings

    def for_route(self, route: str) -> Said:
        """Return copies of the verdicts and findings for another route."""
        verdicts = [
            Verdict(
                v.rule,
                v.kind,
                route,
                v.result,
                v.span,
                v.operands,
                v.line,
                v.text,
                v.released,
            )
            for v in self.verdicts
        ]
        return Said(verdicts, [replace(f, route=route) for f in self.findings])


def has_failed_check(judged: Said, labels: Collection[str], *, released: bool) -> bool:
    """Check whether a check that reads one of these labels failed and stops the record.

    `released`: a check that a person released counts, too. It no longer stops the record, so a
    proof must not leave the rest to it.
    """
    stops = {f.rule for f in judged.findings if f.severity in {"hold", "reject"}}
    checks = [v for v in judged.verdicts if v.kind == "check"]
    failed = {
        v.rule for v in checks if v.result == HIT and ((released and v.released) or v.rule in stops)
    }
    return any(v.rule in failed and {*labels} & {name for name, _ in v.operands} for v in checks)


def finding_title(finding: Finding) -> str:
    """Return the title for all findings of one cause.

    The title is the message's title or text. If it has more than two placeholders, which no longer
    read as a sentence, it names the kind of rule. Approvals keep their label: one team may approve
    several rules, which no name distinguishes.
    """
    label = finding.cause_label
    if label.count(HOLE) <= NAMED:
        return title_text(label)
    if finding.code == "CHK01":
        return f"The check “{plain_name(finding.rule)}” did not pass"
    if finding.code == "CHK02":
        return label.partition(": ")[0]
    return "Possible duplicate" if finding.code == "DUP01" else title_text(label)


def gap_finding(
    gap: Gap, route: str, *, severity: Severity = "hold", lines: tuple[int, ...] = ()
) -> Finding:
    """Return the finding of a gap, owned by the team of the missing value."""
    return Finding(
        code=gap.code,
        error_class=gap.error_class,
        rule=gap.rule,
        route=route,
        severity=severity,
        owner=gap.owner,
        message=gap.message,
        clears=ITSELF,
        cause_key=gap.cause_key,
        cause_label=gap.cause_label,
        would_pass=gap.would_pass,
        span=gap.span,
        lines=lines,
    )


def merge_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return each finding once with all its lines, the strongest first."""
    by_key: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        key = (finding.severity, finding.code, finding.rule, finding.cause_key, finding.route)
        earlier = by_key.get(key)
        if earlier is None:
            by_key[key] = finding
        elif earlier.lines != finding.lines:
            lines = tuple(sorted({*earlier.lines, *finding.lines}))
            by_key[key] = replace(earlier, lines=lines)
    merged = list(by_key.values())
    if any(finding.code == "VAL04" for finding in merged):
        merged = _without_unread_blanks(merged)
    if any(finding.code == "VAL07" for finding in merged):
        merged = _without_unit_prices(merged)
    return tuple(sorted(merged, key=lambda f: SEVERITIES.index(f.severity)))


def _without_unit_prices(findings: list[Finding]) -> list[Finding]:
    """Return the findings without the calculations of a line that has an amount for 0 pieces: no
    unit price follows from it, and one reason for a line is enough.
    """
    lines = {line for finding in findings if finding.code == "VAL07" for line in finding.lines}
    return [
        finding
        for finding in findings
        if finding.code != "EVA01" or not finding.lines or not lines.issuperset(finding.lines)
    ]


def _without_unread_blanks(findings: list[Finding]) -> list[Finding]:
    """Return the findings without those about a field that is blank only because its value could
    not be read: one reason for a field is enough.
    """
    unread: dict[CauseKey, set[int]] = {}
    for finding in findings:
        if finding.code == "VAL04":
            unread.setdefault(finding.cause_key, set()).update(finding.lines)
    remaining = []
    for finding in findings:
        lines = unread.get(finding.cause_key) if finding.code == "MIS01" else None
        blank = [line for line in finding.lines if lines is None or line not in lines]
        if lines is None or blank:
            remaining.append(replace(finding, lines=tuple(blank)))
    return remaining


def name_lines(
    findings: Iterable[Finding],
    lines: Sequence[Mapping[str, Any]],
    amount_text: Callable[[int], str],
) -> tuple[Finding, ...]:
    """Return the findings, naming the lines without a SKU and the lines of 0 pieces.

    Without a SKU a line is known by its kind, number, title and amount only. A line of 0 pieces
    that costs something has no price of one piece. `amount_text` shows the amount of a line.
    """
    named = []
    for finding in findings:
        line_numbers = [number for number in finding.lines if number <= len(lines)]
        if (
            finding.code in ("EVA01", "VAL07")
            and line_numbers
            and all(_has_no_pieces(lines[number - 1]) for number in line_numbers)
        ):
            message, label = (
                _no_price(line_numbers, lines, amount_text),
                "A line of 0 pieces has no price",
            )
            finding = replace(finding, message=message, cause_label=label)
        elif finding.code in _ENTRY_CODES:
            nameless = [number for number in line_numbers if _has_no_sku(lines[number - 1])][
                :NAMED_LINES
            ]
            words = [
                f"{_line_words(number, lines[number - 1], amount_text)}." for number in nameless
            ]
            finding = replace(finding, message=" ".join([finding.message, *words]))
        named.append(finding)
    return tuple(named)


def _has_no_sku(line: Mapping[str, Any]) -> bool:
    return "sku" in line and not _text_of(line["sku"])


def _has_no_pieces(line: Mapping[str, Any]) -> bool:
    return line.get("qty") == 0


def _no_price(
    line_numbers: Sequence[int],
    lines: Sequence[Mapping[str, Any]],
    amount_text: Callable[[int], str],
) -> str:
    """Return that lines of 0 pieces cost something, with what they are."""
    words = "; ".join(
        _line_words(number, lines[number - 1], amount_text) for number in line_numbers[:NAMED_LINES]
    )
    return f"{words}: it has 0 pieces and costs something, so one piece has no price."


def _line_words(number: int, line: Mapping[str, Any], amount_text: Callable[[int], str]) -> str:
    """Return kind, number, title and amount of a line."""
    kind = _text_of(line.get("part")).replace("_", " ")
    about = [_text_of(line.get("name")) or _text_of(line.get("sku")), amount_text(number)]
    return f"Line {number}{f' ({kind})' if kind else ''}: {', '.join(filter(None, about))}"


def _text_of(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def strictest_finding(findings: Iterable[Finding]) -> Finding | None:
    """Return the first finding that stops the record; expects the order of `merge_findings`."""
    return next((f for f in findings if f.severity in STOPS), None)


def clearing_of(declared: nodes.Clears) -> Clearing:
    """Return how a check's finding ends."""
    return Clearing(HowCleared(declared.kind), declared.role or "")


def keep_gaps(gaps: dict[Gap, list[int]], value: Any, line: int | None) -> None:
    """Add the gaps of an unknown value to `gaps`, with the line where they occurred."""
    if type(value) is Unknown:
        for gap in value.gaps:
            lines = gaps.setdefault(gap, [])
            if line is not None and line not in lines[-1:]:
                lines.append(line)


def result_words(kind: VerdictKind | CauseKind, result: VerdictResult) -> str:
    """Return a verdict's result in words; an approval that is not required is "not needed".

    >>> result_words("check", "not_applicable"), result_words("approve", "pass")
    ('not applicable', 'not needed')
    """
    return "not needed" if (kind, result) == ("approve", PASS) else result.replace("_", " ")


@lru_cache(maxsize=1024)
def _codes(states: tuple[tuple[str, PostingState], ...]) -> str:
    """Return the compact form without findings, cached because few distinct texts cover most
    records.
    """
    decisions = [{"route": route, "state": state, "findings": []} for route, state in states]
    return dumps({"decisions": decisions})
