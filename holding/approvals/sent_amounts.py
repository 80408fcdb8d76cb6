"""Decide which amount of a document an approver sees: the total of what will be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import case

from holding.db.models import Hold, Posting
from holding.db.models.columns import to_minor
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState

_asks_approval = Hold.code == NEEDS_APPROVAL

APPROVED_CONTENT: Final = tuple(
    case((_asks_approval, column)).label(name)
    for name, column in (
        ("approved_content", Posting.content),
        ("approved_state", Posting.state),
        ("stored_amount", Posting.amount),
        ("stored_currency", Posting.currency),
    )
)
"""The document behind an approval, from which its amounts are read; NULL for other holds."""


@dataclass(frozen=True, slots=True)
class SentAmount:
    """The total of the content that will be sent, in minor units of its currency.

    `posted_now` is what the target has of the document, None while it is not posted.
    """

    amount: int | None
    currency: str
    posted_now: int | None
    posted_currency: str


def content_amount(content: Mapping[str, Any] | None, currency: str) -> tuple[int | None, str]:
    """Return a content's total in minor units, with its currency; None if it has no total."""
    told = (content or {}).get("amount")
    code = (content or {}).get("currency") or currency
    return (None if told is None else to_minor(Decimal(str(told)), code)), code


def sent_amount(
    content: Mapping[str, Any] | None,
    state: PostingState | None,
    amount: int | None,
    currency: str,
) -> SentAmount:
    """Return a posting's amounts from its content, state, stored amount and stored currency.

    The stored amount stays what is posted until the target accepts the new content.
    """
    total, code = content_amount(content, currency)
    if total is None:
        total, code = amount, currency
    posted = state == PostingState.POSTED
    return SentAmount(total, code, amount if posted else None, currency)


def amount_of(posting: Posting) -> SentAmount:
    """Return the amounts of a loaded posting."""
    return sent_amount(posting.content, posting.state, posting.amount, posting.currency)


def sent_columns(row: Any) -> dict[str, Any]:
    """Return the amounts of a row with `APPROVED_CONTENT`; empty if its hold is no approval."""
    if row.approved_content is None:
        return {}
    sent = sent_amount(
        row.approved_content, row.approved_state, row.stored_amount, row.stored_currency
    )
    return {
        "amount": sent.amount,
        "currency": sent.currency,
        "posted_now": sent.posted_now,
        "posted_currency": sent.posted_currency,
    }
