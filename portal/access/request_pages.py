"""Asking for access, and declining it.

Here: the page from which a person asks, what administrators see of it on the pages of people. Not
here: what a request is (holding/access/operations.py), giving a role (people.py).
"""

from flask import Blueprint, Flask, Response, g, request, url_for

from holding.access import operations as access_requests
from holding.access import people
from holding.access.actors import ACT_LABELS, ACTS, may, role_list
from holding.access.operations import Answer, Requested
from holding.db.refusal import Refusal
from portal.web import fragments, security, store

pages = Blueprint("asking", __name__, url_prefix="/c/<co>/access")
CHIPS = {
    Answer.WAITS: ("info", "waiting", "Waits for an administrator"),
    Answer.GRANTED: ("ok", "ok", "Granted"),
    Answer.DECLINED: ("idle", "ignored", "Declined"),
}
"""State of a request -> tone, icon and word."""
FIELDS = {"access.unknown": "act", "access.reason": "reason"}


@pages.get("")
def form() -> Response:
    """What one cannot do here, to ask for it; what one has asked for."""
    return _page({})


@pages.post("")
def ask() -> Response:
    """Ask an administrator."""
    act, reason = request.form.get("act", ""), request.form.get("reason", "")
    with store.writing() as session:
        refused = access_requests.ask(session, g.actor, act, reason, g.now)
    if refused and refused.code in FIELDS:
        return _page({FIELDS[refused.code]: refused.message}, status=refused.status)
    if refused:
        return fragments.refuse(refused, back=_url())
    who = people.who_may(store.reading(), g.company.id, access_requests.DECIDES)
    said = f"You asked to be allowed to {ACT_LABELS[act]}. {', '.join(who)} can give you a role."
    return fragments.moved(_url(), said)


@pages.post("/<int:request_id>/decline")
def decline(request_id: int) -> Response:
    """Say no, with a reason that whoever asked reads."""
    back = url_for("people.listing", co=g.company.code)
    with store.writing() as session:
        answer = access_requests.decline(
            session, g.actor, request_id, request.form.get("reason", ""), g.now
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    return fragments.moved(back, f"The request of {answer} is declined.")


def init(app: Flask) -> None:
    """Give the pages of people what waits for an administrator."""
    app.jinja_env.globals["access_asked"] = _waiting
    app.jinja_env.globals["act_labels"] = ACT_LABELS
    app.jinja_env.globals["asking_for"] = _asking_for


def _waiting(person_id: int | None = None) -> list[tuple[Requested, str]]:
    """The requests that wait, each with the roles that would grant it; of one person, or of all."""
    if security.may(access_requests.DECIDES):
        return []
    found = access_requests.waiting(store.reading(), g.company.id)
    mine = [one for one in found if person_id in (None, one.person_id)]
    return [(one, role_list(ACTS[one.act])) for one in mine]


def _page(problems: dict[str, str], *, status: int = 200) -> Response:
    own = access_requests.own(store.reading(), g.actor)
    waits = {one.act for one in own if one.answer is Answer.WAITS}
    return fragments.respond(
        "access/ask.html",
        status=status,
        problems=problems,
        lacking=[
            (act, words, role_list(ACTS[act]), act in waits)
            for act, words in ACT_LABELS.items()
            if may(g.actor, act)
        ],
        chosen=request.values.get("act", ""),
        typed=request.form.get("reason", ""),
        own=own,
        chips=CHIPS,
        admins=people.who_may(store.reading(), g.company.id, access_requests.DECIDES),
        limited=g.actor.reach.limited,
    )


def _url() -> str:
    return url_for("asking.form", co=g.company.code)


def _asking_for(act: str) -> str:
    """Where one asks to be allowed this act."""
    return url_for("asking.form", co=g.company.code, act=act)
