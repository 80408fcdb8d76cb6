"""Duties kept apart: who has had a hand in a record and so may not be the one who lets it go.

Here: the people who entered, corrected, mapped, released, wrote or published for a record, or are
named in it as its makers. Not here: which role may approve at all (`roles.py`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Subquery, and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.models import (
    Approval,
    Dating,
    Evaluation,
    MappingEntry,
    MappingTable,
    Membership,
    Person,
    Posting,
    PostingUse,
    Push,
    Release,
    RulesetVersion,
    Version,
)
from holding.replay import replay_each
from holding.worlds import program
from rules.outcome import Outcome

Hands = dict[int, dict[int, str]]  # posting id -> person id -> what they did, after "you"
Named = Mapping[int, Collection[str]]  # posting id -> names, in lower case, that its rules exclude


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did for a document, after "you"; with when, or by which row."""

    key: int
    person_id: int
    say: str
    at: datetime | None = None
    version_id: int | None = None
    entry_id: int | None = None


def touched(
    session: Session,
    postings: Sequence[Posting],
    *,
    releases: bool = True,
    makers: bool = True,
    approvals: bool = False,
    named: Named | None = None,
) -> Hands:
    """Who had a hand in each posting; of several deeds of a person the nearest is named.

    `named`: its makers, where somebody has just judged it; else a replay says who they are.
    """
    hands: Hands = {posting.id: {} for posting in postings}
    if makers:
        _makers(session, postings, hands, _named(session, postings) if named is None else named)
    if approvals:
        _approvers(session, postings, hands)
    if not postings:
        return hands
    for deed in deeds(session, _AS_THEY_STAND, _ids(postings), releases=releases):
        hands[deed.key][deed.person_id] = deed.say
    return hands


_AS_THEY_STAND = (
    select(
        Posting.id.label("key"),
        Posting.id.label("posting_id"),
        Posting.record_id,
        Posting.route,
        Posting.company_id,
        Posting.evaluation_id,
        Posting.version_id,
    )
    .where(bulk.among_given(Posting.id, "keys"))
    .subquery()
)
"""Postings, as they were judged last."""


def could(others: Iterable[str]) -> str:
    """Who could do it instead."""
    names = list(others)
    return f"{' or '.join(names)} can" if names else "nobody else can yet"


def deeds(
    session: Session, of: Subquery, keys: Collection[int], *, releases: bool = True
) -> Iterator[Deed]:
    """What people did for documents as they were judged, a person's nearest deed last.

    `of`, made once: their `key`, `posting_id`, `record_id`, `route`, `company_id`, `evaluation_id`
    and `version_id`, of those whose `keys` it is given.
    """

    def found(asking: Callable[[Subquery], Select[Any]]) -> Iterable[Any]:
        return session.execute(asking(of), {"keys": list(keys)})

    yield from _rules(found(_asking_for_rules))
    if releases:
        yield from _releasers(found(_asking_for_releases))
    yield from _daters(found(_asking_for_dates))
    yield from _fixers(found(_asking_for_fixes))
    yield from _writers(found(_asking_for_versions))


