"""The facts of a batch, read in one snapshot: one query for each kind of fact, none for a record.

Here: those queries, put together into cases. Not here: mappings and targets (holding/worlds.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, text
from sqlalchemy.orm import Session, aliased

from holding import bulk, worlds
from holding.judging.batch import ApprovalRow, Batch, Case, HoldRow, PostingRow, TargetRow
from holding.judging.claim import Claimed
from holding.models import (
    Approval,
    Cause,
    Company,
    Connection,
    Hold,
    LinkKey,
    Person,
    Posting,
    Push,
    Record,
    Release,
    RulesetVersion,
    Team,
    Version,
)
from holding.people import FALLBACK_TEAM
from rules.facts import Facts, PostingFact, Subject, TargetDocument

LIVE_STATES = frozenset({"ready", "sending", "awaiting", "uncertain", "posted"})
GONE_STATES = ("dropped", "ignored")
DOCUMENT = "doc:"


@dataclass(frozen=True, slots=True)
class _Other:
    """Another record that shares a compared value."""

    record_id: int
    number: str
    external_id: str


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around the records of a batch, by record id."""

    postings: Mapping[int, Sequence[PostingRow]]
    holds: Mapping[int, Sequence[HoldRow]]
    approvals: Mapping[int, Sequence[ApprovalRow]]
    releases: Mapping[int, Sequence[Release]]
    linked: Mapping[int, Mapping[tuple[str, str], Sequence[_Other]]]
    others: Mapping[int, Sequence[PostingRow]]
    family: Mapping[int, Mapping[str, str]]


def gather(
    session: Session,
    company_id: int,
    claims: Sequence[Claimed],
    now: datetime,
    programs: worlds.Programs,
) -> Batch:
    """Everything that the judging of these records looks at."""
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        message = f"company {company.code} has no rules"
        raise LookupError(message)
    version = session.get_one(RulesetVersion, company.ruleset_version_id)
    known = worlds.fresh_targets(session, company_id, now)
    judge = programs(session, version.id)
    targets = worlds.target_connections(session, company_id)
    teams = _teams(session, company_id)
    fallback = teams.get(str(company.settings.get(FALLBACK_TEAM)))
    return Batch(
        company_id=company_id,
        currency=company.currency,
        revision=company.revision,
        ruleset_version_id=version.id,
        rules_revision=version.revision,
        known_targets=known,
        world=worlds.world(session, company_id, company.revision, known),
        judge=judge,
        routes={route.name: route for route in judge.routes},
        targets={
            word: TargetRow(id=row.id, company_there=str(row.settings.get("company_id", "")))
            for word, row in targets.items()
        },
        teams=teams,
        fallback_team_id=fallback or next(iter(teams.values()), None),
        cases=_cases(session, company_id, claims, judge),
    )


def _cases(
    session: Session, company_id: int, claims: Sequence[Claimed], judge: worlds.Judge
) -> tuple[Case, ...]:
    by_id = {claimed.record_id: claimed for claimed in claims}
    ids = sorted(by_id)
    rows = _records(session, ids)
    around = _around(session, company_id, ids, {row.family for row in rows})
    return tuple(_case(row, by_id[row.id], around, judge) for row in rows)


def _records(session: Session, ids: Sequence[int]) -> list[Row[Any]]:
    """Records with their current version; a record without one has nothing to judge yet."""
    query = (
        select(
            Record.id,
            Record.type,
            Record.family,
            Record.state,
            Record.party_key,
            Record.seen_at,
            Connection.connector,
            Version.id.label("version_id"),
            Version.no,
            Version.sha256,
            Version.body,
            Person.name.label("editor"),
        )
        .join(Version, Version.id == Record.version_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Version.person_id)
        .where(bulk.among(Record.id, ids))
        .order_by(Record.id)
    )
    rows: list[Any] = list(session.execute(query))
    return rows


def _around(
    session: Session, company_id: int, ids: Sequence[int], families: Iterable[int]
) -> _Around:
    linked = _linked(session, company_id, ids)
    other_ids = {o.record_id for found in linked.values() for os in found.values() for o in os}
    relatives = select(Record.id).where(
        Record.company_id == company_id, bulk.among(Record.family, sorted(families))
    )
    family_rows = _postings(session, Posting.record_id.in_(relatives))
    postings = _by_record(row for row in family_rows if row.record_id in set(ids))
    family: dict[int, dict[str, str]] = defaultdict(dict)
    for row in family_rows:
        if row.state == "posted":
            family[row.family][row.route] = row.number
    return _Around(
        postings=postings,
        holds=_by_record(_holds(session, ids)),
        approvals=_approvals(session, family_rows),
        releases=_by_record(
            session.scalars(select(Release).where(bulk.among(Release.record_id, ids)))
        ),
        linked=linked,
        others=_by_record(_postings(session, bulk.among(Posting.record_id, sorted(other_ids)))),
        family=family,
    )


def _by_record(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.record_id].append(row)
    return found


def _postings(session: Session, which: ColumnElement[bool]) -> list[PostingRow]:
    """Postings with the content that stands in the target."""
    query = (
        select(
            Posting.id,
            Posting.record_id,
            Posting.family,
            Posting.route,
            Posting.seq,
            Posting.state,
            Posting.lock,
            Posting.number,
            Posting.hash,
            Posting.content,
            Posting.version_id,
            Version.no.label("version_no"),
            Posting.revision,
            Posting.due_at,
            Push.content.label("standing"),
        )
        .join(Version, Version.id == Posting.version_id)
        .outerjoin(Push, Push.id == Posting.posted_push_id)
        .where(which)
        .order_by(Posting.id)
    )
    return [PostingRow(**row._mapping) for row in session.execute(query)]


