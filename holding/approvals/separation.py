"""Duties kept apart: who has had a hand in a record and so may not be the one who releases it.

Here: the people who entered, corrected, mapped, released, wrote or published for a record, or are
named in it as its makers; and the triggers by which the database holds the same. Not here: which
role may approve at all (`access/actors.py`), the names that a record carries (`makers.py`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Subquery, and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Voice
from holding.approvals.makers import Named, named_makers
from holding.db import bulk
from holding.db.models import (
    Approval,
    Dating,
    Evaluation,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Push,
    Release,
    RulesetVersion,
    Version,
)
from holding.db.together import Answer, Question, Together

Hands = dict[int, dict[int, str]]  # posting id -> person id -> what they did, after "you"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the database itself refuses, and the migration that gave it its present form."""

    table: str
    name: str
    migration: str
    refuses: str


TRIGGERS: Final = (
    Trigger("approval", "approval_duties", "0004", "by or for a person who prepared or changed it"),
    Trigger("approval", "approval_dating", "0005", "by or for the person who set its date"),
    Trigger("approval", "approval_keeps_for", "0004", "another person for whom it was given"),
    Trigger("approval", "approval_no_change", "0001", "another content, level or giver"),
    Trigger("approval", "approval_no_delete", "0001", "that it never was"),
    Trigger("approval", "approval_once", "0001", "that a void one stands again"),
    Trigger(
        "release",
        "release_duties",
        "0010",
        "by or for a person who prepared, changed or approved it",
    ),
    Trigger("release", "release_keeps_for", "0004", "another person for whom it was given"),
    Trigger("release", "release_no_change", "0004", "another content, hold or giver"),
    Trigger("release", "release_no_delete", "0001", "that it never was"),
    Trigger("release", "release_once", "0004", "that a void one stands again"),
)
"""All triggers of the two tables by which somebody says yes. A migration does not import them: a
test compares them with the database. None of them can know the makers that a record names.
"""


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
    beside: Together | None = None,
) -> Hands:
    """Who had a hand in each posting; of several deeds of a person the nearest is named.

    `named`: its makers, where somebody has just judged it; else a replay says who they are.
    `beside`: what else is asked, by the same statements.
    """
    hands: Hands = {posting.id: {} for posting in postings}
    if not postings:
        return hands
    page = beside or Together(session)
    made = page.ask(named_makers(session, postings, named)) if makers else None
    done = deeds(page, _AS_THEY_STAND, list(hands), releases=releases)
    for posting_id, person_id in made.value if made else ():
        hands[posting_id][person_id] = "created it (according to the source)"
    if approvals:
        _approvers(session, hands)
    for found in done:
        for deed in found.value:
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


class Hand(NamedTuple):
    """What somebody did, after "you"; `lent`: not who acts did, but for whom they stand in."""

    did: str
    lent: bool


def hand_of(
    hands: Mapping[int, str], person_id: int | None, for_person_id: int | None
) -> Hand | None:
    """Why these may not say yes: who acts had a hand in it, or for whom they do. None: they may."""
    for who, lent in ((person_id, False), (for_person_id, True)):
        if who is not None and who in hands:
            return Hand(hands[who], lent)
    return None


def said_to(voice: Voice, hands: Mapping[int, str], *, you: str = "you") -> str:
    """The same as a clause for who acts in this voice; empty when nothing speaks against it."""
    hand = hand_of(hands, voice.person_id, voice.for_person_id)
    if hand is None:
        return ""
    lender = f"{voice.lent.name}, for whom you act," if voice.lent else ""
    return f"{lender if hand.lent else you} {hand.did}"


def could(others: Iterable[str]) -> str:
    """Who could do it instead."""
    names = list(others)
    return f"{' or '.join(names)} can" if names else "no other user can yet"


def deeds(
    page: Together, of: Subquery, keys: Collection[int], *, releases: bool = True
) -> list[Answer[Sequence[Deed]]]:
    """What people did for documents as they were judged, a person's nearest deed last.

    `of`, made once: their `key`, `posting_id`, `record_id`, `route`, `company_id`, `evaluation_id`
    and `version_id`, of those whose `keys` it is given.
    """
    given = {"keys": list(keys)}
    asking = [
        (_asking_for_rules, _rules),
        *([(_asking_for_releases, _releasers)] if releases else []),
        (_asking_for_dates, _daters),
        (_asking_for_fixes, _fixers),
        (_asking_for_versions, _writers),
    ]
    return [page.ask(_read(asked(of).params(given), read)) for asked, read in asking]


def _read(
    asked: Select[Any], read: Callable[[Iterable[Any]], Iterator[Deed]]
) -> Question[Sequence[Deed]]:
    rows = yield asked
    return tuple(read(rows))


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
        rules = f"the rules it was checked with (version {row.no})"
        if row.published_by_id is not None:
            yield Deed(row.key, row.published_by_id, f"published {rules}")
        if row.author_id is not None:
            yield Deed(row.key, row.author_id, f"wrote {rules}")


def _approvers(session: Session, hands: Hands) -> None:
    """Who agreed to a document of the record, as it stands and is not sent yet."""
    other = aliased(Posting)
    query = (
        select(Posting.id, Approval.person_id, Approval.for_person_id)
        .join(other, other.record_id == Posting.record_id)
        .join(Approval, and_(Approval.posting_id == other.id, Approval.hash == other.hash))
        .outerjoin(Push, Push.id == other.posted_push_id)
        .where(
            bulk.among(Posting.id, list(hands)),
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
        yield Deed(row.key, row.person_id, "released an earlier hold on it", at=row.at)
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