@cache
def _asking_for_rules(of: Subquery) -> Select[Any]:
    return (
        select(
            of.c.key,
            RulesetVersion.no,
            RulesetVersion.author_id,
            RulesetVersion.published_by_id,
        )
        .join(Evaluation, Evaluation.id == of.c.evaluation_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
    )


def _rules(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        rules = f"the rules it was judged by (version {row.no})"
        if row.published_by_id is not None:
            yield Deed(row.key, row.published_by_id, f"published {rules}")
        if row.author_id is not None:
            yield Deed(row.key, row.author_id, f"wrote {rules}")


def _approvers(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """Who agreed to a document of the record, as it stands and is not sent yet."""
    other = aliased(Posting)
    query = (
        select(Posting.id, Approval.person_id, Approval.for_person_id)
        .join(other, other.record_id == Posting.record_id)
        .join(Approval, and_(Approval.posting_id == other.id, Approval.hash == other.hash))
        .outerjoin(Push, Push.id == other.posted_push_id)
        .where(
            bulk.among(Posting.id, _ids(postings)),
            Approval.voided_at.is_(None),
            or_(Push.id.is_(None), Push.hash != other.hash),
        )
    )
    for row in session.execute(query):
        hands[row.id][row.person_id] = "approved it"
        if row.for_person_id is not None:
            hands[row.id][row.for_person_id] = "had it approved"


@cache
def _asking_for_releases(of: Subquery) -> Select[Any]:
    """Releases of the very content that the document was made from."""
    return (
        select(of.c.key, Release.person_id, Release.for_person_id, Release.at)
        .join(Version, Version.id == of.c.version_id)
        .join(
            Release,
            and_(
                Release.record_id == of.c.record_id,
                Release.content_sha256 == Version.sha256,
                Release.voided_at.is_(None),
            ),
        )
        .where(Release.person_id.is_not(None))
    )


def _releasers(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        yield Deed(row.key, row.person_id, "released a hold of it", at=row.at)
        if row.for_person_id is not None:
            yield Deed(row.key, row.for_person_id, "had a hold of it released", at=row.at)


@cache
def _asking_for_dates(of: Subquery) -> Select[Any]:
    """Who gave the document the day that it carries."""
    return (
        select(of.c.key, Dating.person_id, Dating.at)
        .join(Dating, and_(Dating.record_id == of.c.record_id, Dating.route == of.c.route))
        .where(Dating.voided_at.is_(None))
    )


def _daters(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        yield Deed(row.key, row.person_id, "dated it", at=row.at)


@cache
def _asking_for_fixes(of: Subquery) -> Select[Any]:
    """Who made or changed an entry of a document after its version arrived.

    Entries that came with a publish are the publisher's, who is named as such.
    """
    published = select(RulesetVersion.revision).where(RulesetVersion.company_id == of.c.company_id)
    return (
        select(
            of.c.key,
            MappingEntry.id,
            MappingEntry.person_id,
            MappingTable.name.label("table_name"),
            MappingEntry.key.label("word"),
        )
        .join(Version, Version.id == of.c.version_id)
        .join(PostingUse, PostingUse.posting_id == of.c.posting_id)
        .join(MappingEntry, MappingEntry.id == PostingUse.entry_id)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(
            MappingEntry.at >= Version.at,
            MappingEntry.person_id.is_not(None),
            MappingEntry.from_revision.not_in(published),
        )
        .order_by(MappingEntry.id)
    )


def _fixers(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        did = f"fixed its mapping {row.table_name}(“{row.word}”)"
        yield Deed(row.key, row.person_id, did, entry_id=row.id)


@cache
def _asking_for_versions(of: Subquery) -> Select[Any]:
    """Who gave a version of the record by hand: corrected it, or entered it from a file."""
    return (
        select(of.c.key, Version.id, Version.person_id, Version.corrects_id)
        .join(Version, Version.record_id == of.c.record_id)
        .where(Version.person_id.is_not(None))
        .order_by(Version.id)
    )


def _writers(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        did = "corrected it" if row.corrects_id else "entered it"
        yield Deed(row.key, row.person_id, did, version_id=row.id)


def _makers(session: Session, postings: Sequence[Posting], hands: Hands, named: Named) -> None:
    """People whose name or address stands in a field that the approve rule excludes."""
    if not any(named.values()):
        return
    companies = {posting.company_id for posting in postings}
    members = select(Membership.person_id).where(Membership.company_id.in_(companies))
    people = session.execute(
        select(Person.id, Person.email, Person.name).where(Person.id.in_(members))
    ).all()
    for posting_id, found in named.items():
        for person in people:
            if set(found) & {person.email.casefold(), person.name.strip().casefold()}:
                hands[posting_id][person.id] = "made it, says the record"


def _named(session: Session, postings: Sequence[Posting]) -> dict[int, set[str]]:
    """Posting id -> names, in lower case, that its rules exclude; asked of a replay."""
    evaluations = {
        row.id: row
        for row in session.scalars(
            select(Evaluation).where(
                bulk.among(Evaluation.id, [posting.evaluation_id for posting in postings])
            )
        )
    }
    versions = {evaluation.ruleset_version_id for evaluation in evaluations.values()}
    wanted = {version_id for version_id in versions if excluding(session, version_id)}
    asking = [
        posting
        for posting in postings
        if evaluations[posting.evaluation_id].ruleset_version_id in wanted
    ]
    outcomes = replay_each(session, {posting.evaluation_id for posting in asking})
    return {one.id: excluded(outcomes[one.evaluation_id], one.route) for one in asking}


def excluding(session: Session, ruleset_version_id: int) -> bool:
    """Whether rules exclude the makers of a record from approving it."""
    return any(rule.never for rule in program(session, ruleset_version_id).ruleset.approvals)


def excluded(outcome: Outcome, route: str) -> set[str]:
    """The names, in lower case, that approvals of documents of a route exclude."""
    return {
        name.strip().casefold()
        for decision in outcome.decisions
        for need in decision.approvals
        if any((f.rule, f.route) == (need.rule, route) for f in decision.findings)
        for name in need.never
        if name.strip()
    }


def _ids(postings: Collection[Posting]) -> list[int]:
    return [posting.id for posting in postings]
