"""From an outcome to what should stand in the tables: postings, holds, approvals, the record.

Here: pure comparison of what the rules say with what was there. Not here: queries and writes
(gather.py, finish.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from holding.judging.batch import ApprovalRow, Batch, Case, HoldRow, Judgment, Listed, PostingRow
from holding.judging.retry import may_retry
from holding.models.posting import IN_FLIGHT_STATES, UNSENT_STATES
from holding.posting_hash import posting_hash
from holding.record_state import state_of
from holding.types import to_minor
from rules.canonical import plain
from rules.outcome import Decision, Document, Finding, Outcome

NEEDS_APPROVAL = "APP01"
WHOLE_RECORD = "*"
HOLDING = frozenset({"hold", "approve"})
NO_ROUTE = "No route applies to it any more."

Key = tuple[str, int, str, str]  # route, seq, code, cause key


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A posting as it should stand; `id` is None for a new one."""

    id: int | None
    route: str
    seq: int
    before: str
    state: str
    reason: str
    hash: str
    number: str
    content: Mapping[str, Any] | None
    connection_id: int
    doc_type: str
    amount: int | None
    currency: str
    book: int | None
    doc_date: date | None
    party: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A hold that should be open."""

    route: str
    seq: int
    code: str
    error_class: str
    severity: str
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: str
    cause_key: str
    cause_label: str
    team_id: int | None
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int | None

    @property
    def key(self) -> Key:
        """What it is over judgings."""
        return (self.route, self.seq, self.code, self.cause_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An open hold that should be closed, and how."""

    hold: HoldRow
    state: str
    why: str
    person_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """A standing approval of another content, and the fields that differ."""

    approval: ApprovalRow
    number: str
    fields: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything to write for one case."""

    judged: Judgment
    listed: Listed | None = None
    postings: list[Planned] = field(default_factory=list)
    silenced: list[PostingRow] = field(default_factory=list)
    wanted: dict[Key, Wanted] = field(default_factory=dict)
    kept: list[HoldRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    state: str = "held"

    @property
    def case(self) -> Case:
        """The record it is for."""
        return self.judged.case

    @property
    def book(self) -> int | None:
        """The money of its holds in the company's currency."""
        return self.listed.book if self.listed else None


def plan(batch: Batch, judged: Judgment) -> Plan:
    """What one judging changes."""
    if judged.outcome is None:
        return _broken(batch, judged)
    made = Plan(judged=judged, listed=_listed(batch, judged.case, judged.outcome))
    current = {row.route: row for row in judged.case.postings}
    for decision in judged.outcome.decisions:
        _decide(batch, made, decision, current.pop(decision.route, None))
    for row in current.values():
        _without_route(made, row)
    _compare_holds(batch, made)
    made.state = _state(made)
    return made


def in_flight(case: Case) -> bool:
    """Whether something of the record is on its way: it is not planned anew until the answer."""
    return any(row.state in IN_FLIGHT_STATES for row in case.postings)


def _decide(batch: Batch, made: Plan, decision: Decision, row: PostingRow | None) -> None:
    """One route: the posting as it should stand, and the holds that the decision asks for."""
    seq = row.seq if row else 1
    findings = [f for f in decision.findings if f.severity in HOLDING]
    if row is not None and row.state not in UNSENT_STATES:
        _want(batch, made, findings, seq, decision.document)
        return
    rejected = made.case.rejected.get(decision.route)
    if rejected is not None:
        made.postings.append(
            _posting(batch, made, decision, row, state="ignored", reason=f"rejected: {rejected}")
        )
        return
    content_hash = _hash(batch, decision)
    open_findings = _not_approved(made, findings, row, content_hash)
    state = decision.state
    if state == "held" and not open_findings and decision.document is not None:
        state = "ready"
    if state == "held":
        _want(batch, made, open_findings, seq, decision.document)
    if row is not None and state == "ready":
        state = _after_trouble(batch, made, row, content_hash)
    made.postings.append(_posting(batch, made, decision, row, state=state, reason=decision.reason))


