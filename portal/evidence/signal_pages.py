"""Signals: what is open, what ended, and when a company wants to hear.

Here: views. Not here: when a signal begins and ends (holding/connections/open_signals.py), how the dashboard
shows it (portal/templates/signals).
"""

from collections.abc import Mapping

from flask import Blueprint, Response, g, request, url_for

from holding.connections import open_signals, signal_causes
from holding.connections import signal_causes as signal_settings
from holding.db.refusal import Refusal
from portal.web import filters, forms, fragments, store

pages = Blueprint("signals", __name__, url_prefix="/c/<co>/signals")


@pages.get("")
def listing() -> Response:
    """Open signals first, then both settings, then those that ended."""
    return _page({}, {})


@pages.post("/failures")
def failures() -> Response:
    """From how many failing records on a connector is a signal."""
    name, typed = request.form.get("connection", ""), request.form.get("many", "")
    many = forms.whole(typed)
    with store.writing() as session:
        answer = signal_settings.set_failures(
            session, g.actor, name, -1 if many is None else many, g.now
        )
    if answer is None:
        return fragments.moved(_url(), f"The signal for {name} is saved.")
    if answer.status != 422:
        return fragments.refuse(answer, back=_url())
    names = [one for one, _ in signal_settings.listed(store.reading(), g.company.id)]
    return _page({f"many_{names.index(name) + 1}": answer.message}, {name: typed})


@pages.post("/close-day")
def close_day() -> Response:
    """On which day the books of the month before close."""
    typed = request.form.get("day", "").strip()
    day = forms.whole(typed) if typed else None
    if typed and day is None:
        day = 0  # no day: refused below with its reason
    with store.writing() as session:
        answer = signal_settings.set_close_day(session, g.actor, day, g.now)
    if answer is None:
        return fragments.moved(_url(), "The close day is saved.")
    return _close_problem(answer, typed)


def _close_problem(answer: Refusal, typed: str) -> Response:
    if answer.status != 422:
        return fragments.refuse(answer, back=_url())
    return _page({"close_day": answer.message}, {"day": typed})


def _page(problems: Mapping[str, str], typed: Mapping[str, object]) -> Response:
    session, company = store.reading(), g.company.id
    return fragments.respond(
        "signals/list.html",
        status=422 if problems else 200,
        signals=open_signals.listing(session, company),
        ended=open_signals.ended(session, company),
        sentence=open_signals.sentence,
        connectors=signal_settings.listed(session, company),
        close_day=signal_settings.own_close_day(session, company),
        days=signal_causes.CLOSE_DAYS,
        date=filters.today(),
        problems=problems,
        typed=typed,
    )


def _url() -> str:
    return url_for("signals.listing", co=g.company.code)
