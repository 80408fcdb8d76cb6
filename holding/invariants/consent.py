"""I9 and I15: what was sent was consented to, and sent again only after something changed.

Here: pushes against approvals, and a push against the one before it. Not here: whether they
arrived (effects.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from holding import bulk
from holding.invariants.look import Breach, Look
from holding.judging.retry import RULES, WHOLE_WORLD
from holding.models import (
    Approval,
    Cause,
    Dating,
    Evaluation,
    Event,
    Hold,
    Posting,
    Push,
    Release,
    Version,
)
from holding.pushing.check import asks

TRIED_AGAIN = ("hold.retried", "retry.overridden")


def pushes_were_approved(look: Look) -> Iterator[Breach]:
    """I9: where rules asked for it, somebody approved that very content before it was sent, at each
    level, and not who corrected, dated or released it.
    """
    query = (
        select(
            Push.id,
            Push.number,
            Push.hash,
            Push.made_at,
            Push.posting_id,
            Posting.record_id,
            Posting.route,
            Evaluation.outcome,
            Evaluation.version_id,
            Version.person_id,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Version, Version.id == Evaluation.version_id)
        .where(Posting.company_id == look.company_id, Push.action != "void")
    )
    asked = [row for row in look.session.execute(query) if asks(row.outcome, row.route)]
    approvals = _approvals(look, {row.posting_id for row in asked})
    ids = {row.record_id for row in asked}
    released, dated = _by_whom(look, Release, ids), _by_whom(look, Dating, ids)
    for row in asked:
        if row.id not in look.journal.calls:
            continue  # nothing was sent: it was found there
        given = [one for one in approvals[row.posting_id] if one.hash == row.hash]
        valid = [
            one
            for one in given
            if look.before(one.at, row.made_at)
            and (one.voided_at is None or look.before(row.made_at, one.voided_at))
        ]
        if not valid:
            say = f"{row.number} was sent and nobody had approved that content."
            yield Breach("I9", say, (row.record_id,))
        missing = asks(row.outcome, row.route) - {one.level for one in valid}
        if valid and missing:
            say = f"{row.number} was sent without all it needed: {', '.join(sorted(missing))}."
            yield Breach("I9", say, (row.record_id,))
        hands = {row.person_id, *released[row.record_id], *dated[row.record_id]} - {None}
        if valid and all(one.person_id in hands for one in valid):
            say = f"{row.number} was approved by who had corrected, dated or released it."
            yield Breach("I9", say, (row.record_id,))


def _approvals(look: Look, ids: Collection[int]) -> dict[int, list[Approval]]:
    found: dict[int, list[Approval]] = defaultdict(list)
    query = select(Approval).where(bulk.among(Approval.posting_id, sorted(ids)))
    for one in look.session.scalars(query) if ids else ():
        found[one.posting_id].append(one)
    return found


def _by_whom(
    look: Look, of: type[Release | Dating], ids: Collection[int]
) -> dict[int, set[int | None]]:
    found: dict[int, set[int | None]] = defaultdict(set)
    query = select(of.record_id, of.person_id)
    query = query.where(bulk.among(of.record_id, sorted(ids)), of.voided_at.is_(None))
    for record_id, person_id in look.session.execute(query) if ids else ():
        found[record_id].add(person_id)
    return found


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
        Event.act.in_(("posting.refused", "posting.conflict")),
    )
    return {int(body.get("push") or 0) for body in look.session.scalars(query)}


def _same_again(one: Any, other: Any) -> bool:
    """Whether nothing differs that this refusal could be about."""
    if (one.hash, one.version_id) != (other.hash, other.version_id):
        return False
    if one.error_class in WHOLE_WORLD:
        return bool(one.revision == other.revision)
    if one.error_class in RULES:
        return bool(one.ruleset_version_id == other.ruleset_version_id)
    return True


def _causes_moved(look: Look, ids: Collection[int]) -> set[int | None]:
    """Postings held by the target whose cause has changed since."""
    query = (
        select(Hold.posting_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.posting_id, sorted(ids)), Hold.code.startswith("TGT"))
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
