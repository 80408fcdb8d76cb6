"""What operations finished and accounts do not have yet, the oldest first.

Here: the view, and how far behind a reader is in the list. Not here: since when something counts as
finished (holding/judging/plan.py).
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, g, request

from holding.queries import late as queries
from portal import forms, fragments, store

pages = Blueprint("late", __name__, url_prefix="/c/<co>")


@pages.get("/late")
def listing() -> Response:
    """Each document with its age and the gate that it waits for."""
    late = queries.listing(store.reading(), g.company.id, _after())
    last = late.rows[-1] if len(late.rows) >= queries.A_PAGE else None
    return fragments.respond("late/list.html", late=late, last=last)


def _after() -> tuple[datetime, int] | None:
    """The place in the list that the address names."""
    since, number = request.args.get("since"), forms.whole(request.args.get("after"))
    if not since or number is None:
        return None
    try:
        moment = datetime.fromisoformat(since)
        return (moment.astimezone(UTC), number) if moment.tzinfo else abort(404)
    except (ValueError, OverflowError):
        abort(404)
