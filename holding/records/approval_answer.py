"""Who agreed to a posting: the answer to the second question.

Here: approvals that stand, that fell, that are asked for or not needed, and what the source says.
Not here: giving them (`holding/approvals/approve.py`).
"""

from datetime import datetime
from typing import Final

from grammar.nodes import Ruleset
from grammar.text.problem import Span
from holding.approvals.consent import counts
from holding.db.models import Approval
from holding.db.refusal import listed
from holding.records.story import Case, Proof, place, rule_proof

NOBODY_ASKED: Final = "Nobody was asked, because it is not posted."


def approved(case: Case, ruleset: Ruleset | None) -> tuple[str, str, list[Proof]]:
    """The answer, its tone and its proofs."""
    evidence = _evidence(case)
    standing = [a for a in case.approvals if counts(a, _hash(case))]
    asked = [v for v in case.verdicts if v.kind == "approve"]
    spans = [v.span for v in asked]
    if standing:
        names = "; ".join(f"{_who(case, a)}, {case.when(a.at)}" for a in standing)
        said, tone = f"{names}, content hash {_hash(case)[:12]}.", "good"
        given = {a.level for a in standing}
        if missing := [v.rule for v in asked if v.result != "pass" and v.rule not in given]:
            said = f"{said} Not yet: {listed(missing)}."
            tone = "bad" if case.sent_at else "plain"
    elif any(v.result in {"hit", "unknown"} for v in asked):
        said = f"Not approved yet. Approval is required: {_places(spans)}."
        tone = "bad" if case.sent_at else "plain"
    elif asked:
        said, tone = f"No approval required by {_places(spans)}.", "good"
    elif undecided(case, ruleset):
        spans = _approve_spans(case, ruleset)
        not_yet = f"Not decided yet: {_places(spans)} is checked when nothing is missing."
        said, tone = NOBODY_ASKED if case.over else not_yet, "plain"
    else:
        spans = _post_spans(case, ruleset)
        said, tone = f"No approval required by {_places(spans) or 'the rules'}.", "good"
    proofs = [*(rule_proof(case.files, span) for span in spans), *evidence]
    return f"{said}{_fallen(case)} {_in_source(case)}", tone, proofs


def undecided(case: Case, ruleset: Ruleset | None) -> bool:
    """Whether rules may ask for an approval of it, and none of them was come to."""
    come_to = case.sent_at is not None or any(v.kind == "approve" for v in case.verdicts)
    return not come_to and bool(_approve_spans(case, ruleset))


def _who(case: Case, approval: Approval) -> str:
    """Siti, or Siti for Lim."""
    name = case.person(approval.person_id)
    whose = approval.for_person_id
    return f"{name} for {case.person(whose)}" if whose is not None else name


def _evidence(case: Case) -> list[Proof]:
    """The hashes of what was planned and of what was sent, and the approvals."""
    proofs = []
    if case.posting is not None and _hash(case):
        proofs.append(Proof("content", str(case.posting.id), f"content hash {_hash(case)}"))
    if case.last_sent is not None:
        request = case.last_sent.request
        proofs.append(Proof("request", str(request.id), f"request hash {request.sha256}"))
    return proofs + [Proof("approval", str(a.id), f"approval {a.id}") for a in case.approvals]


def _fallen(case: Case) -> str:
    """The approvals that no longer stand, each with what changed."""
    fallen = [(one, one.voided_at) for one in case.approvals]
    return "".join(f" {_fell(case, one, at)}" for one, at in fallen if at is not None)


def _fell(case: Case, approval: Approval, at: datetime) -> str:
    told = f"The approval by {_who(case, approval)} of {case.when(approval.at)}"
    if approval.voided_by_id is not None:
        return f"{told} was undone {case.when(at)}."
    fields = listed(approval.voided_fields or [])
    why = f"changed {fields}" if fields else "the approver had also prepared or changed the record"
    return f"{told} is void since {case.when(at)}: {why}."


def _places(spans: list[Span]) -> str:
    return listed([place(span) for span in spans])


def _hash(case: Case) -> str:
    sent = case.last_sent
    return sent.push.hash if sent else case.posting.hash if case.posting else ""


def _in_source(case: Case) -> str:
    body = (case.version.body if case.version else None) or {}
    name, version = body.get("approved_by"), body.get("approved_version")
    if not name:
        return "In the source: not recorded."
    if version:
        return f"In the source: {name} (its version {version})."
    return f"In the source: {name}."


def _approve_spans(case: Case, ruleset: Ruleset | None) -> list[Span]:
    return [
        rule.span
        for rule in (ruleset.approvals if ruleset else ())
        if rule.record == case.record.type and (rule.route is None or str(rule.route) == case.route)
    ]


def _post_spans(case: Case, ruleset: Ruleset | None) -> list[Span]:
    return [post.span for post in ruleset.posts if str(post.route) == case.route] if ruleset else []
