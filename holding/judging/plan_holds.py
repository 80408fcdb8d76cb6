"""Which holds should be open after a judging, and what becomes of those that are.

Here: pure comparison. Not here: postings (plan.py), writes (store_holds.py).
"""

from collections.abc import Iterable

from holding.judging.batch import Batch, Case, HoldRow
from holding.judging.planned import Closed, Plan, Wanted
from rules.outcome import NEEDS_APPROVAL, Document, Finding


def want(
    batch: Batch,
    made: Plan,
    findings: Iterable[Finding],
    seq: int,
    document: Document | None,
    *,
    route: str = "",
) -> None:
    """Ask for a hold for each finding; two findings that are the same hold make one.

    `route` is where it is asked, if not the finding's own.
    """
    outcome = made.judged.outcome
    for finding in findings:
        way = batch.routes[route or finding.route]
        wanted = Wanted(
            route=way.name,
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
            doc_type=way.document,
            doc_date=document.date if document else outcome.doc_date if outcome else None,
            connection_id=batch.targets[way.target].id,
        )
        made.wanted.setdefault(wanted.key, wanted)


def compare(batch: Batch, made: Plan) -> None:
    """Which open holds stay and which are closed; those still wanted keep their row."""
    staying = {hold.id for hold in made.kept}
    for hold in made.case.holds:
        if hold.id in staying:
            continue
        if hold.key in made.wanted:
            made.kept.append(hold)
        else:
            made.closed.append(_close(batch, made, hold))


def _close(batch: Batch, made: Plan, hold: HoldRow) -> Closed:
    """Approved, when a person consented to this content; else cleared, with what changed."""
    if hold.code == NEEDS_APPROVAL:
        hashes = {p.id: p.hash for p in made.postings} | {a.id: a.hash for a in made.acting}
        for one in made.case.approvals:
            here = one.posting_id == hold.posting_id and hold.cause_key == f"approve:{one.level}"
            if here and hashes.get(one.posting_id) == one.hash:
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
