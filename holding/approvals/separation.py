"""Separation of duties: find who worked on a record and so must not release it."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Subquery, and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor, Voice, may, voices
from holding.access.people import in_team, load_called, who_may
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Approval,
    Dating,
    Evaluation,
    Hold,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Push,
    Release,
    RulesetVersion,
    Team,
    Version,
)
from holding.db.refusal import Refusal, plural
from holding.programs.posted_differences import ACCEPTED
from holding.programs.replay import replay_each
from holding.programs.world import program
from rules.outcomes import NEEDS_APPROVAL, Outcome
from rules.values.cause_keys import match_key

Hands = dict[int, dict[int, str]]  # posting id -> person id -> what they did, after "you"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A database trigger and the writes that it refuses."""

    table: str
    name: str
    refuses: str


TRIGGERS: Final = (
    Trigger("approval", "approval_duties", "by or for a person who prepared or changed it"),
    Trigger("approval", "approval_dating", "by or for the person who set its date"),
    Trigger("approval", "approval_keeps_for", "another person for whom it was given"),
    Trigger("approval", "approval_no_change", "another content, level or giver"),
    Trigger("approval", "approval_no_delete", "that it never was"),
    Trigger("approval", "approval_once", "that a void one stands again"),
    Trigger(
        "release",
        "release_duties",
        "by or for a person who prepared, changed or approved it",
    ),
    Trigger("release", "release_keeps_for", "another person for whom it was given"),
    Trigger("release", "release_no_change", "another content, hold or giver"),
    Trigger("release", "release_no_delete", "that it never was"),
    Trigger("release", "release_once", "that a void one stands again"),
)
"""All triggers of the two tables by which somebody says yes. A migration does not import them: a
test compares them with the database. None of them can know the makers that a record names.
"""

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

ACT = "posting.approve"

OWN_HAND = "hold.own_hand"

Named = Mapping[int, Collection[str]]  # posting id -> keys of the names that its rules exclude

_MOST_KNOWN: Final = 10_000

_cached_names: OrderedDict[tuple[int, str, str], set[str]] = OrderedDict()
"""What a replay said of a judging, known by its hash: what was judged is never another."""

_knowing = Lock()


@dataclass(frozen=True, slots=True)
class Deed:
    """An action of a person on a document, worded to follow "you", with its time or row."""

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
    """Return who worked on each posting; of a person's several deeds the nearest is named.

    `named`: the makers from an evaluation that just ran; otherwise a replay finds them.
    """
    hands: Hands = {posting.id: {} for posting in postings}
    if not postings:
        return hands
    for posting_id, person_id in named_makers(session, postings, named) if makers else ():
        hands[posting_id][person_id] = "created it (according to the source)"
    if approvals:
        _approvers(session, hands)
    for deed in deeds(session, _AS_THEY_STAND, list(hands), releases=releases):
        hands[deed.key][deed.person_id] = deed.say
    return hands


def _approvers(session: Session, hands: Hands) -> None:
    """Add the people who approved an unsent document of the record as it is now."""
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


class Hand(NamedTuple):
    """An action of a person, worded to follow "you". `lent`: the represented person did it."""

    did: str
    lent: bool


def hand_of(
    hands: Mapping[int, str], person_id: int | None, for_person_id: int | None
) -> Hand | None:
    """Return why these people may not decide, or None: the acting or the represented person worked
    on it.
    """
    for worker_id, lent in ((person_id, False), (for_person_id, True)):
        if worker_id is not None and worker_id in hands:
            return Hand(hands[worker_id], lent)
    return None


def said_to(voice: Voice, hands: Mapping[int, str], *, you: str = "you") -> str:
    """Return why this voice may not decide, as a clause, or an empty string."""
    hand = hand_of(hands, voice.person_id, voice.for_person_id)
    if hand is None:
        return ""
    lender = f"{voice.lent.name}, for whom you act," if voice.lent else ""
    return f"{lender if hand.lent else you} {hand.did}"


def could(others: Iterable[str]) -> str:
    """Return who could do it instead."""
    names = list(others)
    return f"{' or '.join(names)} can" if names else "no other user can yet"


