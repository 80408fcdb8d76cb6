"""NetShop from the outside: it sends signed webhooks, and answers no questions.

Here: what it tells of a change, and how it signs. Not here: what an order says (orders.py), what
every shop does (simulators/base/shop.py). NetShop has no interface that anybody could ask: what
nobody took is sent again by a person, who sets the order's act once more.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.base.shop import Life, Order, Shop, ShopBooks, Webhook
from connectors.simulators.netshop.deliveries import signed
from connectors.simulators.netshop.orders import changed, created
from connectors.transport.clock import Clock

_EVENTS: Final = {"create": "created", "cancel": "cancelled", "refund": "refunded"}


class NetShop(Shop):
    """One shop."""

    def __init__(
        self, books: ShopBooks, ledger: Ledger, clock: Clock, *, to: str, life: Life, secret: str
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self._secret, self._seed = secret, life.seed

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
        event = f"order.{_EVENTS.get(act, 'updated')}"
        raw = json.dumps({"event": event, "order": order}, ensure_ascii=False).encode()
        key = f"evt_{self._seed}_{order['id']}_{order['version']}"
        right, wrong = (
            signed(raw, event_id=key, secret=secret, now=self.now()).headers
            for secret in (self._secret, "other")
        )
        return [Webhook(topic=event, headers=right, raw=raw, forged=wrong)]

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """That there is nothing to ask."""
        words = {"error": "NetShop has no interface to ask: it only sends.", "id": request_id}
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        self.write({**line, "effect": "refused", "status": 404})
        return Reply(status=404, content=words), False
