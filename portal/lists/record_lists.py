"""The timeline and the field mapping of one record as files.

Here: their columns and rows, each with what its tab shows and hides. Not here: the steps and the
values (holding/records).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from flask import abort, g, request

from connectors.kit.workbook import Written
from connectors.registry import titled
from holding.access import actors as personal_data
from holding.db.together import answer
from holding.records import lineage as lineage_rows
from holding.records import record_rows, trace
from holding.records.lineage import LineageRow, UsedEntry
from holding.records.trace import Step
from portal.lists.list_file import ListFile, Table
from portal.pages import records
from portal.web import filters, store

TIMELINE: Final = ("When", "Seconds since the step before", "Who", "What happened", "Proof",
                   "Id of the proof")  # fmt: skip
FIELDS: Final = ("Field", "Line", "Source value", "Constant", "Rule file", "Rule line", "Rule",
                 "Mappings used", "Planned value", "Sent value", "Value in the accounting system",
                 "Sent as planned")  # fmt: skip


def timeline(source: str, kind: str, external_id: str) -> ListFile:
    """Each step of the record that the tab shows, oldest first: of all, or of one person."""
    record = _record(source, kind, external_id)
    session, who = store.reading(), request.args.get("who", "")
    hide = personal_data.hiding(session, record.id, show=filters.sees_personal())
    names = {"source": titled(record.source), "rules": "Rules"}
    rows = _steps(trace.timeline(session, record.id), who, hide, names)
    asked = {"record": record.number, "person": names.get(who, who)}
    return ListFile(
        "the timeline of a record",
        f"timeline-{record.number}",
        [Table("Timeline", TIMELINE, rows)],
        {word: said for word, said in asked.items() if said},
        record_id=record.id,
    )


def _steps(
    steps: Sequence[Step], who: str, hide: personal_data.Hide, names: Mapping[str, str]
) -> Iterator[list[Written]]:
    """What is left out by `who` counts: the seconds are those since the step before on the tab."""
    before: datetime | None = None
    for step in steps:
        gone = None if before is None else round((step.at - before).total_seconds())
        before = step.at
        by = names.get(step.actor, step.actor)
        if who in ("", step.actor, by):
            yield [filters.iso(step.at), gone, by, titled(hide(step.say)), step.proved_by,
                   step.proof.id]  # fmt: skip


def lineage(source: str, kind: str, external_id: str) -> ListFile:
    """Each value of the document that the tab shows: its source, rule, plan, and what was sent."""
    record = _record(source, kind, external_id)
    session, show = store.reading(), filters.sees_personal()
    posting = records.looked_at(answer(session, record_rows.postings(record.id)))
    found = lineage_rows.lineage(session, posting.id) if posting else ()
    only = request.args.get("only") == "differences"
    hide = personal_data.hiding(session, record.id, show=show)
    hidden = () if show else personal_data.PERSONAL_FIELDS
    rows = (_field(one, hide, masked=one.field in hidden)
            for one in found if one.differs or not only)  # fmt: skip
    asked = {
        "record": record.number,
        "document": posting.number if posting else "",
        "only": "differences" if only else "",
    }
    return ListFile(
        "the field mapping of a record",
        f"field-mapping-{record.number}",
        [Table("Field mapping", FIELDS, rows)],
        {word: said for word, said in asked.items() if said},
        record_id=record.id,
    )


def _field(row: LineageRow, hide: personal_data.Hide, *, masked: bool) -> list[Written]:
    sides: tuple[str | None, ...] = (row.value, row.sent, row.kept)
    planned, sent, kept = (
        personal_data.MASK if masked and one is not None else one for one in sides
    )
    used = "" if masked else hide("; ".join(map(_used, row.used)))
    same = None if row.sent is None else "no" if row.differs else "yes"
    return [row.field, row.line, personal_data.MASK if masked else hide(row.source),
            "yes" if row.constant else "no", row.span.file, row.span.line, row.rule, used or None,
            planned, sent, kept, same]  # fmt: skip


def _used(one: UsedEntry) -> str:
    by = f", {one.person}" if one.person else ""
    return f"{one.table} r{one.revision}: {one.key} = {one.value}{by}"


def _record(source: str, kind: str, external_id: str) -> record_rows.RecordRow:
    found = record_rows.record(store.reading(), g.company.id, source, kind, external_id)
    return found or abort(404)
