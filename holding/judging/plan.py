"""From an outcome to what should stand in the tables: postings, holds, approvals, the record.

Here: pure comparison of what the rules say with what was there. Not here: queries and writes
(gather.py, finish.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from holding import bulk
from holding.judging import plan_holds
from holding.judging.batch import Batch, Case, Judgment, Listed, PostingRow
from holding.judging.planned import Plan, Planned, Stored, Voided, Wanted
from holding.judging.retry import may_retry
from holding.models.posting import IN_FLIGHT_STATES, UNSENT_STATES
from holding.posting_hash import posting_hash
from holding.record_state import state_of
from holding.types import to_minor
from rules.canonical import dumps, plain, sha256_hex
from rules.outcome import Decision, Document, Finding, Outcome

WHOLE_RECORD = "*"
HOLDING = frozenset({"hold", "approve"})
NO_ROUTE = "No route applies to it any more."


def plan(batch: Batch, judged: Judgment) -> Plan:
    """What one judging changes."""
    if judged.outcome is None:
        return _broken(batch, judged)
    made = Plan(
        judged=judged,
        stored=_stored(batch, judged),
        listed=_listed(batch, judged.case, judged.outcome),
    )
    current = {row.route: row for row in judged.case.postings}
    for decision in judged.outcome.decisions:
        _decide(batch, made, decision, current.pop(decision.route, None))
    for row in current.values():
        _without_route(made, row)
    plan_holds.compare(batch, made)
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
        plan_holds.want(batch, made, findings, seq, decision.document)
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
        plan_holds.want(batch, made, open_findings, seq, decision.document)
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
    return [f for f in findings if f.code != plan_holds.NEEDS_APPROVAL or f.rule not in levels]


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
    """The posting of one route, as it should stand."""
    document = decision.document
    route = batch.routes[decision.route]
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
        content=plain(document) if document is not None else None,
        connection_id=batch.targets[route.target].id,
        doc_type=route.document,
        due_at=_due(made, row, route.timing, content_hash) if state == "ready" else None,
        **_shown(batch, made, row, document),
    )


def _shown(
    batch: Batch, made: Plan, row: PostingRow | None, document: Document | None
) -> dict[str, Any]:
    """The columns by which a posting is found: the document's, else the record's."""
    if document is not None:
        amount = to_minor(document.amount, document.currency)
        return {
            "number": document.number,
            "amount": amount,
            "currency": document.currency,
            "book": amount if document.currency == batch.currency else None,
            "doc_date": document.date,
            "party": document.party,
        }
    listed, outcome = made.listed, made.judged.outcome
    return {
        "number": row.number if row else outcome.number if outcome else "",
        "amount": listed.amount if listed else None,
        "currency": listed.currency if listed else "",
        "book": listed.book if listed else None,
        "doc_date": listed.doc_date if listed else None,
        "party": listed.party_key if listed else "",
    }


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
    """The names of fields that differ, those of a line with its place, `lines` when some came or
    went.
    """
    old, new = before.get("fields", {}), after["fields"]
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if before.get("number") != after["number"]:
        changed.append("number")
    lines, others = before.get("lines", ()), after["lines"]
    for no, (line, other) in enumerate(zip(lines, others, strict=False), start=1):
        names = sorted({*line, *other})
        changed += [f"line {no} {name}" for name in names if line.get(name) != other.get(name)]
    if len(lines) != len(others):
        changed.append("lines")
    return tuple(changed) or ("connection",)


def _without_route(made: Plan, row: PostingRow) -> None:
    """An unsent posting that no decision names any more is dropped."""
    if row.state in UNSENT_STATES and row.state != "dropped":
        made.silenced.append(row)


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
    made = Plan(judged=judged, stored=_stored(batch, judged), kept=list(judged.case.holds))
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


def _stored(batch: Batch, judged: Judgment) -> Stored:
    """What is kept of a judging: enough to do it again."""
    facts = dumps({"facts": judged.case.facts, "known": sorted(batch.known_targets)})
    outcome = judged.outcome
    if outcome is not None:
        codes, digest = outcome.codes(), outcome.digest()
    else:
        codes = dumps({"error": judged.code, "say": judged.error})
        digest = sha256_hex(codes)
    return Stored(facts=bulk.Encoded(facts), codes=bulk.Encoded(codes), digest=digest)
