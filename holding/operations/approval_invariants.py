"""Check invariant I9: each sent document was approved as the rules require.

It verifies the package `approvals` and shares two of its functions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import aliased

from holding.approvals import separation
from holding.approvals.consent import asks
from holding.db import bulk
from holding.db.models import Approval, Evaluation, FormerName, Person, Posting, Push, Version
from holding.db.models.columns import PushState
from holding.operations.journal_and_ledgers import Breach, Look
from holding.programs.replay import replay
from holding.programs.world import program
from rules.outcomes import Outcome
from rules.values.canonical import dumps
from rules.values.cause_keys import match_key


def of_pushes(look: Look, pushes: Sequence[Row[Any]], people: Collection[int]) -> separation.Hands:
    """Return push id -> person id -> their action on the document.

    The pushes have `id`, `made_at`, `version_id`, `evaluation_id`, `ruleset_version_id` and
    `route`. Only actions of these people are checked.
    """
    rows = {row.id: row for row in pushes}
    hands: separation.Hands = {key: {} for key in rows}
    replays = _Again(look)
    for key, makers in _makers(look, replays, pushes, people):
        hands[key].update(makers)
    for deed in separation.deeds(look.session, _AS_SENT, list(rows)):
        if deed.person_id in people and _counts(look, replays, rows[deed.key], deed):
            hands[deed.key][deed.person_id] = deed.say
    return hands


_AS_SENT = (
    select(
        Push.id.label("key"),
        Push.posting_id,
        Posting.record_id,
        Posting.route,
        Posting.company_id,
        Push.evaluation_id,
        Evaluation.version_id,
    )
    .join(Posting, Posting.id == Push.posting_id)
    .join(Evaluation, Evaluation.id == Push.evaluation_id)
    .where(bulk.among_given(Push.id, "keys"))
    .subquery()
)
"""Pushes, each as it was judged when it went out."""


class _Again:
    """A cache of replayed evaluations.

    The outcome is None if the evaluation's inputs have been deleted.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._found: dict[int, Outcome | None] = {}

    def outcome(self, evaluation_id: int) -> Outcome | None:
        if evaluation_id not in self._found:
            try:
                self._found[evaluation_id] = replay(self._look.session, evaluation_id)
            except LookupError:
                self._found[evaluation_id] = None
        return self._found[evaluation_id]


def _counts(look: Look, replays: _Again, row: Row[Any], deed: separation.Deed) -> bool:
    """Check whether the deed was done before the push, and for the push's content."""
    if deed.version_id is not None:
        return bool(deed.version_id <= row.version_id)
    if deed.entry_id is not None:
        outcome = replays.outcome(row.evaluation_id)
        return outcome is not None and any(u.entry_id == deed.entry_id for u in outcome.used)
    return deed.at is None or deed.at == row.made_at or not look.before(row.made_at, deed.at)


def _makers(
    look: Look, replays: _Again, pushes: Sequence[Row[Any]], people: Collection[int]
) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the makers that a record names, where its rules exclude makers."""
    asking = [row for row in pushes if _excluding(look, row.ruleset_version_id)]
    named = _named(look, people)
    bodies = _bodies(look, {row.version_id for row in asking})
    for row in asking:
        body = bodies.get(row.version_id, "")
        if any(word in body for words in named.values() for word in words):
            outcome = replays.outcome(row.evaluation_id)
            out = _excluded(outcome, row.route) if outcome is not None else set()
            makers = {
                person_id: "created it (according to the source)"
                for person_id in named
                if named[person_id] & out
            }
            yield row.id, makers


def _named(look: Look, people: Collection[int]) -> dict[int, set[str]]:
    """Return by person id every name that a source may use for the person, now or before."""
    persons = select(Person.id, Person.email, Person.name).where(bulk.among(Person.id, people))
    before = select(FormerName.person_id, FormerName.name)
    before = before.where(bulk.among(FormerName.person_id, people))
    keys_by_person = {
        row.id: _keys(row.name, row.email, row.email.split("@")[0])
        for row in look.session.execute(persons)
    }
    for row in look.session.execute(before):
        keys_by_person[row.person_id] |= _keys(row.name)
    return keys_by_person


def _excluding(look: Look, ruleset_version_id: int) -> bool:
    """Check whether any approval required by the rules excludes the makers."""
    return any(rule.never for rule in program(look.session, ruleset_version_id).ruleset.approvals)


def _excluded(outcome: Outcome, route: str) -> set[str]:
    """Return the keys of the people whom a route's approvals exclude.

    It reads them independently, because no database trigger backs `approvals/makers.py`.
    """
    excluded_keys = set()
    for decision in outcome.decisions:
        asking_rules = {finding.rule for finding in decision.findings if finding.route == route}
        for need in decision.approvals:
            if need.rule in asking_rules:
                excluded_keys |= _keys(*need.never)
    return excluded_keys


def _keys(*names: str) -> set[str]:
    """Return names as letters and digits in one case, for a comparison without spelling."""
    return {match_key(name) for name in names if name.strip()}


def _bodies(look: Look, ids: Collection[int]) -> Mapping[int, str]:
    """Return by version id the version's content as letters and digits in one case."""
    query = select(Version.id, Version.body).where(bulk.among(Version.id, sorted(ids)))
    rows = look.session.execute(query) if ids else ()
    return {key: match_key(dumps(body)) for key, body in rows if body is not None}


