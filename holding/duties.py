"""Duties kept apart: who has had a hand in a record and so may not be the one who lets it go.

Here: the people who corrected, mapped, released, wrote or published for a record, or are named in
it as its makers. Not here: which role may approve at all (`roles.py`).
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from holding.models import (
    Evaluation,
    MappingEntry,
    MappingTable,
    Person,
    Posting,
    PostingUse,
    Release,
    RulesetVersion,
    Version,
)
from holding.replay import replay


def touched(
    session: Session, posting: Posting, *, releases: bool = True, makers: bool = True
) -> dict[int, str]:
    """Person id -> what that person did for this posting, as the end of a sentence with `you`."""
    found: dict[int, str] = {}
    if makers:
        for person_id in _makers(session, posting):
            found[person_id] = "are named in the record as its maker"
    rules = session.get(RulesetVersion, _ruleset_version_id(session, posting))
    if rules is not None:
        _put(
            found,
            [rules.published_by_id],
            f"published the rules it was judged by (version {rules.no})",
        )
        _put(found, [rules.author_id], f"wrote the rules it was judged by (version {rules.no})")
    if releases:
        _put(found, _releasers(session, posting), "released a hold of it")
    found.update(_fixers(session, posting))
    _put(found, _correctors(session, posting), "corrected it")
    return found


def refusal_words(others: Iterable[str]) -> str:
    """Who could do it instead."""
    names = list(others)
    return f"{' or '.join(names)} can" if names else "nobody else can yet"


def _put(found: dict[int, str], people: Iterable[int | None], what: str) -> None:
    found.update({person: what for person in people if person is not None})


def _ruleset_version_id(session: Session, posting: Posting) -> int | None:
    return session.scalar(
        select(Evaluation.ruleset_version_id).where(Evaluation.id == posting.evaluation_id)
    )


def _correctors(session: Session, posting: Posting) -> list[int | None]:
    query = select(Version.person_id).where(
        Version.record_id == posting.record_id, Version.corrects_id.is_not(None)
    )
    return list(session.scalars(query))


def _releasers(session: Session, posting: Posting) -> list[int | None]:
    content = select(Version.sha256).where(Version.id == posting.version_id).scalar_subquery()
    query = select(Release.person_id).where(
        Release.record_id == posting.record_id, Release.content_sha256 == content
    )
    return list(session.scalars(query))


def _fixers(session: Session, posting: Posting) -> Mapping[int, str]:
    """Who made or changed an entry of the posting after its version arrived.

    Entries that came with a publish are the publisher's, who is named as such.
    """
    published = select(RulesetVersion.revision).where(
        RulesetVersion.company_id == posting.company_id
    )
    arrived = select(Version.at).where(Version.id == posting.version_id).scalar_subquery()
    query = (
        select(MappingEntry.person_id, MappingTable.name, MappingEntry.key)
        .join(PostingUse, PostingUse.entry_id == MappingEntry.id)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(
            PostingUse.posting_id == posting.id,
            MappingEntry.at >= arrived,
            MappingEntry.person_id.is_not(None),
            MappingEntry.from_revision.not_in(published),
        )
        .order_by(MappingEntry.id)
    )
    rows = session.execute(query)
    return {row.person_id: f"fixed its mapping {row.name}(“{row.key}”)" for row in rows}


def _makers(session: Session, posting: Posting) -> list[int]:
    """People whose name or address stands in a field that the approve rule excludes."""
    outcome = replay(session, posting.evaluation_id)
    words = {
        name.strip().casefold()
        for decision in outcome.decisions
        if decision.route == posting.route
        for need in decision.approvals
        for name in need.never
        if name.strip()
    }
    if not words:
        return []
    query = select(Person.id).where(
        or_(func.lower(Person.email).in_(words), func.lower(Person.name).in_(words))
    )
    return list(session.scalars(query))
