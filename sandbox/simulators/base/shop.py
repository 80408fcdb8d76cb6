"""Play a shop: orders that change by scenario, an API to read them, and webhooks."""

import json
import random
import threading
import urllib.error
import urllib.request
from abc import abstractmethod
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from connectors.transport.http import Clock
from sandbox.simulators.base.control import (
    CONTROL,
    Control,
    ControlError,
    Deed,
    StandIn,
    done,
    given_of,
)
from sandbox.simulators.base.server import Ledger, Reply, Request, Scripted, serve

Order = dict[str, Any]

ON_THE_WAY: Final = {
    "drop": "the webhook is never sent",
    "twice": "it is sent twice",
    "late": "it is sent after the next one",
    "forged": "it is sent with another secret first",
}
"""What may become of a webhook, by name."""

ACTS: Final = ("create", "edit", "complete", "cancel", "refund", "delete", "restore")

_NO_ANSWER, _NONE = 0, -1

STOCK: Final = 100
"""What a shop has of each SKU before it sells any, in pieces, where nothing else is said."""

LATER: Final = timedelta(seconds=1)
"""Two changes of an order are never of the same moment: shops count whole seconds."""

_NAMES: Final = ("id", "number", "name", "order_number", "order_id", "order_sn")
"""Where shops write the id and the number of an order."""

_TELLS: Final = ("number", "order_number", "order_id", "order_sn")
"""Of these, what stands only where an order is told: lines and refunds have ids of their own."""

