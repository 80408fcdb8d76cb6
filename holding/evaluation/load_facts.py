"""Load the facts of a batch from one snapshot, with one query for each kind of fact."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, bindparam, or_, select, text, type_coerce
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.kit.calls import BASE_CURRENCY
from holding.access import operations
from holding.access.people import FALLBACK_TEAM
from holding.approvals import consent
from holding.approvals.consent import StandingApproval
from holding.connections import breaker
from holding.connections.master_data import Change, changes_since
from holding.connections.sale_issuers import OURS, SaleFacts, marketplace_of, sale_facts
from holding.db import bulk
from holding.db.bulk import Columns, named, of
from holding.db.models import (
    Cause,
    Company,
    Connection,
    Dating,
    Hold,
    LinkKey,
    Person,
    Record,
    Release,
    RulesetVersion,
    Team,
    Version,
)
from holding.db.models.columns import table_of
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import UNSENT_STATES
from holding.evaluation.batch import Batch, Case, Claimed, HoldRow, TargetRow
from holding.intake import families as alike_of
from holding.intake.families import GONE_STATES, SimilarRecords
from holding.platform import changes
from holding.platform.changes import PostingRow, decisions_of_others
from holding.programs import world
from holding.programs.posted_differences import ACCEPTED
from holding.programs.world import Judge
from holding.rulesets import target_ways
from rules.decisions.posted_documents import NUMBER_REUSE_CODE as TAKEN_BACK
from rules.decisions.posted_documents import TARGET_EDIT_RULE as TARGET_EDITED
from rules.facts import (
    Conflict,
    Dated,
    Facts,
    Subject,
    TargetDocument,
    TargetEdit,
    facts_of_new_record,
)
from rules.values.canonical import PostingState, parse_json

LET_GO = ("ready", "failed")  # of what is not sent

LIVE_STATES = frozenset({"ready", "sending", "awaiting", "uncertain", "posted"})

DOCUMENT = "doc:"

TWIN = " (id "  # how a record is told that has the same number under another id

History = Mapping[str, tuple[str, ...]]

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

_record, _version, _source = (table_of(model) for model in (Record, Version, Connection))

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

_OF_RECORDS = ("postings", "holds", "approvals", "releases", "dated", "undo_until", "linked",
               "alike", "twins", "later", "known", "first")  # fmt: skip

_FIRST = (
    select(Version.record_id, Version.body)
    .join(Record, Record.id == Version.record_id)
    .where(bulk.among_given(Version.record_id, "ids"), Version.no == 1)
    .where(Version.id != Record.version_id, Version.body.is_not(None))
)

_DATED = (
    select(Dating.record_id, Dating.route, Dating.instead_of, Dating.day)
    .add_columns(Person.name.label("by"))
    .join(Person, Person.id == Dating.person_id)
    .where(bulk.among_given(Dating.record_id, "ids"), text(f"dating.{Dating.STANDING}"))
    .order_by(Dating.id)
)

_RELEASES = select(Release).where(
    bulk.among_given(Release.record_id, "ids"), Release.voided_at.is_(None)
)

_HOLD = Columns(
    HoldRow(
        id=of(Hold.id),
        record_id=of(Hold.record_id),
        posting_id=of(Hold.posting_id),
        route=of(Hold.route),
        seq=of(Hold.seq),
        code=of(Hold.code),
        rule=of(Hold.rule),
        cause_id=of(Hold.cause_id),
        cause_key=of(Cause.key),
        changed_revision=of(Cause.changed_revision),
        error_class=of(Hold.error_class),
        revision=of(Hold.revision),
        book=of(Hold.book),
        amount=of(Hold.amount),
        currency=of(Hold.currency),
    )
)

_HOLDS = (
    _HOLD.select()
    .join(Cause, Cause.id == Hold.cause_id)
    .where(bulk.among_given(Hold.record_id, "ids"), HOLD_OPEN)
    .order_by(Hold.id)
)

_BY_LINK = LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True)

_other = aliased(LinkKey)


@dataclass(frozen=True, slots=True)
class SimilarRecord:
    """Another record that shares a compared value."""

    record_id: int
    type: str
    number: str
    external_id: str


_OTHER = Columns(
    SimilarRecord(
        record_id=of(Record.id),
        type=of(Record.type),
        number=of(Record.number),
        external_id=of(Record.external_id),
    )
)

_LINKED = (
    _OTHER.select(LinkKey.record_id.label("of_id"), LinkKey.name, LinkKey.value)
    .select_from(LinkKey)
    .join(
        _other,
        (_other.company_id == LinkKey.company_id)
        & (_other.name == LinkKey.name)
        & (_other.value == LinkKey.value)
        & (_other.record_id != LinkKey.record_id),
    )
    .join(Record, Record.id == _other.record_id)
    .where(
        LinkKey.company_id == bindparam("company"),
        bulk.among_given(LinkKey.record_id, "ids"),
        or_(Record.state.not_in(GONE_STATES), _BY_LINK),
    )
    .order_by(Record.id)
)

_BODIES = (
    select(Record.id, Version.body, Version.at)
    .join(Version, Version.id == Record.version_id)
    .where(bulk.among_given(Record.id, "ids"))
)


def load_batch(
    session: Session,
    company_id: int,
    claims: Sequence[Claimed],
    now: datetime,
    programs: world.Programs,
) -> Batch:
    """Load everything that the evaluation of these records reads."""
    company = session.execute(_COMPANY, {"company": company_id}).one_or_none()
    if company is None:
        message = f"company {company_id} has no rules"
        raise LookupError(message)
    known_targets = world.fresh_targets(session, company_id, now)
    judge = programs(session, company.ruleset_version_id)
    targets = world.target_connections(session, company_id)
    teams = dict(session.execute(_TEAMS, {"company": company_id}).all())
    fallback = teams.get(str(company.settings.get(FALLBACK_TEAM)))
    cases = _cases(session, company_id, claims, judge, targets)
    return Batch(
        company_id=company_id,
        settings=company.settings,
        currency=company.currency,
        revision=company.revision,
        ruleset_version_id=company.ruleset_version_id,
        rules_revision=company.rules_revision,
        known_targets=known_targets,
        world=world.world(session, company_id, company.revision, known_targets),
        judge=judge,
        routes={route.name: route for route in judge.routes},
        targets=target_rows(targets, company.currency),
        teams=teams,
        fallback_team_id=fallback or next(iter(teams.values()), None),
        cases=cases,
        changes=_changes(session, company_id, cases, company.revision),
        starts_on=company.starts_on,
    )


def target_rows(targets: Mapping[str, Any], currency: str) -> dict[str, TargetRow]:
    """Return the target connections by the words that rules name them with."""
    return {
        word: TargetRow(
            id=row.id,
            company_there=str(row.settings.get("company_id", "")),
            name=row.name,
            connector=registry.targets().get(row.connector),
            settings={BASE_CURRENCY: currency, **row.settings},
        )
        for word, row in targets.items()
    }


def _changes(
    session: Session, company_id: int, cases: Sequence[Case], revision: int
) -> tuple[Change, ...]:
    """Return what changed since the open holds of these cases were judged."""
    older = [hold for case in cases for hold in case.holds if hold.revision < revision]
    if not older:
        return ()
    since = min(hold.revision for hold in older)
    return changes_since(session, company_id, {hold.cause_key for hold in older}, since)


def _cases(
    session: Session,
    company_id: int,
    claims: Sequence[Claimed],
    judge: world.Judge,
    targets: Mapping[str, Connection],
) -> tuple[Case, ...]:
    by_id = {claimed.record_id: claimed for claimed in claims}
    ids = sorted(by_id)
    rows = named(session.execute(_RECORDS, {"ids": ids}))  # those without a version are left out
    changed = [row.id for row in rows if row.no > 1]
    near = load_around(session, company_id, ids, {row.id: row.family for row in rows}, changed)
    sources = {row.id: row for row in named(session.execute(_SOURCES, {"company": company_id}))}

    @cache
    def sale(source_id: int, kind: str, marketplace: str) -> SaleFacts:
        source = sources[source_id]
        settings = parse_json(source.settings)
        return sale_facts(source.connector, settings, kind, targets, marketplace=marketplace)

    return tuple(
        [
            _case(
                row,
                sources[row.source_id],
                by_id[row.id],
                near,
                judge,
                sale=sale(row.source_id, row.type, marketplace_of(row.body or {})),
            )
            for row in rows
        ]
    )


@dataclass(frozen=True, slots=True)
class Around:
    """The stored data that surrounds the batch's records, by record id."""

    postings: Mapping[int, Sequence[PostingRow]]
    holds: Mapping[int, Sequence[HoldRow]]
    approvals: Mapping[int, Sequence[StandingApproval]]
    releases: Mapping[int, Sequence[Release]]
    dated: Mapping[int, Mapping[str, Dated]]
    undo_until: Mapping[int, datetime]
    linked: Mapping[int, Mapping[tuple[str, str], Sequence[SimilarRecord]]]
    others: Mapping[int, Sequence[PostingRow]]
    bodies: Mapping[int, Mapping[str, Any]]  # of records that a link joins to one of them
    arrived: Mapping[int, datetime]  # when that content of them came
    family: Mapping[int, Mapping[str, str]]
    decided: Mapping[int, changes.Decided]  # of posted documents that others follow
    days: Mapping[int, Mapping[str, date]]  # of the documents of a family, the earliest a route
    ended: Mapping[int, Mapping[str, PostingRow]]  # of a family, a route of which none is to come
    back: Mapping[int, Mapping[str, tuple[str, ...]]]  # of a family, what was taken back
    back_at: Mapping[int, datetime]  # and when the last was, where somebody has said what follows
    alike: Mapping[int, Collection[int]]  # records with a value that rules compare, or the number
    twins: Mapping[int, Mapping[int, str]]  # records with the same number, and their ids there
    later: Mapping[int, frozenset[int]]  # records that came later, share a value and sent nothing
    known: Mapping[int, SimilarRecords]  # what the last judging made of those, where there was one
    first: Mapping[int, Mapping[str, Any]]  # the record as it first came, where it is another now
    met: frozenset[int] = field(init=False)  # records and families of which any of it is told
    met_families: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        """Collect the records and families that any of the data mentions."""
        record_maps = [getattr(self, name) for name in _OF_RECORDS]
        object.__setattr__(self, "met", frozenset().union(*record_maps))
        family_maps = (self.family, self.decided, self.days, self.ended, self.back, self.back_at)
        families = frozenset().union(*family_maps)
        object.__setattr__(self, "met_families", families)

    def is_alone(self, record_id: int, family: int) -> bool:
        """Check whether none of the data mentions a record or its family."""
        return record_id not in self.met and family not in self.met_families

    def linked_at(self, record_id: int) -> datetime | None:
        """Return when the newest content of the linked records arrived, or None."""
        linked_groups = self.linked.get(record_id, {}).values()
        others = (other.record_id for several in linked_groups for other in several)
        return max(
            (self.arrived[other_id] for other_id in others if other_id in self.arrived),
            default=None,
        )


