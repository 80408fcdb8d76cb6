"""Rules and mappings: everything whose change takes a revision of the company.

Here: revision, ruleset versions, changes under review, mapping tables. Not here: their meaning
(rules).
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.models.base import WHOLE, Base, Id, one_of, partial, ref

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
    """One published, immutable state of the rule files."""

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


class RuleFile(Base):
    """One file of a ruleset version."""

    __tablename__ = "rule_file"

    ruleset_version_id: Mapped[int] = ref("ruleset_version", primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    body: Mapped[str]


class Change(Base):
    """Rule files on their way to being published."""

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("company_id", "no"),
        one_of("state", ("draft", "review", "published", "closed")),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    no: Mapped[int]
    title: Mapped[str]
    state: Mapped[str]
    base_id: Mapped[int | None]
    hash: Mapped[str]
    author_id: Mapped[int | None] = ref("person")
    checked_hash: Mapped[str | None]
    backtest_run_id: Mapped[int | None]
    made_at: Mapped[datetime]
    lock: Mapped[int] = mapped_column(WHOLE, default=0)


class ChangeFile(Base):
    """One file of a change, and who wrote it; no body means deleted."""

    __tablename__ = "change_file"

    change_id: Mapped[int] = ref("change", primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    body: Mapped[str | None]
    person_id: Mapped[int | None] = ref("person")


class MappingTable(Base):
    """A named table of source values and target values; units are one of kind `unit`."""

    __tablename__ = "mapping_table"
    __table_args__ = (UniqueConstraint("company_id", "name"), one_of("kind", ("map", "unit")))

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    name: Mapped[str]
    kind: Mapped[str]
    team_id: Mapped[int | None] = ref("team")


class MappingEntry(Base):
    """One row of a mapping table, from one revision to another.

    No value means deleted. A unit keeps its factor in `num`/`den` and the unit it leads to in
    `value`.
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
    """Which entries a posting's document was made with.

    No foreign keys: neither is ever deleted, and checking each use cost more than writing it.
    """

    __tablename__ = "posting_use"
    __table_args__ = ({"sqlite_with_rowid": False},)

    entry_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    posting_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
