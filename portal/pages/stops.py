"""Routes that stopped because one change moves too much: why, how much, and what people decide.

Here: views. Not here: the limit and the decision (holding/impact/safety.py).
"""

from collections.abc import Callable

from flask import Blueprint, Response, g, request, url_for

from holding import doorbell
from holding.impact import safety
from holding.queries import stops as queries
from holding.refusal import Refusal
from portal import forms, fragments, store

pages = Blueprint("stops", __name__, url_prefix="/c/<co>/stops")
Decide = Callable[..., object]


@pages.get("/")
def listing() -> Response:
    """What stands still and asks, then the limit, then what is over."""
    return _page({})


@pages.post("/<int:stop_id>/resume")
def resume(stop_id: int) -> Response:
    """Let the route go on."""
    return _decide(stop_id, safety.resume, "goes on. What waited is sent now.")


@pages.post("/<int:stop_id>/keep")
def keep(stop_id: int) -> Response:
    """Leave it stopped, with a word for the others."""
    return _decide(stop_id, safety.keep, "stays stopped.")


@pages.post("/limit")
def limit() -> Response:
    """The company's own limit."""
    wish = forms.stop_limit(request.form, g.company.currency)
    if isinstance(wish, forms.Problems):
        return _page(dict(wish.by_field), status=422)
    with store.writing() as session:
        refusal = safety.set_limit(
            session, g.actor, g.company.id, records=wish.records, book=wish.book, now=g.now
        )
    if refusal:
        return fragments.refuse(refusal, back=_url())
    return fragments.moved(_url(), "The limit is saved.")


def _decide(stop_id: int, decide: Decide, say: str) -> Response:
    wish = forms.reasoned(request.form)
    if isinstance(wish, forms.Problems):
        return _page({f"reason_{stop_id}": wish.by_field["reason"]}, status=422)
    with store.writing() as session:
        answer = decide(session, g.actor, stop_id, wish.reason, g.now)
        route = getattr(answer, "route", "")
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    doorbell.ring(g.company.id, "push")
    return fragments.moved(_url(), f"{route} {say}")


def _page(problems: dict[str, str], *, status: int = 200) -> Response:
    session = store.reading()
    still, over = queries.listing(session, g.company.id)
    own = safety.own_limit(session, g.company.id)
    return fragments.respond(
        "stops/list.html", status=status, still=still, over=over, own=own, problems=problems
    )


def _url() -> str:
    return url_for("stops.listing", co=g.company.code)