_LIVES: Final = (
    ("create",),
    ("create", "edit"),
    ("create", "complete"),
    ("create", "edit", "complete"),
    ("create", "cancel"),
    ("create", "complete", "refund"),
    ("create", "delete", "restore", "complete"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook, ready to be posted; signed with the right secret, or with another."""

    topic: str
    headers: Mapping[str, str]
    raw: bytes
    forged: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The scenario that the shop runs: its number of orders.

    `mixed`: orders are also edited, cancelled and refunded.
    """

    orders: int = 0
    mixed: bool = False
    every: float = 0.0
    seed: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    stock: int = STOCK


class PlannedByOrder(Scripted):
    """The orders by the simulator's own ids, and the faults planned for each."""

    def rewind(self) -> None:
        """Reset to no orders and no planned faults."""
        super().rewind()
        self.orders: dict[int, dict[str, Any]] = {}

    def planned_for(self, order_id: int, among: Collection[str]) -> str:
        """Return the next of these faults planned for this order, or blank.

        A fault may be planned under any of the order's names: the id here, or the shop's id and
        number.
        """
        waiting = (name for number in self._names(order_id) for name in self._plan(number))
        return next((name for name in waiting if name in among), "")

    def met_by(self, reply: Reply) -> Iterator[tuple[int, str]]:
        """Yield each order of a reply with each fault planned for it."""
        references = {name for item in _objects(reply) for name in _order_references(item)}
        for order_id, order in self.orders.items():
            if not references.isdisjoint(_order_references(order)):
                for number in self._names(order_id):
                    yield from ((order_id, name) for name in self._plan(number))

    def use_up(self, fault: str, order_id: int) -> None:
        """Use up a fault; faults planned for one order come before general ones."""
        for number in self._names(order_id):
            if fault in self._plan(number):
                self.by_number[number].remove(fault)
                return
        if fault in self.faults:
            self.faults.remove(fault)

    def _names(self, order_id: int) -> list[str]:
        order = self.orders.get(order_id, {})
        references = [str(order[name]) for name in _NAMES if name in order]
        return list(dict.fromkeys([str(order_id), *references]))

    def _plan(self, number: str) -> list[str]:
        return self.by_number.get(number, [])


def _objects(reply: Reply) -> Iterator[Mapping[str, Any]]:
    """Yield each object of a JSON reply, however deep."""
    try:
        waiting = [json.loads(reply.encoded())]
    except ValueError:
        return
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _order_references(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, value) for each field in which an object refers to its order."""
    return ((name, str(item[name])) for name in _TELLS if name in item)


class ShopBooks(PlannedByOrder):
    """The orders of a shop by their ids, and how far its life went."""

    def rewind(self) -> None:
        """Reset to no orders and no planned faults."""
        super().rewind()
        self.steps = self.failures = 0

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a change, a webhook with its reply, or a read."""
        if line.get("fault"):
            self.use_up(line["fault"], int(line.get("id") or 0))
        if line["call"] == "change":
            self.effects += 1
            self.orders[int(line["id"])] = dict(line["order"])
            self.steps += int(line["step"])
        elif line["call"] == "hide":
            self.effects += 1
            del self.orders[int(line["id"])]
        elif line["call"] == "rewrite":
            self.effects += 1
            self.orders[int(line["id"])] = dict(line["order"])
        elif line["call"] == "webhook" and line["effect"] in ("sent", "late"):
            self.failures = 0 if 200 <= line["status"] < 300 else self.failures + 1


class Shop(StandIn[ShopBooks]):
    """A shop from the outside. `to`: the address that its webhooks go to; none are sent without."""

    faults: Mapping[str, str] = ON_THE_WAY
    """What may be planned, of webhooks and of answers."""

    acts: Sequence[str] = ACTS
    """What may be done to an order."""

    def __init__(
        self, books: ShopBooks, ledger: Ledger, clock: Clock, *, to: str, life: Life
    ) -> None:
        super().__init__(books, ledger, clock, hang=0.0)
        self._to = to
        self._late: list[tuple[Webhook, int]] = []
        self._steps = acts_of(life.orders, mixed=life.mixed, seed=life.seed)
        self._planned = faults_of(len(self._steps), life.faults, seed=life.seed)
        self._life = life
        self._control = ShopControl(self)

    @abstractmethod
    def changed(
        self, act: str, order_id: int, order: Order | None, arguments: Mapping[str, Any]
    ) -> Order:
        """Return the order after an act, None before the first act; raise ControlError."""

    @abstractmethod
    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """Return the shop's webhooks for an act."""

    def sold(self, order: Order) -> Mapping[str, int]:  # noqa: ARG002
        """Return SKU -> this order's pieces out of stock.

        These are the sold pieces without what the shop itself reports as returned.
        """
        return {}

    def faulty(self, fault: str, request: Request) -> Reply | None:  # noqa: ARG002
        """Return the reply that a planned fault causes, or None if the fault changes no reply."""
        return None

    def silent(self) -> bool:
        """Check whether the shop has stopped sending, automatically."""
        return False

    def stock(self) -> dict[str, int]:
        """Return SKU -> pieces in stock, of each SKU ever sold; it may be negative."""
        sold_pieces: Counter[str] = Counter()
        for order in self.books.orders.values():
            sold_pieces.update(self.sold(order))
        return {sku: self._life.stock - pieces for sku, pieces in sorted(sold_pieces.items())}

    def handle(self, request: Request) -> Reply:
        """Handle a request like every simulator; an order's reply may meet a planned fault."""
        reply = super().handle(request)
        if request.path.startswith(CONTROL) or not self.books.by_number:
            return reply
        with self._lock:
            for order_id, fault in self.books.met_by(reply):
                other = self.faulty(fault, request)
                if other or fault == "rest_cut":
                    line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
                    line_fields = {"effect": "spoiled", "status": (other or reply).status}
                    self.write({**line, **line_fields, "fault": fault, "id": order_id})
                    return other or replace(reply, cut="middle")
        return reply

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return self._control.answer(request, request_id)

    def act(
        self,
        act: str,
        order_id: int,
        arguments: Mapping[str, Any],
        *,
        fault: str | None = None,
        step: int = 0,
    ) -> Order:
        """Change an order and send what follows; the change is in the ledger first. Its webhook
        meets this fault, or the next that is planned.
        """
        order = self.changed(act, order_id, self.books.orders.get(order_id), arguments)
        at = self.now().isoformat()
        line = {"at": at, "call": "change", "act": act, "effect": "changed", "step": step}
        self.write({**line, "id": order_id, "order": order})
        for hook in self.webhooks(act, order):
            waiting, self._late = self._late, []
            order_faults = self.books.planned_for(order_id, ON_THE_WAY)
            self._send(
                hook, order_id, order_faults or (self._planned_next() if fault is None else fault)
            )
            for late, of in waiting:
                self._post(late, of, "late")
        return order

    def _planned_next(self) -> str:
        return next((name for name in self.books.faults if name in ON_THE_WAY), "")

    def play(self) -> None:
        """Run the rest of the shop's scenario; events in the ledger are not repeated."""
        for at, (act, number) in list(enumerate(self._steps))[self.books.steps :]:
            with self._lock:
                self.act(act, number + 1, {}, fault=self._planned.get(at, ""), step=1)
            self._clock.sleep(self._life.every)
        with self._lock:
            for late, of in self._late:
                self._post(late, of, "late")
            self._late = []

    def _send(self, hook: Webhook, order_id: int, fault: str) -> None:
        if not self._to or self.silent():
            self._note(hook, order_id, "silent", fault=fault)
        elif fault == "drop":
            self._note(hook, order_id, "dropped", fault=fault)
        elif fault == "late":
            self._late.append((hook, order_id))
            self._note(hook, order_id, "kept_back", fault=fault)
        else:
            if fault == "forged":
                self._post(hook, order_id, "forged", headers=hook.forged)
            self._post(hook, order_id, "sent", fault=fault)
            if fault == "twice":
                self._post(hook, order_id, "sent")

    def _post(
        self,
        hook: Webhook,
        order_id: int,
        effect: str,
        *,
        fault: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        sent_headers = dict(headers or hook.headers)
        request = urllib.request.Request(  # noqa: S310
            self._to, data=hook.raw, headers=sent_headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = _NO_ANSWER
        self._note(hook, order_id, effect, fault=fault, status=status)

    def _note(
        self, hook: Webhook, order_id: int, effect: str, *, fault: str = "", status: int = _NONE
    ) -> None:
        at = self.now().isoformat()
        line = {"at": at, "call": "webhook", "topic": hook.topic, "id": order_id, "fault": fault}
        self.write({**line, "effect": effect, "status": status})


class ShopControl(Control[ShopBooks]):
    """The control calls of a shop: its orders, and an act on one."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop, shop.faults)
        self._shop = shop

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with the orders, the stock, and the webhooks' results."""
        if what == "stock":
            return {what: self._shop.stock()}
        if what == "faults":
            planned = {number: names for number, names in self.books.by_number.items() if names}
            return {**super().shown(what), "by_number": planned}
        if what == "orders":
            return {what: list(self.books.orders.values())}
        if what == "webhooks":
            return {
                what: [line for line in self.stand_in.ledger.lines() if line["call"] == "webhook"]
            }
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand, in the shop's own pages or by a buyer.

        Two acts happen in its database without a webhook: `hide` removes an order, `rewrite`
        changes fields.
        """
        return {"act": self._act_on, "hide": self._hide, "rewrite": self._rewrite}

    def _hide(self, request: Request, request_id: str) -> Reply:
        """Hide an order from every reply: `id`."""
        del request_id
        order_id, _ = self._requested_order(given_of(request))
        at = self._shop.now().isoformat()
        self._shop.write({"at": at, "call": "hide", "effect": "hidden", "id": order_id})
        return done("hide", id=order_id)

    def _rewrite(self, request: Request, request_id: str) -> Reply:
        """Change an order without its time of change: `id` and `fields`."""
        del request_id
        body = given_of(request)
        order_id, order = self._requested_order(body)
        changed = {**order, **dict(body.get("fields") or {})}
        at = self._shop.now().isoformat()
        line = {"at": at, "call": "rewrite", "effect": "rewritten", "id": order_id}
        self._shop.write({**line, "order": changed})
        return done("rewrite", order=changed)

    def _requested_order(self, body: Mapping[str, Any]) -> tuple[int, Order]:
        """Return the order with the id in the request; raise ControlError if there is none."""
        order_id = int(body.get("id") or 0)
        if order_id not in self.books.orders:
            raise ControlError("No such order")
        return order_id, self.books.orders[order_id]

    def _act_on(self, request: Request, request_id: str) -> Reply:
        """Run one of the shop's acts: `act`, `id` (a new one by default), and further fields."""
        del request_id
        arguments = dict(given_of(request))
        act, order_id = str(arguments.pop("act", "create")), arguments.pop("id", None)
        if act not in self._shop.acts:
            raise ControlError(f"No such act; known: {', '.join(self._shop.acts)}")
        key = int(order_id) if order_id is not None else max(self.books.orders, default=0) + 1
        return done(act, order=self._shop.act(act, key, arguments))


def shop_options(name: str, *, port: int) -> ArgumentParser:
    """Return a shop's common command line."""
    words = f"A shop that behaves as {name} does, in a process of its own."
    parser = ArgumentParser(prog=f"simulate {name}", description=words)
    words = f"the port of 127.0.0.1 where it is asked for its orders ({port}); 0: any that is free"
    parser.add_argument("--port", type=int, default=port, help=words)
    words = "the file that it writes all it did to, and goes on from when it is started again"
    parser.add_argument("--ledger", type=Path, required=True, help=words)
    parser.add_argument("--seed", type=int, default=0, help="another seed plays another month")
    parser.add_argument("--home", type=Path, default=None, help="whose clock it follows")
    parser.add_argument("--watch-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--to", default="", help="the address that its webhooks go to")
    parser.add_argument("--orders", type=int, default=0, help="how many orders it plays")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two changes")
    words = "plain: each order once; mixed: edits, cancels, refunds, deletes and restores too"
    parser.add_argument("--lives", choices=["plain", "mixed"], default="plain", help=words)
    words = f"how many pieces of each SKU it has before it sells any ({STOCK})"
    parser.add_argument("--stock", type=int, default=STOCK, help=words)
    for fault, means in ON_THE_WAY.items():
        parser.add_argument(f"--{fault}", type=int, default=0, help=f"for so many, {means}")
    return parser


def life_of(settings: Namespace) -> Life:
    """Return what the options let the shop play."""
    return Life(
        orders=settings.orders,
        mixed=settings.lives == "mixed",
        every=settings.every,
        seed=settings.seed,
        stock=settings.stock,
        faults={name: getattr(settings, name) for name in ON_THE_WAY},
    )


def open_shop(
    name: str, settings: Namespace, shop: Shop, announcement: Mapping[str, object]
) -> None:
    """Serve a shop until the process is killed, while its scenario runs in a thread.

    `announcement` is added to the line of JSON that is printed at the start.
    """
    threading.Thread(target=shop.play, daemon=True).start()
    serve(
        name,
        shop.handle,
        port=settings.port,
        watch_parent=settings.watch_parent,
        announcement=announcement,
    )


def acts_of(orders: int, *, mixed: bool, seed: int) -> list[tuple[str, int]]:
    """Return (act, order number) for a number of orders; one order's acts keep their order."""
    chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
    lives = _LIVES if mixed else _LIVES[:1]
    open_ = [(number, list(chance.choice(lives))) for number in range(orders)]
    ordered_acts: list[tuple[str, int]] = []
    while open_:
        at = chance.randrange(min(8, len(open_)))  # a few orders are alive at a time
        number, acts = open_[at]
        ordered_acts.append((acts.pop(0), number))
        if not acts:
            del open_[at]
    return ordered_acts


def faults_of(steps: int, faults: Mapping[str, int], *, seed: int) -> dict[int, str]:
    """Return which step's webhook meets which fault, as many as requested."""
    chance = random.Random(seed + 1)  # noqa: S311 - as above
    names = [name for name, count in faults.items() for _ in range(count)]
    if len(names) > steps:
        raise SystemExit(f"There are {steps} webhooks, too few for {len(names)} faults.")
    return dict(zip(chance.sample(range(steps), len(names)), names, strict=True))
