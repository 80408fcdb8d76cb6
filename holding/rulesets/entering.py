"""Rule files enter into force: revision first, then version, teams, entries, and the wake.

Here: what a publishing and a rolling back have in common. Not here: who may do either
(`publication.py`, `holding/rule_changes`), which rows a ruleset brings (`mappings/seeding.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.version import __version__
from holding.access.actors import Actor
from holding.access.people import FALLBACK_TEAM, ensure_team
from holding.db.models import Company, RuleFile, RulesetVersion
from holding.mappings.fixes import seed
from holding.platform.changes import next_revision, wake_all_unsent
from holding.rulesets import recorded_backtests
from holding.rulesets.published import Published
from holding.rulesets.recorded_backtests import Decided
from rules.facts.seeds import Seeds
from rules.values.canonical import sha256_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Entering:
    """Files that may come into force: `what` and `reason` stand beside the revision, `author_id`
    wrote them, `edition` is that of the language which they are read in.
    """

    company_id: int
    what: str
    reason: str
    files: Mapping[str, str]
    ruleset: Ruleset
    rows: Seeds
    hash: str
    edition: int
    change_id: int | None
    author_id: int | None


def enter(session: Session, given: Entering, actor: Actor, now: datetime) -> Published:
    """A new version in force, its teams and entries, and everything unsent woken.

    The order matters: the company's next revision is taken first, so that a judging under way
    notices that the world it looked at is gone.
    """
    company_id, person_id = given.company_id, actor.person_id
    revision = next_revision(
        session,
        company_id,
        kind="rules",
        what=given.what,
        person_id=person_id,
        reason=given.reason,
        now=now,
    )
    backtest = recorded_backtests.deciding(session, company_id, given.hash)
    version = _store_version(session, given, backtest, actor=actor, revision=revision, now=now)
    teams = _make_teams(session, company_id, given.ruleset)
    seeded = seed(
        session,
        company_id,
        given.ruleset,
        given.rows,
        revision=revision,
        person_id=person_id,
        now=now,
    )
    return Published(
        version_id=version.id,
        no=version.no,
        hash=version.hash,
        revision=revision,
        edition=version.edition,
        seeded=seeded,
        teams=teams,
        woken=wake_all_unsent(session, company_id, now),
        backtest=backtest,
    )


def _store_version(
    session: Session,
    given: Entering,
    backtest: Decided | None,
    *,
    actor: Actor,
    revision: int,
    now: datetime,
) -> RulesetVersion:
    company = session.get_one(Company, given.company_id, populate_existing=True)
    last = select(func.coalesce(func.max(RulesetVersion.no), 0)).where(
        RulesetVersion.company_id == company.id
    )
    version = RulesetVersion(
        company_id=company.id,
        no=session.scalars(last).one() + 1,
        hash=given.hash,
        revision=revision,
        change_id=given.change_id,
        author_id=given.author_id,
        published_by_id=actor.person_id,
        published_at=now,
        engine=__version__,
        edition=given.edition,
        backtest_id=backtest.id if backtest else None,
        backtest_sha256=backtest.sha256 if backtest else None,
    )
    session.add(version)
    session.flush()
    session.add_all(
        RuleFile(ruleset_version_id=version.id, path=path, sha256=sha256_hex(text), body=text)
        for path, text in given.files.items()
    )
    company.ruleset_version_id = version.id
    company.rules_revision = revision
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
