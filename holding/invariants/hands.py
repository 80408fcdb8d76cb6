"""Who had a hand in what was sent, by the time it was sent.

Here: the deeds of people for pushes, as those that a service looks at before it lets them act. Not
here: who agreed to a push (consent.py).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from holding import bulk, duties
from holding.invariants.look import Look
from holding.models import Evaluation, Person, Posting, Push, Version
from holding.replay import replay
from rules.canonical import dumps
from rules.outcome import Outcome


def of_pushes(look: Look, pushes: Sequence[Row[Any]], people: Collection[int]) -> duties.Hands:
    """Push id -> person id -> what they did. The pushes have `id`, `made_at`, `version_id`,
    `evaluation_id`, `ruleset_version_id` and `route`; only what these people did is looked at.
    """
    rows = {row.id: row for row in pushes}
    hands: duties.Hands = {key: {} for key in rows}
    again = _Again(look)
    for key, makers in _makers(look, again, pushes, people):
        hands[key].update(makers)
    for deed in duties.deeds(look.session, _AS_SENT, list(rows)):
        if deed.person_id in people and _counts(look, again, rows[deed.key], deed):
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
    """Judgings done again, each once; None where what it looked at is no longer kept."""

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


def _counts(look: Look, again: _Again, row: Row[Any], deed: duties.Deed) -> bool:
    """Whether the deed was done before the push, and for what it carried."""
    if deed.version_id is not None:
        return bool(deed.version_id <= row.version_id)
    if deed.entry_id is not None:
        outcome = again.outcome(row.evaluation_id)
        return outcome is not None and any(u.entry_id == deed.entry_id for u in outcome.used)
    return deed.at is None or deed.at == row.made_at or not look.before(row.made_at, deed.at)


def _makers(
    look: Look, again: _Again, pushes: Sequence[Row[Any]], people: Collection[int]
) -> Iterator[tuple[int, dict[int, str]]]:
    """Those of the people whom a record names as its makers, where its rules exclude them."""
    asking = [row for row in pushes if duties.excluding(look.session, row.ruleset_version_id)]
    named = {
        person.id: {person.name.strip().casefold(), person.email.casefold()}
        for person in look.session.scalars(select(Person).where(bulk.among(Person.id, people)))
    }
    bodies = _bodies(look, {row.version_id for row in asking})
    for row in asking:
        told = bodies.get(row.version_id, "")
        if any(word in told for words in named.values() for word in words):
            outcome = again.outcome(row.evaluation_id)
            out = duties.excluded(outcome, row.route) if outcome is not None else set()
            made = {who: "made it, says the record" for who in named if named[who] & out}
            yield row.id, made


def _bodies(look: Look, ids: Collection[int]) -> Mapping[int, str]:
    """Version id -> its content as one text in lower case."""
    query = select(Version.id, Version.body).where(bulk.among(Version.id, sorted(ids)))
    rows = look.session.execute(query) if ids else ()
    return {key: dumps(body).casefold() for key, body in rows if body is not None}