def _not_approved(
    made: Plan, findings: Sequence[Finding], row: PostingRow | None, content_hash: str
) -> list[Finding]:
    """The findings that no standing approval of exactly this content answers."""
    if row is None:
        return list(findings)
    standing = [one for one in made.case.approvals if one.posting_id == row.id]
    levels = {one.level for one in standing if one.hash == content_hash}
    return [f for f in findings if f.code != NEEDS_APPROVAL or f.rule not in levels]


def _after_trouble(batch: Batch, made: Plan, row: PostingRow, content_hash: str) -> str:
    """Ready, unless pushing was refused and nothing changed since that could change the answer."""
    troubles = [h for h in made.case.holds if h.of_push and h.route == row.route]
    same = row.hash == content_hash
    staying = [h for h in troubles if not may_retry(batch, h, same_content=same)]
    made.kept += staying
    if not staying:
        return "ready"
    return row.state if row.state in {"failed", "held"} else "held"


def _posting(
    batch: Batch,
    made: Plan,
    decision: Decision,
    row: PostingRow | None,
    *,
    state: str,
    reason: str,
) -> Planned:
    document = decision.document
    route = batch.routes[decision.route]
    listed = made.listed
    if document is not None:
        amount: int | None = to_minor(document.amount, document.currency)
        day: date | None = document.date
        currency, party, number = document.currency, document.party, document.number
    else:
        amount, currency = (listed.amount, listed.currency) if listed else (None, "")
        party, day = (listed.party_key, listed.doc_date) if listed else ("", None)
        number = row.number if row else made.judged.outcome.number if made.judged.outcome else ""
    content_hash = _hash(batch, decision)
    if document is not None and row is not None:
        _void(made, row, content_hash, document)
    return Planned(
        id=row.id if row else None,
        route=decision.route,
        seq=row.seq if row else 1,
        before=row.state if row else "",
        state=state,
        reason=reason or (decision.wait.text if decision.wait else ""),
        hash=content_hash,
        number=number,
        content=plain(document) if document is not None else None,
        connection_id=batch.targets[route.target].id,
        doc_type=route.document,
        amount=amount,
        currency=currency,
        book=amount if currency == batch.currency else None,
        doc_date=day,
        party=party,
        due_at=_due(made, row, route.timing, content_hash) if state == "ready" else None,
    )


def _due(made: Plan, row: PostingRow | None, timing: str, content_hash: str) -> datetime | None:
    """Now, or never by itself for a daily route; one that waits for its next try keeps its time."""
    unchanged = row is not None and row.state == "ready" and row.hash == content_hash
    planned = row.due_at if row is not None and unchanged else None
    return planned or (made.judged.at if timing == "immediately" else None)


def _hash(batch: Batch, decision: Decision) -> str:
    if decision.document is None:
        return ""
    target = batch.targets[batch.routes[decision.route].target]
    return posting_hash(target.id, target.company_there, decision.document, "create")


