"""Find faults of a target in posted documents that no user changed: a lost document or line,
another total, or another company.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from connectors.contract import Found
from connectors.contract.targets import ListsCalls
from grammar.text.characters import in_currency
from holding.approvals.consent import posting_hash
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import Attempt, Cause, Hold, Push, Reading, Request
from holding.db.models.columns import AttemptState
from holding.db.models.decisions import HOLD_OPEN
from holding.platform.states import GONE, NOT_THERE, OTHER_COMPANY, STORED_OTHERWISE
from holding.posting.evidence import action_of
from holding.posting.holds import Trouble
from holding.reconciliation.reading_plan import Watched
from rules.outcomes import Document
from rules.values.canonical import revive

LINE_TOTALS = ("LineTotal", "SubTotal", "Amount")
"""The names that targets have for the amount of a line."""

_LINE_NAMES = ("Description", "DtlDescription", "SKU")

_CREATED = (
    select(Push.posting_id, Push.content, Push.action, Push.hash, Request.key, Request.answer)
    .join(Attempt, Attempt.push_id == Push.id)
    .join(Request, Request.id == Attempt.request_id)
    .where(bulk.among_given(Push.posting_id, "postings"), Push.action == "create")
    .where(Attempt.state == AttemptState.ACCEPTED, Push.connection_id == bindparam("connection"))
    .order_by(Push.posting_id, Push.no, Attempt.no)
)


class Fault(StrEnum):
    """A fault of the target in a posted document."""

    GONE = "gone"
    GONE_OR_COMPANY = "gone_or_company"
    COMPANY = "company"
    LINES = "lines"
    TOTAL = "total"


_CODES = {
    Fault.GONE: NOT_THERE,
    Fault.GONE_OR_COMPANY: NOT_THERE,
    Fault.COMPANY: OTHER_COMPANY,
    Fault.LINES: STORED_OTHERWISE,
    Fault.TOTAL: STORED_OTHERWISE,
}


@dataclass(frozen=True, slots=True)
class FaultGroup:
    """Documents with an equal fault in a connection, with the message of the first."""

    cause_id: int
    label: str
    message: str
    documents: int


def list_faults(session: Session, company_id: int, connection_id: int) -> tuple[FaultGroup, ...]:
    """Return a connection's open faults, grouped by cause, most frequent first."""
    count = func.count(Hold.posting_id.distinct())
    rows = session.execute(
        select(Cause.id, Cause.label, func.min(Hold.message).label("message"), count.label("many"))
        .join(Cause, Cause.id == Hold.cause_id)
        .where(Hold.company_id == company_id, Hold.connection_id == connection_id, HOLD_OPEN)
        .where(Hold.code.in_(sorted({*_CODES.values()})))
        .group_by(Cause.id, Cause.label)
        .order_by(count.desc(), Cause.id),
        execution_options=KEPT,
    )
    return tuple(FaultGroup(row.id, row.label, row.message, row.many) for row in rows)


def stored_fault(
    document: Document, found: Found, last: Reading | None, total_field: str | None
) -> Fault | None:
    """Return what is wrong with a document as the target stored it, or None.

    A difference counts only in the first reading, and while it is unchanged. A later difference, or
    one that the target ascribes to a user, is a change.
    """
    if found.kind == "absent":
        return Fault.GONE
    if found.kind != "different" or found.void or found.changed_by:
        return None
    if last is not None and not last.body.get("fault"):
        return None
    shown = {one.field: one.value for one in found.differs if one.line == 0}
    lines_there = _number(shown.get(""))
    total = _number(shown.get(total_field)) if total_field else None
    if lines_there is not None:
        fault = Fault.LINES if lines_there < len(document.lines) else None
    elif total is None:
        fault = None
    else:
        fault = Fault.LINES if missing_line(document, total) else Fault.TOTAL
    return fault if last is None or last.body["fault"] == fault else None


