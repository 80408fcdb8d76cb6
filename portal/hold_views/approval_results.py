"""What became of approvals: the latest that a person gave, and each of one with its documents.

Here: the routes. Not here: giving an approval (portal/pages/worklist.py), what became of it
(holding/approvals/decided_documents.py).
"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, g, request

from holding.access import actors as personal_data
from holding.approvals import decided_documents
from holding.approvals.decided_documents import Fate
from portal.web import filters, forms, fragments, store

A_PAGE: Final = 50
pages = Blueprint("approvals", __name__, url_prefix="/c/<co>/holding/approvals")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a fate is called, its tone and icon, and what it says of a document."""

    title: str
    tone: str
    icon: str
    text: str


FATES: Final = {
    Fate.REFUSED: Shown("Not approved", "idle", "lock", ""),
    Fate.VOID: Shown(
        "Approval no longer valid", "warn", "held", "The document changed since it was approved."
    ),
    Fate.HELD: Shown("Stays on hold", "warn", "held", "Approved. It is being checked again."),
    Fate.NOT_POSTED: Shown(
        "Not posted", "idle", "ignored", "A rule excludes it, or a person rejected it since."
    ),
    Fate.UNDONE: Shown("Undone", "idle", "undo", "The approval was undone before it was sent."),
    Fate.ON_ITS_WAY: Shown("On its way", "info", "ready", ""),
    Fate.POSTED: Shown("Posted", "ok", "posted", ""),
}


@pages.get("")
def listing() -> Response:
    """One's own latest approvals."""
    return fragments.respond(
        "approvals/given.html", rows=decided_documents.given(store.reading(), g.actor)
    )


@pages.get("/<op>")
def show(op: str) -> Response:
    """Each document of one approval, what a person has to look at first."""
    found = decided_documents.result(store.reading(), g.actor, op)
    if found is None:
        abort(404)
    ids, personal = {row.record_id for row in found.rows}, filters.sees_personal()
    hide = personal_data.hiding_each(store.reading(), ids, show=personal)
    begin = max(0, forms.whole(request.args.get("after")) or 0)
    end = begin + A_PAGE
    return fragments.respond(
        "approvals/result.html",
        result=found,
        rows=found.rows[begin:end],
        more=end if len(found.rows) > end else None,
        fates=[(fate, FATES[fate], found.of(fate)) for fate in Fate if found.of(fate).count],
        shown=FATES,
        Fate=Fate,
        hide=hide,
    )
