"""What a test writes into a simulator's books: planned faults, a moved clock, answers withheld.

Here: the plan, and what one fault changes. Not here: the faults of a target by name (its
simulator/faults.py), and its other control acts.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.kit.simulator import Reply, Request

_SPREAD = 8
Act = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a fault changes: an answer instead of the work, the work itself, or the way the
    answer travels.
    """

    instead: Reply | None = None
    status: int | None = None
    body: bytes | None = None
    cut: Literal["", "before", "middle"] = ""
    hang: bool = False
    locked: bool = False
    drop: bool = False
    twice: bool = False


class Scripted:
    """The part of a simulator's state that follows a plan."""

    def __init__(self, *, withhold: int, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
        self._withheld = frozenset(chance.sample(range(withhold * _SPREAD), withhold))
        self.rewind()

    def rewind(self) -> None:
        """Nothing is planned, nothing was done."""
        self.faults: list[str] = []
        self.offset = 0.0
        self.effects = 0

    def withholds_next(self) -> bool:
        """Whether the seeded plan cuts the answer of the next write that has an effect."""
        return self.effects in self._withheld

    def fault_of(self, request: Request) -> tuple[str, bool]:
        """The name of the fault that a write meets, and whether it is the next of the plan."""
        name = request.headers.get("x-sim-fault", "")
        planned = not name and bool(self.faults)
        return (self.faults[0] if planned else name), planned

    def acts(self) -> dict[str, Act]:
        """The control acts that every simulator knows."""
        return {"clock": self._set_clock, "faults": self._set_faults}

    def _set_clock(self, given: Mapping[str, Any]) -> None:
        self.offset = float(given["offset_seconds"])

    def _set_faults(self, given: Mapping[str, Any]) -> None:
        names = given.get("plan") or [given["fault"]] * int(given.get("count", 1))
        self.faults = [*self.faults, *map(str, names)]