def _number(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def missing_line(document: Document, total: Decimal) -> int:
    """Return the number of the last line whose amount is exactly what the total lacks, or 0."""
    lacking = document.amount - total
    if lacking <= 0 or len(document.lines) < 2:
        return 0
    amounts = [
        _number(next((line[name] for name in LINE_TOTALS if line.get(name)), None))
        for line in document.lines
    ]
    return max((no for no, amount in enumerate(amounts, start=1) if amount == lacking), default=0)


def explain_missing(desk: Desk, channel: Channel, missing: Sequence[Watched]) -> dict[int, Fault]:
    """Return why missing documents may be in another company, by posting id.

    Either the connection named another company when they were sent, or the company's history does
    not list the call that the target accepted, or the target does not show such calls.
    """
    if not missing:
        return {}
    ids = [one.posting_id for one in missing]
    with desk.database.read() as session:
        rows = _accepted_creations(session, channel, ids)
    faults: dict[int, Fault] = {}
    for posting_id, content, action, hash_, key, answer in rows:
        document: Document = revive(Document, content)
        here = posting_hash(
            channel.connection_id, channel.company_there, document, action_of(action)
        )
        if hash_ != here:
            faults[posting_id] = Fault.COMPANY
        elif isinstance(channel.target, ListsCalls) and answer:
            access = (channel.settings, channel.secret, desk.http)
            is_listed = channel.target.lists_call(key, answer, *access)
            if not is_listed:
                faults[posting_id] = Fault.GONE_OR_COMPANY if is_listed is None else Fault.COMPANY
    return faults


def _accepted_creations(
    session: Session, channel: Channel, posting_ids: Sequence[int]
) -> list[tuple[int, dict[str, object], str, str, str, bytes | None]]:
    """Return the last accepted creation of each posting, with the target's answer."""
    parameters = {"postings": list(posting_ids), "connection": channel.connection_id}
    last = {row[0]: tuple(row) for row in session.execute(_CREATED, parameters)}
    return list(last.values())


def fault_trouble(
    channel: Channel, document: Document, found: Found, fault: Fault, total_field: str | None
) -> Trouble:
    """Return the hold's reason, in one message for each fault."""
    code = _CODES[fault]
    kind = "" if code in GONE else str(fault)
    return Trouble(
        code=code,
        error_class="uncertain",
        words=_words(channel, document, found, fault, total_field),
        target_code=kind,
        owner="finance",
        decided=code == STORED_OTHERWISE,
    )


def _words(
    channel: Channel, document: Document, found: Found, fault: Fault, total_field: str | None
) -> str:
    number, system = document.number, channel.name
    company = f" (company {channel.company_there})" if channel.company_there else ""
    if fault is Fault.GONE:
        return f"{system} accepted {number}, but {number} is not there{company}."
    if fault is Fault.GONE_OR_COMPANY:
        return (
            f"{system} accepted {number}, but {number} is not there{company}. Either it was lost"
            f" there, or the key put it into another company: {system} does not show which."
        )
    if fault is Fault.COMPANY:
        return f"{system} accepted {number} in another company: it is not in this one{company}."
    shown = {one.field: one.value for one in found.differs if one.line == 0}
    sent = in_currency(document.amount, document.currency)
    total = _number(shown.get(total_field or ""))
    there = in_currency(total, document.currency) if total is not None else "another total"
    if fault is Fault.TOTAL:
        return (
            f"{system} stored {number} with {there}; {sent} was sent. The first reading after"
            " posting shows it so."
        )
    if "" in shown:
        return (
            f"{system} stored {number} with {shown['']} of {len(document.lines)} lines. The first"
            " reading after posting shows it so."
        )
    no = missing_line(document, total or Decimal(0))
    line = document.lines[no - 1]
    name = next((line[key] for key in _LINE_NAMES if line.get(key)), "")
    named = f" ({name})" if name else ""
    return (
        f"{system} stored {number} without a line: it comes to {there}, {sent} was sent, and the"
        f" difference is line {no}{named}. The first reading after posting shows it so."
    )
