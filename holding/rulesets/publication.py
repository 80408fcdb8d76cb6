"""Rule files on their way into force: pushed as a change by one person, published by another.

Here: push (examine, store) and publish (revision first, then version, teams, entries, wake). Not
here: what a rule means (rules), which rows a ruleset brings (`mappings/seeding.py`), how entries
change afterwards (`mappings/fixes.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.text.editions import NEWEST
from grammar.version import __version__
from holding.access.actors import Actor, may
from holding.access.people import who_may
from holding.access.teams import FALLBACK_TEAM, ensure_team
from holding.audit.events import record_event
from holding.lifecycle.changes import locked_company, next_revision, wake_all_unsent
from holding.mappings.seeding import seed
from holding.refusal import Refusal
from holding.rulesets import declared_rounding, recorded_backtests
from holding.rulesets.admission import RulesRefusal, examine, rule_sources
from holding.rulesets.check_report import Report, fingerprint
from holding.rulesets.published import Published, tell_published
from holding.rulesets.recorded_backtests import Decided
from holding.tables import Change, ChangeFile, Company, RuleFile, RulesetVersion
from holding.tables.row_states import ChangeState
from holding.words import plural
from rules.programs.program import hash_of
from rules.values.canonical import sha256_hex

__all__ = [
    "RulesRefusal",
    "files_of",
    "publish",
    "push",
    "rule_sources",
]

OPEN_STATES: Final = (ChangeState.DRAFT, ChangeState.REVIEW)


def push(
    session: Session,
    company_id: int,
    actor: Actor,
    files: Mapping[str, str],
    title: str,
    now: datetime,
    checked: Report | None = None,
) -> int | Refusal:
    """Store rule files (and their CSV files) as a change; nothing is in force yet.

    The files are examined here unless the report of these very files is given. The number of the
    change.
    """
    refusal = may(actor, "rules.draft")
    if refusal:
        return refusal
    refusal = _not_good(session, company_id, files, checked)
    if refusal:
        return refusal
    company = locked_company(session, company_id)
    digest = hash_of(files)
    last = select(func.coalesce(func.max(Change.no), 0)).where(Change.company_id == company_id)
    change = Change(
        company_id=company_id,
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
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.pushed",
        body={
            "say": f"{actor.name} pushed change {change.no}, “{change.title}”"
            f" ({plural(len(files), 'file')}, hash {digest[:12]}).",
            "change": change.no,
            "hash": digest,
        },
    )
    return change.no


def _not_good(
    session: Session, company_id: int, files: Mapping[str, str], checked: Report | None
) -> Refusal | None:
    """Why these files are not stored; publishing looks at the connections again."""
    if checked is not None and checked.hash == fingerprint(files):
        return checked.refusal()
    examined = examine(files)
    if isinstance(examined, Refusal):
        return examined
    return declared_rounding.refused_rules(session, company_id, examined[0].targets)


def publish(session: Session, change_no: int, actor: Actor, now: datetime) -> Published | Refusal:
    """Put a change into force: a new version, its teams and entries, and everything unsent woken.

    The order matters: the company's next revision is taken first, so that a judging under way
    notices that the world it looked at is gone.
    """
    company_id = actor.company_id
    refusal = may(actor, "rules.publish")
    if refusal or company_id is None:
        return refusal or Refusal(code="company.none", message="No company is chosen.", status=404)
    change = session.scalar(
        select(Change).where(Change.company_id == company_id, Change.no == change_no)
    )
    refusal = _publishable(session, company_id, change, change_no, actor)
    if refusal or change is None:
        return refusal or _unknown(change_no)
    files = _files(session, change)
    examined = examine(files)
    if isinstance(examined, Refusal):
        return examined
    ruleset, rows = examined
    if refusal := declared_rounding.refused_rules(session, company_id, ruleset.targets):
        return refusal
    revision = next_revision(
        session,
        company_id,
        kind="rules",
        what=f"change {change.no}: {change.title}",
        person_id=actor.person_id,
        reason=change.title,
        now=now,
    )
    backtest = recorded_backtests.deciding(session, company_id, change.hash)
    version = _store_version(
        session, change, files, backtest, actor=actor, revision=revision, now=now
    )
    teams = _make_teams(session, company_id, ruleset)
    seeded = seed(
        session, company_id, ruleset, rows, revision=revision, person_id=actor.person_id, now=now
    )
    woken = wake_all_unsent(session, company_id, now)
    published = Published(
        version_id=version.id,
        no=version.no,
        hash=version.hash,
        revision=revision,
        seeded=seeded,
        teams=teams,
        woken=woken,
        backtest=backtest,
    )
    tell_published(session, change, published, actor=actor, now=now)
    return published


def files_of(session: Session, ruleset_version_id: int) -> dict[str, str]:
    """All files of a published version, CSV files included."""
    rows = session.scalars(
        select(RuleFile)
        .where(RuleFile.ruleset_version_id == ruleset_version_id)
        .order_by(RuleFile.path)
    )
    return {row.path: row.body for row in rows}


def _publishable(
    session: Session, company_id: int, change: Change | None, change_no: int, actor: Actor
) -> Refusal | None:
    if change is None:
        return _unknown(change_no)
    if change.state not in OPEN_STATES:
        return Refusal(
            code="change.closed", message=f"Change {change.no} is {change.state} already."
        )
    authors = _authors(session, change)
    if actor.person_id in authors:
        others = who_may(session, company_id, "rules.publish", but=authors)
        return Refusal(
            code="rules.own",
            message=f"{actor.name} wrote change {change.no} and cannot publish it.",
            hint=f"{' or '.join(others)} can publish it."
            if others
            else "A second person with the role publisher is needed.",
            status=403,
        )
    if change.base_id != locked_company(session, company_id).ruleset_version_id:
        return Refusal(
            code="change.behind",
            message=f"Other rules were published since change {change.no} was pushed.",
            hint="Push the files again, so that they are checked against what is in force now.",
        )
    return None


def _unknown(change_no: int) -> Refusal:
    return Refusal(code="change.unknown", message=f"There is no change {change_no}.", status=404)


def _authors(session: Session, change: Change) -> set[int]:
    wrote = session.scalars(select(ChangeFile.person_id).where(ChangeFile.change_id == change.id))
    return {person for person in (change.author_id, *wrote) if person is not None}


def _files(session: Session, change: Change) -> dict[str, str]:
    rows = session.scalars(
        select(ChangeFile).where(ChangeFile.change_id == change.id).order_by(ChangeFile.path)
    )
    return {row.path: row.body for row in rows if row.body is not None}


def _store_version(
    session: Session,
    change: Change,
    files: Mapping[str, str],
    backtest: Decided | None,
    *,
    actor: Actor,
    revision: int,
    now: datetime,
) -> RulesetVersion:
    company = session.get_one(Company, change.company_id, populate_existing=True)
    last = select(func.coalesce(func.max(RulesetVersion.no), 0)).where(
        RulesetVersion.company_id == company.id
    )
    version = RulesetVersion(
        company_id=company.id,
        no=session.scalars(last).one() + 1,
        hash=change.hash,
        revision=revision,
        change_id=change.id,
        author_id=change.author_id,
        published_by_id=actor.person_id,
        published_at=now,
        engine=__version__,
        edition=NEWEST,
        backtest_id=backtest.id if backtest else None,
        backtest_sha256=backtest.sha256 if backtest else None,
    )
    session.add(version)
    session.flush()
    session.add_all(
        RuleFile(ruleset_version_id=version.id, path=path, sha256=sha256_hex(text), body=text)
        for path, text in files.items()
    )
    company.ruleset_version_id = version.id
    company.rules_revision = revision
    change.state = ChangeState.PUBLISHED
    session.flush()
    return version


def _make_teams(session: Session, company_id: int, ruleset: Ruleset) -> tuple[str, ...]:
    """One team a role of the files, under the role's name; the title is what pages show.

    The first role answers for teams without people, unless the company named another.
    """
    for role in ruleset.roles:
        ensure_team(session, company_id, role.name).title = role.title
    company = session.get_one(Company, company_id)
    if ruleset.roles and FALLBACK_TEAM not in company.settings:
        company.settings = {**company.settings, FALLBACK_TEAM: ruleset.roles[0].name}
    session.flush()
    return tuple(role.name for role in ruleset.roles)
