"""What stands in AiAccount: documents, imports, answers by key, parked pushes and settings.

Here: state, changed only by applying ledger lines, so that a restart ends where it was. Not
here: deciding what a line says (posting.py), and HTTP (api.py).
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.targets.aiaccount.simulator.data import ApiKey, Company

ZONE = ZoneInfo("Asia/Kuala_Lumpur")
_SPREAD = 8


class Books:
    """The state of the simulator."""

    def __init__(
        self,
        *,
        companies: dict[str, Company],
        keys: dict[str, ApiKey],
        dedupe: str,
        withhold: int,
        seed: int,
    ) -> None:
        self._start = (companies, keys)
        self.dedupe = dedupe
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
        self._withheld = frozenset(chance.sample(range(withhold * _SPREAD), withhold))
        self._clear()

    def _clear(self) -> None:
        companies, keys = deepcopy(self._start)
        self.companies: dict[str, Company] = companies
        self.keys: dict[str, ApiKey] = keys
        self.documents: list[Mapping[str, Any]] = []
        self._by_pair: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
        self.imports: dict[str, dict[str, Any]] = {}
        self.answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.cached: dict[str, dict[str, Any]] = {}
        self.faults: list[str] = []
        self.offset = 0.0
        self._effects = 0
        self._numbers: dict[str, int] = defaultdict(int)

    def next_id(self, prefix: str, start: int) -> str:
        """A new id; ids are counted in memory and end up in lines, which count them again after
        a restart.
        """
        self._numbers[prefix] += 1
        return f"{prefix}_{start + self._numbers[prefix]}"

    def existing(self, company: str, number: str, party: str) -> list[Mapping[str, Any]]:
        """The documents of a number and customer, oldest first."""
        return self._by_pair[company, number, party]

    def quota_used(self, company: str, today: date) -> int:
        """How many documents of this month count."""
        month = today.isoformat()[:7]
        mine = [doc for doc in self.documents if doc["company"] == company]
        used = sum(1 for doc in mine if doc["month"] == month)
        return used + self.companies[company].quota_used_before

    def withholds_next(self) -> bool:
        """Whether the seeded plan cuts the answer of the next write that has an effect."""
        return self._effects in self._withheld

    def apply(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line take effect."""
        if line["call"] == "control":
            self._control(line["act"], line["given"])
            return
        if line.get("planned"):
            self.faults = self.faults[1:]
        for prefix, start in (("inv", 55100), ("imp", 8800), ("cch", 0)):
            self._count(prefix, start, str(line.get(_ID_FIELDS[prefix]) or ""))
        if line["effect"] == "created":
            self.documents.append(line)
            self._by_pair[line["company"], line["number"], line["party"]].append(line)
        if "reply" in line:
            self._close(line)

    def _close(self, line: Mapping[str, Any]) -> None:
        """The last line of a request carries what is remembered of it."""
        reply = line["reply"]
        if reply.get("created"):
            self._effects += 1
        if reply.get("import"):
            self.imports[line["import_id"]] = {
                "id": line["import_id"],
                "company": line["company"],
                "key": line["key"],
                "status": reply["import"],
                "at": line["at"],
                "content": reply["content"],
            }
        if reply.get("keep"):
            self.answers[line["company"], line["key"]] = {
                "body_sha256": line["body_sha256"],
                "status": reply["status"],
                "content": reply["content"],
                "cache_id": line.get("cache_id"),
                "at": line["at"],
            }
        if reply.get("park"):
            self.cached[line["cache_id"]] = {**reply["park"], "polls": 0}
        elif line.get("cache_id"):
            self.cached.pop(line["cache_id"], None)

    def _count(self, prefix: str, start: int, found: str) -> None:
        if found.startswith(f"{prefix}_"):
            number = int(found.split("_")[1]) - start
            self._numbers[prefix] = max(self._numbers[prefix], number)

    def _control(self, act: str, given: Mapping[str, Any]) -> None:
        acts: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "reset": lambda _: self._clear(),
            "clock": self._set_clock,
            "lock": self._set_lock,
            "pause": self._set_key,
            "quota": self._set_quota,
            "faults": self._set_faults,
            "company": self._set_company,
        }
        acts[act](given)

    def _set_clock(self, given: Mapping[str, Any]) -> None:
        self.offset = float(given["offset_seconds"])

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        through = given.get("through")
        self._company(given).locked_through = date.fromisoformat(through) if through else None

    def _set_key(self, given: Mapping[str, Any]) -> None:
        self.keys[given["key"]].status = str(given.get("status", "paused"))

    def _set_quota(self, given: Mapping[str, Any]) -> None:
        company = self._company(given)
        company.quota = given.get("limit")
        company.quota_used_before = int(given.get("used", 0))

    def _set_faults(self, given: Mapping[str, Any]) -> None:
        names = given.get("plan") or [given["fault"]] * int(given.get("count", 1))
        self.faults = [*self.faults, *map(str, names)]

    def _set_company(self, given: Mapping[str, Any]) -> None:
        company = self._company(given)
        if "accounts" in given:
            company.accounts = tuple(given["accounts"])
        for switch in _SWITCHES:
            if switch in given:
                setattr(company, switch, bool(given[switch]))

    def _company(self, given: Mapping[str, Any]) -> Company:
        return self.companies[given.get("company", "CMP-1042")]


_SWITCHES = ("einvoice_enabled", "inventory_enabled", "excel_import_enabled", "whole_files")
_ID_FIELDS = {"inv": "id", "imp": "import_id", "cch": "cache_id"}


def local_day(moment: datetime) -> date:
    """The day in AiAccount's own zone."""
    return moment.astimezone(ZONE).date()