def _case(
    row: Any,
    source: Any,
    claimed: Claimed,
    near: Around,
    judge: world.Judge,
    *,
    sale: SaleFacts,
) -> Case:
    subject = Subject(kind=row.type, source=source.connector, body=row.body or {}, version=row.no)
    if near.is_alone(row.id, row.family):
        return _alone(row, source, claimed, subject, near, judge, sale=sale)
    releases = decided_releases(row.id, row.type, row.sha256, near, judge)
    back_at = near.back_at.get(row.family)
    postings = tuple(near.postings[row.id])
    released = [r for r in releases if _still_counts(r, postings, back_at)]
    later_records = _later_ones(row.id, postings, near)
    history, documents = _shared(row, subject, near, judge, later_records.stopped)
    facts = Facts(
        first_seen=row.seen_at,
        first=near.first.get(row.id),
        conflicts=_conflicts(row, source, near, history, later_records.passed),
        last_editor=row.editor,
        history=history,
        documents=documents,
        postings=tuple([posting.fact() for posting in postings]),
        releases=frozenset([(r.route, r.rule) for r in released if not _is_edit(r)]),
        edits_released=frozenset([(r.route, r.seq) for r in released if _is_edit(r)]),
        documents_of_family=dict(near.family.get(row.family, {})),
        held_of_family=decisions_of_others(near.decided.get(row.family, {}), row.id),
        days_of_family=dict(near.days.get(row.family, {})),
        taken_back=dict(near.back.get(row.family, {})),
        dated=near.dated.get(row.id, {}),
        e_invoice_issuer=sale.issuer,
        barred=sale.barred,
        links=joined_records(row.id, subject, near, judge),
        target_edited=_target_edits(postings),
        stored_otherwise=_stored_otherwise(postings),
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
        rejected={r.route: r.reason for r in releases if r.kind == "reject"},
        alike=frozenset(near.alike.get(row.id, ())),
        passed=later_records.passed,
        stopped=later_records.stopped,
        ended=near.ended.get(row.family, {}),
    )


