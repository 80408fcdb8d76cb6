"""Pages for delegates and access requests, and the bar that warns before a session ends."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, make_response, render_template, request, url_for

from holding.access import actors, deputies, operations, people
from holding.access.actors import ACT_LABELS, ACTS, may, role_list
from holding.access.operations import Requested, RequestState
from holding.db.refusal import Refusal
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs, public, signed_in

deputy_pages = Blueprint("deputies", __name__, url_prefix="/c/<co>/deputies")

session_pages = Blueprint("staying", __name__)

WARNS: Final = timedelta(minutes=5)

request_pages = Blueprint("asking", __name__, url_prefix="/c/<co>/access")

CHIPS = {
    RequestState.WAITS: ("info", "waiting", "Waits for an administrator"),
    RequestState.GRANTED: ("ok", "ok", "Granted"),
    RequestState.DECLINED: ("idle", "ignored", "Declined"),
}
"""State of a request -> tone, icon and word."""

FIELDS = {"access.unknown": "act", "access.reason": "reason"}


@dataclass(frozen=True, slots=True)
class Wish:
    """Appoint a delegate for a person, from one day through another."""

    person_id: int
    deputy_id: int
    first: date
    last: date
    reason: str


@deputy_pages.get("/")
@needs("record.read")
def listing() -> Response:
    """Show the current, future and past delegates, and the form."""
    return _deputies_page({})


def _deputies_page(problems: dict[str, str], *, status: int = 200) -> Response:
    session = store.reading()
    rows = deputies.list_deputies(session, g.company.id)
    open_ = [row for row in rows if row.ended_at is None and row.until_at > g.now]
    people = deputies.list_colleagues(session, g.company.id)
    admin = actors.may(g.actor, "people.admin") is None
    return store.respond(
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


def _last_day(row: deputies.Standing) -> date:
    return (row.until_at.astimezone(filters.zone()) - timedelta(seconds=1)).date()


@deputy_pages.post("/")
@needs("deputy.name")
def appoint() -> Response:
    """Appoint a delegate."""
    wish = _wish()
    if isinstance(wish, forms.Problems):
        return _deputies_page(dict(wish.by_field), status=422)
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
        return store.refuse(answer, back=_deputies_url())
    return store.redirect_with_message(_deputies_url(), f"Named through {wish.last}.")


def _wish() -> Wish | forms.Problems:
    form = request.form
    person, deputy = forms.parse_whole(form.get("person")), forms.parse_whole(form.get("deputy"))
    first, last = forms.parse_day(form.get("first")), forms.parse_day(form.get("last"))
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


def _deputies_url() -> str:
    return url_for("deputies.listing", co=g.company.code)


@deputy_pages.post("/<int:deputy_id>/end")
@needs("record.read")  # the deputy may end it, whatever their role
def end(deputy_id: int) -> Response:
    """End it before its time."""
    with store.writing() as session:
        answer = deputies.end(session, g.actor, deputy_id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_deputies_url())
    return store.redirect_with_message(_deputies_url(), "Ended.")


@dataclass(frozen=True, slots=True)
class Stay:
    """When the session of a page ends; None if it has ended.

    `lasts`: use extends the session. `back` is the page to return to.
    """

    ends_at: datetime | None
    lasts: bool
    now: datetime
    back: str = "/"

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self.ends_at is None

    @property
    def ends_soon(self) -> bool:
        """Whether the session ends soon, so that a warning is due."""
        return self.ends_at is not None and self.ends_at - self.now <= WARNS

    @property
    def minutes(self) -> int:
        """The minutes until the session ends, rounded up."""
        left = self.ends_at - self.now if self.ends_at else timedelta()
        return max(1, -(-left // timedelta(minutes=1)))

    @property
    def asks_in(self) -> int | None:
        """The seconds until the page checks again: at the time of the warning, or at the session's
        end.
        """
        if self.ends_at is None:
            return None
        until = self.ends_at if self.ends_soon else self.ends_at - WARNS
        return max(1, int((until - self.now).total_seconds()) + 1)


@session_pages.get("/stay", endpoint="ask")
@public  # shows only when the visitor's own session ends
def show_session_bar() -> Response:
    """Show the warning bar if the session ends soon. This request does not extend the session."""
    return make_response(render_template("_macros/staying.html", stay=_stay()))


def _stay() -> Stay:
    if "person" not in g and not request_guard.whoever():
        where = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = f"{where.path}?{where.query}" if where.query else where.path
        return Stay(None, lasts=False, now=g.now, back=request_guard.safe_next(back))
    lasts = g.person.ends_at < g.person.expires_at
    return Stay(g.person.ends_at, lasts=lasts, now=g.now)


@session_pages.post("/stay")
@signed_in
def stay() -> Response:
    """Extend the session of the present user."""
    request_guard.used()
    word = "_macros/staying.html" if store.wants_fragment() else "access/stays.html"
    return make_response(render_template(word, stay=_stay()))


def init_session_bar(app: Flask) -> None:
    """Give templates the time at which the user's session ends."""
    app.jinja_env.globals["stay_of"] = _stay


