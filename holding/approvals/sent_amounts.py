"""Decide which amount of a document an approver sees: the total of what will be sent.

A module of its own, because evaluation, lists and events must decide it alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import and_, case

from holding.db.models import Hold, Posting
from holding.db.models.columns import is_word, to_minor
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState

_updates_posted = and_(Hold.code == NEEDS_APPROVAL, is_word(Posting.state, PostingState.POSTED))

POSTED_NOW: Final = case((_updates_posted, Posting.amount)).label("posted_now")
"""What the target has of the document that is approved anew; NULL for other holds."""

POSTED_CURRENCY: Final = case((_updates_posted, Posting.currency), else_="").label(
    "posted_currency"
)


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
    amount = (content or {}).get("amount")
    code = (content or {}).get("currency") or currency
    return (None if amount is None else to_minor(Decimal(str(amount)), code)), code


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