def _target_edits(postings: Sequence[PostingRow]) -> tuple[TargetEdit, ...]:
    """Return the changes made in the target to the posted documents."""
    return tuple(
        edit
        for posting in postings
        if posting.state == PostingState.POSTED
        for edit in breaker.edits(posting.route, posting.seq, posting.reading)
    )


def _stored_otherwise(postings: Sequence[PostingRow]) -> tuple[TargetEdit, ...]:
    """Return the values that the target stored differently from what was sent, for the posted
    documents.
    """
    return tuple(
        edit
        for posting in postings
        if posting.state == PostingState.POSTED
        for edit in breaker.stored_otherwise(posting.route, posting.seq, posting.reading)
    )


def _alone(
    row: Any,
    source: Any,
    claimed: Claimed,
    subject: Subject,
    near: Around,
    judge: world.Judge,
    *,
    sale: SaleFacts,
) -> Case:
    """Build the case of a record without surrounding data, as most new records are."""
    conflicts = _conflicts(row, source, near, {}, frozenset())
    links = joined_records(row.id, subject, near, judge)
    if conflicts or links or row.editor is not None or sale != OURS:
        facts = Facts(
            row.seen_at,
            last_editor=row.editor,
            conflicts=conflicts,
            links=links,
            e_invoice_issuer=sale.issuer,
            barred=sale.barred,
        )
    else:
        facts = facts_of_new_record(row.seen_at)
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


