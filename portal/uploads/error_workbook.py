"""The workbook that goes back to the person who gave it in, with a column Errors.

Here: reading the file again and writing it, one at a time. Not here: what is wrong in it
(holding/uploads/file_check.py), writing sheets (connectors/sources/workbook).
"""

import threading
from collections import defaultdict
from typing import Final

from flask import g

from connectors.contract import SourceRefusal
from holding.db.refusal import Refusal
from holding.intake.deliveries import zone_of_source
from holding.uploads.check_result import CheckResult, UploadRow
from holding.uploads.file_check import every_wrong_cell, known_codes, labels_of
from holding.uploads.submit import beside
from holding.uploads.upload_turns import kind_of, reader
from portal.web import store

RETRY_SECONDS: Final = 20
BUSY: Final = Refusal(
    "upload.busy",
    "Another workbook with errors is being written at the moment.",
    "Nothing was changed. Download it again in a few seconds.",
    503,
)
_turn = threading.BoundedSemaphore(1)
"""A large file takes a thread, and much memory, for a minute: the others stay for the pages."""


def with_errors(row: UploadRow, found: CheckResult, raw: bytes) -> bytes | Refusal:
    """The file with its errors; 503 while another one is written, 422 where it cannot be."""
    if not _turn.acquire(blocking=False):
        return BUSY
    try:
        made = _written(row, found, raw)
    finally:
        _turn.release()
    words = f"{row.name} cannot be written again."
    return made or Refusal("upload.errors", words, "Correct the file itself.", 422)


def _written(row: UploadRow, found: CheckResult, raw: bytes) -> bytes | None:
    zone = zone_of_source(store.reading(), row.source_id)
    others = beside(store.reading(), row.source_id)
    store.renew()  # no snapshot is kept while a process is at work
    kind = kind_of(row.connector, row.kind)
    read = reader().upload(row.name, raw, zone, row.chosen, kind, others)
    if isinstance(read, SourceRefusal):
        return None
    labels = labels_of(reader().fields(read.columns, kind))
    known = known_codes(store.reading(), g.company.id)
    store.renew()
    words: dict[str, list[str]] = defaultdict(list)
    for cell in every_wrong_cell(read, known, labels, frozenset(found.left_out)):
        words[cell.where].append(cell.words)
    told = {where: " ".join(each) for where, each in words.items()}
    return reader().with_errors(row.name, raw, told)