def pushes_were_approved(look: Look) -> Iterator[Breach]:
    """Yield breaches of I9: sent content without a required approval.

    At each level an approver must have approved that content before it was sent, and neither the
    approver nor the person they deputized for may have worked on the document.
    """
    pushes = _asked(look)
    approvals = _approvals(look, {row.posting_id for row in pushes})
    valid = {row.id: _valid(look, row, approvals[row.posting_id]) for row in pushes}
    people = {
        person_id
        for valid_approvals in valid.values()
        for approval in valid_approvals
        for person_id in _voices(approval)
    }
    agreed = [row for row in pushes if valid[row.id]]
    hands = of_pushes(look, agreed, people) if agreed else {}
    for row in pushes:
        if not valid[row.id]:
            say = f"{row.number} was sent without an approval of that content."
            yield Breach("I9", say, (row.record_id,))
            continue
        levels = asks(row.outcome, row.route)
        missing = levels - {approval.level for approval in valid[row.id]}
        if missing:
            say = f"{row.number} was sent without all it needed: {', '.join(sorted(missing))}."
            yield Breach("I9", say, (row.record_id,))
        others = {
            approval.level
            for approval in valid[row.id]
            if not hands[row.id].keys() & _voices(approval)
        }
        if own_levels := levels - missing - others:
            did = sorted(
                {say for approval in valid[row.id] for say in _did(hands[row.id], approval)}
            )
            which = ", ".join(sorted(own_levels))
            say = f"{row.number} was approved ({which}) by or for who {' and '.join(did)}."
            yield Breach("I9", say, (row.record_id,))


def _asked(look: Look) -> list[Any]:
    """Return the sent pushes of documents that required an approval.

    A document that was sent again as it stood in the target had its approvals before.
    """
    before, between = aliased(Push), aliased(Push)
    replaced = exists().where(
        between.posting_id == Push.posting_id,
        between.state == PushState.ACCEPTED,
        between.no > before.no,
        between.no < Push.no,
    )
    resends = exists().where(
        before.posting_id == Push.posting_id,
        before.state == PushState.ACCEPTED,
        before.no < Push.no,
        before.content == Push.content,
        before.action != "void",
        ~replaced,
    )
    query = (
        select(
            Push.id,
            Push.number,
            Push.hash,
            Push.made_at,
            Push.posting_id,
            Push.evaluation_id,
            Posting.record_id,
            Posting.route,
            Evaluation.outcome,
            Evaluation.version_id,
            Evaluation.ruleset_version_id,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(Posting.company_id == look.company_id, ~resends)
    )
    return [
        row
        for row in look.session.execute(query)
        if row.id in look.journal.calls  # else nothing was sent: it was found there
        and asks(row.outcome, row.route)
    ]


def _valid(look: Look, row: Any, approvals: Collection[Approval]) -> list[Approval]:
    """Return the approvals of that content which were valid when it was sent."""
    return [
        approval
        for approval in approvals
        if approval.hash == row.hash
        and look.before(approval.at, row.made_at)
        and (approval.voided_at is None or look.before(row.made_at, approval.voided_at))
    ]


def _voices(approval: Approval) -> set[int]:
    """Return the approver and the person the approver deputized for."""
    return {
        person_id
        for person_id in (approval.person_id, approval.for_person_id)
        if person_id is not None
    }


def _did(hands: Mapping[int, str], approval: Approval) -> set[str]:
    return {hands[person_id] for person_id in _voices(approval) & hands.keys()}


def _approvals(look: Look, ids: Collection[int]) -> dict[int, list[Approval]]:
    approvals_by_posting: dict[int, list[Approval]] = defaultdict(list)
    query = select(Approval).where(bulk.among(Approval.posting_id, sorted(ids)))
    for approval in look.session.scalars(query) if ids else ():
        approvals_by_posting[approval.posting_id].append(approval)
    return approvals_by_posting
