"""Require a fresh code of the second factor for decisions about much money."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access import enrolment
from holding.access.actors import BY_PROGRAM, Actor, Keys, may
from holding.access.reach import within
from holding.access.sessions import digest
from holding.approvals.sent_amounts import amount_of
from holding.db import bulk
from holding.db.models import Company, Hold, Posting, Record
from holding.db.models import Session as SignIn
from holding.db.models.columns import BeyondBooksError, from_minor, to_minor
from holding.db.refusal import Refusal, money
from holding.platform.changes import lock_company
from holding.platform.event_log import PROVED_AT
from holding.platform.events import record_event

SETTING: Final = "step_up"  # key of company.settings: minor units of the books' currency

FRESH: Final = timedelta(minutes=10)

RATE_FIELDS: Final = ("ExchangeRate", "CurrencyRate")
"""The fields in which the targets' documents carry their exchange rate to the books' currency."""

ACT: Final = "company.setup"


@dataclass(frozen=True, slots=True)
class Need:
    """The company's limit that a decision exceeds.

    `sets_up`: the person has no second factor yet.
    """

    limit: int
    currency: str
    sets_up: bool


def limit_of(session: Session, company_id: int) -> int | None:
    """Return the company's limit in minor units of its currency, or None if it has none."""
    company = session.get(Company, company_id)
    limit: int | None = company.settings.get(SETTING) if company else None
    return limit


def set_limit(
    session: Session, actor: Actor, limit: int | None, reason: str, now: datetime
) -> Refusal | None:
    """Set the company's limit; None switches the check off."""
    why = " ".join(reason.split())
    if refusal := may(actor, ACT):
        return refusal
    if not 3 <= len(why) <= 500:
        return Refusal("company.reason", "Enter why, in a sentence.", "", 422)
    company = lock_company(session, actor.company_id or 0)
    before = company.settings.get(SETTING)
    if limit == before:
        return Refusal("company.same", "This is the limit already.", "", 422)
    company.settings = {**company.settings, SETTING: limit}
    old, new = (_limit_text(amount, company.currency) for amount in (before, limit))
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.step_up_set",
        body={
            "say": f"{actor.name} changed the limit for a fresh second factor from {old} to {new}:"
            f" {why}",
            "reason": why,
            "before": before,
            "after": limit,
        },
    )
    return None


def _limit_text(limit: int | None, currency: str) -> str:
    return "none" if limit is None else money(limit, currency)


def prove(
    session: Session, person_id: int, token: str, code: str, keys: Keys, now: datetime
) -> Refusal | None:
    """Check a code of the app or a recovery code, and store in the session when it was proved.

    Commit also after a refusal, because failures are counted.
    """
    refusal = enrolment.prove(session, person_id, code, keys, now)
    if refusal is None:
        this_session = SignIn.token_hash == digest(token)
        session.execute(update(SignIn).where(this_session).values(step_up_at=now))
    return refusal


def is_fresh(actor: Actor, now: datetime) -> bool:
    """Check whether the actor's session proved the second factor a short time ago."""
    return actor.proved_at is not None and timedelta(0) <= now - actor.proved_at <= FRESH


def check(
    session: Session, actor: Actor, amounts: Iterable[int | None], now: datetime
) -> Mapping[str, str] | Refusal:
    """Return the proof of the second factor for the decision's event, or a refusal.

    The proof is empty if these amounts need no second factor. `amounts`: all amounts decided at
    once, in minor units of the company's currency; None is an unknown amount.
    """
    need = find_need(session, actor, amounts)
    if need is None:
        return {}
    if actor.proved_at is not None and is_fresh(actor, now):
        return {PROVED_AT: actor.proved_at.astimezone(UTC).isoformat(timespec="seconds")}
    limit = money(need.limit, need.currency)
    if actor.via == BY_PROGRAM:
        words = f"A program cannot decide about more than {limit}, or about an unknown amount."
        hint = "A person decides this on its page, with a fresh code of their second factor."
        return Refusal("step_up.token", words, hint, 403)
    if need.sets_up:
        words = f"Above {limit}, or if the amount is not known, your second factor is needed."
        hint = "Set up two-factor authentication on your own page first."
        return Refusal("step_up.set_up", words, hint, 403)
    words = f"Above {limit}, or if the amount is not known, a code of your app is needed."
    return Refusal("step_up.code", words, "Enter the code that your app shows now.", 422)


def find_need(session: Session, actor: Actor, amounts: Iterable[int | None]) -> Need | None:
    """Return the limit that these amounts exceed together, or None.

    An unknown amount exceeds every limit.
    """
    limit = limit_of(session, actor.company_id or 0)
    if limit is None:
        return None
    if not exceeds(list(amounts), limit):
        return None
    currency = session.get_one(Company, actor.company_id or 0).currency
    has_factor = enrolment.factor_of(session, actor.person_id or 0).since is not None
    return Need(limit, currency, sets_up=not has_factor)


