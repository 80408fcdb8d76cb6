"""NetShop's list of what changed: `GET /clearpost/changes?since=…` or `?after=…`.

Here: who may ask, which changes a page shows, and how it goes wrong where that was planned. Not
here: what changes (orders.py, deliveries.py), who is told of it at once (api.py).

A change has a place in the list by the line of the ledger that holds it. What changed twice is
shown once, as it is now, at its last place. A question is signed as a webhook is, over `GET`, a
blank and path and query as they were sent.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connectors.simulators.base.server import Reply, Request

PATH: Final = "/clearpost/changes"
MOST: Final = 100
WINDOW: Final = 300.0  # seconds
FAULTS: Final = {
    "rest_error": "the next question is answered 500",
    "rest_html": "it is answered 502 with a page",
    "rest_too_many": "it is answered 429 and told to wait",
    "rest_refused": "it is answered 401",
    "rest_forbidden": "it is answered 403",
    "rest_again": "it is told that there is more, at the same place",
    "rest_cut": "the connection is cut in the middle of the answer",
}
_PAGE: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class Feed:
    """The changes by what changed, in the order of their places."""

    places: dict[tuple[str, str], tuple[int, str, Mapping[str, Any]]] = field(default_factory=dict)

    def take(self, place: int, at: str, kind: str, record: Mapping[str, Any]) -> None:
        """A change stands at a place; where the same stood before, there is nothing any more."""
        key = (kind, str(record["id"]))
        self.places.pop(key, None)
        self.places[key] = (place, at, {kind: dict(record)})

    def shown(self, query: Mapping[str, str]) -> Reply:
        """A page of the list."""
        try:
            most = int(query.get("limit", "50"))
            begun = int(query["after"].removeprefix("c-")) if "after" in query else -1
            since = datetime.fromisoformat(query["since"]) if "since" in query else None
        except ValueError:
            return wrong(400, "since is a moment, after a place of this list, limit a number")
        if not 0 < most <= MOST or ("after" in query) == ("since" in query):
            return wrong(400, f"Name since or after, and a limit of at most {MOST}")
        rows = [
            (place, change)
            for place, at, change in self.places.values()
            if place > begun and (since is None or datetime.fromisoformat(at) >= since)
        ]
        page, rest = rows[:most], rows[most:]
        last = page[-1][0] if page else max(begun, self._newest())
        changes = [change for _, change in page]
        told = {"changes": changes, "next": f"c-{last}", "more": bool(rest)}
        return Reply(status=200, content=told)

    def _newest(self) -> int:
        return max((place for place, *_ in self.places.values()), default=0)


def refused(request: Request, secret: str, now: datetime) -> Reply | None:
    """Why somebody is not answered; None where they are."""
    if request.method != "GET" or request.path != PATH:
        return wrong(404, "No such page")
    told = [request.headers.get(f"x-ns16-{word}", "") for word in ("timestamp", "event-id")]
    signed = f"{told[0]}.{told[1]}.GET {request.target}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    given = request.headers.get("x-ns16-signature", "")
    if not hmac.compare_digest(f"sha256={digest}".encode(), given.encode()):
        return wrong(401, "The signature does not match")
    late = not told[0].isdecimal() or abs(int(told[0]) - now.timestamp()) > WINDOW
    return wrong(401, "The timestamp is too far away") if late else None


def faulty(fault: str, request: Request) -> Reply | None:
    """The answer that was planned instead."""
    match fault:
        case "rest_error":
            return wrong(500, "Internal error")
        case "rest_html":
            return Reply(status=502, content=_PAGE, headers={"Content-Type": "text/html"})
        case "rest_too_many":
            told = {"error": "Too many questions"}
            return Reply(status=429, content=told, headers={"Retry-After": "20"})
        case "rest_refused":
            return wrong(401, "The secret was replaced")
        case "rest_forbidden":
            return wrong(403, "The list of changes is switched off")
        case "rest_again":
            place = request.query.get("after", "c-0")
            return Reply(status=200, content={"changes": [], "next": place, "more": True})
        case _:
            return None


def wrong(status: int, words: str) -> Reply:
    """An answer that says what is wrong."""
    return Reply(status=status, content={"error": words})
