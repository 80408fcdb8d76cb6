"""Units that hold records: the four values of each, which of them differ, and how to clear it.

Here: views. Not here: the values (holding/mappings/unit_comparison.py), changing a conversion
(mapping_pages.py).
"""

from typing import Final

from flask import Response, abort, g, request, url_for

from connectors.kit.workbook import Written
from holding.mappings import fixes, unit_comparison
from holding.words import sums
from portal.mappings.mapping_pages import pages, tabs
from portal.web import forms, fragments, store

__all__ = ["pages"]

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
        tabs(),
        shown=shown,
        others=[row for row in every if row.cause_id in causes],
        repair=_repair(shown) if shown else "",
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
    name, keys = f"units-{g.company.code}", [head.lower() for head in _HEADS]
    return fragments.table_file(rows, ending, sheet="Units on hold", name=name, keys=keys)


def _repair(shown: unit_comparison.UnitComparison) -> str:
    """Where the conversion is changed, or given where there is none."""
    co = g.company.code
    if shown.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=shown.entry)
    return f"{url_for('mappings.missing', co=co, cause=shown.cause_id)}#mappreview"
