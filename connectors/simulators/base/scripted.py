"""What a test writes into a simulator's books: planned faults, a moved clock, answers withheld.

Here: the plan, what one fault changes, the faults that every target has. Not here: those of one
target alone (its simulator/faults.py), and its other control acts.
"""

import io
import random
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, TypeVar

from connectors.simulators.base.server import Reply, Request

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
    cut: Literal["", "before", "middle", "half"] = ""
    hang: bool = False
    locked: bool = False
    drop: bool = False
    twice: bool = False

    def sent(self, reply: Reply, *, withheld: bool = False) -> Reply:
        """The answer as it leaves: turned into another, or cut on its way."""
        return replace(
            reply,
            status=self.status or reply.status,
            content=self.body if self.body is not None else reply.content,
            cut=self.cut or ("before" if withheld else ""),
        )


F = TypeVar("F", bound=Fault)


def usual(fault: type[F]) -> dict[str, F]:
    """The faults that every target has, by name."""
    html = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    gateway = Reply(status=502, content=html, headers={"Content-Type": "text/html"})
    return {
        "timeout_before": fault(instead=Reply(status=0, content=b"", cut="before"), hang=True),
        "timeout_after": fault(cut="before", hang=True),
        "half_closed_after": fault(cut="half"),
        "error_500_after": fault(status=500),
        "html_502": fault(instead=gateway),
        "html_502_after": fault(status=502, body=html),
        "closed_period": fault(locked=True),
        "slow": fault(hang=True),
        "silent_drop": fault(drop=True),
        "duplicate_delivery": fault(twice=True),
    }


def with_content(fault: type[F]) -> dict[str, F]:
    """The faults of a target whose good answers have a content."""
    return {
        "cut_body": fault(cut="middle"),
        "garbage_after": fault(status=200, body=b"\x00\x01 not json"),
    }


class Scripted(ABC):
    """The part of a simulator's state that follows a plan."""

    def __init__(self, *, withhold: int, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
        self._withheld = frozenset(chance.sample(range(withhold * _SPREAD), withhold))
        self.rewind()

    def rewind(self) -> None:
        """Nothing is planned, nothing was done."""
        self.faults: list[str] = []
        self.by_number: dict[str, list[str]] = {}
        self.offset = 0.0
        self.effects = 0

    def apply(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line take effect."""
        if line["call"] == "control":
            self.acts()[line["act"]](line["given"])
            return
        planned = line.get("planned")
        if isinstance(planned, str):
            self.by_number[planned] = self.by_number[planned][1:]
        elif planned:
            self.faults = self.faults[1:]
        self.take(line)

    @abstractmethod
    def take(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line of a call take effect."""

    def withholds_next(self) -> bool:
        """Whether the seeded plan cuts the answer of the next write that has an effect."""
        return self.effects in self._withheld

    def fault_of(self, request: Request) -> tuple[str, bool | str]:
        """The name of the fault that a write meets, and whether it is the next of the plan; of one
        that was planned for a document, its number.
        """
        name = request.headers.get("x-sim-fault", "")
        if name:
            return name, False
        waiting = [number for number, faults in self.by_number.items() if faults]
        body = _read(request.body) if waiting else b""
        for number in waiting:
            if re.search(rb"(?<![\w-])" + re.escape(number.encode()) + rb"(?![\w-])", body):
                return self.by_number[number][0], number
        planned = bool(self.faults)
        return (self.faults[0] if planned else ""), planned

    def acts(self) -> dict[str, Act]:
        """The control acts that every simulator knows."""
        return {
            "reset": lambda _: self.rewind(),
            "clock": self._set_clock,
            "faults": self._set_faults,
        }

    def _set_clock(self, given: Mapping[str, Any]) -> None:
        self.offset = float(given["offset_seconds"])

    def _set_faults(self, given: Mapping[str, Any]) -> None:
        names = given.get("plan") or [given["fault"]] * int(given.get("count", 1))
        if number := str(given.get("number", "")):
            self.by_number[number] = [*self.by_number.get(number, ()), *map(str, names)]
            return
        self.faults = [*self.faults, *map(str, names)]


def _read(body: bytes) -> bytes:
    """What a body says: of a workbook the text of its parts, also of one inside a form."""
    if b"PK\x03\x04" not in body:
        return body
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as parts:
            return b"\n".join(parts.read(name) for name in parts.namelist())
    except zipfile.BadZipFile:
        return body


def last_day(given: Mapping[str, Any]) -> date | None:
    """The last closed day that a control call names, if it names one."""
    through = given.get("through")
    return date.fromisoformat(through) if through else None
