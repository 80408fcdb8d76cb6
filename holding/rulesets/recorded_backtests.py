"""Publish rule sets, and record backtests of the current rules for the rule book."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.version import __version__
from holding.access.actors import Actor, may
from holding.access.people import FALLBACK_TEAM, ensure_team, names_of
from holding.db.models import Backtest, Change, Company, Person, RuleFile, RulesetVersion
from holding.db.models.columns import moment_text
from holding.db.refusal import Refusal, plural
from holding.mappings.fixes import Seeded, seed
from holding.platform import row_seals
from holding.platform.changes import next_revision, wake_all_unsent
from holding.platform.events import record_event
from holding.platform.row_seals import Sealed
from rules.facts import Seeds
from rules.values.canonical import dumps, sha256_hex

_OLD_NO: Final = (
    select(RulesetVersion.no)
    .where(
        RulesetVersion.company_id == Backtest.company_id, RulesetVersion.hash == Backtest.old_hash
    )
    .order_by(RulesetVersion.no.desc())
    .limit(1)
    .correlate(Backtest)
    .scalar_subquery()
    .label("old_no")
)
"""The number of the version that a backtest compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The counts of a backtest of the rules `hash` against `old_hash`.

    `rules` has by rule name on how many records it fired, and of how many.
    """

    hash: str
    old_hash: str
    records: int
    differ: int
    bad: int
    rules: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LastBacktest:
    """The last backtest for the rule book; `rules` is empty if it used other rules."""

    at: datetime
    by: str | None
    said: str
    rules: Mapping[str, str]


def refuse_recording(actor: Actor) -> Refusal | None:
    """Refuse a user who may not record a backtest."""
    return may(actor, "rules.draft")


def record_backtest(
    session: Session, company_id: int, actor: Actor, counted: Counted, now: datetime
) -> Refusal | None:
    """Store the counts of a backtest."""
    refusal = refuse_recording(actor)
    if refusal:
        return refusal
    backtest = Backtest(
        company_id=company_id,
        person_id=actor.person_id,
        at=now,
        hash=counted.hash,
        old_hash=counted.old_hash,
        records=counted.records,
        differ=counted.differ,
        bad=counted.bad,
        rules={name: list(pair) for name, pair in counted.rules.items()},
    )
    session.add(backtest)
    session.flush()
    old_no = session.scalar(select(_OLD_NO).select_from(Backtest).where(Backtest.id == backtest.id))
    of = f"rules {counted.hash[:12]} against {_named(backtest, old_no)}"
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.backtested",
        body={
            "say": f"{actor.name} recorded a backtest of {of}: {_counts(backtest)}.",
            "backtest": backtest.id,
            "hash": backtest.hash,
            "old_hash": backtest.old_hash,
        },
    )
    return None


def _named(backtest: Backtest, old_no: int | None) -> str:
    """Return the compared version's number, otherwise its hash."""
    unnumbered = f"rules {backtest.old_hash[:12]}, which were never published"
    return f"rule version {old_no}" if old_no else unnumbered


def _counts(backtest: Backtest) -> str:
    differ = plural(backtest.differ, "differs", "differ")
    bad = f", {plural(backtest.bad, 'line')} could not be used" if backtest.bad else ""
    return f"{plural(backtest.records, 'record')}, {differ}{bad}"


def last_backtest(session: Session, company_id: int, in_force: str) -> LastBacktest | None:
    """Return the last backtest of the current rules, otherwise of any rules."""
    query = select(Backtest, Person.name, _OLD_NO).outerjoin(Person)
    query = query.where(Backtest.company_id == company_id)
    newest = query.order_by(Backtest.id.desc()).limit(1)
    row = session.execute(newest.where(Backtest.hash == in_force)).first()
    row = row or session.execute(newest).first()
    if row is None:
        return None
    backtest, by, old_no = row
    is_current = backtest.hash == in_force
    of = "these rules" if is_current else f"rules {backtest.hash[:12]}, which are not in force,"
    summary = f"of {of} against {_named(backtest, old_no)}: {_counts(backtest)}"
    fired = backtest.rules.items() if is_current else ()
    return LastBacktest(backtest.at, by, summary, {name: _fired(*pair) for name, pair in fired})


def _fired(times: int, of: int) -> str:
    return f"last backtest: it fired on {times:,} of {plural(of, 'record')}"


@dataclass(frozen=True, slots=True)
class Decided:
    """The backtest behind a publication, and the hash of its content."""

    id: int
    sha256: str
    at: datetime
    said: str


def deciding_backtest(session: Session, company_id: int, ruleset_hash: str) -> Decided | None:
    """Return the newest recorded backtest of exactly these rules, or None."""
    result = session.execute(
        select(Backtest, _OLD_NO)
        .where(Backtest.company_id == company_id, Backtest.hash == ruleset_hash)
        .order_by(Backtest.id.desc())
        .limit(1)
    )
    row = result.one_or_none()
    return None if row is None else _decided(row.Backtest, row.old_no)


def _decided(backtest: Backtest, old_no: int | None) -> Decided:
    columns = {
        name: getattr(backtest, name) for name in ("hash", "old_hash", "records", "differ", "bad")
    }
    sealed_text = dumps(
        {
            **columns,
            "rules": backtest.rules,
            "at": moment_text(backtest.at),
            "by": backtest.person_id,
        }
    )
    against = f"against {_named(backtest, old_no)}: {_counts(backtest)}"
    return Decided(backtest.id, sha256_hex(sealed_text), backtest.at, against)


