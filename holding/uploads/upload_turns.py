"""Check an upload in a worker, then import it in batches, each under a lease.

Records are imported as deliveries of `UPLOAD_ORDERS` orders. Each delivery has its own key, so an
interrupted import continues after the last stored delivery.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord, SourceRefusal
from connectors.contract.pulls import (
    FIXED,
    REMEMBERED,
    FileColumn,
    FileOrders,
    Layouts,
    ReadsUploads,
)
from connectors.contract.schema import KindSchema
from connectors.transport.http import Clock
from holding.access.actors import actor_of
from holding.db.database import Database, no_search_for_cycles
from holding.db.models import Upload
from holding.db.models.columns import UploadState
from holding.db.refusal import Refusal, plural
from holding.intake import receive
from holding.intake.deliveries import zone_of_source
from holding.uploads.check_result import CheckResult, of_json
from holding.uploads.file_check import (
    checked,
    count_blank_fields,
    filled_by_file,
    known_codes,
    labels_of,
    needed_by_rules,
    refused,
    withdrawn_by,
)
from holding.uploads.submit import UploadTurn, beside, claim, give_back, give_up, still_ours, tell
from rules.values.canonical import dumps, sha256_hex

UPLOAD_ORDERS: Final = 250  # of one transaction and one delivery
SLICE_SECONDS: Final = 5.0  # of one turn; then it is the turn of other work
READINGS: Final = 4
"""A turn that had to read the file first lasts so many times as long as that: the next one may be
that of another process, which has to read it again.
"""
_WORKBOOK: Final = "workbook"
Ring = Callable[[], object]


@dataclass(frozen=True, slots=True)
class UploadCount:
    """The result of a turn: the number of files and batches processed, and whether there is more
    work at once.
    """

    steps: int = 0
    more: bool = False


_read: "dict[int, _Orders]" = {}
"""The file that this process imports, as far as it is in: the next turn need not read it again."""


def work_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    lease_seconds: float,
    ring: Ring = lambda: None,
) -> UploadCount:
    """Check or import one file of the company for a short while; `ring` after each part is in."""
    with database.write() as session:
        turn = claim(session, company_id, owner, clock.now(), timedelta(seconds=lease_seconds))
    if turn is None:
        return UploadCount()
    with no_search_for_cycles():
        if turn.state is UploadState.CHECKING:
            _check(database, clock, turn)
            return UploadCount(1, more=True)
        return UploadCount(_import(database, clock, turn, ring), more=True)


def reader() -> ReadsUploads:
    """Return the source that reads uploaded files."""
    source = registry.sources()[_WORKBOOK]
    if not isinstance(source, ReadsUploads):
        raise TypeError(_WORKBOOK)
    return source


def kind_of(connector: str, kind: str) -> KindSchema:
    """Return the schema of a kind from a connector.

    If the connector no longer has the kind, return the schema of orders from files.
    """
    source = registry.sources().get(connector)
    schemas = (*(source.kinds if source else ()), *registry.sources()[_WORKBOOK].kinds)
    return next((schema for schema in schemas if schema.kind == kind), schemas[0])


def _check(database: Database, clock: Clock, turn: UploadTurn) -> None:
    """Read the file and store its preview. No records are stored."""
    chosen, file = turn.chosen, _file(database, turn, turn.chosen)
    headings = "" if isinstance(file, SourceRefusal) else _headings(file.columns)
    remembered = False
    if not isinstance(file, SourceRefusal) and not chosen:
        with database.read() as session:
            chosen = _chosen_before(session, turn.source_id, turn.kind, headings)
        remembered = bool(chosen)
        file = _file(database, turn, chosen) if chosen else file
    with database.read(many=True) as session:
        result = replace(_result(session, turn, file, clock.now()), remembered=remembered)
    with database.write() as session:
        if (row := still_ours(session, turn)) is None:
            return
        if result.refused is not None:
            give_up(session, row, *result.refused, clock.now())
            return
        row.result, row.headings, row.chosen = result.to_json(), headings, dict(chosen)
        row.state, row.due_at = UploadState.CHECKED, None
        give_back(row)


def _file(
    database: Database, turn: UploadTurn, chosen: Mapping[str, str]
) -> FileOrders | SourceRefusal:
    with database.read() as session:
        zone = zone_of_source(session, turn.source_id)
        others = beside(session, turn.source_id)
    kind = kind_of(turn.connector, turn.kind)
    return reader().upload(turn.name, turn.body, zone, chosen, kind, others)


def _result(
    session: Session, turn: UploadTurn, file: FileOrders | SourceRefusal, now: datetime
) -> CheckResult:
    if isinstance(file, SourceRefusal):
        return refused(file)
    labels = labels_of(reader().fields(file.columns, kind_of(turn.connector, turn.kind)))
    code_tables = known_codes(session, turn.company_id)
    result = checked(session, turn.source_id, file, code_tables, labels, now)
    filled = filled_by_file(file)
    needed_fields = needed_by_rules(session, turn.source_id, turn.kind, ())
    needed = tuple(name for name in needed_fields if name not in filled)
    blank, lacking = count_blank_fields(file, [name for name in needed_fields if name in filled])
    return replace(result, needed=needed, blank=blank, blank_records=lacking)


def _headings(columns: Sequence[FileColumn]) -> str:
    """Return a hash that identifies files with equal columns."""
    return sha256_hex(dumps([[column.key, column.heading] for column in columns]))


def load_layouts(session: Session, source_id: int) -> Layouts:
    """Return a function that gives the user's choices for the last imported file of a source with
    equal columns.
    """
    return lambda kind, columns: _chosen_before(session, source_id, kind, _headings(columns))


def _chosen_before(session: Session, source_id: int, kind: str, headings: str) -> dict[str, str]:
    """Return the choices of columns, dates and fixed values for the last imported file of a source
    with equal headings.
    """
    query = (
        select(Upload.chosen)
        .where(Upload.source_id == source_id)
        .where(Upload.state == UploadState.DONE, Upload.headings == headings)
        .where(Upload.kind == kind)
        .order_by(Upload.id.desc())
        .limit(1)
    )
    return _remembered(session.scalar(query) or {})


def _remembered(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the choice for a later file, in which the values that were set are remembered ones."""
    typed = {
        REMEMBERED + key.removeprefix(FIXED): value
        for key, value in chosen.items()
        if key.startswith(FIXED)
    }
    return {**{key: value for key, value in chosen.items() if not key.startswith(FIXED)}, **typed}