def _holds(session: Session, ids: Sequence[int]) -> list[HoldRow]:
    query = (
        select(
            Hold.id,
            Hold.record_id,
            Hold.posting_id,
            Hold.route,
            Hold.seq,
            Hold.code,
            Hold.cause_id,
            Cause.key.label("cause_key"),
            Cause.changed_revision,
            Hold.error_class,
            Hold.revision,
            Hold.book,
        )
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.record_id, ids), text(f"hold.{Hold.OPEN}"))
        .order_by(Hold.id)
    )
    return [HoldRow(**row._mapping) for row in session.execute(query)]


def _approvals(session: Session, postings: Sequence[PostingRow]) -> dict[int, list[ApprovalRow]]:
    record_of = {row.id: row.record_id for row in postings}
    query = (
        select(
            Approval.id,
            Approval.posting_id,
            Approval.hash,
            Approval.level,
            Approval.content,
            Approval.person_id,
            Person.name.label("person"),
        )
        .join(Person, Person.id == Approval.person_id)
        .where(bulk.among(Approval.posting_id, list(record_of)), Approval.voided_at.is_(None))
        .order_by(Approval.id)
    )
    found: dict[int, list[ApprovalRow]] = defaultdict(list)
    for row in session.execute(query):
        found[record_of[row.posting_id]].append(ApprovalRow(**row._mapping))
    return found


def _linked(
    session: Session, company_id: int, ids: Sequence[int]
) -> dict[int, dict[tuple[str, str], list[_Other]]]:
    """For each record: (name, value) -> other records that have it and did not come to nothing."""
    other = aliased(LinkKey)
    query = (
        select(LinkKey.record_id, LinkKey.name, LinkKey.value, Record)
        .join(
            other,
            (other.company_id == LinkKey.company_id)
            & (other.name == LinkKey.name)
            & (other.value == LinkKey.value)
            & (other.record_id != LinkKey.record_id),
        )
        .join(Record, Record.id == other.record_id)
        .where(
            LinkKey.company_id == company_id,
            bulk.among(LinkKey.record_id, ids),
            Record.state.not_in(GONE_STATES),
        )
        .with_only_columns(
            LinkKey.record_id,
            LinkKey.name,
            LinkKey.value,
            Record.id,
            Record.number,
            Record.external_id,
        )
        .order_by(Record.id)
    )
    found: dict[int, dict[tuple[str, str], list[_Other]]] = defaultdict(lambda: defaultdict(list))
    for record_id, name, value, other_id, number, external_id in session.execute(query):
        found[record_id][name, value].append(_Other(other_id, number, external_id))
    return found


def _teams(session: Session, company_id: int) -> dict[str, int]:
    query = select(Team.name, Team.id).where(Team.company_id == company_id).order_by(Team.id)
    return dict(session.execute(query).all())


def _case(row: Row[Any], claimed: Claimed, around: _Around, judge: worlds.Judge) -> Case:
    subject = Subject(kind=row.type, source=row.connector, body=row.body or {}, version=row.no)
    releases = [one for one in around.releases[row.id] if one.content_sha256 == row.sha256]
    postings = tuple(around.postings[row.id])
    history, documents = _shared(row.id, subject, around, judge)
    facts = Facts(
        first_seen=row.seen_at,
        last_editor=row.editor,
        history=history,
        documents=documents,
        postings=tuple(_posting_fact(posting) for posting in postings),
        releases=frozenset((one.route, one.rule) for one in releases if one.kind == "release"),
        documents_of_family=dict(around.family.get(row.family, {})),
    )
    return Case(
        claimed=claimed,
        family=row.family,
        state=row.state,
        party_key=row.party_key,
        version_id=row.version_id,
        content_sha256=row.sha256,
        subject=subject,
        facts=facts,
        postings=postings,
        holds=tuple(around.holds[row.id]),
        approvals=tuple(around.approvals[row.id]),
        rejected={one.route: one.reason for one in releases if one.kind == "reject"},
    )


def _posting_fact(row: PostingRow) -> PostingFact:
    standing = row.standing
    content = {part: standing[part] for part in ("fields", "lines")} if standing else None
    return PostingFact(row.route, row.seq, row.state, row.number, row.version_no, content)


def _shared(
    record_id: int, subject: Subject, around: _Around, judge: worlds.Judge
) -> tuple[dict[str, tuple[str, ...]], tuple[TargetDocument, ...]]:
    """Records with an equal reference, and documents with an equal number.

    Another record counts when it came first, or when it has a document on its way or posted: so of
    two equal ones the first goes and the second is held.
    """
    linked = around.linked.get(record_id)
    if not linked:
        return {}, ()
    history: dict[str, tuple[str, ...]] = {}
    documents: list[TargetDocument] = []
    for name, value in judge.link_keys(dict(subject.body), subject.kind):
        others = [one for one in linked.get((name, value), ()) if _counts(one, record_id, around)]
        if name.startswith(DOCUMENT):
            route = name.removeprefix(DOCUMENT)
            documents += [_document(one, route, value, around) for one in others]
        elif others:
            history[name] = tuple(one.number for one in others)
    return history, tuple(documents)


def _counts(other: _Other, record_id: int, around: _Around) -> bool:
    if other.record_id < record_id:
        return True
    return any(posting.state in LIVE_STATES for posting in around.others[other.record_id])


def _document(other: _Other, route: str, number: str, around: _Around) -> TargetDocument:
    fields: Mapping[str, str] = {}
    for posting in around.others[other.record_id]:
        content = posting.standing or posting.content
        if posting.route == route and posting.number == number and content:
            fields = content["fields"]
    return TargetDocument(route, number, fields, other.number)
