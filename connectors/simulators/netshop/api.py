"""NetShop from the outside: it sends signed webhooks, and lists what changed to who may ask.

Here: what it tells of a change, how it signs, and what it is told to tell. Not here: what an order
says (orders.py), the list (feed.py), what every shop does (simulators/base/shop.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connectors.simulators.base.control import ControlError, Deed, done, given_of, plain
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.base.shop import (
    ON_THE_WAY,
    Life,
    Order,
    Shop,
    ShopBooks,
    ShopControl,
    Webhook,
)
from connectors.simulators.netshop import feed
from connectors.simulators.netshop.deliveries import signed
from connectors.simulators.netshop.orders import changed, created, sold
from connectors.transport.clock import Clock

_EVENTS: Final = {"create": "created", "cancel": "cancelled", "refund": "refunded"}
FAULTS: Final = {**ON_THE_WAY, **feed.FAULTS}
TOLD: Final = ("delivery", "purchase", "settlement", "payout")
"""What it tells beside orders, as somebody enters it there."""


class NetShopBooks(ShopBooks):
    """The books of NetShop: with the list of what changed."""

    def rewind(self) -> None:
        """Nothing has changed."""
        super().rewind()
        self.feed = feed.Feed()

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a change of an order, or of what is told beside them, take effect."""
        super().take(line)
        if line["call"] == "change":
            self.feed.take(line["seq"], line["at"], "order", line["order"])
        elif line["call"] == "told":
            self.effects += 1
            self.feed.take(line["seq"], line["at"], line["kind"], line["record"])


class NetShop(Shop):
    """One shop."""

    faults = FAULTS

    def __init__(
        self, books: NetShopBooks, ledger: Ledger, clock: Clock, *, to: str, life: Life, secret: str
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self._secret, self._seed, self._feed = secret, life.seed, books
        self._control = NetShopControl(self)

    def changed(
        self, act: str, order_id: int, order: Order | None, given: Mapping[str, Any]
    ) -> Order:
        """The order after an act."""
        if act == "create":
            return created(order_id, self._seed, self.now(), given)
        if order is None:
            raise ControlError("No such order")
        return changed(act, order, self.now(), given)

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """One for each change, with the whole order and an id of its own."""
        key = f"evt_{self._seed}_{order['id']}_{order['version']}"
        return [self._webhook(f"order.{_EVENTS.get(act, 'updated')}", {"order": order}, key)]

    def sold(self, order: Order) -> Mapping[str, int]:
        """What was sold, without what NetShop says came back; of a cancelled order nothing."""
        return sold(order)

    def faulty(self, fault: str, request: Request) -> Reply | None:
        """What is answered instead."""
        return feed.faulty(fault, request)

    def tell(self, kind: str, record: Mapping[str, Any]) -> None:
        """Somebody entered a delivery, a purchase, a settlement or a payout there."""
        line = {"at": self.now().isoformat(), "call": "told", "effect": "changed", "kind": kind}
        self.write({**line, "record": record})
        key = f"evt_{self._seed}_{kind}_{record['id']}_{self.books.effects}"
        hook = self._webhook(f"{kind}.updated", {kind: record}, key)
        self._send(hook, 0, self._planned_next())

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """What it answers who asks for what changed."""
        del request_id
        fault = request.headers.get("x-sim-fault") or next(
            (name for name in self.books.faults if name in feed.FAULTS), ""
        )
        reply = (
            self.faulty(fault, request)
            or feed.refused(request, self._secret, self.now())
            or self._feed.feed.shown(request.query)
        )
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        told = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **told, "fault": fault})
        return (replace(reply, cut="middle") if fault == "rest_cut" else reply), False

    def _webhook(self, event: str, content: Mapping[str, Any], key: str) -> Webhook:
        raw = json.dumps({"event": event, **content}, ensure_ascii=False).encode()
        right, wrong = (
            signed(raw, event_id=key, secret=secret, now=self.now()).headers
            for secret in (self._secret, "other")
        )
        return Webhook(topic=event, headers=right, raw=raw, forged=wrong)


class NetShopControl(ShopControl):
    """The control calls of NetShop: what it tells beside orders, too."""

    def __init__(self, shop: NetShop) -> None:
        super().__init__(shop)
        self._netshop = shop

    def deeds(self) -> Mapping[str, Deed]:
        """Somebody enters something there."""
        return {**super().deeds(), "tell": self._tell}

    def _tell(self, request: Request, request_id: str) -> Reply:
        """`kind` of `TOLD`, and the `record` as NetShop writes it, with its `id`."""
        del request_id
        given = given_of(request)
        kind, record = given.get("kind"), plain(given.get("record"))
        if kind not in TOLD or not isinstance(record, dict) or not record.get("id"):
            raise ControlError(f"Name a kind of {', '.join(TOLD)}, and a record with its id")
        self._netshop.tell(str(kind), record)
        return done("tell")
