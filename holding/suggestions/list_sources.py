"""Where each list of a target's codes comes from, and how old it is.

Here: one line for each target and kind, for the page and `clearpost doctor`. Not here: the codes
themselves (choices.py), giving a list in (holding/code_lists).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Select, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from connectors import registry
from holding.code_lists import list_files, list_turns
from holding.code_lists.list_files import ListStanding
from holding.code_lists.list_storage import NAMED
from holding.connections.master_data import ITEM
from holding.db.models import (
    Company,
    Connection,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Snapshot,
    SnapshotItem,
)
from holding.db.models.columns import ListKind
from holding.db.refusal import plural
from holding.db.together import KEPT, Question, Together, answer
from holding.mappings.preview import active_program
from holding.programs.world import schemas
from rules.comparison.preflight import LISTS, Reference, references

TOLD: Final = frozenset({*LISTS.values(), ITEM})
LATEST: Final = 500
"""In so many of the newest documents of a target it is looked which codes it took."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where the codes of one kind come from: told by the target, from a file, or posted before.

    `read_at`: when the target told them last; `file`: the list that somebody gave in; `posted`: so
    many values of the mappings were posted with already, which counts where there is no list;
    `more`: in older documents nobody looked, so it may be more of them; `old`: the target should
    have been read since, by the plan of its connection; `unpaid`: it is of documents that are to be
    paid.
    """

    target: str
    kind: str
    codes: int
    read_at: datetime | None = None
    file: ListStanding | None = None
    posted: int = 0
    more: bool = False
    old: bool = False
    unpaid: bool = False

    def says(self, today: date) -> str:
        """In a phrase, for page and command."""
        if self.file is not None and self.file.told:
            read = self.read_at or self.file.at
            words = f"{plural(self.codes, self.kind)}, told by it, read {read:%Y-%m-%d %H:%M} UTC"
            return f"{words}; old: it should have been read since" if self.old else words
        if self.file is not None:
            made = f"{self.file.file_name} of {self.file.as_of}, {self.file.age(today)}"
            return f"{plural(self.codes, self.kind)} from the file {made}, by {self.file.by}"
        if self.read_at is not None:
            how = "told one by one" if self.kind == ITEM else "told by it"
            return f"{plural(self.codes, self.kind)}, {how}, read {self.read_at:%Y-%m-%d %H:%M} UTC"
        if self.unpaid:
            return f"no list of {self.kind}s; payments are not compared with what is left to pay"
        known = plural(self.posted, "code is", "codes are")
        if self.more:
            return f"no list of {self.kind}s; at least {known} known from what was posted"
        return f"no list of {self.kind}s; {known} known from what was posted"


def list_sources(
    session: Session,
    company_id: int,
    now: datetime | None = None,
    *,
    beside: Together | None = None,
) -> tuple[ListSource, ...]:
    """All of them, by target: what it told first, then what comes from files. Without `now` nothing
    is said to be old. `beside`: what else a page asks, by the same statement.
    """
    page = beside or Together(session, KEPT)
    asked, telling = page.ask(_targets(company_id)), page.ask(_told(company_id))
    stand = page.ask(list_files.asked_standings(company_id))
    of_targets = page.ask(list_turns.asked_of_targets(company_id))
    targets = asked.value
    posted = answer(session, _posted(session, company_id, targets))  # by values: no plan is kept
    files = {(one.connection_id, one.kind): one for one in stand.value}
    found: list[ListSource] = []
    for target in targets:
        told = telling.value.get(target.id, [])
        readings = {one.kind: one for one in of_targets.value.get(target.id, ())}
        found += told
        for kind, noun in NAMED.items():
            file = files.get((target.id, kind))
            if file is None and (
                not _paid(target.connector, kind)
                if kind.unpaid
                else any(one.kind == noun for one in told)
            ):
                continue
            values = posted.of(target.name, kind)
            entries = file.entries if file else 0
            reading = readings.get(kind)
            old = bool(now and reading and reading.is_old(target.settings, now))
            read_at = reading.done_at if reading and file and file.told else None
            found.append(
                ListSource(
                    target.name,
                    noun,
                    entries,
                    read_at,
                    file,
                    posted=len(values),
                    more=posted.more(target.name),
                    old=old,
                    unpaid=kind.unpaid,
                )
            )
    return tuple(found)


def of_every_company(
    session: Session, now: datetime
) -> Iterator[tuple[str, ZoneInfo, tuple[ListSource, ...]]]:
    """Each company by its code, with its zone and its lists."""
    for row in session.execute(
        select(Company.id, Company.code, Company.zone).order_by(Company.code)
    ):
        yield row.code, ZoneInfo(row.zone), list_sources(session, row.id, now)


def _paid(connector: str, kind: ListKind) -> bool:
    """Whether documents of this target pay those of such a list."""
    target = registry.targets().get(connector)
    return target is not None and any(
        one.pays == kind for doc in target.documents for one in (*doc.header, *doc.lines)
    )


def _targets(company_id: int) -> Question[Sequence[Any]]:
    rows = yield (
        select(Connection.id, Connection.name, Connection.connector, Connection.settings)
        .where(Connection.company_id == company_id, Connection.side == "target")
        .order_by(Connection.name)
    )
    return tuple(rows)


def _told(company_id: int) -> Question[dict[int, list[ListSource]]]:
    """Target -> what it told itself, by kind."""
    rows = yield (
        select(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .add_columns(func.count(SnapshotItem.id).label("codes"))
        .join(Snapshot, Snapshot.connection_id == Connection.id)
        .join(SnapshotItem, SnapshotItem.snapshot_id == Snapshot.id)
        .where(Connection.company_id == company_id, SnapshotItem.to_revision.is_(None))
        .where(Snapshot.kind.in_(sorted(TOLD)))
        .group_by(Connection.id, Connection.name, Snapshot.kind, Snapshot.checked_at)
        .order_by(Snapshot.kind)
    )
    found: dict[int, list[ListSource]] = defaultdict(list)
    for key, name, kind, checked_at, codes in rows:
        found[key].append(ListSource(name, kind.replace("_", " "), codes, checked_at))
    return found


@dataclass(frozen=True, slots=True)
class _Posted:
    """What the newest documents of each target were posted with: (target, table, value, whether
    there are more documents), and which tables are for which kind of code.
    """

    rows: Sequence[Any]
    uses: Sequence[Reference]

    def of(self, target: str, kind: ListKind) -> frozenset[str]:
        """The values of a kind."""
        tables = {
            table
            for one in self.uses
            if one.target == target and one.kind == kind
            for table in one.tables
        }
        return frozenset(
            row.value for row in self.rows if row.target == target and row.name in tables
        )

    def more(self, target: str) -> bool:
        """Whether it has documents that nobody looked at."""
        return any(row.documents > LATEST for row in self.rows if row.target == target)


def _posted(session: Session, company_id: int, targets: Sequence[Any]) -> Question[_Posted]:
    """The values with which the newest documents of each target were posted there."""
    judge = active_program(session, company_id)
    uses = references(judge.ruleset, schemas()) if judge else ()
    each = [_of_newest(target.id, target.name) for target in targets]
    rows = (yield union_all(*each)).all() if each else ()
    return _Posted(rows, uses)


def _of_newest(connection_id: int, name: str) -> Select[Any]:
    """Of one target: the newest of its documents are found in an index."""
    newest = (
        select(Posting.id)
        .where(Posting.connection_id == connection_id, Posting.posted_at.is_not(None))
        .order_by(Posting.posted_at.desc())
    )
    documents, looked_at = newest.limit(LATEST + 1).subquery(), newest.limit(LATEST).subquery()
    count = select(func.count()).select_from(documents).scalar_subquery()
    return (
        select(MappingTable.name, MappingEntry.value, literal(name).label("target"))
        .add_columns(cast(count, BigInteger).label("documents"))
        .join(MappingEntry, MappingEntry.table_id == MappingTable.id)
        .join(PostingUse, PostingUse.entry_id == MappingEntry.id)
        .join(looked_at, looked_at.c.id == PostingUse.posting_id)
        .where(MappingTable.kind == "map", MappingEntry.value.is_not(None))
        .distinct()
    )
