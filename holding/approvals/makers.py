"""Who is named in a record as its maker, where its rules exclude the makers from approving it.

Here: the names that rules exclude, from a judging or its replay, and the people who bear them. Not
here: what people did for a record in this program (`separation.py`). No trigger can know these:
`integrity/consent_kept.py` reads them once more, independently.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from threading import Lock
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.people import asked_called
from holding.db import bulk
from holding.db.models import Evaluation, Posting
from holding.db.together import Question
from holding.programs.replay import replay_each
from holding.programs.world import program
from rules.outcomes.digest import Digest
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
    """Posting id -> keys of the names that its rules exclude; asked of a replay, the first time."""
    rows = yield select(
        Evaluation.id, Evaluation.ruleset_version_id, Evaluation.hash, Evaluation.digest
    ).where(bulk.among(Evaluation.id, [posting.evaluation_id for posting in postings]))
    judged = {row.id: row for row in rows}
    rules = {row.ruleset_version_id for row in judged.values()}
    wanted = {version_id for version_id in rules if _excluding(session, version_id)}
    asking = {
        posting.id: (judged[posting.evaluation_id], posting.route)
        for posting in postings
        if judged[posting.evaluation_id].ruleset_version_id in wanted
    }
    keys = {one: (row.id, row.hash, row.digest, route) for one, (row, route) in asking.items()}
    found = {one: known for one, key in keys.items() if (known := _known.get(key)) is not None}
    unknown = {one: asking[one] for one in keys.keys() - found.keys()}
    outcomes = replay_each(session, {row.id for row, _ in unknown.values()}) if unknown else {}
    for one, (row, route) in unknown.items():
        found[one] = excluded(outcomes[row.id], route)
        if row.digest != Digest.WORDED:  # which does not count names
            _remember(keys[one], found[one])
    return {one: set(found[one]) for one in asking}


_MOST_KNOWN: Final = 10_000
_known: OrderedDict[tuple[int, str, int, str], set[str]] = OrderedDict()
"""What a replay said of a judging, known by its hash: what was judged is never another."""
_knowing = Lock()


def _remember(key: tuple[int, str, int, str], names: set[str]) -> None:
    with _knowing:
        _known[key] = names
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)


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