def could_instead(others: Iterable[str]) -> str:
    """Return who could do it instead, as a sentence."""
    names = list(others)
    return f"{could(names)}." if names else "No other user can yet."


def deeds(
    session: Session, of: Subquery, keys: Collection[int], *, releases: bool = True
) -> list[Deed]:
    """Return people's actions on evaluated documents, with actions on the record itself last.

    `of` is a cached subquery with the columns `key`, `posting_id`, `record_id`, `route`,
    `company_id`, `evaluation_id` and `version_id` for the given `keys`.
    """
    parameters = {"keys": list(keys)}
    readers = [
        (_query_rules, _rule_deeds),
        *([(_query_releases, _release_deeds)] if releases else []),
        (_query_dates, _date_deeds),
        (_query_fixes, _fix_deeds),
        (_query_versions, _version_deeds),
    ]
    return [
        deed
        for build_query, read in readers
        for deed in read(
            session.execute(build_query(of).params(parameters), execution_options=KEPT)
        )
    ]


@cache
def _query_rules(of: Subquery) -> Select[Any]:
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


def _rule_deeds(rows: Iterable[Any]) -> Iterator[Deed]:
    """Yield the publication and the writing of the rule version that judged the document."""
    for row in rows:
        rules = f"the rules it was checked with (version {row.no})"
        if row.published_by_id is not None:
            yield Deed(row.key, row.published_by_id, f"published {rules}")
        if row.author_id is not None:
            yield Deed(row.key, row.author_id, f"wrote {rules}")


@cache
def _query_releases(of: Subquery) -> Select[Any]:
    """Return the query for releases of the content that the document was made from."""
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


def _release_deeds(rows: Iterable[Any]) -> Iterator[Deed]:
    """Yield each release as an action of its user, and of the user whose deputy made it."""
    for row in rows:
        yield Deed(row.key, row.person_id, "released an earlier hold on it", at=row.at)
        if row.for_person_id is not None:
            yield Deed(row.key, row.for_person_id, "had a hold of it released", at=row.at)


@cache
def _query_dates(of: Subquery) -> Select[Any]:
    """Return the query for people who set the document's date."""
    return (
        select(of.c.key, Dating.person_id, Dating.at)
        .join(Dating, and_(Dating.record_id == of.c.record_id, Dating.route == of.c.route))
        .where(Dating.voided_at.is_(None))
    )


