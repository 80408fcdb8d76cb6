"""A payout of Shopify Payments, with the balance transactions that it is made of.

Here: which transaction is a sale, a refund, a fee or an adjustment, and where the totals stand. Not
here: asking for them (payout_pages.py), what a payout is for every shop (kit/shops/payouts.py).

Shopify names the order of a transaction by its id, tells no tax on its fees, and does not know what
the bank received: `deposit` stays blank until a person tells it.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.canonical_record import Cell
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.sources.shopify.kinds import PAYOUTS
from connectors.sources.shopify.payload import Part

TRANSACTIONS: Final = "transactions"
"""Under this word the balance transactions of a payout are kept with it."""
_OUT: Final = "payout"
"""The transaction that takes the payout itself out of the balance."""
_SUMS: Final = ("charges", "refunds", "adjustments", "reserved_funds", "retried_payouts")
_WORDS: Final[Mapping[str, payouts.EntryPart]] = {"charge": "sale", "refund": "refund"}


def payouts_of(
    place: str, given: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout and what it pays of each order, or what is wrong with it."""
    told = Part(place, given)
    entries = [one for part in told.parts(TRANSACTIONS) for one in _entries(part, told)]
    head = {
        **told.cells("status", "currency"),
        "number": told.cell("id"),
        "deposited_on": told.cell("date"),
        "bank_ref": told.cell("external_trace_id"),
        "net": Cell(told.at("amount"), plain(told.amount("amount"))),
        **_totals(told.part("summary")),
    }
    if not isinstance(given.get(TRANSACTIONS), list):
        words = "The payout comes without what it is made of."
        hint = f"Put its balance transactions beside it, as {TRANSACTIONS}."
        told.wrong(TRANSACTIONS, words, hint)
    if not told.stated("amount"):
        told.wrong("amount", "The payout has no amount.", "Ask Shopify for the whole payout.")
    payout = payouts.Payout(place=place, key=told.cell("id"), head=head, entries=entries)
    found = payouts.records_of(payout, PAYOUTS, zone)
    return tuple(told.errors) or found


def _totals(summary: Part) -> dict[str, Cell]:
    """What Shopify itself makes of the payout; nothing where it does not say."""
    if not summary.value:
        return {}
    gross = {name: summary.amount(f"{name}_gross_amount") for name in _SUMS}
    fees = sum((summary.amount(f"{name}_fee_amount") for name in _SUMS), ZERO)
    rest = gross["adjustments"] + gross["reserved_funds"] + gross["retried_payouts"]
    told = {
        "gross": gross["charges"],
        "refunds": -gross["refunds"],
        "fees": fees,
        "adjustments": rest,
    }
    return {name: Cell(summary.place, plain(amount)) for name, amount in told.items()}


def _entries(one: Part, payout: Part) -> Iterator[payouts.Entry]:
    """What a balance transaction moved, and what was kept back for it."""
    word = one.text("type")
    if word == _OUT:
        return
    if one.text("currency") not in ("", payout.text("currency")):
        words = "The transaction is in another currency than its payout."
        one.wrong("currency", words, "Post this payout by hand.")
    if not one.stated("amount"):
        one.wrong("amount", "The transaction has no amount.", "Ask Shopify for the payout again.")
    order = one.text("source_order_id")
    about = {"order_id": "" if order == "0" else order, "name": word}
    yield payouts.Entry(
        place=one.place,
        line_id=one.text("id"),
        part=_WORDS.get(word, "adjustment"),
        amount=one.amount("amount"),
        **about,
    )
    if fee := one.amount("fee"):
        yield payouts.Entry(
            place=one.at("fee"), line_id=one.text("id"), part="fee", amount=-fee, **about
        )
