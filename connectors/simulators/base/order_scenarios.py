"""What happens to the orders of a shop: the acts that it plays by a seed, and what was planned to
go wrong.

Here: the acts of each order, which of their webhooks goes wrong, which order a number names, which
answer tells of one. Not here: doing the acts (shop.py), what a fault does (shop.py, market.py and
each shop), what is planned for whatever comes next (scripted.py).
"""

import json
import random
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from connectors.simulators.base.scripted import Scripted
from connectors.simulators.base.server import Reply

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


def acts_of(orders: int, *, mixed: bool, seed: int) -> list[tuple[str, int]]:
    """(act, which order) of so many orders in their order; the acts of one order keep theirs."""
    chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
    lives = _LIVES if mixed else _LIVES[:1]
    open_ = [(number, list(chance.choice(lives))) for number in range(orders)]
    found: list[tuple[str, int]] = []
    while open_:
        at = chance.randrange(min(8, len(open_)))  # a few orders are alive at a time
        number, acts = open_[at]
        found.append((acts.pop(0), number))
        if not acts:
            del open_[at]
    return found


def faults_of(steps: int, faults: Mapping[str, int], *, seed: int) -> dict[int, str]:
    """Which step's webhook meets which fault: as many of each as were asked for."""
    chance = random.Random(seed + 1)  # noqa: S311 - as above
    names = [name for name, count in faults.items() for _ in range(count)]
    if len(names) > steps:
        raise SystemExit(f"There are {steps} webhooks, too few for {len(names)} faults.")
    return dict(zip(chance.sample(range(steps), len(names)), names, strict=True))


class PlannedByOrder(Scripted):
    """The orders by their ids here, and what is planned for one of them."""

    def rewind(self) -> None:
        """No order, and nothing is planned."""
        super().rewind()
        self.orders: dict[int, dict[str, Any]] = {}

    def planned_for(self, order_id: int, among: Collection[str]) -> str:
        """The next fault among these that was planned for this order; blank for none. It was
        planned under any of its names: the id here, or id and number of the shop.
        """
        waiting = (name for number in self._names(order_id) for name in self._plan(number))
        return next((name for name in waiting if name in among), "")

    def met_by(self, reply: Reply) -> Iterator[tuple[int, str]]:
        """Each order that an answer tells of, with each fault that is planned for it."""
        told = {name for one in _objects(reply) for name in _told(one)}
        for order_id, order in self.orders.items():
            if not told.isdisjoint(_told(order)):
                for number in self._names(order_id):
                    yield from ((order_id, name) for name in self._plan(number))

    def use_up(self, fault: str, order_id: int) -> None:
        """A fault was met: what was planned for the order goes before what comes next."""
        for number in self._names(order_id):
            if fault in self._plan(number):
                self.by_number[number].remove(fault)
                return
        if fault in self.faults:
            self.faults.remove(fault)

    def _names(self, order_id: int) -> list[str]:
        order = self.orders.get(order_id, {})
        told = [str(order[name]) for name in _NAMES if name in order]
        return list(dict.fromkeys([str(order_id), *told]))

    def _plan(self, number: str) -> list[str]:
        return self.by_number.get(number, [])


def _objects(reply: Reply) -> Iterator[Mapping[str, Any]]:
    """Each object of an answer that is JSON, however deep."""
    try:
        waiting = [json.loads(reply.encoded())]
    except ValueError:
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _told(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """By what an object says which order it is of."""
    return ((name, str(one[name])) for name in _TELLS if name in one)