def exceeds(amounts: Collection[int | None], limit: int) -> bool:
    """Check whether amounts are together above the limit; an unknown amount always is."""
    return None in amounts or sum(amount or 0 for amount in amounts) > limit


def posting_amounts(
    session: Session, company_id: int, postings: Collection[Posting]
) -> list[int | None]:
    """Return what each posting amounts to in the books' currency; None if that is unknown.

    A change of a posted document counts with the larger one of both totals.
    """
    if not postings:
        return []
    base = session.get_one(Company, company_id).currency
    return [_posting_amount(posting, base) for posting in postings]


def _posting_amount(posting: Posting, base: str) -> int | None:
    sent = amount_of(posting)
    rate = _rate(posting.content)
    total = in_base(sent.amount, sent.currency, rate, base)
    if sent.posted_now is None or total is None:
        return total
    posted = in_base(sent.posted_now, sent.posted_currency, rate, base)
    return None if posted is None else max(total, posted)


def _rate(content: Mapping[str, Any] | None) -> Decimal | None:
    """Return the exchange rate that a document carries, or None."""
    fields = (content or {}).get("fields", {})
    text = next((fields[name] for name in RATE_FIELDS if fields.get(name)), None)
    try:
        rate = Decimal(str(text)) if text is not None else None
    except InvalidOperation:
        return None
    return rate if rate is not None and rate.is_finite() and rate > 0 else None


def in_base(amount: int | None, currency: str, rate: Decimal | None, base: str) -> int | None:
    """Return an amount without its sign in minor units of the base currency; None if unknown."""
    if amount is None:
        return None
    if currency == base:
        return abs(amount)
    if rate is None:
        return None
    try:
        return abs(to_minor(from_minor(amount, currency) * rate, base))
    except BeyondBooksError:
        return None


def hold_amounts(
    session: Session,
    company_id: int,
    holds: Collection[Hold],
    postings: Mapping[int, Posting],
    records: Mapping[int, Record],
) -> list[int | None]:
    """Return the amounts that a decision on these holds affects: each document, and each record
    without a document, once.
    """
    with_posting = {hold.posting_id for hold in holds if hold.posting_id in postings}
    amounts = posting_amounts(session, company_id, [postings[key or 0] for key in with_posting])
    others = {hold.record_id for hold in holds if hold.posting_id not in postings}
    if not others:
        return amounts
    base = session.get_one(Company, company_id).currency
    for record_id in others:
        record = records[record_id]
        amounts.append(in_base(record.amount, record.currency, None, base))
    return amounts


def need_for_postings(
    session: Session, actor: Actor, posting_ids: Collection[int], now: datetime
) -> Need | None:
    """Return the proof that a page requires before these postings are approved, or None."""
    if _is_off(session, actor, now):
        return None
    return find_need(session, actor, _amounts_of(session, actor, posting_ids).values())


def needs_each(
    session: Session, actor: Actor, posting_ids: Collection[int], now: datetime
) -> Mapping[int, Need]:
    """Return posting id -> the proof that a page requires before this posting is approved alone."""
    if _is_off(session, actor, now):
        return {}
    amounts = _amounts_of(session, actor, posting_ids)
    needs = {amount: find_need(session, actor, [amount]) for amount in set(amounts.values())}
    return {key: need for key, amount in amounts.items() if (need := needs[amount]) is not None}


def _is_off(session: Session, actor: Actor, now: datetime) -> bool:
    return limit_of(session, actor.company_id or 0) is None or is_fresh(actor, now)


def _amounts_of(
    session: Session, actor: Actor, posting_ids: Collection[int]
) -> Mapping[int, int | None]:
    company_id = actor.company_id or 0
    query = select(Posting).where(
        Posting.company_id == company_id,
        bulk.among(Posting.id, sorted(posting_ids)),
        *within(actor.reach, Posting),
    )
    postings = session.scalars(query).all()
    amounts = posting_amounts(session, company_id, postings)
    return {posting.id: amount for posting, amount in zip(postings, amounts, strict=True)}


def need_for_holds(
    session: Session, actor: Actor, hold_ids: Collection[int], now: datetime
) -> Need | None:
    """Return the proof that a page requires before these holds are released, or None."""
    if _is_off(session, actor, now):
        return None
    company_id = actor.company_id or 0
    query = (
        select(Hold, Posting, Record)
        .join(Record, Record.id == Hold.record_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .where(Hold.company_id == company_id, bulk.among(Hold.id, sorted(hold_ids)))
        .where(*within(actor.reach, Hold))
    )
    rows = session.execute(query).all()
    postings = {row.Posting.id: row.Posting for row in rows if row.Posting is not None}
    records = {row.Record.id: row.Record for row in rows}
    holds = [row.Hold for row in rows]
    return find_need(session, actor, hold_amounts(session, company_id, holds, postings, records))
