"""The list of runs, the documents of one, and the pushes of all, as a file: CSV, workbook, JSON.

Here: rows and names. Not here: which runs and documents (holding/runs). Names of customers
are left out: a file goes further than a page.
"""

import json
from collections.abc import Sequence
from typing import Final

from connectors.kit.workbook import CSV, Written, write_csv, write_sheets
from holding.runs.run_history import PushLine, RunRow
from holding.tables.columns import from_minor, moment_text

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON: Final = "application/json"
HEAD: Final = (
    "Document",
    "Record",
    "Source",
    "Kind",
    "Action",
    "Answer",
    "Class",
    "What it said",
    "Target reference",
    "Sent",
    "Currency",
    "Amount",
)
LIST: Final = ("Run", "Kind", "Target", "Connector", "Document", "Started", "Ended", "By", "State",
               "Done", "Total", "Failed")  # fmt: skip


def listed(ending: str, runs: Sequence[RunRow]) -> tuple[bytes, str]:
    """Runs as a file, and its media type."""
    table = [_line(run) for run in runs]
    if ending == "json":
        names = [name.lower() for name in LIST]
        told = [dict(zip(names, line, strict=True)) for line in table]
        return json.dumps(told, indent=1, ensure_ascii=False).encode(), JSON
    rows: list[Sequence[Written]] = [LIST, *table]
    if ending == "xlsx":
        return write_sheets({"Runs": rows}), XLSX
    return write_csv(rows), CSV


def _line(run: RunRow) -> list[str | int | None]:
    ended = moment_text(run.ended_at) if run.ended_at else None
    state = "failed" if run.failed else str(run.state)
    return [run.id, run.kind, run.target, run.connector, run.doc_type, moment_text(run.made_at),
            ended, run.by or "Clearpost", state, run.done, run.total, run.failures]  # fmt: skip


def made(ending: str, run: RunRow, rows: Sequence[PushLine]) -> tuple[bytes, str]:
    """The file and its media type, by its ending."""
    if ending == "json":
        told = {"run": run.id, "kind": run.kind, "target": run.target, "document": run.doc_type,
                "state": run.state, "documents": [_object(one) for one in rows]}  # fmt: skip
        return json.dumps(told, indent=1, ensure_ascii=False).encode(), JSON
    table: list[Sequence[Written]] = [["Run", run.id], [], HEAD, *(_cells(one) for one in rows)]
    if ending == "xlsx":
        return write_sheets({"Documents": table}), XLSX
    return write_csv(table), CSV


def pushed(ending: str, rows: Sequence[PushLine]) -> tuple[bytes, str]:
    """Pushes of all runs as a file, each with its target, and its media type."""
    if ending == "json":
        told = [{"target": one.target, **_object(one)} for one in rows]
        return json.dumps(told, indent=1, ensure_ascii=False).encode(), JSON
    table: list[Sequence[Written]] = [("Target", *HEAD)]
    table += [(one.target, *_cells(one)) for one in rows]
    if ending == "xlsx":
        return write_sheets({"Pushes": table}), XLSX
    return write_csv(table), CSV


def _cells(one: PushLine) -> list[Written]:
    known = one.amount is not None and one.currency
    amount = from_minor(one.amount or 0, one.currency) if known else "not known"
    said = None if one.failure is None else one.error
    return [one.number, one.record, one.source, one.kind, one.action, one.state, one.failure, said,
            one.target_ref, moment_text(one.made_at), one.currency, amount]  # fmt: skip


def _object(one: PushLine) -> dict[str, str | None]:
    names = (name.lower().replace(" ", "_") for name in HEAD)
    cells = zip(names, _cells(one), strict=True)
    return {name: None if cell is None else str(cell) for name, cell in cells}