def _conflicts(
    row: Any, source: Any, near: Around, history: History, passed: frozenset[int]
) -> tuple[Conflict, ...]:
    """Return the conflicts of a record: its number changed, another record has its number, or it
    belongs to another company. A duplicate rule that already reports the number takes precedence.
    """
    body = row.body or {}
    conflicts = list(target_ways.company_conflicts(body, source.settings, source.company))
    number = body.get("number")
    if number is not None and str(number) != row.number:
        conflicts.append(Conflict("number", str(number), (row.number,)))
    twin_ids = near.twins.get(row.id, {})
    twins = [twin for other, twin in twin_ids.items() if other not in passed]
    if twins and not any(TWIN in other for others in history.values() for other in others):
        conflicts.append(Conflict("id", f"{row.number} ({row.external_id})", tuple(twins)))
    return tuple(conflicts)


def _later_ones(record_id: int, postings: Sequence[PostingRow], near: Around) -> SimilarRecords:
    """Split later similar records into those the record does not wait for and those that stop it.

    A later record stops it only if it came after it was made ready. Once it was sent, the others
    wait.
    """
    later = near.later.get(record_id, frozenset())
    if not later or any(posting.state not in UNSENT_STATES for posting in postings):
        return SimilarRecords(passed=later)
    let_go = any(posting.state in LET_GO for posting in postings)
    before = near.known.get(record_id, SimilarRecords(passed=later))
    stopped = later - before.passed if let_go else later & before.stopped
    return SimilarRecords(passed=later - stopped, stopped=stopped)


def _shared(
    row: Any, subject: Subject, near: Around, judge: world.Judge, late: frozenset[int]
) -> tuple[History, tuple[TargetDocument, ...]]:
    """Return records with an equal reference and documents with an equal number.

    A record of this source with this very number appears once, with both ids. Another record counts
    if it came first, or has a document in flight or posted. So of two equal records the first is
    posted and the second held. A record that came after this one was made ready (`late`) counts
    too.
    """
    linked, twins = near.linked.get(row.id), near.twins.get(row.id, {})
    if not linked:
        return {}, ()
    history: dict[str, tuple[str, ...]] = {}
    documents: list[TargetDocument] = []
    for name, value in judge.link_keys(dict(subject.body), subject.kind):
        others = [
            other for other in linked.get((name, value), ()) if _counts(other, row.id, near, late)
        ]
        if name.startswith(DOCUMENT):
            route = name.removeprefix(DOCUMENT)
            other_records = (other for other in others if other.record_id not in twins)
            documents += [_document(other, route, value, near) for other in other_records]
        elif others:
            own_id = row.external_id
            history[name] = tuple(
                f"{other.number}{TWIN}{other.external_id}, this one {own_id})"
                if other.record_id in twins
                else other.number
                for other in others
            )
    return history, tuple(documents)