def backtest_of_version(session: Session, company_id: int, version_id: int) -> Decided | None:
    """Return the backtest behind a version, with the hash stored at publication."""
    row = session.execute(
        select(Backtest, _OLD_NO, RulesetVersion.backtest_sha256)
        .join(RulesetVersion, RulesetVersion.backtest_id == Backtest.id)
        .where(RulesetVersion.id == version_id, RulesetVersion.company_id == company_id)
    ).one_or_none()
    if row is None:
        return None
    return replace(_decided(row.Backtest, row.old_no), sha256=row.backtest_sha256 or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entering:
    """Files to publish.

    `what` and `reason` describe the revision, `author_id` wrote the files.
    """

    company_id: int
    what: str
    reason: str
    files: Mapping[str, str]
    ruleset: Ruleset
    rows: Seeds
    hash: str
    change_id: int | None
    author_id: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """The result of a publication; `differences` are stored entries that the files have
    otherwise.
    """

    version_id: int
    no: int
    hash: str
    revision: int
    seeded: Seeded
    teams: tuple[str, ...]
    woken: int
    backtest: Decided | None = None

    @property
    def decided(self) -> str:
        """The backtest that the publication was decided with, as the end of a sentence."""
        if self.backtest is None:
            return "no backtest of these rules was recorded"
        return f"decided by the backtest {self.backtest.said} (hash {self.backtest.sha256[:12]})"


def publish_version(session: Session, entering: Entering, actor: Actor, now: datetime) -> Published:
    """Store a new current version with its teams and entries, and wake all unsent records.

    The revision is taken first, so that a running evaluation notices that its world is outdated.
    """
    company_id, person_id = entering.company_id, actor.person_id
    revision = next_revision(
        session,
        company_id,
        kind="rules",
        what=entering.what,
        person_id=person_id,
        reason=entering.reason,
        now=now,
    )
    backtest = deciding_backtest(session, company_id, entering.hash)
    version = _store_version(session, entering, backtest, actor=actor, revision=revision, now=now)
    teams = _make_teams(session, company_id, entering.ruleset)
    seeded = seed(
        session,
        company_id,
        entering.ruleset,
        entering.rows,
        revision=revision,
        person_id=person_id,
        now=now,
    )
    return Published(
        version_id=version.id,
        no=version.no,
        hash=version.hash,
        revision=revision,
        seeded=seeded,
        teams=teams,
        woken=wake_all_unsent(session, company_id, now),
        backtest=backtest,
    )


def _store_version(
    session: Session,
    entering: Entering,
    backtest: Decided | None,
    *,
    actor: Actor,
    revision: int,
    now: datetime,
) -> RulesetVersion:
    company = session.get_one(Company, entering.company_id, populate_existing=True)
    last = select(func.coalesce(func.max(RulesetVersion.no), 0)).where(
        RulesetVersion.company_id == company.id
    )
    version = RulesetVersion(
        company_id=company.id,
        no=session.scalars(last).one() + 1,
        hash=entering.hash,
        revision=revision,
        change_id=entering.change_id,
        author_id=entering.author_id,
        published_by_id=actor.person_id,
        published_at=now,
        engine=__version__,
        backtest_id=backtest.id if backtest else None,
        backtest_sha256=backtest.sha256 if backtest else None,
    )
    session.add(version)
    session.flush()
    session.add_all(
        RuleFile(ruleset_version_id=version.id, path=path, sha256=sha256_hex(text), body=text)
        for path, text in entering.files.items()
    )
    company.ruleset_version_id = version.id
    company.rules_revision = revision
    session.flush()
    return version


def _make_teams(session: Session, company_id: int, ruleset: Ruleset) -> tuple[str, ...]:
    """Create a team for each role, and set its title.

    The first role becomes the fallback team, unless the company has one.
    """
    for role in ruleset.roles:
        ensure_team(session, company_id, role.name).title = role.title
    company = session.get_one(Company, company_id)
    if ruleset.roles and FALLBACK_TEAM not in company.settings:
        company.settings = {**company.settings, FALLBACK_TEAM: ruleset.roles[0].name}
    session.flush()
    return tuple(role.name for role in ruleset.roles)


def sealed_rules(session: Session, company_id: int, published: Published) -> Sealed:
    """Return what the event of a publication seals: version, files and new entries."""
    keys = {
        row_seals.VERSION: [published.version_id],
        row_seals.RULES: [published.version_id],
        row_seals.ENTRY: [published.revision],
    }
    return row_seals.seals(session, company_id, keys)


def tell_published(
    session: Session,
    change: Change,
    published: Published,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Record the event of a publication with its reason."""
    author = names_of(session, [change.author_id]).get(change.author_id or 0, "the command line")
    differ, backtest = published.seeded.differences, published.backtest
    left_out = sum(bool(d.keeper) for d in differ)
    left_out_text = f" {left_out} left out that only their keepers add," if left_out else ""
    proof = {"backtest": backtest.id, "backtest_sha256": backtest.sha256} if backtest else {}
    record_event(
        session,
        company_id=change.company_id,
        at=now,
        actor=actor,
        act="rules.published",
        body={
            "say": f"{actor.name} published change {change.no} by {author} as rule version"
            f" {published.no} (hash {published.hash[:12]}):"
            f" {plural(published.seeded.added, 'entry', 'entries')} added,"
            f" {len(differ) - left_out} kept although the files differ,{left_out_text}"
            f" {plural(published.woken, 'record')} checked again;"
            f" {published.decided}.{f' Reason: {reason}' if reason else ''}",
            "change": change.no,
            "reason": reason,
            "version": published.no,
            "hash": published.hash,
            "revision": published.revision,
            "differences": [
                {"table": d.table, "key": d.key, "stored": d.stored, "declared": d.declared}
                for d in differ
            ],
            **proof,
            **sealed_rules(session, change.company_id, published),
        },
    )
