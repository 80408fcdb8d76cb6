"""Payouts of Shopify Payments, asked for after the orders that changed.

Here: the questions, their answers, and from which day on payouts are asked for again. Not here:
what a payout is made of (payouts.py), the orders before (pages.py).

A payout tells no moment of its change: `scheduled`, `in_transit` and `paid` follow each other under
one number. So those of the last days are read again each time; what did not change makes nothing.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from connectors.contract import RowError
from connectors.contract.pulls import NoPage, Pulled
from connectors.sources.shopify.calls import Shop, listed, next_page, refused
from connectors.sources.shopify.payouts import TRANSACTIONS
from connectors.transport.http import KEY_REFUSED, HttpFailure
from connectors.transport.strict_json import dumps

SETTING: Final = "payouts"
ASKED_FOR: Final = "yes"
BACK: Final = timedelta(days=14)
"""So long a payout may still change: it is read again meanwhile."""
_SIZE: Final = 5
_MOST: Final = 250
_PAGES: Final = 40
"""Pages of transactions of one payout: with more it has more lines than a record may have."""
_WITHOUT: Final = (HTTPStatus.NOT_FOUND, *KEY_REFUSED)
ReadPayout = Callable[[str, Mapping[str, object]], Pulled]


def again_from(today: date, since: date) -> date:
    """From which day on the next reading asks."""
    return max(since, today - BACK)


def page_of(
    shop: Shop, since: date, page: str, read: ReadPayout
) -> tuple[list[Pulled], str] | NoPage | None:
    """Some payouts of this day or later, and Shopify's name of the next page, "" after the last;
    None where Shopify no longer knows this page. A shop that shows none is told as what cannot be
    read, once, and its orders go on.
    """
    asked = {"page_info": page} if page else {"date_min": since.isoformat()}
    query = urlencode({"limit": str(_SIZE), **asked})
    answer = shop.ask(f"shopify_payments/payouts.json?{query}")
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status in _WITHOUT:
        return [_without(answer.status)], ""
    if page and answer.status == HTTPStatus.BAD_REQUEST:
        return None
    if told := refused(answer):
        return told
    payouts = listed(answer, "payouts")
    if payouts is None:
        return NoPage(words="Shopify answered with something that is not a list of payouts.")
    found = []
    for at, payout in enumerate(payouts):
        made_of = _transactions(shop, payout)
        if isinstance(made_of, NoPage):
            return made_of
        found.append(read(f"payouts[{at}]", {**payout, TRANSACTIONS: made_of}))
    return found, next_page(answer)


def _transactions(shop: Shop, payout: Mapping[str, object]) -> list[Mapping[str, object]] | NoPage:
    """All that a payout is made of."""
    query = urlencode({"payout_id": str(payout.get("id")), "limit": str(_MOST)})
    found: list[Mapping[str, object]] = []
    for _ in range(_PAGES):
        answer = shop.ask(f"shopify_payments/balance/transactions.json?{query}")
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        if told := refused(answer):
            return told
        part = listed(answer, TRANSACTIONS)
        if part is None:
            return NoPage(
                words="Shopify answered with something that is not a list of transactions."
            )
        found += part
        page = next_page(answer)
        if not page:
            break
        query = urlencode({"limit": str(_MOST), "page_info": page})
    return found


def _without(status: int) -> Pulled:
    words = f"Shopify answered the question for payouts with the status {status}."
    hint = (
        "Let the app read them (read_shopify_payments_payouts), or set “Payouts” of the connection "
        "to no: only a shop with Shopify Payments has them."
    )
    error = RowError(where="payouts", value="", message=words, hint=hint)
    return Pulled(raw=dumps({"payouts": status}), errors=(error,))
