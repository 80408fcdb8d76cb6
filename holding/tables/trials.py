"""Rules on trial: shadows, and backtests of a change over what is stored.

Here: what each of them has counted and found so far. Not here: the rules on trial (rules.py), what
a backtest said that publishing is decided by (`Backtest` there).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, Word, one_of, partial, ref
from holding.tables.row_states import BacktestEnd, ShadowEnd


class Shadow(Base):
    """A change that judges what the rules in force judge, without effect, until `until` at most.

    `since_id` is the last evaluation before it began, `seen_id` the newest one looked at. `judged`
    counts its verdicts, `differ` those that are another, `unread` what could not be judged.
    """

    __tablename__ = "shadow"
    __table_args__ = (
        partial("uq_shadow_running", "company_id", where="ended_at IS NULL", unique=True),
        Index("ix_shadow_change", "change_id", "id"),
        one_of("ending", ShadowEnd),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    change_id: Mapped[int] = ref("change")
    person_id: Mapped[int | None] = ref("person")
    started_at: Mapped[datetime]
    until: Mapped[datetime]
    since_id: Mapped[int]
    seen_id: Mapped[int]
    judged: Mapped[int] = mapped_column(WHOLE, default=0)
    differ: Mapped[int] = mapped_column(WHOLE, default=0)
    unread: Mapped[int] = mapped_column(WHOLE, default=0)
    ended_at: Mapped[datetime | None]
    ending: Mapped[ShadowEnd | None] = mapped_column(Word(ShadowEnd))


class ShadowVerdict(Base):
    """What a shadow made of one evaluation: `was` and `would` are route -> state and codes.

    `hash` is that of its whole outcome; blank where it could not be judged.
    """

    __tablename__ = "shadow_verdict"
    __table_args__ = (
        partial("ix_shadow_verdict_differs", "shadow_id", "evaluation_id", where="differs"),
    )

    shadow_id: Mapped[int] = ref("shadow", primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record_id: Mapped[int] = ref("record")
    at: Mapped[datetime]
    differs: Mapped[bool]
    was: Mapped[Any] = mapped_column(Json)
    would: Mapped[Any] = mapped_column(Json)
    hash: Mapped[str]


class TrialIndex(Base):
    """How far records are found by what rules on trial would look for: their keys (TrialKey) are
    there of all versions up to `version_id`. `rules` is the hash of the rule files.
    """

    __tablename__ = "trial_index"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_id: Mapped[int] = ref("company", primary_key=True)
    rules: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(WHOLE, default=0)


class TrialKey(Base):
    """A value by which rules on trial would find a record, of any of its versions."""

    __tablename__ = "trial_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_id: Mapped[int] = ref("company", primary_key=True)
    rules: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[int] = ref("record", primary_key=True)


class BacktestRun(Base):
    """A change judging what is stored, beside the version `old_id` that was in force then.

    It goes through the evaluations up to `until_id` and has looked at those up to `seen_id`.
    `total` records are expected, `looked` were counted so far, `gone` can no longer be judged.
    `counted` is the tally so far; `backtest_id` what was recorded of it at its end.
    """

    __tablename__ = "backtest_run"
    __table_args__ = (
        partial("uq_backtest_run_running", "company_id", where="ended_at IS NULL", unique=True),
        Index("ix_backtest_run_change", "change_id", "id"),
        one_of("ending", BacktestEnd),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    change_id: Mapped[int] = ref("change")
    old_id: Mapped[int] = ref("ruleset_version")
    person_id: Mapped[int | None] = ref("person")
    first: Mapped[date | None]
    last: Mapped[date | None]
    started_at: Mapped[datetime]
    until_id: Mapped[int]
    seen_id: Mapped[int] = mapped_column(WHOLE, default=0)
    total: Mapped[int]
    looked: Mapped[int] = mapped_column(WHOLE, default=0)
    gone: Mapped[int] = mapped_column(WHOLE, default=0)
    counted: Mapped[Any] = mapped_column(Json)
    ended_at: Mapped[datetime | None]
    ending: Mapped[BacktestEnd | None] = mapped_column(Word(BacktestEnd))
    backtest_id: Mapped[int | None] = ref("backtest")


class BacktestResult(Base):
    """One record under one route in a backtest: the first ones of each cell of its matrix.

    `amount` is in minor units of `currency`, which is blank where nobody can say either.
    """

    __tablename__ = "backtest_result"
    __table_args__ = (
        partial("ix_backtest_result_stops", "run_id", "amount", "record_id", where="stops"),
    )

    run_id: Mapped[int] = ref("backtest_run", primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    was: Mapped[str] = mapped_column(primary_key=True)
    would: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[int] = ref("record", primary_key=True)
    evaluation_id: Mapped[int]
    state: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    stops: Mapped[bool]