def _counts(other: SimilarRecord, record_id: int, near: Around, late: frozenset[int]) -> bool:
    if other.record_id < record_id or other.record_id in late:
        return True
    return any(posting.state in LIVE_STATES for posting in near.others[other.record_id])


def _document(other: SimilarRecord, route: str, number: str, near: Around) -> TargetDocument:
    fields: Mapping[str, str] = {}
    for posting in near.others[other.record_id]:
        content = posting.standing or posting.content
        if posting.route == route and posting.number == number and content:
            fields = content["fields"]
    return TargetDocument(route, number, fields, other.number)


def _still_counts(release: Release, postings: Sequence[PostingRow], back: datetime | None) -> bool:
    """Check whether a person's release still applies.

    A release of a change in the target covers one document, as it was read then. A release of a
    change after posting covers only what was posted then. A release of a taken-back document ends
    when another one is taken back.
    """
    route_postings = [row for row in postings if row.route == release.route]
    if _is_edit(release):
        moments = [row.reading_at for row in route_postings if row.seq == release.seq]
    elif release.code == TAKEN_BACK:
        moments = [back]
    else:
        moments = [row.standing_at for row in route_postings if release.code == ACCEPTED]
    later = any(moment > release.at for moment in moments if moment)
    return release.kind == "release" and not later


def _is_edit(release: Release) -> bool:
    return release.rule == TARGET_EDITED


def load_around(
    session: Session,
    company_id: int,
    ids: Sequence[int],
    families: Mapping[int, int],
    changed: Sequence[int],
) -> Around:
    """Load the data that surrounds these records and their families, one query a kind.

    `families`: record id -> family. `changed`: records with more than one version.
    """
    linked = _linked(session, company_id, ids)
    joined = _bodies(session, linked)
    other_ids = {
        o.record_id
        for records_by_key in linked.values()
        for os in records_by_key.values()
        for o in os
    }
    family_rows = changes.postings_of_families(session, company_id, set(families.values()))
    record_ids = set(ids)
    postings = _by_record(row for row in family_rows if row.record_id in record_ids)
    family, days = changes.posted_numbers(family_rows)
    twins, later = alike_of.find_twins(session, company_id, ids)
    similar_by_record = {record_id: set(twin_ids) for record_id, twin_ids in twins.items()}
    for record_id, records_by_key in linked.items():
        comparable_ids = {
            o.record_id for key, os in records_by_key.items() if _compared(key) for o in os
        }
        similar_by_record.setdefault(record_id, set()).update(comparable_ids)
        later[record_id].update(other for other in comparable_ids if other > record_id)
    releases = _by_record(session.scalars(_RELEASES, {"ids": list(ids)}))
    dated = _dated(session, ids)
    # Acts that can be undone concern one of these three; a new kind of act must be added here.
    acted_on = {*postings, *releases, *dated}
    return Around(
        postings=postings,
        holds=_by_record(_holds(session, ids)),
        approvals=_approvals(session, family_rows),
        releases=releases,
        dated=dated,
        undo_until=operations.until(session, acted_on) if acted_on else {},
        linked=linked,
        bodies={key: body for key, (body, _) in joined.items()},
        arrived={key: at for key, (_, at) in joined.items()},
        others=_by_record(changes.postings_of_records(session, other_ids) if other_ids else ()),
        family=family,
        decided=changes.decided_of_families(session, family_rows, families),
        days=days,
        ended=changes.ended_postings(family_rows),
        back=changes.taken_back_numbers(family_rows),
        back_at=changes.taken_back_at(session, releases, families),
        alike=similar_by_record,
        twins=twins,
        later={record_id: frozenset(later_ids) for record_id, later_ids in later.items()},
        known=alike_of.load_similar_records(
            session, [record_id for record_id, later_ids in later.items() if later_ids]
        ),
        first=_first(session, changed) if changed else {},
    )


