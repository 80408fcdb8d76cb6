"""The frame around every page of a company: the navigation and its counts; addresses in pages.

Here: what base.html asks for, and what templates write addresses with. Not here: the pages.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from flask import Flask, g, has_request_context, request, url_for

from holding.access.actors import may
from holding.db.together import KEPT, Together
from holding.holds import undo
from holding.operations.idle_work import TO_DO, IdleWork, idle_work
from holding.worklist import ageing as frame_counts
from portal.web import store
from portal.web.permissions import closed

ITEMS = (
    ("dashboard", "Dashboard", "home", "dashboard.show", False),
    ("holding", "Holding area", "inbox", "holding.listing", False),
    ("runs", "Sync runs", "runs", "runs.listing", False),
    ("reconcile", "Reconciliation", "scale", "reconcile.show", True),
    ("late", "Not yet posted", "clock", "late.listing", True),
    ("pushes", "Posting log", "sending", "runs.pushes", True),
    ("rulebook", "Rule book", "rules", "rulebook.show", True),
    ("mappings", "Mappings", "map", "mappings.missing", True),
    ("uploads", "Uploads", "in", "uploads.listing", True),
    ("connections", "Connections", "plug", "connections.listing", True),
    ("operations", "Operations", "server", "operations.show", True),
    ("people", "People", "people", "people.listing", True),
    ("audit", "Audit log", "audit", "audit.listing", True),
)

MOST_ADDRESSES: Final = 10_000
WITHIN = dict.fromkeys(("backtests", "changes", "editor", "trials"), "rulebook")
"""The blueprints whose pages belong to an item of another name."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the navigation; `wide` ones stand in the foot of a narrow page."""

    word: str
    title: str
    icon: str
    href: str
    count: int
    current: bool
    wide: bool


def init(app: Flask) -> None:
    """Give the navigation, what has stopped and what can be undone to the templates."""
    app.jinja_env.globals["nav_items"] = nav_items
    app.jinja_env.globals["stopped_routes"] = stopped_routes
    app.jinja_env.globals["undoable"] = undoable
    app.jinja_env.globals["no_worker"] = no_worker
    app.jinja_env.globals["worker_todo"] = TO_DO


def addresses(app: Flask) -> None:
    """Give `url_for` to the templates, which remembers the addresses that it wrote last: a list has
    a hundred, each page the same in its navigation, and to write one takes as long as a row.
    """
    remembered = lru_cache(maxsize=MOST_ADDRESSES, typed=True)(_address)

    def address(endpoint: str, **values: Any) -> str:
        own = {"_external", "_scheme", "_method"}.isdisjoint(values)
        if not own or endpoint[:1] == "." or not has_request_context():
            return url_for(endpoint, **values)  # what depends on more than is said
        try:
            return remembered(request.script_root, endpoint, *values, *values.values())
        except TypeError:  # several values of one name, in a list
            return url_for(endpoint, **values)

    app.jinja_env.globals["url_for"] = address


def _address(_root: str, endpoint: str, *words: Any) -> str:
    """`words`: the names of all values, then the values: of each its type counts, too."""
    count = len(words) // 2
    return url_for(endpoint, **dict(zip(words[:count], words[count:], strict=True)))


def ask(page: Together) -> None:
    """Ask what the frame says with the questions of a page that does nothing but read."""
    publisher = None if may(g.actor, "rules.publish") else g.actor.person_id
    admin = may(g.actor, "people.admin") is None
    counts = frame_counts.counts(
        store.reading(), g.company.id, g.now, publisher=publisher, admin=admin
    )
    g.asked_counts = page.ask(counts), page.ask(undo.latest(g.actor, g.now))


def nav_items() -> tuple[NavItem, ...]:
    """The navigation of this company, with what waits behind each item; read once a request."""
    if "nav" not in g:
        g.nav = tuple(_items())
    found: tuple[NavItem, ...] = g.nav
    return found


def missing_values() -> int:
    """How many values have no mapping."""
    return _counts().missing


def stopped_routes() -> tuple[str, ...]:
    """The routes that stopped and ask; every page says so."""
    return _counts().stopped


def undoable() -> undo.Undoable | None:
    """What this person did a moment ago and can still take back."""
    _counts()
    found: undo.Undoable | None = g.undoable
    return found


def no_worker() -> IdleWork | None:
    """What waits in this company while no worker runs; every page says so. Read once a request.
    Before the first worker has begun, as while `clearpost up` starts, only work that waits tells;
    one that was here within the minute is being started again.
    """
    if "idle_work" not in g:
        workers = _counts().workers
        g.idle_work = idle_work(store.reading(), g.now, g.company.id, found=workers)
    found: IdleWork | None = g.idle_work
    return found if found and (found.minutes if found.since else found.count) else None


def held() -> int:
    """Records with an open hold, as the frame of the page says."""
    return _counts().held


def changes() -> int:
    """Changes of the rules that whoever asks can publish."""
    return _counts().changes


def _counts() -> frame_counts.Counts:
    """What every page says of the company; read once a request."""
    if "counts" not in g:
        if "asked_counts" not in g:
            ask(Together(store.reading(), KEPT))
        counts, undoable = g.asked_counts
        g.counts, g.undoable = counts.value, undoable.value
    found: frame_counts.Counts = g.counts
    return found


def _items() -> list[NavItem]:
    counts = _counts()
    waiting = {"holding": counts.held, "mappings": counts.missing, "rulebook": counts.changes}
    waiting["people"] = counts.requests
    blueprint = (request.endpoint or "").partition(".")[0]
    here = WITHIN.get(blueprint, blueprint)
    pushes = request.endpoint == "runs.pushes"
    return [
        NavItem(
            word=word,
            title=title,
            icon=icon,
            href=url_for(endpoint, co=g.company.code),
            count=waiting.get(word, 0),
            current=(word == "pushes") if pushes else word == here,
            wide=wide,
        )
        for word, title, icon, endpoint, wide in ITEMS
        if closed(g.actor, endpoint) is None
    ]
