"""Hash the rows that a person's act writes, so that the act's event seals their content.

Versions, pushes, approvals and calls are sealed in holding/platform/events.py. Stored rows are
compared with their seals in holding/operations/content_invariants.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from holding.db.models import (
    AcceptedDifference,
    Escalation,
    ImportFile,
    KeptApart,
    ListedCode,
    ListFile,
    MappingEntry,
    MappingTable,
    Note,
    Record,
    Release,
    RuleFile,
    RulesetVersion,
)
from holding.db.models.columns import table_of
from holding.platform.events import sealed_values
from rules.values.canonical import dumps, sha256_hex

ROWS: Final = "rows"
"""What an event seals of such rows: [table, key, hash] of each."""

_PART: Final = 500

Sealed = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A table and its sealed columns.

    `by`: rows with an equal value are sealed together. A flag requires an event for each row newer
    than the first seal. `when`: the row's timestamp column. `name`: the seal's name if a table has
    two. `empty`: the absence of rows is sealed too. `filled`: later columns, sealed only with a
    value so that older seals hold.
    """

    model: Any
    columns: tuple[str, ...]
    mine: Callable[[int], ColumnElement[bool]]
    by: str = "id"
    told: bool = False
    when: str = "at"
    name: str = ""
    empty: bool = False
    filled: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """Return the name that events use."""
        return self.name or self.table

    @property
    def table(self) -> str:
        """Return the table's name."""
        return str(self.model.__tablename__)

    def sealed(self, row: Mapping[str, Any]) -> Sealed:
        """Return the sealed values of a row."""
        return sealed_values((*self.columns, *(name for name in self.filled if row[name])), row)

    @property
    def key(self) -> Any:
        """Return the column whose value groups the sealed rows."""
        return getattr(self.model, self.by)


def _direct(model: Any) -> Callable[[int], ColumnElement[bool]]:
    return lambda company_id: model.company_id == company_id


def _of_record(model: Any) -> Callable[[int], ColumnElement[bool]]:
    return lambda company_id: model.record_id.in_(
        select(Record.id).where(Record.company_id == company_id)
    )


def _of_version(company_id: int) -> ColumnElement[bool]:
    version_ids = select(RulesetVersion.id).where(RulesetVersion.company_id == company_id)
    return RuleFile.ruleset_version_id.in_(version_ids)


def _of_table(company_id: int) -> ColumnElement[bool]:
    table_ids = select(MappingTable.id).where(MappingTable.company_id == company_id)
    return MappingEntry.table_id.in_(table_ids)


def _of_list(company_id: int) -> ColumnElement[bool]:
    file_ids = select(ListFile.id).where(ListFile.company_id == company_id)
    return ListedCode.from_file_id.in_(file_ids)


def _ended_with(company_id: int) -> ColumnElement[bool]:
    file_ids = select(ListFile.id).where(ListFile.company_id == company_id)
    return ListedCode.to_file_id.in_(file_ids)


_DECISION = "record_id route seq code cause_id content_sha256 rule kind person_id for_person_id"
_ENTRY = "table_id key value num den valid_from from_revision person_id reason at"
_VERSION = "no hash revision author_id published_by_id published_at backtest_sha256"
_LIST = "connection_id kind as_of name sha256 person_id at entries added changed gone"
_CODE = "connection_id kind code name tin registration active"
_LATER = ("sku", "party", "left_minor", "currency")
_PACKET = "record_id person_id made_at packet sha256 personal sent_to ticket sent_at sent_by_id"
_FILE = "connection_id run_id request_id doc_type name sha256 documents rows totals state verdicts"
_FILE += " note reason handed_over_at handed_over_by_id imported_at imported_by_id"
_FILE += " ended_at ended_by_id"

RELEASE = Kind(
    Release, (*_DECISION.split(), "reason", "at", "operation_id"), _of_record(Release), told=True
)
ACCEPTED = Kind(
    AcceptedDifference,
    ("record_id", "posting_id", "push_id", "version_no", "posted", "wanted"),
    _direct(AcceptedDifference),
    by="release_id",
)
NOTE = Kind(Note, ("record_id", "hold_id", "person_id", "kind", "body", "at"), _of_record(Note))
ENTRY = Kind(MappingEntry, tuple(_ENTRY.split()), _of_table, by="from_revision", told=True)
VERSION = Kind(
    RulesetVersion,
    tuple(_VERSION.split()),
    _direct(RulesetVersion),
    told=True,
    when="published_at",
)
RULES = Kind(RuleFile, ("path", "sha256", "body"), _of_version, by="ruleset_version_id")
APART = Kind(
    KeptApart, ("first", "second", "person_id", "reason", "at"), _direct(KeptApart), told=True
)
LIST = Kind(ListFile, tuple(_LIST.split()), _direct(ListFile), told=True)
CODES = Kind(ListedCode, tuple(_CODE.split()), _of_list, by="from_file_id", filled=_LATER)
ENDED = Kind(
    ListedCode,
    ("connection_id", "kind", "code", "from_file_id"),
    _ended_with,
    by="to_file_id",
    name="listed_code ended",
    empty=True,
)
PACKET = Kind(Escalation, tuple(_PACKET.split()), _direct(Escalation), told=True, when="made_at")
FILE = Kind(ImportFile, tuple(_FILE.split()), _direct(ImportFile))

KINDS: Final[Mapping[str, Kind]] = {
    kind.word: kind
    for kind in (
        RELEASE,
        ACCEPTED,
        NOTE,
        ENTRY,
        VERSION,
        RULES,
        APART,
        LIST,
        CODES,
        ENDED,
        PACKET,
        FILE,
    )
}


def seals(session: Session, company_id: int, keys: Mapping[Kind, Collection[int]]) -> Sealed:
    """Return the seals of written rows, to be stored in an event's body."""
    # Hashed as stored and read back, because `clearpost verify` hashes what it reads.
    session.flush()
    row_seals = [
        [kind.word, key, digest]
        for kind, of in keys.items()
        for key, (_, digest) in sorted(hashes(session, company_id, kind, of).items())
    ]
    return {ROWS: row_seals} if row_seals else {}


def hashes(
    session: Session, company_id: int, kind: Kind, keys: Collection[int]
) -> dict[int, tuple[list[int], str]]:
    """Return for each key with rows: their ids, and the hash of their content."""
    table = table_of(kind.model)
    rows_by_key: dict[int, list[dict[str, Any]]] = {}
    for part in _parts(sorted(keys)):
        query = select(table).where(kind.mine(company_id), kind.key.in_(part))
        for row in session.execute(query.order_by(*table.primary_key)).mappings():
            rows_by_key.setdefault(row[kind.by], []).append(dict(row))
    if kind.empty:
        rows_by_key = {key: rows_by_key.get(key, []) for key in keys}
    return {
        key: (
            [row["id"] for row in rows if "id" in row],
            sha256_hex(dumps([kind.sealed(row) for row in rows])),
        )
        for key, rows in rows_by_key.items()
    }


def _parts(keys: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), _PART):
        yield keys[start : start + _PART]