def _linked(
    session: Session, company_id: int, ids: Sequence[int]
) -> dict[int, dict[tuple[str, str], list[SimilarRecord]]]:
    """Return for each record: (name, value) -> other records with that key.

    Records that came to nothing are left out, except for links: a parcel that posts nothing is a
    fact.
    """
    rows = session.execute(_LINKED, {"company": company_id, "ids": list(ids)})
    linked: dict[int, dict[tuple[str, str], list[SimilarRecord]]] = defaultdict(
        lambda: defaultdict(list)
    )
    other_of = _OTHER.reader(rows)
    for row in rows:
        linked[row.of_id][row.name, row.value].append(other_of(row))
    return linked


def _bodies(
    session: Session, linked: Mapping[int, Mapping[tuple[str, str], Sequence[SimilarRecord]]]
) -> dict[int, tuple[Mapping[str, Any], datetime]]:
    """Return the newest content of linked records, and when it arrived."""
    ids = {
        other.record_id
        for records_by_key in linked.values()
        for key, others in records_by_key.items()
        if not _compared(key)
        for other in others
    }
    rows = session.execute(_BODIES, {"ids": sorted(ids)}) if ids else ()
    return {row.id: (row.body or {}, row.at) for row in rows}


def _compared(key: tuple[str, str]) -> bool:
    """Check whether duplicate rules compare this key, rather than a link."""
    return not key[0].startswith(LinkKey.OF_LINKS)


def _by_record(rows: Iterable[Any]) -> dict[int, list[Any]]:
    rows_by_record: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        rows_by_record[row.record_id].append(row)
    return rows_by_record


def _dated(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Dated]]:
    """Return the document dates that people set, by record and route."""
    rows = session.execute(_DATED, {"ids": list(ids)})
    dates: dict[int, dict[str, Dated]] = defaultdict(dict)
    for row in rows:
        dates[row.record_id][row.route] = Dated(row.instead_of, row.day, row.by)
    return dates


def _holds(session: Session, ids: Sequence[int]) -> list[HoldRow]:
    return list(_HOLD.each(session.execute(_HOLDS, {"ids": list(ids)})))


def _approvals(
    session: Session, postings: Sequence[PostingRow]
) -> dict[int, list[StandingApproval]]:
    record_of = {row.id: row.record_id for row in postings}
    approvals: dict[int, list[StandingApproval]] = defaultdict(list)
    for approval in consent.standing(session, list(record_of)) if record_of else ():
        approvals[record_of[approval.posting_id]].append(approval)
    return approvals


def _first(session: Session, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    return {row.record_id: row.body for row in session.execute(_FIRST, {"ids": list(ids)})}


def decided_releases(
    record_id: int, kind: str, content: str, near: Around, judge: Judge
) -> list[Release]:
    """Return the releases and rejections that people gave for this content.

    A decision that depends on linked records ends when one linked record changes. So does the
    rejection of a part, because more of the order may be delivered later.
    """
    releases = [
        release for release in near.releases[record_id] if release.content_sha256 == content
    ]
    linked_at = near.linked_at(record_id) if releases else None
    if linked_at is None:
        return releases
    link_rules = judge.asked_of_links(kind)
    parts = {route.name for route in judge.routes if route.in_parts}

    def stands(release: Release) -> bool:
        return (
            release.route not in parts
            if release.kind == "reject"
            else release.rule not in link_rules
        )

    return [release for release in releases if release.at >= linked_at or stands(release)]


def joined_records(
    record_id: int, subject: Subject, near: Around, judge: Judge
) -> dict[str, tuple[Mapping[str, object], ...]]:
    """Return link name -> the records that it joins to this one, in arrival order."""
    keys = judge.family_keys(dict(subject.body), subject.kind)
    if not keys:
        return {}
    linked = near.linked.get(record_id, {})
    records_by_link: dict[str, dict[int, Mapping[str, object]]] = defaultdict(dict)
    for name, value, record_type in keys:
        if record_type:
            others = (other for other in linked.get((name, value), ()) if other.type == record_type)
            records_by_link[name.rpartition(".")[2]] |= {
                other.record_id: near.bodies.get(other.record_id, {}) for other in others
            }
    return {name: tuple(joined.values()) for name, joined in records_by_link.items()}
