"""Distinguish a document that alone makes a target fail from a target that is down for all
documents.
"""

from datetime import datetime
from http import HTTPStatus

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from connectors.contract import Found
from holding.connections.channel import Channel
from holding.db.models import Attempt, Push, Request
from holding.db.models.columns import PushState, RequestState
from holding.posting.push import Case
from rules.values.canonical import sha256_hex

_other = aliased(Attempt)

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
