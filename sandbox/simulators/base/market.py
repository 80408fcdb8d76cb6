"""Play a seller on a marketplace: webhooks that show only what changed, and tokens that expire.

It exchanges tokens, fails planned calls, switches webhooks off, and tries an address by a webhook.
How a marketplace signs and answers is in its own folder.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from connectors.transport.http import Clock
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import ON_THE_WAY, Life, Order, Shop, ShopBooks, Webhook

REST: Final = {
    "rest_error": "the next question is answered with an error of the server",
    "rest_html": "it is answered 502 with a page",
    "rest_too_many": "it is answered 429 and told to wait",
    "rest_limit": "it is answered 200 with the error that says the same",
    "rest_refused": "it is answered as for a token that was taken back",
    "rest_forbidden": "it is answered as for an app that may not ask that (in no sheet)",
    "rest_cut": "the connection is cut in the middle of the answer",
    "rest_missing": "one order of the page is left out where orders are shown",
}
FAULTS: Final = {**ON_THE_WAY, **REST}
ENOUGH: Final = 5
"""After this number of failed webhooks in a row, no more are sent."""
_PAGE: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app of a shop: its number, its secret, and an access token's lifetime."""

    number: str
    secret: str
    lasts: timedelta


class MarketBooks(ShopBooks):
    """The orders, the number of token exchanges, and the time of the last exchange."""

    def rewind(self) -> None:
        """Reset to no orders and no access tokens."""
        super().rewind()
        self.exchanges, self.granted = 0, ""

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a token exchange, or an event that every shop has."""
        super().take(line)
        if line["call"] == "token":
            self.exchanges, self.granted = int(line["no"]), str(line["at"])


class Market(Shop):
    """A simulated marketplace with one seller, whose API requires signatures and access tokens.

    `per_minute`: the number of requests that it accepts in a minute.
    """

    faults = FAULTS
    exchange_at = ""
    """The path where tokens are exchanged."""

    def __init__(
        self,
        books: MarketBooks,
        ledger: Ledger,
        clock: Clock,
        *,
        to: str,
        life: Life,
        app: App,
        per_minute: int,
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self.market, self.app, self._per_minute = books, app, per_minute
        self._request_times: list[datetime] = []

    @abstractmethod
    def shown(self, request: Request) -> Reply:
        """Return the reply to a query with a valid signature and token."""

    @abstractmethod
    def refused(self, request: Request) -> Reply | None:
        """Return the refusal by signature, timestamp or token, or None."""

    @abstractmethod
    def wrong(self, what: str) -> Reply:
        """Return the marketplace's own error for `server`, `limit`, `token` or `permission`."""

    @abstractmethod
    def trial(self) -> Webhook:
        """Return the webhook that tests an address."""

    @property
    def access(self) -> str:
        """The access token; blank before the first exchange and once it is over."""
        if not self.market.granted:
            return ""
        end = datetime.fromisoformat(self.market.granted) + self.app.lasts
        return f"access-{self.market.exchanges}" if self.now() < end else ""

    @property
    def refresh(self) -> str:
        """The only refresh token that is accepted."""
        return f"refresh-{self.market.exchanges}"

    def exchange(self, refresh_token: str) -> bool:
        """Issue new tokens for the newest refresh token, which is then used up; return False for
        another token.
        """
        if refresh_token != self.refresh:
            return False
        line = {"at": self.now().isoformat(), "call": "token", "effect": "granted"}
        self.write({**line, "no": self.market.exchanges + 1})
        return True

    def silent(self) -> bool:
        """Check whether its webhooks were disabled."""
        return self.books.failures >= ENOUGH

    def play(self) -> None:
        """Send a trial webhook to the address, then play as every shop."""
        if self._to:
            with self._lock:
                self._post(self.trial(), 0, "trial")
        super().play()

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the API's reply."""
        del request_id
        fault = request.headers.get("x-sim-fault") or next(
            (name for name in self.books.faults if name in REST and self._meets(name, request)), ""
        )
        reply = (
            self.faulty(fault, request)
            or self._busy()
            or self.refused(request)
            or self.shown(request)
        )
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        line_fields = {"query": _plain(request.query), "effect": "shown", "status": reply.status}
        met = "" if fault == "rest_missing" else fault
        self.write({**line, **line_fields, "fault": met})
        return replace(reply, cut="middle" if fault == "rest_cut" else reply.cut), False

    def all_but_missing(self, orders: Sequence[Order]) -> list[Order]:
        """Return the orders without the one planned to be missing, or the last one, once."""
        ids = {
            str(order_id): key
            for key, order in self.books.orders.items()
            for order_id in _ids(order)
        }
        keys = [
            ids[order_id]
            for order in orders
            for order_id in map(str, _ids(order))
            if order_id in ids
        ]
        meant = next((key for key in keys if self._misses(key)), 0)
        if not meant and "rest_missing" not in self.books.faults:
            return list(orders)
        line = {"at": self.now().isoformat(), "call": "asked", "path": "", "query": {}}
        line_fields = {"effect": "left_out", "status": 0, "fault": "rest_missing"}
        self.write({**line, **line_fields, "id": meant})
        if not meant:
            return list(orders[:-1])
        missing_ids = _ids(self.books.orders[meant])
        return [order for order in orders if _ids(order).isdisjoint(missing_ids)]

    def _misses(self, order_id: int) -> bool:
        return bool(self.books.planned_for(order_id, ("rest_missing",)))

    def _meets(self, fault: str, request: Request) -> bool:
        """Check whether a fault applies; an app without permission may still exchange tokens."""
        return fault != "rest_forbidden" or request.path != self.exchange_at

    def faulty(self, fault: str, request: Request) -> Reply | None:  # noqa: ARG002
        """Return the reply of a planned fault, or None."""
        match fault:
            case "rest_error":
                return self.wrong("server")
            case "rest_html":
                return Reply(status=502, content=_PAGE, headers={"Content-Type": "text/html"})
            case "rest_too_many":
                return Reply(status=429, content={}, headers={"Retry-After": "20"})
            case "rest_limit":
                return self.wrong("limit")
            case "rest_refused":
                return self.wrong("token")
            case "rest_forbidden":
                return self.wrong("permission")
            case _:
                return None

    def _busy(self) -> Reply | None:
        now = self.now()
        self._request_times = [
            moment for moment in self._request_times if now - moment < timedelta(minutes=1)
        ]
        if len(self._request_times) >= self._per_minute:
            return self.wrong("limit")
        self._request_times.append(now)
        return None


def _ids(order: Order) -> set[object]:
    """Return the marketplace's names for an order."""
    return {order[name] for name in ("order_sn", "order_id") if name in order}


def _plain(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query for the ledger, without its signature."""
    return {name: value for name, value in query.items() if name not in ("sign", "access_token")}
