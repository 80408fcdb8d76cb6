"""Delegates.

Here: the page and its forms. Not here: what a deputy may do and who may name one
(holding/access/deputies.py).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Response, g, request, url_for

from holding.access import actors, deputies
from holding.db.refusal import Refusal
from portal.web import filters, forms, fragments, store

deputy_pages = Blueprint("deputies", __name__, url_prefix="/c/<co>/deputies")


@dataclass(frozen=True, slots=True)
class Wish:
    """Let somebody stand in for a person, from one day through another."""

    person_id: int
    deputy_id: int
    first: date
    last: date
    reason: str


@deputy_pages.get("/")
def listing() -> Response:
    """Who stands in now or will, the form, and what is over."""
    return _page({})


@deputy_pages.post("/")
def appoint() -> Response:
    """Appoint a delegate."""
    wish = _wish()
    if isinstance(wish, forms.Problems):
        return _page(dict(wish.by_field), status=422)
    with store.writing() as session:
        answer = deputies.appoint(
            session,
            g.actor,
            person_id=wish.person_id,
            deputy_id=wish.deputy_id,
            from_at=max(deputies.begins(wish.first, filters.zone()), g.now),
            until_at=deputies.ends(wish.last, filters.zone()),
            reason=wish.reason,
            now=g.now,
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    return fragments.moved(_url(), f"Named through {wish.last}.")


@deputy_pages.post("/<int:deputy_id>/end")
def end(deputy_id: int) -> Response:
    """End it before its time."""
    with store.writing() as session:
        answer = deputies.end(session, g.actor, deputy_id, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    return fragments.moved(_url(), "Ended.")


def _page(problems: dict[str, str], *, status: int = 200) -> Response:
    session = store.reading()
    rows = deputies.listing(session, g.company.id)
    open_ = [row for row in rows if row.ended_at is None and row.until_at > g.now]
    people = deputies.people(session, g.company.id)
    admin = actors.may(g.actor, "people.admin") is None
    return fragments.respond(
        "access/deputies.html",
        status=status,
        standing=sorted(open_, key=lambda row: row.from_at),
        over=[row for row in rows if row not in open_],
        people=people,
        lenders=[one for one in people if one.lends and (admin or one.id == g.actor.person_id)],
        admin=admin,
        today=filters.today(),
        last_day=_last_day,
        problems=problems,
    )


def _wish() -> Wish | forms.Problems:
    form = request.form
    person, deputy = forms.whole(form.get("person")), forms.whole(form.get("deputy"))
    first, last = forms.day(form.get("first")), forms.day(form.get("last"))
    reason = form.get("reason", "").strip()
    found = {}
    if deputy is None:
        found["deputy"] = "Choose the delegate."
    if first is None or last is None or last < first or last < filters.today():
        found["last"] = "The last day is today or later, and not before the first."
    if len(reason) < forms.MIN_REASON:
        found["reason"] = "Enter a short reason. It is recorded in the audit log."
    if person is None or deputy is None or first is None or last is None or found:
        return forms.Problems(found)
    return Wish(person, deputy, first, last, reason)


def _last_day(row: deputies.Standing) -> date:
    return (row.until_at.astimezone(filters.zone()) - timedelta(seconds=1)).date()


def _url() -> str:
    return url_for("deputies.listing", co=g.company.code)
