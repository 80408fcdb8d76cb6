"""Saved views of the holding area: keeping the filter of now, and the page of one's views.

Here: the routes. Not here: who may do what (holding/worklist/facets.py), the filter in an
address (hold_filter.py).
"""

from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for

from holding.db.refusal import Refusal
from holding.db.together import answer
from holding.worklist import facets as saved_views
from portal.hold_views import hold_filter
from portal.web import fragments, store

pages = Blueprint("views", __name__, url_prefix="/c/<co>/holding/views")


@pages.get("")
def listing() -> Response:
    """One's own views, to be renamed, shared and deleted, and those of colleagues."""
    rows = answer(store.reading(), saved_views.listing(g.actor))
    return fragments.respond(
        "worklist/views.html",
        mine=[row for row in rows if row.person_id == g.actor.person_id],
        others=[row for row in rows if row.person_id != g.actor.person_id],
        limited=g.actor.reach.limited,
        longest=saved_views.LONGEST,
    )


@pages.post("")
def keep() -> Response:
    """Keep the filter of the page under a name."""
    query = hold_filter.words_of(hold_filter.wanted(request.form))
    name, shared = request.form.get("name", ""), "shared" in request.form
    with store.writing() as session:
        found = saved_views.keep(session, g.actor, name, query, g.now, shared=shared)
    back = url_for("holding.listing", co=g.company.code) + f"?{urlencode(query, doseq=True)}"
    if isinstance(found, Refusal):
        return fragments.refuse(found, back=back)
    return fragments.moved(back, "Saved. You find it under Saved views.")


@pages.post("/<int:view_id>")
def change(view_id: int) -> Response:
    """Give one's view another name; share it, or no longer."""
    name, shared = request.form.get("name", ""), "shared" in request.form
    with store.writing() as session:
        refusal = saved_views.change(session, g.actor, view_id, name, shared=shared)
    return _back(refusal, "Saved.")


@pages.post("/<int:view_id>/delete")
def delete(view_id: int) -> Response:
    """Take one's view away."""
    with store.writing() as session:
        refusal = saved_views.delete(session, g.actor, view_id)
    return _back(refusal, "Deleted. The records are as they were.")


def _back(refusal: Refusal | None, said: str) -> Response:
    back = url_for("views.listing", co=g.company.code)
    return fragments.refuse(refusal, back=back) if refusal else fragments.moved(back, said)
