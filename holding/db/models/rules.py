"""Tables of revisions, rule sets, changes under review and mapping tables."""

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.db.models.columns import (
    WHOLE,
    Base,
    ChangeState,
    Id,
    Json,
    StopState,
    Word,
    is_word,
    one_of,
    partial,
    ref,
)

STOP_STATES = tuple(StopState)


class RouteStop(Base):
    """The effect of one revision of rules or mappings on one route; while `stopped` nothing is
    sent.

    `records` and `book` count the records that became ready, or ready with other content, through
    this revision alone. `superseded_by`: the revision that ended the stop by changing the mapping
    again.
    """

    __tablename__ = "route_stop"

    OPEN = f"state = '{StopState.STOPPED}'"

    __table_args__ = (
        UniqueConstraint("company_id", "route", "revision"),
        partial("ix_route_stop_open", "company_id", "route", where=OPEN),
        one_of("state", STOP_STATES),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    route: Mapped[str]
    revision: Mapped[int]
    state: Mapped[StopState] = mapped_column(Word(StopState), default=StopState.COUNTING)
    records: Mapped[int] = mapped_column(WHOLE, default=0)
    book: Mapped[int] = mapped_column(WHOLE, default=0)
    most_records: Mapped[int | None]
    most_book: Mapped[int | None]
    stopped_at: Mapped[datetime | None]
    kept_at: Mapped[datetime | None]
    kept_by_id: Mapped[int | None] = ref("person")
    kept_why: Mapped[str | None]
    resumed_at: Mapped[datetime | None]
    resumed_by_id: Mapped[int | None] = ref("person")
    resumed_why: Mapped[str | None]
    superseded_by: Mapped[int | None]


ROUTE_STOPPED = is_word(RouteStop.state, StopState.STOPPED)
"""The condition that a stop is in force: nothing of its route is sent."""
REVISION_KINDS = ("rules", "mapping", "unit", "snapshot", "connection", "setting")


class Revision(Base):
    """One change of a company's world; its number fixes rules, mappings, units and master data at
    once.
    """

    __tablename__ = "revision"
    __table_args__ = (one_of("kind", REVISION_KINDS),)

    company_id: Mapped[int] = ref("company", primary_key=True)
    no: Mapped[int] = mapped_column(WHOLE, primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str | None]
    what: Mapped[str]


class RulesetVersion(Base):
    """One published, immutable state of the rule files.

    `backtest_id` is the recorded backtest it was published with, `backtest_sha256` the hash of its
    result.
    """

    __tablename__ = "ruleset_version"
    __table_args__ = (
        UniqueConstraint("company_id", "no"),
        CheckConstraint("author_id <> published_by_id", name="duties"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    no: Mapped[int]
    hash: Mapped[str]
    revision: Mapped[int]
    change_id: Mapped[int | None] = ref("change")
    author_id: Mapped[int | None] = ref("person")
    published_by_id: Mapped[int | None] = ref("person")
    published_at: Mapped[datetime]
    engine: Mapped[str]
    backtest_id: Mapped[int | None]
    backtest_sha256: Mapped[str | None]


class StoryForm(Base):
    """A template of a push's story under a rule version. Pushes store only their differences from
    it.
    """

    __tablename__ = "story_form"

    ruleset_version_id: Mapped[int] = ref("ruleset_version", primary_key=True)
    body: Mapped[bytes]


class RuleFile(Base):
    """One file of a ruleset version."""

    __tablename__ = "rule_file"

    ruleset_version_id: Mapped[int] = ref("ruleset_version", primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    body: Mapped[str]


class Change(Base):
    """Rule files on their way to being published.

    `starts_at`: when they come into force, where a second person set a time; `starts_by_id` is who
    did, for the reason `starts_reason`.
    """

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("company_id", "no"),
        one_of("state", ChangeState),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    no: Mapped[int]
    title: Mapped[str]
    state: Mapped[ChangeState] = mapped_column(Word(ChangeState))
    base_id: Mapped[int | None]
    hash: Mapped[str]
    author_id: Mapped[int | None] = ref("person")
    checked_hash: Mapped[str | None]
    made_at: Mapped[datetime]
    lock: Mapped[int] = mapped_column(WHOLE, default=0)
    starts_at: Mapped[datetime | None]
    starts_by_id: Mapped[int | None]
    starts_reason: Mapped[str] = mapped_column(default="", server_default="")


class ChangeFile(Base):
    """One file of a change, and who wrote it; no body means deleted."""

    __tablename__ = "change_file"

    change_id: Mapped[int] = ref("change", primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    body: Mapped[str | None]
    person_id: Mapped[int | None] = ref("person")


class ChangeComment(Base):
    """A comment on a rule change. `returns`: with it the change was returned to its author."""

    __tablename__ = "change_comment"
    __table_args__ = (Index("ix_change_comment_change", "change_id", "id"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    change_id: Mapped[int] = ref("change")
    person_id: Mapped[int] = ref("person")
    body: Mapped[str]
    returns: Mapped[bool]
    at: Mapped[datetime]


class RuleDraft(Base):
    """The text of one rule file as one person left it in the editor, begun from ruleset
    `base_id`.
    """

    __tablename__ = "rule_draft"

    company_id: Mapped[int] = ref("company", primary_key=True)
    person_id: Mapped[int] = ref("person", primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    base_id: Mapped[int | None]
    body: Mapped[str]
    saved_at: Mapped[datetime]


class Backtest(Base):
    """The recorded result of a backtest. `rules`: how often each rule fired.

    Both sets of rules are known by the hash that publishing them gives them.
    """

    __tablename__ = "backtest"
    __table_args__ = (Index("ix_backtest_company", "company_id", "hash", "id"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int | None] = ref("person")
    at: Mapped[datetime]
    hash: Mapped[str]
    old_hash: Mapped[str]
    records: Mapped[int]
    differ: Mapped[int]
    bad: Mapped[int]
    rules: Mapped[Any] = mapped_column(Json)


class MappingTable(Base):
    """A named table of source values and target values; units are one of kind `unit`."""

    __tablename__ = "mapping_table"
    __table_args__ = (UniqueConstraint("company_id", "name"), one_of("kind", ("map", "unit")))

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    name: Mapped[str]
    kind: Mapped[str]
    team_id: Mapped[int | None] = ref("team")


ALWAYS: Final = date(1, 1, 1)
"""The first day of an entry that nobody gave a day."""


class MappingEntry(Base):
    """One row of a mapping table, from one revision to another, for records of a day and later.

    Of several days the latest that has come for a record counts; ALWAYS is the first. No value
    means that the entry of that day was removed. A unit keeps its factor in `num`/`den` and the
    unit it leads to in `value`.
    """

    __tablename__ = "mapping_entry"
    __table_args__ = (
        UniqueConstraint("table_id", "key", "valid_from", "from_revision"),
        partial(
            "uq_mapping_entry_now",
            "table_id",
            "key",
            "valid_from",
            where="to_revision IS NULL",
            unique=True,
        ),
        Index("ix_mapping_entry_value", "table_id", "value"),
    )

    id: Mapped[Id]
    table_id: Mapped[int] = ref("mapping_table")
    key: Mapped[str]
    value: Mapped[str | None]
    num: Mapped[int | None]
    den: Mapped[int | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    from_revision: Mapped[int]
    to_revision: Mapped[int | None]
    person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str]
    at: Mapped[datetime]


class PostingUse(Base):
    """The mapping entries that a posting's document was made with.

    There are no foreign keys: neither side is ever deleted, and checking each use would cost more
    than writing it.
    """

    __tablename__ = "posting_use"
    __table_args__ = ({"sqlite_with_rowid": False},)

    entry_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    posting_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