def _void(made: Plan, row: PostingRow, content_hash: str, document: Document) -> None:
    """Approvals of another content of this posting no longer stand."""
    for approval in made.case.approvals:
        if approval.posting_id == row.id and approval.hash != content_hash:
            fields = _differences(approval.content, plain(document))
            made.voided.append(Voided(approval=approval, number=row.number, fields=fields))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of header fields that differ, and `lines` when any line does."""
    old, new = before.get("fields", {}), after["fields"]
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if before.get("number") != after["number"]:
        changed.append("number")
    if before.get("lines") != after["lines"]:
        changed.append("lines")
    return tuple(changed) or ("connection",)


def _without_route(made: Plan, row: PostingRow) -> None:
    """An unsent posting that no decision names any more is dropped."""
    if row.state in UNSENT_STATES and row.state != "dropped":
        made.silenced.append(row)


def _want(
    batch: Batch,
    made: Plan,
    findings: Iterable[Finding],
    seq: int,
    document: Document | None,
) -> None:
    outcome = made.judged.outcome
    for finding in findings:
        route = batch.routes[finding.route]
        wanted = Wanted(
            route=finding.route,
            seq=seq,
            code=finding.code,
            error_class=finding.error_class,
            severity=finding.severity,
            rule=finding.rule,
            at_rule=f"{finding.span.file}:{finding.span.line}:{finding.span.column}",
            message=finding.message,
            would_pass=finding.would_pass,
            clears=finding.clears,
            cause_key=finding.cause_key,
            cause_label=finding.cause_label,
            team_id=batch.team(finding.owner),
            number=document.number if document else outcome.number if outcome else "",
            doc_type=route.document,
            doc_date=document.date if document else outcome.doc_date if outcome else None,
            connection_id=batch.targets[route.target].id,
        )
        made.wanted.setdefault(wanted.key, wanted)


def _compare_holds(batch: Batch, made: Plan) -> None:
    """Which open holds stay and which are closed; those still wanted keep their row."""
    staying = {hold.id for hold in made.kept}
    sent = {row.route for row in made.case.postings if row.state not in UNSENT_STATES}
    for hold in made.case.holds:
        if hold.id in staying:
            continue
        if hold.key in made.wanted or (hold.of_push and hold.route in sent):
            made.kept.append(hold)
        else:
            made.closed.append(_close(batch, made, hold))


def _close(batch: Batch, made: Plan, hold: HoldRow) -> Closed:
    """Approved, when a person consented to this content; else cleared, with what changed."""
    if hold.code == NEEDS_APPROVAL:
        hashes = {p.id: p.hash for p in made.postings}
        for one in made.case.approvals:
            if one.posting_id == hold.posting_id and hashes.get(one.posting_id) == one.hash:
                why = f"{one.person} approved exactly this content"
                return Closed(hold=hold, state="approved", why=why, person_id=one.person_id)
    return Closed(hold=hold, state="cleared", why=_why(batch, made.case, hold), person_id=None)


def _why(batch: Batch, case: Case, hold: HoldRow) -> str:
    posting = next((row for row in case.postings if row.id == hold.posting_id), None)
    if posting is None or posting.version_id != case.version_id:
        return f"version {case.subject.version} no longer has it"
    if hold.revision != batch.revision:
        return f"rules, mappings or target data changed (revision {batch.revision})"
    return "what is known about it changed"


def _state(made: Plan) -> str:
    states = [planned.state for planned in made.postings]
    states += ["dropped"] * len(made.silenced)
    planned = {one.id for one in made.postings} | {row.id for row in made.silenced}
    states += [row.state for row in made.case.postings if row.id not in planned]
    return state_of(states, held=bool(made.wanted or made.kept))


def _listed(batch: Batch, case: Case, outcome: Outcome) -> Listed:
    amount = outcome.amount
    minor = to_minor(amount, outcome.currency) if amount is not None else None
    body = case.subject.body
    name = body.get("customer_name")
    return Listed(
        status=outcome.status or outcome.status_word,
        party=name if isinstance(name, str) and name else outcome.party,
        party_key=outcome.party,
        doc_date=outcome.doc_date,
        amount=minor,
        currency=outcome.currency,
        book=minor if outcome.currency == batch.currency else None,
    )


def _broken(batch: Batch, judged: Judgment) -> Plan:
    """No outcome: everything stays as it is, what was ready is held, and a hold says why."""
    made = Plan(judged=judged, kept=list(judged.case.holds))
    wanted = Wanted(
        route=WHOLE_RECORD,
        seq=0,
        code=judged.code,
        error_class="business_rule",
        severity="hold",
        rule="judging",
        at_rule="",
        message=judged.error,
        would_pass="Other rules, or another version of the record.",  # noqa: S106 - no password
        clears="itself",
        cause_key=f"rule:{judged.code}",
        cause_label="The rules could not judge it",
        team_id=batch.fallback_team_id,
        number="",
        doc_type="",
        doc_date=None,
        connection_id=None,
    )
    made.wanted[wanted.key] = wanted
    made.silenced = [row for row in judged.case.postings if row.state == "ready"]
    made.state = state_of(
        [row.state for row in judged.case.postings if row.state != "ready"], held=True
    )
    return made
