"""One party under two keys: the proposals, what a merge does to ageing, and the merge.

Here: views of the mappings pages. Not here: how a proposal comes about
(holding/mappings/party_merge.py).
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Response, abort, g, request, url_for

from holding.mappings import fixes, party_merge
from holding.mappings import mapping_lists as queries
from holding.refusal import Refusal
from holding.runtime import doorbell
from holding.words import plural
from portal.pages.mappings import pages
from portal.web import forms, fragments, store

__all__ = ["pages"]


@pages.get("/parties")
def parties_found() -> Response:
    """Two keys that seem to be one party, each pair once."""
    found = party_merge.proposals(store.reading(), g.company.id, _today())
    return fragments.respond("mappings/parties.html", _tabs(), found=found)


@pages.get("/parties/<int:hold_id>")
def merge(hold_id: int) -> Response:
    """One proposal: the keys that it changes, and what both parties owe together."""
    return _page(hold_id, request.args.get("turned") == "1", {})


@pages.post("/parties/<int:hold_id>")
def accept_merge(hold_id: int) -> Response:
    """Give the keys of one party to the other, in the mappings only."""
    turned = request.form.get("turned") == "1"
    wish = forms.reasoned(request.form)
    if isinstance(wish, forms.Problems):
        return _page(hold_id, turned, dict(wish.by_field), status=422)
    rev = forms.whole(request.form.get("rev"))
    with store.writing() as session:
        answer = party_merge.accept(
            session,
            g.actor,
            hold_id,
            wish.reason,
            g.now,
            today=_today(),
            turned=turned,
            rev=rev if rev is not None else g.company.revision,
            op=wish.op or None,
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    since = answer.first if answer.first != answer.revision else None
    moved = url_for("mappings.moved", co=g.company.code, no=answer.revision, since=since)
    keys = plural(answer.keys, "key names", "keys name")
    woken = plural(answer.woken, "record is", "records are")
    say = f"Merged: {keys} the other party now, {woken} judged again. Nothing was sent."
    return fragments.moved(moved, say)


def _page(hold_id: int, turned: bool, problems: dict[str, str], *, status: int = 200) -> Response:
    found = party_merge.proposal(store.reading(), g.company.id, hold_id, _today(), turned=turned)
    if found is None:
        abort(404)
    return fragments.respond(
        "mappings/merge.html",
        _tabs(),
        status=status,
        merge=found,
        turned=turned,
        problems=problems,
    )


def _tabs() -> dict[str, object]:
    return {
        "tables": queries.tables(store.reading(), g.company.id),
        "missing_count": len(fixes.missing(store.reading(), g.company.id)),
        "table": "",
    }


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(ZoneInfo(g.company.zone)).date()
