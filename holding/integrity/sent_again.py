"""I15: what was refused was sent again only after something changed.

Here: a push against the one before it, and what moved between both. Not here: whether what was sent
was agreed to (consent_kept.py), whether it arrived (effects.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from grammar.text.finding_codes import TARGET_CODES
from holding.db import bulk
from holding.db.models import Cause, Evaluation, Event, Hold, Posting, Push
from holding.evaluation.plan import RULES
from holding.integrity.journal_and_ledgers import Breach, Look

TRIED_AGAIN = (
    "hold.retried",
    "retry.overridden",
    "hold.looked_again",
    "posting.linked",
    "posting.contradicted",
)


def sent_again_after_a_change(look: Look) -> Iterator[Breach]:
    """I15: what the target refused was sent again only with another content, after its cause had
    changed, or after a person had it tried again: after a change, or as an admin, with a reason.
    """
    query = (
        select(
            Push.id,
            Push.posting_id,
            Push.no,
            Push.number,
            Push.hash,
            Push.error_class,
            Push.made_at,
            Posting.record_id,
            Evaluation.version_id,
            Evaluation.revision,
            Evaluation.ruleset_version_id,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(Posting.company_id == look.company_id)
        .order_by(Push.posting_id, Push.no)
    )
    failed = _failed(look)
    pairs = [
        (one, other)
        for one, other in pairwise(look.session.execute(query).all())
        if one.posting_id == other.posting_id and one.id in failed and _same_again(one, other)
    ]
    acted = _acted(look, {one.record_id for one, _ in pairs})
    moved = _causes_moved(look, {one.posting_id for one, _ in pairs})
    for one, other in pairs:
        by_person = any(
            look.before(one.made_at, at) and look.before(at, other.made_at)
            for at in acted[one.record_id]
        )
        if not by_person and one.posting_id not in moved:
            say = f"{one.number} was refused and sent again, though nothing had changed since."
            yield Breach("I15", say, (one.record_id,))


def _failed(look: Look) -> set[int]:
    """Pushes that ended with a hold; others are sent again by themselves."""
    query = select(Event.body).where(
        Event.company_id == look.company_id,
        Event.act.in_(("posting.refused", "posting.conflict", "posting.contradicted")),
    )
    return {int(body.get("push") or 0) for body in look.session.scalars(query)}


def _same_again(one: Any, other: Any) -> bool:
    """Whether nothing differs that this refusal could be about."""
    if (one.hash, one.version_id) != (other.hash, other.version_id):
        return False
    if one.error_class in RULES:
        return bool(one.ruleset_version_id == other.ruleset_version_id)
    return True


def _causes_moved(look: Look, ids: Collection[int]) -> set[int | None]:
    """Postings held by the target whose cause has changed since."""
    query = (
        select(Hold.posting_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.posting_id, sorted(ids)), Hold.code.in_(sorted(TARGET_CODES)))
        .where(Cause.changed_revision > Hold.revision)
    )
    return set(look.session.scalars(query)) if ids else set()


def _acted(look: Look, ids: Collection[int]) -> dict[int, list[Any]]:
    """When people had these records tried again."""
    found: dict[int, list[Any]] = defaultdict(list)
    query = select(Event.record_id, Event.at).where(
        bulk.among(Event.record_id, sorted(ids)), Event.act.in_(TRIED_AGAIN)
    )
    for record_id, at in look.session.execute(query) if ids else ():
        found[record_id or 0].append(at)
    return found
