"""Units that hold records: the four values of each, which of them differ, and how to clear it.

Here: views. Not here: the values (holding/mappings/mapping_lists.py), changing a conversion
(mapping_pages.py).
"""

from flask import Response, abort, g, request, url_for

from holding.db.together import Answer, Together
from holding.mappings import mapping_lists
from holding.mappings import mapping_lists as unit_comparison
from holding.programs import world as unit_calculation
from holding.programs.world import fresh_now
from portal.mappings.mapping_pages import pages
from portal.web import filters, forms, fragments, frame, store

__all__ = ["pages"]


@pages.get("/units/proof")
def unit_proof() -> Response:
    """Every unit that holds records, the most money first; one of them with its four values."""
    session = store.reading()
    page = Together(session)
    tables = page.ask(mapping_lists.asked_tables(g.company.id))
    known = page.ask(fresh_now(g.company.id, g.now))
    waiting = unit_comparison.units_on_hold(session, g.company.id)
    asked = forms.whole(request.args.get("cause"))
    opened = asked if asked is not None else next((one.cause_id for one in waiting), None)
    shown = unit_comparison.unit_comparison(session, g.company.id, opened) if opened else None
    if asked is not None and shown is None:
        abort(404)
    return fragments.respond(
        "mappings/unit_proof.html",
        _calculation(shown, known),
        tables=tables.value,
        missing_count=frame.missing_values(),
        table="",
        shown=shown,
        others=waiting,
        repair=_repair(shown) if shown else "",
    )


def _calculation(
    shown: unit_comparison.UnitComparison | None, known: Answer[frozenset[str]]
) -> dict[str, object]:
    """What was typed to be calculated, first the unit that holds, and the result."""
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
        session, today = store.reading(), filters.today()
        found = unit_calculation.calculate(
            session, g.company.id, quantity, unit, typed["item"], known=known.value, today=today
        )
    return {"typed": typed, "calculated": found, "problems": problems}


def _repair(shown: unit_comparison.UnitComparison) -> str:
    """Where the conversion is changed, or given where there is none."""
    co = g.company.code
    if shown.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=shown.entry)
    return f"{url_for('mappings.missing', co=co, cause=shown.cause_id)}#mappreview"