def _import(database: Database, clock: Clock, turn: UploadTurn, ring: Ring) -> int:
    """Import the next orders of the file in batches, until the turn's time is over.

    Returns the number of batches.
    """
    orders, began, slice_ = _read.get(turn.upload_id), clock.monotonic(), SLICE_SECONDS
    if orders is None or orders.taken != turn.taken:
        _read.clear()
        file = _file(database, turn, turn.chosen)
        if isinstance(file, SourceRefusal):  # it was read a moment ago
            raise RuntimeError(file.message)
        orders = _read[turn.upload_id] = _Orders(file, turn)
        slice_ = max(slice_, READINGS * (clock.monotonic() - began))
    until, parts = clock.monotonic() + slice_, 0
    while orders.part:
        with database.write(many=True) as session:
            row = still_ours(session, turn)
            if row is None or not _take(session, row, orders.part, orders.taken, clock.now()):
                _read.pop(turn.upload_id, None)
                return parts
            row.taken = orders.taken + len(orders.part)
            late = clock.monotonic() >= until and bool(orders.behind)
            if late:
                give_back(row)
        orders.went()
        parts += 1
        ring()
        if late:
            return parts
    _read.pop(turn.upload_id, None)
    with database.write() as session:
        if (row := still_ours(session, turn)) is not None:
            _done(session, row, clock.now())
    return parts + 1


class _Orders:
    """The records of the preview, in the file's order, a batch at a time.

    `taken` records are imported, `part` is the next batch, and `behind` the batch after it. All
    records made from one order are in one batch.
    """

    def __init__(self, file: FileOrders, turn: UploadTurn) -> None:
        self._rest = _wanted(file, turn)
        self.taken = 0
        while self.taken < turn.taken and (skipped := next(self._rest, ())):
            self.taken += len(skipped)
        self.part, self.behind = self._next(), self._next()

    def went(self) -> None:
        """Advance to the next batch after the current one was stored."""
        self.taken += len(self.part)
        self.part, self.behind = self.behind, self._next()

    def _next(self) -> list[IncomingRecord]:
        batch = list[IncomingRecord]()
        while len(batch) < UPLOAD_ORDERS and (records := next(self._rest, ())):
            batch += records
        return batch


def _wanted(file: FileOrders, turn: UploadTurn) -> Iterator[Sequence[IncomingRecord]]:
    result = of_json(turn.result) if turn.result else None
    left_out = set() if result is None or turn.with_unknown else set(result.left_out)
    for order in file.orders:
        if order.records and order.where not in left_out:
            yield order.records


def _take(
    session: Session, row: Upload, part: list[IncomingRecord], first: int, now: datetime
) -> bool:
    """Store a batch of orders as a delivery in the user's name.

    False if the user may no longer import, or it was refused.
    """
    actor = (
        actor_of(session, row.person_id, row.company_id, now=now)
        if row.person_id is not None
        else None
    )
    if actor is None:
        words = "Who confirmed it is not in this company any more."
        give_up(session, row, words, "Another person has to upload the file again.", now)
        return False
    withdrawn = withdrawn_by(session, row.source_id, part, now)
    receipt = receive.receive(
        session,
        company_id=row.company_id,
        source_id=row.source_id,
        delivery_key=f"upload-{row.id}-{first}",
        kind="file",
        headers={"name": row.name, "first": str(first + 1)},
        raw=_delivered(row, part),
        records=part,
        now=now,
        by=actor,
        upload_id=row.id,
    )
    if isinstance(receipt, Refusal):
        give_up(session, row, receipt.message, receipt.hint, now)
        return False
    counts = {
        "new": receipt.new_records,
        "changed": receipt.new_versions - receipt.new_records - withdrawn,
        "withdrawn": withdrawn,
        "older": receipt.stale,
        "same": receipt.unchanged,
    }
    row.outcome = {name: row.outcome.get(name, 0) + count for name, count in counts.items()}
    return True


def _delivered(row: Upload, part: list[IncomingRecord]) -> bytes:
    """Return the stored form of a batch: JSON with a line for each record, grouped by kind."""
    kinds: dict[str, list[str]] = {row.kind: []}
    for record in part:
        kinds.setdefault(record.kind, []).append(json.dumps(record.body, ensure_ascii=False))
    sections = [f'"{kind}s": [\n' + ",\n".join(lines) + "\n]" for kind, lines in kinds.items()]
    file = json.dumps(row.name, ensure_ascii=False)
    return f'{{"file": {file}, {", ".join(sections)}}}'.encode()


def _done(session: Session, row: Upload, now: datetime) -> None:
    row.state, row.due_at, row.ended_at = UploadState.DONE, None, now
    give_back(row)
    new, changed = row.outcome.get("new", 0), row.outcome.get("changed", 0)
    word = row.kind.replace("_", " ")
    words = f"{row.name} is imported: {plural(new, f'new {word}')}, {changed:,} changed."
    tell(session, row, "upload.imported", words, now)
