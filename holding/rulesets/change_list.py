"""List a company's rule changes and versions, and entries that differ from a version's files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import Session, aliased

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from holding.db.bulk import Columns, of
from holding.db.models import Change, Company, MappingEntry, MappingTable, Person, RulesetVersion
from holding.db.models.columns import ChangeState
from holding.mappings.entries import entry_text
from holding.rulesets.admission import rule_sources
from holding.rulesets.publication import OPEN_STATES
from rules.facts import load_seeds
from rules.rulebook.book import Meaning, describe_changes
from rules.values.cause_keys import UNITS, fold_key

SHOWN: Final = 50

_author, _publisher = aliased(Person, name="author"), aliased(Person, name="publisher")

_starter = aliased(Person, name="starter")


@dataclass(frozen=True, slots=True)
class ListedChange:
    """A change as a row of the list; `base_id` is the version it was made for."""

    no: int
    title: str
    state: ChangeState
    made_at: datetime
    base_id: int | None
    author: str | None
    starts_at: datetime | None
    starter: str | None

    @property
    def is_published(self) -> bool:
        """Whether it was published."""
        return self.state == ChangeState.PUBLISHED

    @property
    def is_returned(self) -> bool:
        """Whether it was returned to its author."""
        return self.state == ChangeState.CLOSED

    def waits(self, in_force: int | None) -> bool:
        """Check whether it can still be published on this current version."""
        return self.state in OPEN_STATES and self.base_id == in_force


CHANGES = Columns(
    ListedChange(
        no=of(Change.no),
        title=of(Change.title),
        state=of(Change.state),
        made_at=of(Change.made_at),
        base_id=of(Change.base_id),
        author=of(_author.name),
        starts_at=of(Change.starts_at),
        starter=of(_starter.name),
    ),
    {"author": "author.name", "starter": "starter.name"},
)


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version as a row of the list."""

    version_id: int
    no: int
    hash: str
    published_at: datetime
    author: str | None
    publisher: str | None


VERSIONS = Columns(
    ListedVersion(
        version_id=of(RulesetVersion.id),
        no=of(RulesetVersion.no),
        hash=of(RulesetVersion.hash),
        published_at=of(RulesetVersion.published_at),
        author=of(_author.name),
        publisher=of(_publisher.name),
    ),
    {
        "version_id": "ruleset_version.id",
        "author": "author.name",
        "publisher": "publisher.name",
    },
)

MOST: Final = 500  # keys that are looked up; a change by hand has a few

Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The number of the current version (None before the first), and the next number."""

    in_force: int | None
    following: int


def list_changes(
    session: Session, company_id: int, *, before: int | None = None, most: int = SHOWN + 1
) -> tuple[ListedChange, ...]:
    """Return the newest changes, one more than shown; only those below the number `before`."""
    query = (
        CHANGES.select()
        .outerjoin(_author, _author.id == Change.author_id)
        .outerjoin(_starter, _starter.id == Change.starts_by_id)
        .where(Change.company_id == company_id)
    )
    query = query if before is None else query.where(Change.no < before)
    return CHANGES.each(session.execute(query.order_by(Change.no.desc()).limit(most)))


def waiting_count(company_id: int, person_id: int) -> ScalarSelect[int]:
    """Return a query for the number of changes that this publisher can publish."""
    conditions = _for_publisher(company_id, person_id)
    return select(func.count(Change.id)).where(*conditions).scalar_subquery()


def _for_publisher(company_id: int, person_id: int | None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for changes on the current rules, without a start time, by other
    authors.
    """
    in_force = select(Company.ruleset_version_id).where(Company.id == company_id)
    return (
        Change.company_id == company_id,
        Change.state.in_(OPEN_STATES),
        Change.base_id == in_force.scalar_subquery(),
        Change.starts_at.is_(None),
        Change.author_id.is_distinct_from(person_id),
    )


def newest_waiting(session: Session, company_id: int, person_id: int | None) -> ListedChange | None:
    """Return the newest change that this publisher can publish."""
    query = (
        CHANGES.select()
        .outerjoin(_author, _author.id == Change.author_id)
        .outerjoin(_starter, _starter.id == Change.starts_by_id)
        .where(*_for_publisher(company_id, person_id))
    )
    return CHANGES.first(session.execute(query.order_by(Change.no.desc()).limit(1)))


def list_versions(session: Session, company_id: int) -> tuple[ListedVersion, ...]:
    """Return the newest versions first."""
    query = _versions(company_id).order_by(RulesetVersion.no.desc()).limit(SHOWN)
    return VERSIONS.each(session.execute(query))


