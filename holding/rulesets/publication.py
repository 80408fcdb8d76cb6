"""Submit rule files as a change, and publish the change by a second person."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from grammar.parsing.parser import parse
from holding.access.actors import Actor, may
from holding.access.people import names_of, who_may
from holding.db.kept_plans import KEPT
from holding.db.models import Change, ChangeFile, Company, RuleFile
from holding.db.models.columns import ChangeState
from holding.db.refusal import Refusal, plural
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.rulesets import admission, recorded_backtests
from holding.rulesets.admission import Report, examine, fingerprint, rule_sources
from holding.rulesets.recorded_backtests import Entering, Published, tell_published
from rules.editing.daily_hours import change_hours, daily_routes
from rules.program import hash_files
from rules.values.canonical import sha256_hex

OPEN_STATES: Final = (ChangeState.DRAFT, ChangeState.REVIEW)

_OVERTAKEN: Final = Refusal(
    code="rules.overtaken",
    message="Other rules were published a moment ago; nothing was submitted.",
    hint="Look at the rules in force now, and submit it again if it is still wanted.",
)

_FILES = "ruleset_files"

SAME = Refusal(
    "hours.same",
    "You cannot submit these hours, because the rules say the same already.",
    "Enter another hour.",
    422,
)


def push_change(
    session: Session,
    company_id: int,
    actor: Actor,
    files: Mapping[str, str],
    title: str,
    now: datetime,
    checked: Report | None = None,
    based_on: int | None = None,
) -> int | Refusal:
    """Store rule files with their CSV files as an unpublished change, and return its number.

    The files are checked unless `checked` is their report. `based_on` is the version they were made
    from; if it is not current, they are refused, because they would revert newer rules.
    """
    refusal = may(actor, "rules.draft")
    if refusal:
        return refusal
    refusal = _not_good(session, company_id, files, checked)
    if refusal:
        return refusal
    company = lock_company(session, company_id)
    if based_on is not None and company.ruleset_version_id != based_on:
        return _OVERTAKEN
    change = _add_change(session, company, actor, files, title, now)
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.pushed",
        body={
            "say": f"{actor.name} pushed change {change.no}, “{change.title}”"
            f" ({plural(len(files), 'file')}, hash {change.hash[:12]}).",
            "change": change.no,
            "hash": change.hash,
        },
    )
    return change.no


def _add_change(
    session: Session,
    company: Company,
    actor: Actor,
    files: Mapping[str, str],
    title: str,
    now: datetime,
) -> Change:
    """Store a change with its files, and return it."""
    digest = hash_files(files)
    last = select(func.coalesce(func.max(Change.no), 0)).where(Change.company_id == company.id)
    change = Change(
        company_id=company.id,
        no=session.scalars(last).one() + 1,
        title=title.strip() or "Rules",
        state=ChangeState.REVIEW,
        base_id=company.ruleset_version_id,
        hash=digest,
        author_id=actor.person_id,
        checked_hash=digest,
        made_at=now,
    )
    session.add(change)
    session.flush()
    session.add_all(
        ChangeFile(
            change_id=change.id,
            path=path,
            sha256=sha256_hex(text),
            body=text,
            person_id=actor.person_id,
        )
        for path, text in sorted(files.items())
    )
    session.flush()
    return change


def _not_good(
    session: Session, company_id: int, files: Mapping[str, str], checked: Report | None
) -> Refusal | None:
    """Return why these files are not stored; a publication checks the connections again."""
    if checked is not None and checked.hash == fingerprint(files):
        return checked.refusal()
    examined = examine(files)
    if isinstance(examined, Refusal):
        return examined
    return admission.refused_rules(session, company_id, examined[0])


def publish_change(
    session: Session, change_no: int, actor: Actor, now: datetime, reason: str = ""
) -> Published | Refusal:
    """Publish a change by a second person; `reason` is logged in the audit trail."""
    change = lock_publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    company_id = change.company_id
    files = files_of_change(session, change.id)
    examined = examine(files)
    if isinstance(examined, Refusal):
        return examined
    ruleset, rows = examined
    if refusal := admission.refused_rules(session, company_id, ruleset):
        return refusal
    published = recorded_backtests.publish_version(
        session,
        Entering(
            company_id=company_id,
            what=f"change {change.no}: {change.title}",
            reason=reason or change.title,
            files=files,
            ruleset=ruleset,
            rows=rows,
            hash=change.hash,
            change_id=change.id,
            author_id=change.author_id,
        ),
        actor,
        now,
    )
    change.state = ChangeState.PUBLISHED
    session.flush()
    tell_published(session, change, published, actor=actor, now=now, reason=reason)
    return published


def files_of(session: Session, ruleset_version_id: int) -> dict[str, str]:
    """Return all files of a published version, cached in the session because they never change."""
    files_by_version: dict[int, dict[str, str]] = session.info.setdefault(_FILES, {})
    if ruleset_version_id not in files_by_version:
        rows = session.execute(
            select(RuleFile.path, RuleFile.body)
            .where(RuleFile.ruleset_version_id == ruleset_version_id)
            .order_by(RuleFile.path),
            execution_options=KEPT,
        )
        files_by_version[ruleset_version_id] = {row.path: row.body for row in rows}
    return {**files_by_version[ruleset_version_id]}


def lock_publishable(session: Session, change_no: int, actor: Actor) -> Change | Refusal:
    """Lock and return the change with its company, if the user may publish it now."""
    company_id = actor.company_id
    refusal = may(actor, "rules.publish")
    if refusal or company_id is None:
        return refusal or Refusal(code="company.none", message="No company is chosen.", status=404)
    company = lock_company(session, company_id)  # before the change: as it stands under the lock
    change = session.scalar(
        select(Change)
        .where(Change.company_id == company_id, Change.no == change_no)
        .execution_options(populate_existing=True)
    )
    if change is None:
        return unknown_change(change_no)
    return _not_publishable(session, company, change, actor) or change


def _not_publishable(
    session: Session, company: Company, change: Change, actor: Actor
) -> Refusal | None:
    if change.state not in OPEN_STATES:
        return Refusal(
            code="change.closed",
            message=f"Change {change.no} was returned to its author and is closed."
            if change.state == ChangeState.CLOSED
            else f"Change {change.no} is published already.",
            status=409,
        )
    authors = _authors(session, change)
    if actor.person_id in authors:
        others = who_may(session, company.id, "rules.publish", but=authors)
        return Refusal(
            code="rules.own",
            message=f"{actor.name} wrote change {change.no} and cannot publish it.",
            hint=f"{' or '.join(others)} can publish it."
            if others
            else "A second person with the role publisher is needed.",
            status=403,
        )
    if change.base_id != company.ruleset_version_id:
        return Refusal(
            code="change.behind",
            message=f"You cannot publish change {change.no}, because other rules were published "
            "after it was submitted.",
            hint="Its author can continue with its files on the page of the change: they begin "
            "again from the rules in force.",
        )
    return None


def _authors(session: Session, change: Change) -> set[int]:
    wrote = session.scalars(select(ChangeFile.person_id).where(ChangeFile.change_id == change.id))
    return {person for person in (change.author_id, *wrote) if person is not None}


def unknown_change(change_no: int) -> Refusal:
    """Return the refusal for a change that the company does not have."""
    return Refusal(code="change.unknown", message=f"There is no change {change_no}.", status=404)


def files_of_change(session: Session, change_id: int) -> dict[str, str]:
    """Return the files of a change by path, without those it deletes."""
    rows = session.scalars(
        select(ChangeFile).where(ChangeFile.change_id == change_id).order_by(ChangeFile.path)
    )
    return {row.path: row.body for row in rows if row.body is not None}


@dataclass(frozen=True, slots=True)
class Draft:
    """Rule files with other run times; `title` names the target, its documents and their times."""

    title: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """An unpublished change of run times, with its author and the possible publishers."""

    no: int
    title: str
    author: str
    publishers: tuple[str, ...]


def draft_hours(
    session: Session, company_id: int, target: str, connector: str, hours: Mapping[str, time]
) -> Draft | Refusal:
    """Return the current rules with these run times (document type -> time) for a target.

    Refused if nothing changes, or if a waiting change is equal.
    """
    version = session.get_one(Company, company_id).ruleset_version_id
    files = files_of(session, version) if version is not None else {}
    ruleset, _ = parse(rule_sources(files))
    new_hours = {}
    for route, at in daily_routes(ruleset).items():
        word, _, doc_type = route.partition(".")
        if word in (target, connector) and hours.get(doc_type, at) != at:
            new_hours[route] = hours[doc_type]
    if not new_hours:
        return SAME
    changed = change_hours(ruleset, files, new_hours)
    digest = hash_files(changed)
    if (
        waiting_change := session.scalar(_open(company_id, version).where(Change.hash == digest))
    ) is not None:
        return Refusal(
            "hours.waiting",
            f"You cannot submit these hours again, because change {waiting_change.no} has them"
            " already.",
            f"Publish change {waiting_change.no}.",
        )
    route_texts = (f"{_plain(route)} at {at:%H:%M}" for route, at in sorted(new_hours.items()))
    return Draft(f"{_prefix(target)}{', '.join(route_texts)}", changed)


def _open(company_id: int, version: int | None) -> Select[Change]:
    return select(Change).where(
        Change.company_id == company_id, Change.state.in_(OPEN_STATES), Change.base_id == version
    )


def _plain(route: str) -> str:
    return route.partition(".")[2].replace("_", " ")


def _prefix(target: str) -> str:
    return f"Daily runs of {target}: "


def waiting_hours(session: Session, company_id: int, target: str) -> tuple[WaitingChange, ...]:
    """Return a target's unpublished changes of run times, oldest first."""
    version = session.get_one(Company, company_id).ruleset_version_id
    of_target = Change.title.startswith(_prefix(target), autoescape=True)
    changes = session.scalars(_open(company_id, version).where(of_target).order_by(Change.no)).all()
    names = names_of(session, [change.author_id for change in changes])
    return tuple(
        WaitingChange(
            change.no,
            change.title,
            names.get(change.author_id or 0, ""),
            who_may(session, company_id, "rules.publish", but={change.author_id or 0}),
        )
        for change in changes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChange:
    """A change with its files.

    `authors` are the writers' ids, `publishers` the names of possible publishers. `current`: it was
    made for the current version, `base_id`. `starts_at` is the time that `starter` set.
    """

    no: int
    title: str
    state: ChangeState
    author: str
    made_at: datetime
    hash: str
    authors: Set[int]
    publishers: tuple[str, ...]
    current: bool
    base_id: int | None
    files: Mapping[str, str]
    change_id: int
    starts_at: datetime | None
    starter: str
    starts_reason: str

    @property
    def is_published(self) -> bool:
        """Whether it was published."""
        return self.state == ChangeState.PUBLISHED

    @property
    def is_returned(self) -> bool:
        """Whether it was returned to its author."""
        return self.state == ChangeState.CLOSED

    @property
    def waits(self) -> bool:
        """Whether it can still be published."""
        return self.current and self.state in OPEN_STATES


def load_change(session: Session, company_id: int, no: int) -> ReadChange | None:
    """Return the company's change with this number, or None."""
    query = select(Change).where(Change.company_id == company_id, Change.no == no)
    row = session.scalar(query)
    if row is None:
        return None
    files = session.scalars(
        select(ChangeFile).where(ChangeFile.change_id == row.id).order_by(ChangeFile.path)
    ).all()
    writer_ids = (row.author_id, *(file.person_id for file in files))
    authors = {person for person in writer_ids if person is not None}
    names = names_of(session, [row.author_id, row.starts_by_id])
    return ReadChange(
        no=row.no,
        title=row.title,
        state=row.state,
        author=names.get(row.author_id or 0, "the command line"),
        made_at=row.made_at,
        hash=row.hash,
        authors=authors,
        publishers=who_may(session, company_id, "rules.publish", but=authors),
        current=session.get_one(Company, company_id).ruleset_version_id == row.base_id,
        base_id=row.base_id,
        files={file.path: file.body for file in files if file.body is not None},
        change_id=row.id,
        starts_at=row.starts_at,
        starter=names.get(row.starts_by_id or 0, ""),
        starts_reason=row.starts_reason,
    )