@request_pages.get("")
@needs("record.read")
def form() -> Response:
    """Show the acts that the user may not do, the form to request them, and the user's requests."""
    return _request_page({})


def _request_page(problems: dict[str, str], *, status: int = 200) -> Response:
    own = operations.own_requests(store.reading(), g.actor)
    waits = {one.act for one in own if one.answer is RequestState.WAITS}
    return store.respond(
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
        admins=people.who_may(store.reading(), g.company.id, operations.DECIDES),
        limited=g.actor.reach.limited,
    )


@request_pages.post("", endpoint="ask")
@needs("record.read")
def send_request() -> Response:
    """Send an access request to the administrators."""
    act, reason = request.form.get("act", ""), request.form.get("reason", "")
    with store.writing() as session:
        refused = operations.request_access(session, g.actor, act, reason, g.now)
    if refused and refused.code in FIELDS:
        return _request_page({FIELDS[refused.code]: refused.message}, status=refused.status)
    if refused:
        return store.refuse(refused, back=_request_url())
    who = people.who_may(store.reading(), g.company.id, operations.DECIDES)
    said = f"You asked to be allowed to {ACT_LABELS[act]}. {', '.join(who)} can give you a role."
    return store.redirect_with_message(_request_url(), said)


def _request_url() -> str:
    return url_for("asking.form", co=g.company.code)


@request_pages.post("/<int:request_id>/decline")
@needs("people.admin")
def decline(request_id: int) -> Response:
    """Decline an access request, with a reason for the requester."""
    back = url_for("people.listing", co=g.company.code)
    with store.writing() as session:
        answer = operations.decline(
            session, g.actor, request_id, request.form.get("reason", ""), g.now
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    return store.redirect_with_message(back, f"The request of {answer} is declined.")


def init_open_requests(app: Flask) -> None:
    """Give templates the open access requests, which wait for an administrator."""
    app.jinja_env.globals["access_asked"] = _waiting
    app.jinja_env.globals["act_labels"] = ACT_LABELS
    app.jinja_env.globals["asking_for"] = _asking_for


def _waiting(person_id: int | None = None) -> list[tuple[Requested, str]]:
    """Return the open access requests with the roles that would grant each.

    `person_id` limits them to a person.
    """
    if request_guard.may(operations.DECIDES):
        return []
    found = operations.list_requests(store.reading(), g.company.id)
    mine = [one for one in found if person_id in (None, one.person_id)]
    return [(one, role_list(ACTS[one.act])) for one in mine]


def _asking_for(act: str) -> str:
    """Return the address of the form that requests permission for this act."""
    return url_for("asking.form", co=g.company.code, act=act)