def _versions(company_id: int) -> Select[Any]:
    return (
        VERSIONS.select()
        .outerjoin(_author, _author.id == RulesetVersion.author_id)
        .outerjoin(_publisher, _publisher.id == RulesetVersion.published_by_id)
        .where(RulesetVersion.company_id == company_id)
    )


def load_version(session: Session, company_id: int, no: int) -> ListedVersion | None:
    """Return the company's version with this number, or None."""
    return VERSIONS.first(session.execute(_versions(company_id).where(RulesetVersion.no == no)))


def in_force_no(session: Session, company_id: int) -> int | None:
    """Return the number of the current version."""
    return session.scalar(
        select(RulesetVersion.no)
        .join(Company, Company.ruleset_version_id == RulesetVersion.id)
        .where(Company.id == company_id)
    )


def load_numbers(session: Session, company_id: int) -> Numbers:
    """Return the number of the current version, and the next number."""
    of_company = RulesetVersion.company_id == company_id
    last = select(func.coalesce(func.max(RulesetVersion.no), 0)).where(of_company).scalar_subquery()
    now = (
        select(RulesetVersion.no)
        .join(Company, Company.ruleset_version_id == RulesetVersion.id)
        .where(Company.id == company_id)
        .scalar_subquery()
    )
    row = session.execute(select(now.label("in_force"), last.label("last"))).one()
    return Numbers(in_force=row.in_force, following=row.last + 1)


def changed_meanings(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Meaning, ...]:
    """Return what the rules change in meaning; layout, order and comments do not count."""
    return _meaning(*(tuple(sorted(rule_sources(files).items())) for files in (before, after)))


@lru_cache(maxsize=8)
def _meaning(
    before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> tuple[Meaning, ...]:
    return describe_changes(*(parse(dict(file_items))[0] for file_items in (before, after)))


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored entry that a change of rules leaves as it is.

    `stored` is blank if users removed it, `declared` is blank if the files lack it.
    """

    table: str
    key: str
    stored: str
    declared: str


def list_kept_entries(
    session: Session, company_id: int, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Kept, ...]:
    """Return stored entries of rows that differ between the files, unless the new files agree with
    them.
    """
    changed = _changed(*(tuple(sorted(files.items())) for files in (before, after)))[:MOST]
    if not changed:
        return ()
    stored_entries = session.execute(
        select(MappingTable.name, MappingEntry)
        .join(MappingEntry, MappingEntry.table_id == MappingTable.id)
        .where(
            MappingTable.company_id == company_id,
            MappingTable.name.in_({changed_row.table for changed_row in changed}),
            MappingEntry.key.in_({changed_row.key for changed_row in changed}),
            MappingEntry.to_revision.is_(None),
        )
        .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
    )
    rows = {(changed_row.table, changed_row.key): changed_row for changed_row in changed}
    kept_entries: dict[tuple[str, str], Kept] = {}
    for table, entry in stored_entries:
        row = rows.get((table, entry.key))
        if (
            row is not None and (table, row.same) not in kept_entries
        ):  # of several days the first counts
            stored = entry_text(entry.value, entry.num, entry.den)
            kept_entries[table, row.same] = Kept(table, entry.key, stored, row.text)
    return tuple(
        kept_entry
        for kept_entry in kept_entries.values()
        if kept_entry.stored != kept_entry.declared
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file, and its key in comparable form."""

    table: str
    key: str
    text: str
    same: str


@lru_cache(maxsize=8)
def _changed(before: Files, after: Files) -> tuple[_Row, ...]:
    """Return the rows that differ, in all spellings, with the new files' values."""
    if before == after:
        return ()
    (old, _), (new, tables) = (_rows(dict(file_items)) for file_items in (before, after))
    says = {(row.table, row.same): row.text for row in new}
    old_texts = {(row.table, row.same): row.text for row in old}
    differs = {
        at for at in {*says, *old_texts} if says.get(at) != old_texts.get(at) and at[0] in tables
    }
    return tuple(
        _Row(row.table, row.key, says.get((row.table, row.same), ""), row.same)
        for row in (*old, *new)
        if (row.table, row.same) in differs
    )


def _rows(files: Mapping[str, str]) -> tuple[list[_Row], set[str]]:
    """Return all rows of these files, and their tables."""
    ruleset: Ruleset = parse(rule_sources(files))[0]
    seed_rows = load_seeds(ruleset, files)
    match = {table.name: table.match for table in ruleset.maps}
    rows = [
        _Row(table, key, value, fold_key(key, match[table]))
        for table, entries in seed_rows.maps.items()
        for key, value in entries.items()
    ]
    for key, (num, den, to) in seed_rows.units.items():
        rows.append(_Row(UNITS, key, entry_text(to, num, den), key))
    return rows, {*match, *(UNITS for _ in ruleset.units)}
