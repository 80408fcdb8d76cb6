"""Backtests that somebody had recorded: the last of the rules in force, for the rule book.

Here: record, last, and which one a publish is decided by. Not here: the judging and counting
(rules/comparison/backtest.py), the command.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Backtest, Person, RulesetVersion
from holding.db.models.columns import moment_text
from holding.db.refusal import Refusal, plural
from holding.db.together import Question, answer
from holding.platform.events import record_event
from rules.values.canonical import dumps, sha256_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a backtest counted: of rules with the hash `hash`, beside those with `old_hash`.

    `rules`: on how many records each rule fired, and of how many, by its name in the rule book.
    """

    hash: str
    old_hash: str
    records: int
    differ: int
    bad: int
    rules: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LastBacktest:
    """The last backtest as the rule book says it; `rules` is empty where it was of other rules."""

    at: datetime
    by: str | None
    said: str
    rules: Mapping[str, str]


def refused(actor: Actor) -> Refusal | None:
    """Why somebody may not have a backtest recorded."""
    return may(actor, "rules.draft")


def record(
    session: Session, company_id: int, actor: Actor, counted: Counted, now: datetime
) -> Refusal | None:
    """Keep what a backtest said."""
    refusal = refused(actor)
    if refusal:
        return refusal
    kept = Backtest(
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
    session.add(kept)
    session.flush()
    old_no = session.scalar(select(_OLD_NO).select_from(Backtest).where(Backtest.id == kept.id))
    of = f"rules {counted.hash[:12]} against {_named(kept, old_no)}"
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.backtested",
        body={
            "say": f"{actor.name} recorded a backtest of {of}: {_counts(kept)}.",
            "backtest": kept.id,
            "hash": kept.hash,
            "old_hash": kept.old_hash,
        },
    )
    return None


def last(session: Session, company_id: int, in_force: str) -> LastBacktest | None:
    """The last of the rules in force, else the last of any rules of the company."""
    mine = select(Backtest, Person.name, _OLD_NO).outerjoin(Person)
    mine = mine.where(Backtest.company_id == company_id)
    newest = mine.order_by(Backtest.id.desc()).limit(1)
    found = session.execute(newest.where(Backtest.hash == in_force)).first()
    found = found or session.execute(newest).first()
    if found is None:
        return None
    kept, by, old_no = found
    these = kept.hash == in_force
    of = "these rules" if these else f"rules {kept.hash[:12]}, which are not in force,"
    said = f"of {of} against {_named(kept, old_no)}: {_counts(kept)}"
    fired = kept.rules.items() if these else ()
    return LastBacktest(kept.at, by, said, {name: _fired(*pair) for name, pair in fired})


@dataclass(frozen=True, slots=True)
class Decided:
    """The backtest that a publish was decided by, and the hash of what it said."""

    id: int
    sha256: str
    at: datetime
    said: str


def deciding(session: Session, company_id: int, ruleset_hash: str) -> Decided | None:
    """The newest recorded backtest of these very rules; None where nobody had one recorded."""
    return answer(session, asked_deciding(company_id, ruleset_hash))


def asked_deciding(company_id: int, ruleset_hash: str) -> Question[Decided | None]:
    """The same, as a question."""
    found = yield (
        select(Backtest, _OLD_NO)
        .where(Backtest.company_id == company_id, Backtest.hash == ruleset_hash)
        .order_by(Backtest.id.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else _decided(row.Backtest, row.old_no)


def decided_by(session: Session, company_id: int, version_id: int) -> Decided | None:
    """The backtest that this version was published by; its hash is the one noted then."""
    found = session.execute(
        select(Backtest, _OLD_NO, RulesetVersion.backtest_sha256)
        .join(RulesetVersion, RulesetVersion.backtest_id == Backtest.id)
        .where(RulesetVersion.id == version_id, RulesetVersion.company_id == company_id)
    ).one_or_none()
    if found is None:
        return None
    return replace(_decided(found.Backtest, found.old_no), sha256=found.backtest_sha256 or "")


def _decided(kept: Backtest, old_no: int | None) -> Decided:
    said = {name: getattr(kept, name) for name in ("hash", "old_hash", "records", "differ", "bad")}
    told = dumps({**said, "rules": kept.rules, "at": moment_text(kept.at), "by": kept.person_id})
    against = f"against {_named(kept, old_no)}: {_counts(kept)}"
    return Decided(kept.id, sha256_hex(told), kept.at, against)


def _fired(times: int, of: int) -> str:
    return f"last backtest: it fired on {times:,} of {plural(of, 'record')}"


def _named(kept: Backtest, old_no: int | None) -> str:
    """What the records were judged by before: by the number of its version, if it has one."""
    unnumbered = f"rules {kept.old_hash[:12]}, which were never published"
    return f"rule version {old_no}" if old_no else unnumbered


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


def _counts(kept: Backtest) -> str:
    differ = plural(kept.differ, "differs", "differ")
    bad = f", {plural(kept.bad, 'line')} could not be used" if kept.bad else ""
    return f"{plural(kept.records, 'record')}, {differ}{bad}"
