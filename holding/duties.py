"""Duties kept apart: who has had a hand in a record and so may not be the one who lets it go.

Here: the people who entered, corrected, mapped, released, wrote or published for a record, or are
named in it as its makers. Not here: which role may approve at all (`roles.py`).
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import (
    Dating,
    Evaluation,
    MappingEntry,
    MappingTable,
    Membership,
    Person,
    Posting,
    PostingUse,
    Release,
    RulesetVersion,
    Version,
)
from holding.replay import replay
from holding.worlds import program

Hands = dict[int, dict[int, str]]  # posting id -> person id -> what they did, after "you"


def touched(
    session: Session, postings: Sequence[Posting], *, releases: bool = True, makers: bool = True
) -> Hands:
    """Who had a hand in each posting; of several deeds of a person the nearest is named."""
    hands: Hands = {posting.id: {} for posting in postings}
    if makers:
        _makers(session, postings, hands)
    _rules(session, postings, hands)
    if releases:
        _releasers(session, postings, hands)
    _daters(session, postings, hands)
    _fixers(session, postings, hands)
    _writers(session, postings, hands)
    return hands


def could(others: Iterable[str]) -> str:
    """Who could do it instead."""
    names = list(others)
    return f"{' or '.join(names)} can" if names else "nobody else can yet"


def _rules(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    query = (
        select(
            Posting.id,
            RulesetVersion.no,
            RulesetVersion.author_id,
            RulesetVersion.published_by_id,
        )
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(bulk.among(Posting.id, _ids(postings)))
    )
    for row in session.execute(query):
        rules = f"the rules it was judged by (version {row.no})"
        if row.published_by_id is not None:
            hands[row.id][row.published_by_id] = f"published {rules}"
        if row.author_id is not None:
            hands[row.id][row.author_id] = f"wrote {rules}"


def _releasers(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """Releases of the very content that the posting was made from."""
    query = (
        select(Posting.id, Release.person_id, Release.for_person_id)
        .join(Version, Version.id == Posting.version_id)
        .join(
            Release,
            and_(
                Release.record_id == Posting.record_id,
                Release.content_sha256 == Version.sha256,
                Release.voided_at.is_(None),
            ),
        )
        .where(bulk.among(Posting.id, _ids(postings)), Release.person_id.is_not(None))
    )
    for row in session.execute(query):
        hands[row.id][row.person_id] = "released a hold of it"
        if row.for_person_id is not None:
            hands[row.id][row.for_person_id] = "had a hold of it released"


def _daters(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """Who gave the document the day that it carries."""
    query = (
        select(Posting.id, Dating.person_id)
        .join(Dating, and_(Dating.record_id == Posting.record_id, Dating.route == Posting.route))
        .where(bulk.among(Posting.id, _ids(postings)), Dating.voided_at.is_(None))
    )
    for row in session.execute(query):
        hands[row.id][row.person_id] = "dated it"


def _fixers(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """Who made or changed an entry of a posting after its version arrived.

    Entries that came with a publish are the publisher's, who is named as such.
    """
    published = select(RulesetVersion.revision).where(
        RulesetVersion.company_id == Posting.company_id
    )
    query = (
        select(Posting.id, MappingEntry.person_id, MappingTable.name, MappingEntry.key)
        .join(Version, Version.id == Posting.version_id)
        .join(PostingUse, PostingUse.posting_id == Posting.id)
        .join(MappingEntry, MappingEntry.id == PostingUse.entry_id)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(
            bulk.among(Posting.id, _ids(postings)),
            MappingEntry.at >= Version.at,
            MappingEntry.person_id.is_not(None),
            MappingEntry.from_revision.not_in(published),
        )
        .order_by(MappingEntry.id)
    )
    for row in session.execute(query):
        hands[row.id][row.person_id] = f"fixed its mapping {row.name}(“{row.key}”)"


def _writers(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """Who gave a version of the record by hand: corrected it, or entered it from a file."""
    query = (
        select(Posting.id, Version.person_id, Version.corrects_id)
        .join(Version, Version.record_id == Posting.record_id)
        .where(bulk.among(Posting.id, _ids(postings)), Version.person_id.is_not(None))
        .order_by(Version.id)
    )
    for row in session.execute(query):
        hands[row.id][row.person_id] = "corrected it" if row.corrects_id else "entered it"


def _makers(session: Session, postings: Sequence[Posting], hands: Hands) -> None:
    """People whose name or address stands in a field that the approve rule excludes."""
    named = _named(session, postings)
    if not any(named.values()):
        return
    companies = {posting.company_id for posting in postings}
    members = select(Membership.person_id).where(Membership.company_id.in_(companies))
    people = session.execute(
        select(Person.id, Person.email, Person.name).where(Person.id.in_(members))
    ).all()
    for posting_id, found in named.items():
        for person in people:
            if found & {person.email.casefold(), person.name.strip().casefold()}:
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
    excluding = {
        version_id
        for version_id in versions
        if any(rule.never for rule in program(session, version_id).ruleset.approvals)
    }
    return {
        posting.id: _never(session, posting)
        for posting in postings
        if evaluations[posting.evaluation_id].ruleset_version_id in excluding
    }


def _never(session: Session, posting: Posting) -> set[str]:
    return {
        name.strip().casefold()
        for decision in replay(session, posting.evaluation_id).decisions
        if decision.route == posting.route
        for need in decision.approvals
        for name in need.never
        if name.strip()
    }


def _ids(postings: Collection[Posting]) -> list[int]:
    return [posting.id for posting in postings]
