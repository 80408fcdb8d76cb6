"""What a company's records were judged by, one judging a record, for judging them again elsewhere.

Here: past_judgings, streamed in the order of judging, judgings_after for going on later, and stand
(mappings, units and targets as of a revision). Reads only. Not here: files
(portal/backtest/export.py), replaying (holding/programs/replay.py).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Connection, Evaluation, Posting, Push, Record, Version
from holding.db.models.columns import PushState
from holding.programs import world
from rules.facts.world import World

PAGE = 500
_COUNTS = ("reversed", "posted")  # of several postings of a route the last of these counts


@dataclass(frozen=True, slots=True)
class Judging:
    """One record as it was judged: when its first document was sent, or last if none was.

    `states` is what became of it since, by route. Without `body` or `facts` it can no longer be
    judged again: they are not kept for ever.
    """

    kind: str
    source: str
    version: int
    at: datetime
    revision: int
    known: frozenset[str]  # names of targets
    states: dict[str, str]
    facts: Any
    body: dict[str, Any] | None
    evaluation_id: int = 0
    record_id: int = 0
    ruleset_version_id: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Which judgings are meant: of records with a document date from `first` to `last`, and none
    after the evaluation `until`, as if nothing had been judged since.
    """

    first: date | None = None
    last: date | None = None
    until: int | None = None


def past_judgings(
    session: Session, company_id: int, *, first: date | None = None, last: date | None = None
) -> Iterator[Judging]:
    """The judgings of all records, or of those with a document date from `first` to `last`."""
    span, after = Span(first, last), 0
    while page := judgings_after(session, company_id, span, after):
        after, judgings = page
        yield from judgings


def judgings_after(
    session: Session, company_id: int, span: Span, after: int
) -> tuple[int, list[Judging]] | None:
    """The judgings among the next evaluations behind `after`, and up to which these go; None when
    there are no more.
    """
    query = (
        select(Evaluation.id, Evaluation.record_id)
        .join(Record, Record.id == Evaluation.record_id)
        .where(Record.company_id == company_id, Evaluation.id > after)
        .order_by(Evaluation.id)
        .limit(PAGE)
    )
    if span.first is not None:
        query = query.where(Record.doc_date >= span.first)
    if span.last is not None:
        query = query.where(Record.doc_date <= span.last)
    if span.until is not None:
        query = query.where(Evaluation.id <= span.until)
    page = session.execute(query).all()
    if not page:
        return None
    wanted = _wanted(session, sorted({record_id for _, record_id in page}), span.until)
    ids = [evaluation_id for evaluation_id, _ in page if evaluation_id in wanted]
    return page[-1][0], list(_judgings(session, ids))


def stand(session: Session, company_id: int, revision: int) -> World:
    """Mappings, units and targets as of a revision, each target as if its state was known."""
    names = select(Connection.name).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return world.build_world(session, company_id, revision, frozenset(session.scalars(names)))


def target_words(session: Session, company_id: int) -> dict[str, str]:
    """The words that rules have for targets -> the name of the connection behind each."""
    found = world.target_connections(session, company_id)
    return {word: row.name for word, row in found.items()}


def _wanted(session: Session, record_ids: Sequence[int], until: int | None) -> set[int]:
    """The one evaluation of each record: of its first accepted document, else the last."""
    last = (
        select(Evaluation.record_id, func.max(Evaluation.id))
        .where(bulk.among(Evaluation.record_id, record_ids))
        .group_by(Evaluation.record_id)
    )
    first_sent = (
        select(Posting.record_id, func.min(Push.evaluation_id))
        .join(Push, Push.posting_id == Posting.id)
        .where(
            bulk.among(Posting.record_id, record_ids),
            Push.action == "create",
            Push.state == PushState.ACCEPTED,
        )
        .group_by(Posting.record_id)
    )
    if until is not None:
        last = last.where(Evaluation.id <= until)
        first_sent = first_sent.where(Push.evaluation_id <= until)
    latest, sent = dict(session.execute(last).all()), dict(session.execute(first_sent).all())
    return set((latest | sent).values())


def _judgings(session: Session, evaluation_ids: Sequence[int]) -> Iterator[Judging]:
    query = (
        select(
            Evaluation.at,
            Evaluation.revision,
            Evaluation.facts,
            Evaluation.id.label("evaluation_id"),
            Evaluation.ruleset_version_id,
            Record.id,
            Record.type,
            Connection.connector,
            Version.no,
            Version.body,
        )
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Evaluation.version_id)
        .where(bulk.among(Evaluation.id, evaluation_ids))
        .order_by(Evaluation.id)
    )
    rows = session.execute(query).all()
    states = _states(session, [row.id for row in rows])
    for row in rows:
        looked_at = row.facts or {}
        yield Judging(
            kind=row.type,
            source=row.connector,
            version=row.no,
            at=row.at,
            revision=row.revision,
            known=frozenset(looked_at.get("known", ())),
            states=states[row.id],
            facts=looked_at.get("facts"),
            body=row.body,
            evaluation_id=row.evaluation_id,
            record_id=row.id,
            ruleset_version_id=row.ruleset_version_id,
        )


def _states(session: Session, record_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    query = (
        select(Posting.record_id, Posting.route, Posting.state)
        .where(bulk.among(Posting.record_id, record_ids))
        .order_by(Posting.seq)
    )
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for record_id, route, state in session.execute(query):
        before = found[record_id].get(route, "")
        if before not in _COUNTS or state in _COUNTS[_COUNTS.index(before) :]:
            found[record_id][route] = state
    return found
