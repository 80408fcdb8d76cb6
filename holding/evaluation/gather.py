"""The facts of a batch, read in one snapshot: one query for each kind of fact, none for a record.

Here: those queries, put together into cases. Not here: mappings and targets
(holding/programs/world.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from holding.access.teams import FALLBACK_TEAM
from holding.configuration import own_company
from holding.connections import readings
from holding.evaluation.batch import Batch, Case, TargetRow
from holding.evaluation.record_claims import Claimed
from holding.evaluation.related_facts import Around, Other, around, decided, joined
from holding.intake.same_numbers import Known
from holding.lifecycle.stored_postings import PostingRow, by_others
from holding.programs import world
from holding.programs.posted_differences import ACCEPTED
from holding.store import bulk
from holding.store.row_objects import named
from holding.tables import (
    Company,
    Connection,
    Person,
    Record,
    Release,
    RulesetVersion,
    Team,
    Version,
)
from holding.tables.columns import table_of
from holding.tables.postings import UNSENT_STATES
from rules.amendments.names_before import CODE as TAKEN_BACK
from rules.amendments.target_edits import RULE as TARGET_EDITED
from rules.facts.world import Conflict, Facts, Subject, TargetDocument, nothing_but
from rules.values.posting_states import PostingState

LET_GO = ("ready", "failed")  # of what is not sent
LIVE_STATES = frozenset({"ready", "sending", "awaiting", "uncertain", "posted"})
DOCUMENT = "doc:"
TWIN = " (id "  # how a record is told that has the same number under another id
History = Mapping[str, tuple[str, ...]]


def gather(
    session: Session,
    company_id: int,
    claims: Sequence[Claimed],
    now: datetime,
    programs: world.Programs,
) -> Batch:
    """Everything that the judging of these records looks at."""
    company = session.execute(_COMPANY, {"company": company_id}).one_or_none()
    if company is None:
        message = f"company {company_id} has no rules"
        raise LookupError(message)
    known = world.fresh_targets(session, company_id, now)
    judge = programs(session, company.ruleset_version_id)
    targets = world.target_connections(session, company_id)
    teams = dict(session.execute(_TEAMS, {"company": company_id}).all())
    fallback = teams.get(str(company.settings.get(FALLBACK_TEAM)))
    return Batch(
        company_id=company_id,
        settings=company.settings,
        currency=company.currency,
        revision=company.revision,
        ruleset_version_id=company.ruleset_version_id,
        rules_revision=company.rules_revision,
        known_targets=known,
        world=world.world(session, company_id, company.revision, known),
        judge=judge,
        routes={route.name: route for route in judge.routes},
        targets={
            word: TargetRow(id=row.id, company_there=str(row.settings.get("company_id", "")))
            for word, row in targets.items()
        },
        teams=teams,
        fallback_team_id=fallback or next(iter(teams.values()), None),
        cases=_cases(session, company_id, claims, judge),
        starts_on=company.starts_on,
    )


_COMPANY = (
    select(
        Company.settings,
        Company.currency,
        Company.revision,
        Company.ruleset_version_id,
        Company.starts_on,
        RulesetVersion.revision.label("rules_revision"),
    )
    .join(RulesetVersion, RulesetVersion.id == Company.ruleset_version_id)
    .where(Company.id == bindparam("company"))
)


def _cases(
    session: Session, company_id: int, claims: Sequence[Claimed], judge: world.Judge
) -> tuple[Case, ...]:
    by_id = {claimed.record_id: claimed for claimed in claims}
    ids = sorted(by_id)
    rows = named(session.execute(_RECORDS, {"ids": ids}))  # those without a version are left out
    changed = [row.id for row in rows if row.no > 1]
    near = around(session, company_id, ids, {row.id: row.family for row in rows}, changed)
    sources = {row.id: row for row in named(session.execute(_SOURCES, {"company": company_id}))}
    return tuple([_case(row, sources[row.source_id], by_id[row.id], near, judge) for row in rows])


_record, _version, _source = (table_of(one) for one in (Record, Version, Connection))
_company, _person = table_of(Company), table_of(Person)
# Of the tables themselves: what the ORM does for each row is a tenth of reading them.
_RECORDS: Select[Any] = (
    select(
        *_record.c["id", "type", "family", "state", "party_key", "number", "external_id"],
        *_record.c["seen_at", "source_id"],
        _version.c.id.label("version_id"),
        *_version.c["no", "sha256"],
        _version.c.at.label("version_at"),
        _version.c.body,
        _person.c.name.label("editor"),
    )
    .join(_version, _version.c.id == _record.c.version_id)
    .outerjoin(_person, _person.c.id == _version.c.person_id)
    .where(bulk.among_given(_record.c.id, "ids"))
    .order_by(_record.c.id)
)
_SOURCES: Select[Any] = (
    select(
        *_source.c["id", "connector"],
        type_coerce(_source.c.settings, Text()).label("settings"),  # few records ask
        _company.c.code.label("company"),
    )
    .join(_company, _company.c.id == _source.c.company_id)
    .where(_source.c.company_id == bindparam("company"))
)
_TEAMS = select(Team.name, Team.id).where(Team.company_id == bindparam("company")).order_by(Team.id)


def _case(row: Any, source: Any, claimed: Claimed, near: Around, judge: world.Judge) -> Case:
    subject = Subject(kind=row.type, source=source.connector, body=row.body or {}, version=row.no)
    if near.is_alone(row.id, row.family):
        return _alone(row, source, claimed, subject, near, judge)
    releases = decided(row.id, row.type, row.sha256, near, judge)
    back_at = near.back_at.get(row.family)
    postings = tuple(near.postings[row.id])
    known = _later_ones(row.id, postings, near)
    history, documents = _shared(row, subject, near, judge, known.stopped)
    facts = Facts(
        first_seen=row.seen_at,
        first=near.first.get(row.id),
        conflicts=_conflicts(row, source, near, history, known.passed),
        last_editor=row.editor,
        history=history,
        documents=documents,
        postings=tuple([posting.fact() for posting in postings]),
        releases=frozenset(
            [(one.route, one.rule) for one in releases if _still_counts(one, postings, back_at)]
        ),
        documents_of_family=dict(near.family.get(row.family, {})),
        held_of_family=by_others(near.decided.get(row.family, {}), row.id),
        days_of_family=dict(near.days.get(row.family, {})),
        taken_back=dict(near.back.get(row.family, {})),
        dated=near.dated.get(row.id, {}),
        links=joined(row.id, subject, near, judge),
        target_edited=tuple(
            edit
            for posting in postings
            if posting.state == PostingState.POSTED
            for edit in readings.edits(posting.route, posting.seq, posting.reading)
        ),
    )
    return Case(
        claimed=claimed,
        family=row.family,
        state=row.state,
        party_key=row.party_key,
        version_id=row.version_id,
        version_at=row.version_at,
        linked_at=near.linked_at(row.id),
        content_sha256=row.sha256,
        subject=subject,
        facts=facts,
        postings=postings,
        holds=tuple(near.holds[row.id]),
        approvals=tuple(near.approvals[row.id]),
        undo_until=near.undo_until.get(row.id),
        rejected={one.route: one.reason for one in releases if one.kind == "reject"},
        alike=frozenset(near.alike.get(row.id, ())),
        passed=known.passed,
        stopped=known.stopped,
        ended=near.ended.get(row.family, {}),
    )


def _alone(
    row: Any, source: Any, claimed: Claimed, subject: Subject, near: Around, judge: world.Judge
) -> Case:
    """The case of a record that nothing stands around, as of most that are new."""
    conflicts = _conflicts(row, source, near, {}, frozenset())
    links = joined(row.id, subject, near, judge)
    if conflicts or links or row.editor is not None:
        facts = Facts(row.seen_at, last_editor=row.editor, conflicts=conflicts, links=links)
    else:
        facts = nothing_but(row.seen_at)
    return Case(
        claimed=claimed,
        family=row.family,
        state=row.state,
        party_key=row.party_key,
        version_id=row.version_id,
        version_at=row.version_at,
        linked_at=None,
        content_sha256=row.sha256,
        subject=subject,
        facts=facts,
        postings=(),
        holds=(),
        approvals=(),
        undo_until=None,
        rejected={},
    )


def _later_ones(record_id: int, postings: Sequence[PostingRow], near: Around) -> Known:
    """Of the records like this one that came later: those that it does not wait for, and those that
    stop it because they came after it was made ready. Once it was sent, it is the others' turn to
    wait.
    """
    later = near.later.get(record_id, frozenset())
    if not later or any(posting.state not in UNSENT_STATES for posting in postings):
        return Known(passed=later)
    let_go = any(posting.state in LET_GO for posting in postings)
    before = near.known.get(record_id, Known(passed=later))
    stopped = later - before.passed if let_go else later & before.stopped
    return Known(passed=later - stopped, stopped=stopped)


def _conflicts(
    row: Any, source: Any, near: Around, history: History, passed: frozenset[int]
) -> tuple[Conflict, ...]:
    """Whether it has become another, another has its number and no duplicate rule says so, or it is
    of another company.
    """
    body = row.body or {}
    found = list(own_company.conflicts(body, source.settings, source.company))
    number = body.get("number")
    if number is not None and str(number) != row.number:
        found.append(Conflict("number", str(number), (row.number,)))
    alike = near.twins.get(row.id, {})
    twins = [there for other, there in alike.items() if other not in passed]
    if twins and not any(TWIN in other for others in history.values() for other in others):
        found.append(Conflict("id", f"{row.number} ({row.external_id})", tuple(twins)))
    return tuple(found)


def _still_counts(release: Release, postings: Sequence[PostingRow], back: datetime | None) -> bool:
    """Whether a person let this pass: a change in the target only as it was seen then, a change
    after posting only beside what was posted then, what was taken back only until more is.
    """
    own = [row for row in postings if row.route == release.route]
    if release.rule == TARGET_EDITED:
        moments = [row.reading_at for row in own]
    elif release.code == TAKEN_BACK:
        moments = [back]
    else:
        moments = [row.standing_at for row in own if release.code == ACCEPTED]
    later = any(moment > release.at for moment in moments if moment)
    return release.kind == "release" and not later


def _shared(
    row: Any, subject: Subject, near: Around, judge: world.Judge, late: frozenset[int]
) -> tuple[History, tuple[TargetDocument, ...]]:
    """Records with an equal reference, and documents with an equal number.

    One of the same source with this very number is told once, with both ids. Another record counts
    when it came first, or when it has a document on its way or posted: so of two equal ones the
    first goes and the second is held. One that came after this was made ready (`late`) counts, too.
    """
    linked, twins = near.linked.get(row.id), near.twins.get(row.id, {})
    if not linked:
        return {}, ()
    history: dict[str, tuple[str, ...]] = {}
    documents: list[TargetDocument] = []
    for name, value in judge.link_keys(dict(subject.body), subject.kind):
        others = [one for one in linked.get((name, value), ()) if _counts(one, row.id, near, late)]
        if name.startswith(DOCUMENT):
            route = name.removeprefix(DOCUMENT)
            told = (one for one in others if one.record_id not in twins)
            documents += [_document(one, route, value, near) for one in told]
        elif others:
            own = row.external_id
            history[name] = tuple(
                f"{one.number}{TWIN}{one.external_id}, this one {own})"
                if one.record_id in twins
                else one.number
                for one in others
            )
    return history, tuple(documents)


def _counts(other: Other, record_id: int, near: Around, late: frozenset[int]) -> bool:
    if other.record_id < record_id or other.record_id in late:
        return True
    return any(posting.state in LIVE_STATES for posting in near.others[other.record_id])


def _document(other: Other, route: str, number: str, near: Around) -> TargetDocument:
    fields: Mapping[str, str] = {}
    for posting in near.others[other.record_id]:
        content = posting.standing or posting.content
        if posting.route == route and posting.number == number and content:
            fields = content["fields"]
    return TargetDocument(route, number, fields, other.number)
