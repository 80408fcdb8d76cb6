"""Runs and the push history.

Here: views. Not here: what a run does (holding/runs.py).
"""

from flask import Blueprint, Response, abort, g, request

from holding.queries import runs as queries
from portal import forms, fragments, pills, store

pages = Blueprint("runs", __name__, url_prefix="/c/<co>")
PUSH_STATES = ("accepted", "refused", "uncertain", "sending", "awaiting", "conflict", "dropped")


@pages.get("/runs")
def listing() -> Response:
    """Runs, newest first, under the pills of the targets."""
    after = forms.whole(request.args.get("after"))
    rows = queries.listing(store.reading(), g.company.id, after)
    return fragments.respond(
        "runs/list.html",
        rows=rows,
        targets=pills.of_targets(store.reading(), g.company.id),
        after=rows[-1].id if len(rows) >= queries.A_PAGE else None,
    )


@pages.get("/runs/<int:run_id>")
def show(run_id: int) -> Response:
    """One run: its filter, its files, its documents, failures first."""
    run = queries.one(store.reading(), g.company.id, run_id)
    if run is None:
        abort(404)
    return fragments.respond(
        "runs/show.html",
        run=run,
        requests=queries.requests(store.reading(), run_id),
        rows=queries.of_run(store.reading(), g.company.id, run_id),
    )


@pages.get("/pushes")
def pushes() -> Response:
    """Every push, newest first."""
    text = request.args.get("q", "").strip()[:100]
    state = request.args.get("state", "")
    state = state if state in PUSH_STATES else ""
    after = forms.whole(request.args.get("after"))
    rows = queries.pushes(store.reading(), g.company.id, text=text, state=state, after=after)
    return fragments.respond(
        "runs/pushes.html",
        rows=rows,
        text=text,
        state=state,
        states_shown=PUSH_STATES,
        after=rows[-1].id if len(rows) >= queries.A_PAGE else None,
    )
