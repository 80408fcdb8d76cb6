"""Who is named in a record as its maker, where its rules exclude the makers from approving it.

Here: the names that rules exclude, from a judging or its replay, and the people who bear them. Not
here: what people did for a record in this program (`separation.py`). No trigger can know these:
`integrity/consent_kept.py` reads them once more, independently.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.person_names import asked_called
from holding.programs.replay import replay_each
from holding.programs.world import program
from holding.store import bulk
from holding.store.together import Question
from holding.tables import Evaluation, Posting
from rules.outcomes.outcome import Outcome
from rules.values.spelling import match_key

Named = Mapping[int, Collection[str]]  # posting id -> keys of the names that its rules exclude


def named_makers(
    session: Session, postings: Sequence[Posting], named: Named | None
) -> Question[tuple[tuple[int, int], ...]]:
    """Posting id and person, of those whose name or address stands in a field that the approve rule
    excludes, however it is spelled there: `mei.ling` is Mei Ling, and mei.ling@shop.example too;
    and whoever was called so before.

    `named`: the names, where somebody has just judged it; else a replay says them.
    """
    names = (yield from _by_replay(session, postings)) if named is None else named
    if not any(names.values()):
        return ()
    people = yield from asked_called({posting.company_id for posting in postings})
    keys = {key: keys_of(one.name, one.email, one.former) for key, one in people.items()}
    return tuple(
        (posting_id, person_id)
        for posting_id, found in names.items()
        for person_id, theirs in keys.items()
        if not theirs.isdisjoint(found)
    )


def keys_of(name: str, email: str, former: Iterable[str] = ()) -> set[str]:
    """By what a source may call a person: the name, one of before, the address, or what it has
    before its @.
    """
    told = (name, *former, email, email.partition("@")[0])
    return {match_key(one) for one in told if one.strip()}


def _by_replay(session: Session, postings: Sequence[Posting]) -> Question[dict[int, set[str]]]:
    """Posting id -> keys of the names that its rules exclude; asked of a replay."""
    judgings = [posting.evaluation_id for posting in postings]
    rows = yield select(Evaluation.id, Evaluation.ruleset_version_id).where(
        bulk.among(Evaluation.id, judgings)
    )
    rules = dict(rows.all())
    wanted = {version_id for version_id in rules.values() if _excluding(session, version_id)}
    asking = [posting for posting in postings if rules[posting.evaluation_id] in wanted]
    outcomes = replay_each(session, {posting.evaluation_id for posting in asking})
    return {one.id: excluded(outcomes[one.evaluation_id], one.route) for one in asking}


def _excluding(session: Session, ruleset_version_id: int) -> bool:
    """Whether rules exclude the makers of a record from approving it."""
    return any(rule.never for rule in program(session, ruleset_version_id).ruleset.approvals)


def excluded(outcome: Outcome, route: str) -> set[str]:
    """The keys of the names that approvals of documents of a route exclude."""
    return {
        match_key(name)
        for decision in outcome.decisions
        for need in decision.approvals
        if any((f.rule, f.route) == (need.rule, route) for f in decision.findings)
        for name in need.never
        if name.strip()
    }
