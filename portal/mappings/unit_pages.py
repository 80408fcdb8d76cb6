"""Units that hold records: the four values of each, which of them differ, and how to clear it.

Here: views. Not here: the values (holding/mappings/unit_comparison.py), changing a conversion
(mapping_pages.py).
"""

from collections.abc import Collection

from flask import Response, abort, g, request, url_for

from holding.mappings import fixes, unit_comparison
from holding.programs import unit_calculation
from portal.mappings.mapping_pages import pages, tabs
from portal.web import forms, fragments, store

__all__ = ["pages"]


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
    return fragments.respond(
        "mappings/unit_proof.html",
        {**tabs(), **_calculation(shown)},
        shown=shown,
        others=on_hold(causes),
        repair=_repair(shown) if shown else "",
    )


def _calculation(shown: unit_comparison.UnitComparison | None) -> dict[str, object]:
    """What was typed to be calculated, first the unit that holds, and what it comes to."""
    usual = {"qty": "1", "unit": shown.unit, "item": shown.item} if shown else {}
    typed = {
        word: request.args.get(word, usual.get(word, "")).strip()[:100]
        for word in ("qty", "unit", "item")
    }
    quantity = unit_calculation.quantity_of(typed["qty"])
    problems: dict[str, str] = {}
    if "qty" in request.args and quantity is None:
        problems["qty"] = "Enter a number above 0, such as 5."
    if "qty" in request.args and not typed["unit"]:
        problems["unit"] = "Enter a unit, such as CTN."
    found = None
    if quantity is not None and (unit := typed["unit"]):
        found = unit_calculation.calculate(
            store.reading(), g.company.id, quantity, unit, typed["item"], g.now
        )
    return {"typed": typed, "calculated": found, "problems": problems}


def on_hold(causes: Collection[int]) -> list[fixes.Missing]:
    """The units of these causes with what waits for them, the most money first."""
    every = fixes.missing(store.reading(), g.company.id, most=None)
    return [row for row in every if row.cause_id in causes]


def _repair(shown: unit_comparison.UnitComparison) -> str:
    """Where the conversion is changed, or given where there is none."""
    co = g.company.code
    if shown.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=shown.entry)
    return f"{url_for('mappings.missing', co=co, cause=shown.cause_id)}#mappreview"