def _date_deeds(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        yield Deed(row.key, row.person_id, "dated it", at=row.at)


@cache
def _query_fixes(of: Subquery) -> Select[Any]:
    """Return the query for people who changed a used mapping entry after the version arrived.

    Entries that came with a publish belong to the publisher, whom another query finds.
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


def _fix_deeds(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        did = f"fixed its mapping {row.table_name}(“{row.word}”)"
        yield Deed(row.key, row.person_id, did, entry_id=row.id)


@cache
def _query_versions(of: Subquery) -> Select[Any]:
    """Return the query for people who entered or corrected a version of the record."""
    return (
        select(of.c.key, Version.id, Version.person_id, Version.corrects_id)
        .join(Version, Version.record_id == of.c.record_id)
        .where(Version.person_id.is_not(None))
        .order_by(Version.id)
    )


def _version_deeds(rows: Iterable[Any]) -> Iterator[Deed]:
    for row in rows:
        did = "corrected it" if row.corrects_id else "entered it"
        yield Deed(row.key, row.person_id, did, version_id=row.id)


@dataclass(frozen=True, slots=True)
class Releasers:
    """The people who may release a hold, and why the current person may not.

    If no person may release it, the last field explains why and who can change that.
    """

    names: tuple[str, ...]
    deciding: Refusal | None
    """Against any decision about it: the role, or a hand in it."""
    releasing: Refusal | None
    """Against releasing it: that, or the team."""
    nobody: str = ""


def of_hold(session: Session, hold_id: int, actor: Actor, *, by_people: bool) -> Releasers:
    """Return the people with the role and in the team who did not work on it.

    `by_people`: whether a person can release it at all.
    """
    refusal = may(actor, ACT)
    if refusal and not by_people:
        return Releasers((), refusal, refusal)
    hold = session.get_one(Hold, hold_id)
    hands, team = _hands(session, hold), teams_of(session, [hold]).get(hold.id)
    names = who_may(session, hold.company_id, ACT, team_id=team.id if team else None, but=hands)
    verb = {NEEDS_APPROVAL: "approve", ACCEPTED: "accept"}.get(hold.code, "release")
    nobody = "" if names or not by_people else _nobody(session, hold.company_id, team, verb)
    deciding = refusal or _own_hand(actor, hands, names)
    if deciding or team is None or _in(session, team, actor):
        return Releasers(names, deciding, deciding, nobody)
    releasing = outside(team, could(names), verb)
    return Releasers(names, None, replace(releasing, hint=nobody or releasing.hint), nobody)


def _hands(session: Session, hold: Hold) -> Mapping[int, str]:
    """Return person id -> what they did, for those who may not release this hold."""
    posting = session.get(Posting, hold.posting_id) if hold.posting_id else None
    if posting is None:
        return {}
    of = touched if hold.code == NEEDS_APPROVAL else hands_of
    return of(session, [posting]).get(posting.id, {})


def _nobody(session: Session, company_id: int, team: Team | None, verb: str) -> str:
    """Return why no person may decide it, and who can change that."""
    admins = " or ".join(who_may(session, company_id, "people.admin")) or "an administrator"
    if team is None:
        return f"Nobody who may {verb} it had no hand in it. Ask {admins} to add somebody."
    where = team.shown
    return (
        f"{where} has nobody who may {verb} it and had no hand in it. Ask {admins} to add somebody."
    )


def _own_hand(actor: Actor, hands: Mapping[int, str], names: tuple[str, ...]) -> Refusal | None:
    hand = hand_of(hands, actor.person_id, None)
    if hand is None:
        return None
    return Refusal(OWN_HAND, f"You {hand.did}.", could_instead(names), 403)


def _in(session: Session, team: Team, actor: Actor) -> bool:
    """Check whether the actor acts for the team, in their own name or as a deputy."""
    return any(in_team(session, team.id, voice.answers) for voice in voices(actor, ACT))


def outside(team: Team, deciders: str, verb: str = "release") -> Refusal:
    """Return the refusal for a person outside the releasing team; `deciders` can release it."""
    done = {"accept": "accepted"}.get(verb, f"{verb}d")
    return Refusal(
        code="hold.team",
        message=f"This is {done} by {team.shown}, and you are not in it.",
        hint=f"{deciders} {verb} it.",
        status=403,
    )


def teams_of(session: Session, holds: Collection[Hold]) -> Mapping[int, Team]:
    """Return hold id -> the team that releases or approves it.

    Holds without such a team are missing.
    """
    relevant = [hold for hold in holds if hold.code == NEEDS_APPROVAL or hold.clears.by_people]
    if not relevant:
        return {}
    query = select(Team).where(Team.company_id.in_({hold.company_id for hold in relevant}))
    teams = session.scalars(query).all()
    by_id = {team.id: team for team in teams}
    by_name = {(team.company_id, team.name): team for team in teams}
    teams_by_hold = {
        hold.id: by_id.get(hold.team_id or 0)
        if hold.code == NEEDS_APPROVAL
        else by_name.get((hold.company_id, hold.clears.team))
        for hold in relevant
    }
    return {hold_id: team for hold_id, team in teams_by_hold.items() if team is not None}


def hands_of(session: Session, postings: Sequence[Posting]) -> Hands:
    """Return who worked on or approved each posting and so may not release its holds.

    Earlier releases do not count.
    """
    return touched(session, postings, releases=False, makers=False, approvals=True)


def own_hand(
    hands: Mapping[int, str], voice: Voice, verb: str, name_deciders: Callable[[], str]
) -> Refusal | None:
    """Refuse a voice whose person or represented person worked on it.

    `name_deciders` returns who could decide.
    """
    why = said_to(voice, hands, you="You")
    if not why:
        return None
    return Refusal(
        code=OWN_HAND,
        message=f"{why}, so you cannot {verb} this.",
        hint=f"{name_deciders()}.",
        status=403,
    )


def none_of(refusals: Sequence[Refusal]) -> Refusal | None:
    """Return one refusal for many holds if each was refused because of the person."""
    if not refusals or any(refusal.status != 403 for refusal in refusals):
        return None
    message = (
        f"Nothing was done: {plural(len(refusals), 'hold is', 'holds are')} not yours to decide."
    )
    return Refusal(OWN_HAND, message, refusals[0].words, 403)


def named_makers(
    session: Session, postings: Sequence[Posting], named: Named | None
) -> tuple[tuple[int, int], ...]:
    """Return (posting id, person id) for people named in a field that the approve rule excludes.

    Any spelling counts: `mei.ling` is Mei Ling, and so is mei.ling@shop.example or a former name.
    `named`: the names from an evaluation that just ran; otherwise a replay finds them.
    """
    names = _by_replay(session, postings) if named is None else named
    if not any(names.values()):
        return ()
    people = load_called(session, {posting.company_id for posting in postings})
    keys = {
        key: keys_of(person.name, person.email, person.former) for key, person in people.items()
    }
    return tuple(
        (posting_id, person_id)
        for posting_id, named_keys in names.items()
        for person_id, person_keys in keys.items()
        if not person_keys.isdisjoint(named_keys)
    )


def _by_replay(session: Session, postings: Sequence[Posting]) -> dict[int, set[str]]:
    """Return posting id -> keys of the excluded names, from a cached replay."""
    rows = session.execute(
        select(Evaluation.id, Evaluation.ruleset_version_id, Evaluation.hash).where(
            bulk.among(Evaluation.id, [posting.evaluation_id for posting in postings])
        ),
        execution_options=KEPT,
    )
    evaluations = {row.id: row for row in rows}
    rules = {row.ruleset_version_id for row in evaluations.values()}
    excluding_versions = {version_id for version_id in rules if _excluding(session, version_id)}
    evaluation_by_posting = {
        posting.id: (evaluations[posting.evaluation_id], posting.route)
        for posting in postings
        if evaluations[posting.evaluation_id].ruleset_version_id in excluding_versions
    }
    keys = {
        posting_id: (row.id, row.hash, route)
        for posting_id, (row, route) in evaluation_by_posting.items()
    }
    names_by_posting = {
        posting_id: names
        for posting_id, key in keys.items()
        if (names := _cached_names.get(key)) is not None
    }
    unknown = {
        posting_id: evaluation_by_posting[posting_id]
        for posting_id in keys.keys() - names_by_posting.keys()
    }
    outcomes = replay_each(session, {row.id for row, _ in unknown.values()}) if unknown else {}
    for posting_id, (row, route) in unknown.items():
        names_by_posting[posting_id] = excluded(outcomes[row.id], route)
        _remember(keys[posting_id], names_by_posting[posting_id])
    return {posting_id: set(names_by_posting[posting_id]) for posting_id in evaluation_by_posting}


def _excluding(session: Session, ruleset_version_id: int) -> bool:
    """Check whether the rules exclude the makers of a record from approving it."""
    return any(rule.never for rule in program(session, ruleset_version_id).ruleset.approvals)


def _remember(key: tuple[int, str, str], names: set[str]) -> None:
    with _knowing:
        _cached_names[key] = names
        while len(_cached_names) > _MOST_KNOWN:
            _cached_names.popitem(last=False)


def keys_of(name: str, email: str, former: Iterable[str] = ()) -> set[str]:
    """Return the keys under which a source may name a person: names, former names, address and its
    local part.
    """
    spellings = (name, *former, email, email.partition("@")[0])
    return {match_key(spelling) for spelling in spellings if spelling.strip()}


def excluded(outcome: Outcome, route: str) -> set[str]:
    """Return the keys of the names that approvals on a route exclude."""
    return {
        match_key(name)
        for decision in outcome.decisions
        for need in decision.approvals
        if any((f.rule, f.route) == (need.rule, route) for f in decision.findings)
        for name in need.never
        if name.strip()
    }
