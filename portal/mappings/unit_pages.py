"""Units that hold records: the four values of each, which of them differ, and how to clear it.

Here: views. Not here: the values (holding/mappings/unit_comparison.py), changing a conversion
(mapping_pages.py).
"""

import json
from typing import Final

from flask import Response, abort, g, make_response, request, url_for

from connectors.kit.workbook import CSV, Written, write_csv, write_sheets
from holding.mappings import fixes, unit_comparison
from holding.mappings import mapping_lists as queries
from holding.words import sums
from portal.mappings.mapping_pages import pages
from portal.web import forms, fragments, frame, store

__all__ = ["pages"]

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HEADS: Final = ("Unit", "Item", "What waits for it", "Records", "Amount")


@pages.get("/units/proof")
def unit_proof() -> Response:
    """Every unit that holds records, the most money first; one of them with its four values."""
    session = store.reading()
    causes = unit_comparison.unit_causes(session, g.company.id)
    asked = forms.whole(request.args.get("cause"))
    opened = asked if asked is not None else next(iter(causes), None)
    shown = unit_comparison.unit_comparison(session, g.company.id, opened) if opened else None
    if asked is not None and shown is None:
        abort(404)
    every = fixes.missing(session, g.company.id, most=None)
    return fragments.respond(
        "mappings/unit_proof.html",
        shown=shown,
        others=[row for row in every if row.cause_id in causes],
        repair=_repair(shown) if shown else "",
        tables=queries.tables(session, g.company.id),
        missing_count=frame.missing_values(),
        table="",
    )


@pages.get("/units/proof.<ending>")
def unit_file(ending: str) -> Response:
    """The units that hold records as a CSV, a workbook or JSON."""
    if ending not in {"csv", "xlsx", "json"}:
        abort(404)
    session = store.reading()
    causes = unit_comparison.unit_causes(session, g.company.id)
    every = fixes.missing(session, g.company.id, most=None)
    rows: list[list[Written]] = [list(_HEADS)]
    for row in every:
        if row.cause_id in causes:
            money = sums(row.money, g.company.currency).replace("\xa0", " ")
            rows.append([*row.key.partition("|")[::2], row.label, row.records, money])
    body, kind = _made(rows, ending)
    answer = make_response(body)
    answer.headers["Content-Type"] = kind
    name = f"units-{g.company.code}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _made(rows: list[list[Written]], ending: str) -> tuple[bytes, str]:
    if ending == "json":
        heads = [str(head).lower() for head in rows[0]]
        each = [dict(zip(heads, map(str, row), strict=True)) for row in rows[1:]]
        return json.dumps(each, indent=1, ensure_ascii=False).encode(), "application/json"
    if ending == "xlsx":
        return write_sheets({"Units on hold": rows}), XLSX
    return write_csv(rows), CSV


def _repair(shown: unit_comparison.UnitComparison) -> str:
    """Where the conversion is changed, or given where there is none."""
    co = g.company.code
    if shown.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=shown.entry)
    return f"{url_for('mappings.missing', co=co, cause=shown.cause_id)}#mappreview"
