"""The entries that a ruleset brings along, put into the mapping tables at a publish.

Here: making tables and adding new keys. Not here: reading CSV and rows (rules/facts/seeds.py),
entries that people add or change later (`fixes.py`); a publish never overwrites those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.access.people import ensure_team, in_team
from holding.db.models import MappingEntry, MappingTable
from holding.db.models.rules import ALWAYS
from holding.mappings.entries import shown
from holding.mappings.keepers import named
from rules.facts.seeds import Seeds
from rules.values.cause_keys import UNITS
from rules.values.spelling import fold

PUBLISHED: Final = "published with the rules"  # the reason of the entries that rules bring


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose stored value (blank: removed) is not the one of the files; the stored one stays.

    `keeper` is the team that keeps the table where it alone may add the key: nothing is stored.
    """

    table: str
    key: str
    stored: str
    declared: str
    keeper: str = ""

    @property
    def said(self) -> str:
        """What became of it, as one line."""
        if self.keeper:
            what = f"left out {self.table}({self.key!r}) = {self.declared}"
            return f"{what}; {self.keeper} keeps the entries of {self.table}"
        stored = self.stored or "removed"
        return f"kept {self.table}({self.key!r}) = {stored}; the files say {self.declared}"


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many entries were added, and which differ."""

    added: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One entry as the files have it."""

    table: str
    key: str
    value: str
    num: int | None = None
    den: int | None = None

    @property
    def text(self) -> str:
        return shown(self.value, self.num, self.den)


def seed(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    seeds: Seeds,
    *,
    revision: int,
    person_id: int | None,
    now: datetime,
) -> Seeded:
    """Make missing tables and add keys that have no entry; say which stored values differ.

    A table that has entries and is kept by a team gets new keys from its people alone.
    """
    ids = _tables(session, company_id, ruleset)
    folds = _Folds(ruleset)
    tables = {table_id: name for name, table_id in ids.items()}
    stored = {
        folds.key(tables[entry.table_id], entry.key): entry
        for entry in session.scalars(
            select(MappingEntry)
            .where(MappingEntry.table_id.in_(tables), MappingEntry.to_revision.is_(None))
            .order_by(MappingEntry.valid_from.desc())  # of several days the first is compared
        )
    }
    known = {tables[entry.table_id] for entry in stored.values()}
    closed = _kept_by_others(session, company_id, ruleset, known, person_id)
    fresh: list[MappingEntry] = []
    differences: list[Difference] = []
    for row in _rows(seeds):
        entry = stored.get(folds.key(row.table, row.key))
        if entry is None and row.table in closed:
            differences.append(Difference(row.table, row.key, "", row.text, closed[row.table]))
            continue
        if entry is None:
            fresh.append(_entry(row, ids[row.table], revision, person_id, now))
            continue
        before = shown(entry.value, entry.num, entry.den)
        if before != row.text:
            differences.append(Difference(row.table, row.key, before, row.text))
    session.add_all(fresh)
    session.flush()
    return Seeded(added=len(fresh), differences=tuple(differences))


def _kept_by_others(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    known: set[str],
    person_id: int | None,
) -> dict[str, str]:
    """Table -> the team that keeps it, of those with entries whose team has others in it."""
    found: dict[str, str] = {}
    for table, role in named(ruleset).items():
        team = ensure_team(session, company_id, role)
        if table in known and not in_team(session, team.id, person_id):
            found[table] = team.shown
    return found


class _Folds:
    """Keys as their maps compare them, so that another spelling of a key is no new key."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._match = {table.name: table.match for table in ruleset.maps}

    def key(self, table: str, key: str) -> tuple[str, str]:
        return table, fold(key, self._match.get(table, ()))


def _rows(seeds: Seeds) -> Iterator[_Row]:
    for table, entries in seeds.maps.items():
        yield from (_Row(table, key, value) for key, value in entries.items())
    yield from (_Row(UNITS, key, to, num, den) for key, (num, den, to) in seeds.units.items())


def _entry(
    row: _Row, table_id: int, revision: int, person_id: int | None, now: datetime
) -> MappingEntry:
    return MappingEntry(
        table_id=table_id,
        key=row.key,
        value=row.value,
        num=row.num,
        den=row.den,
        valid_from=ALWAYS,
        from_revision=revision,
        person_id=person_id,
        reason=PUBLISHED,
        at=now,
    )


def _tables(session: Session, company_id: int, ruleset: Ruleset) -> dict[str, int]:
    """Table name -> id, owned by the team that answers for what is missing in it."""
    wanted = [(table.name, "map", table.missing.action.role) for table in ruleset.maps]
    wanted += [(UNITS, "unit", units.missing.action.role) for units in ruleset.units[:1]]
    ids: dict[str, int] = {}
    for name, kind, role in wanted:
        table = session.scalar(
            select(MappingTable).where(
                MappingTable.company_id == company_id, MappingTable.name == name
            )
        )
        if table is None:
            table = MappingTable(company_id=company_id, name=name, kind=kind)
            session.add(table)
        table.team_id = ensure_team(session, company_id, role).id if role else None
        session.flush()
        ids[name] = table.id
    return ids
