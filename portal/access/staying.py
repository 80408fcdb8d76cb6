"""How long somebody stays signed in, and staying so.

Here: the bar five minutes before a session ends, and its button. Not here: when a session ends
(holding/access/sessions.py), what counts as its use (portal/web/security.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, make_response, render_template, request

from portal.web import fragments, security

pages = Blueprint("staying", __name__)
WARNS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Stay:
    """When the session of a page ends; `lasts`: whether its use moves that. None: it is over, and
    `back` is the page to come back to.
    """

    ends_at: datetime | None
    lasts: bool
    now: datetime
    back: str = "/"

    @property
    def over(self) -> bool:
        """Whether nobody is signed in any more."""
        return self.ends_at is None

    @property
    def ends_soon(self) -> bool:
        """Whether it is time to say so."""
        return self.ends_at is not None and self.ends_at - self.now <= WARNS

    @property
    def minutes(self) -> int:
        """How long it lasts, the minute that has begun counted."""
        left = self.ends_at - self.now if self.ends_at else timedelta()
        return max(1, -(-left // timedelta(minutes=1)))

    @property
    def asks_in(self) -> int | None:
        """In how many seconds the page looks again: when it has to warn, or when it is over."""
        if self.ends_at is None:
            return None
        until = self.ends_at if self.ends_soon else self.ends_at - WARNS
        return max(1, int((until - self.now).total_seconds()) + 1)


@pages.get("/stay")
def ask() -> Response:
    """The bar, if it is time for it; to ask is no use of the session."""
    return make_response(render_template("_macros/staying.html", stay=_stay()))


@pages.post("/stay")
def stay() -> Response:
    """Somebody is there: the session goes on."""
    security.used()
    word = "_macros/staying.html" if fragments.wants_fragment() else "access/stays.html"
    return make_response(render_template(word, stay=_stay()))


def init(app: Flask) -> None:
    """Give templates the session of whoever looks."""
    app.jinja_env.globals["stay_of"] = _stay


def _stay() -> Stay:
    if "person" not in g and not security.whoever():
        where = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = f"{where.path}?{where.query}" if where.query else where.path
        return Stay(None, lasts=False, now=g.now, back=security.safe_next(back))
    lasts = g.person.ends_at < g.person.expires_at
    return Stay(g.person.ends_at, lasts=lasts, now=g.now)
