"""Distinguish a document that alone makes a target fail from a target that is down for all
documents, and repeat refused lookups daily.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from connectors.contract import Found
from holding.connections.channel import Channel
from holding.db.models import Attempt, Hold, Posting, Push, Request
from holding.db.models.columns import PushState, RequestState
from holding.db.models.decisions import HOLD_OPEN
from holding.platform.changes import wake_records
from holding.platform.states import LOOKUP_REFUSED
from holding.posting import holds
from holding.posting.claims import lock_families
from holding.posting.push import Case
from rules.values.canonical import sha256_hex

_other = aliased(Attempt)

REPEATED_AFTER: Final = timedelta(days=1)

REPEATED_AT_ONCE: Final = 500

REPEATED: Final = "It is looked up again, as every day."

_WITH_OTHERS = exists().where(_other.request_id == Request.id, _other.push_id != Attempt.push_id)


def is_server_error(status: int | None) -> bool:
    """Check whether a call ended with a fault of the target itself."""
    return status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR


def accepted_since(session: Session, channel: Channel, since: datetime) -> bool:
    """Check whether the target accepted any document of the connection since then."""
    query = select(Push.id).where(
        Push.connection_id == channel.connection_id,
        Push.state == PushState.ACCEPTED,
        Push.closed_at >= since,
    )
    return session.scalar(query.limit(1)) is not None


def fails_on_it(system: str, number: str, words: str) -> str:
    """Return the message about a document on which alone the target fails."""
    return f"{system} failed on {number} twice while it took other documents. {words}"


def target_fails_on_it(case: Case) -> bool:
    """Check whether the target failed on this posting before and took others in between.

    Others passing is the evidence: where none passes, the system is down for all. Only calls that
    carried it alone count, because another document of a file may be the cause.
    """
    query = (
        select(Request.made_at)
        .join(Attempt, Attempt.request_id == Request.id)
        .join(Push, Push.id == Attempt.push_id)
        .where(Push.posting_id == case.member.claim.posting_id, Request.kind == "push")
        .where(Request.status >= int(HTTPStatus.INTERNAL_SERVER_ERROR), ~_WITH_OTHERS)
        .order_by(Request.id.desc())
        .limit(2)
    )
    times = case.session.scalars(query).all()
    return len(times) > 1 and accepted_since(case.session, case.channel, times[-1])


def before_key(key: str) -> str:
    """Return the request key of lookups before a first send under this key."""
    return f"before {key}"


def note_failed_lookup(
    session: Session, channel: Channel, number: str, key: str, lookup_result: Found, now: datetime
) -> None:
    """Store a lookup before a first send that ended with a server error."""
    session.add(
        Request(
            connection_id=channel.connection_id,
            kind="read",
            key=before_key(key),
            key_id=channel.key_id,
            sha256=sha256_hex(b""),
            headers={},
            rows={"number": number},
            state=RequestState.ANSWERED,
            made_at=now,
            deadline_at=now,
            answered_at=now,
            status=lookup_result.status,
            answer=lookup_result.proof,
            answer_sha256=sha256_hex(lookup_result.proof),
        )
    )


def failed_alone_before(session: Session, channel: Channel, key: str) -> bool:
    """Check whether others were accepted since the target last failed on this lookup."""
    query = (
        select(Request.made_at)
        .where(Request.connection_id == channel.connection_id, Request.key == before_key(key))
        .where(Request.state == RequestState.ANSWERED, Request.status.is_not(None))
        .order_by(Request.id.desc())
        .limit(1)
    )
    since = session.scalar(query)
    return since is not None and accepted_since(session, channel, since)


def repeat_refused_lookups(session: Session, now: datetime) -> int:
    """Close the holds of lookups that were refused a day ago, and return how many.

    Their documents are checked and looked up again: there may be fewer documents to look through by
    now, or the target may accept the lookup. A lookup that is refused again has a new hold.
    """
    query = (
        select(Posting.company_id, Posting.id, Posting.record_id, Posting.family)
        .join(Hold, Hold.posting_id == Posting.id)
        .where(Hold.code == LOOKUP_REFUSED, HOLD_OPEN, Hold.opened_at <= now - REPEATED_AFTER)
        .order_by(Hold.opened_at, Hold.id)
        .limit(REPEATED_AT_ONCE)
    )
    rows_by_company = defaultdict(list)
    for row in session.execute(query):
        rows_by_company[row.company_id].append(row)
    for company_id, rows in rows_by_company.items():
        lock_families(session, company_id, [row.family for row in rows])
        posting_ids = [row.id for row in rows]
        causes = holds.close_holds(session, posting_ids, (LOOKUP_REFUSED,), now, why=REPEATED)
        record_ids = [row.record_id for row in rows]
        wake_records(session, record_ids, now)
        holds.settle_holds(session, record_ids, causes)
    return sum(map(len, rows_by_company.values()))
