"""What stands in AiAccount: documents, imports, answers by key, parked pushes and settings.

Here: state, changed only by applying ledger lines, so that a restart ends where it was. Not
here: deciding what a line says (writes.py), and HTTP (api.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.simulators.aiaccount.amounts import Paid
from connectors.simulators.aiaccount.kinds import KINDS, ApiKey, Company, Document
from connectors.simulators.base.scripted import Act, Scripted, last_day

ZONE = ZoneInfo("Asia/Kuala_Lumpur")
Line = Mapping[str, Any]
Name = tuple[str, str, str, str]  # company, type, number, party


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        companies: dict[str, Company],
        keys: dict[str, ApiKey],
        dedupe: str,
        withhold: int,
        seed: int,
        receipts_by: str = "receipt",
    ) -> None:
        self._start = (companies, keys)
        self.dedupe = dedupe
        self.receipts_by = receipts_by
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """As a new subscription."""
        super().rewind()
        companies, keys = deepcopy(self._start)
        self.companies: dict[str, Company] = companies
        self.keys: dict[str, ApiKey] = keys
        self.documents: list[Mapping[str, Any]] = []
        self._by_name: dict[Name, list[Mapping[str, Any]]] = defaultdict(list)
        self._paying: dict[Name, list[Mapping[str, Any]]] = defaultdict(list)
        self.imports: dict[str, dict[str, Any]] = {}
        self.answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.cached: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = defaultdict(int)

    def next_id(self, prefix: str, start: int) -> str:
        """A new id; ids are counted in memory and end up in lines, which count them again after
        a restart.
        """
        self._numbers[prefix] += 1
        return f"{prefix}_{start + self._numbers[prefix]}"

    def existing(self, company: str, kind: str, number: str, party: str) -> list[Line]:
        """The documents of a type, number and party, oldest first."""
        return self._by_name[company, kind, number, party]

    def twins(self, company: str, document: Document, taken: Sequence[Line] = ()) -> list[Line]:
        """What AiAccount takes for the same document, also of those `taken` just now."""
        by_invoice = document.kind.name == "sales_receipt" and self.receipts_by == "invoice"
        word, number = ("paid", document.paid) if by_invoice else ("number", document.number)
        there = self._paying if by_invoice else self._by_name
        found = there[company, document.kind.name, number, document.party]
        return [
            *found,
            *(one for one in taken if (one[word], one["party"]) == (number, document.party)),
        ]

    def paid(self, company: str, document: Document, taken: Sequence[Line] = ()) -> Paid | None:
        """What a receipt or payment pays, or a refund gives back, and how much of it is open."""
        kind = document.kind
        if not kind.pays or not document.paid:
            return None
        found = self.existing(company, kind.pays, document.paid, document.party)
        if not found:
            return None
        name = (document.paid, document.party)
        mine = [
            *self._paying[(company, kind.name, *name)],
            *(one for one in taken if (one["paid"], one["party"]) == name),
        ]
        rest = Decimal(found[0]["total"]) - sum(Decimal(one["total"]) for one in mine)
        items = (str(line.get("SKU", "")) for line in found[0]["document"]["lines"])
        return Paid(found[0]["currency"], rest, frozenset(items))

    def quota_used(self, company: str, today: date) -> int:
        """How many documents of this month count."""
        month = today.isoformat()[:7]
        mine = [
            doc
            for doc in self.documents
            if doc["company"] == company and not KINDS[doc["type"]].refunds
        ]
        used = sum(1 for doc in mine if doc["month"] == month)
        return used + self.companies[company].quota_used_before

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line of a call take effect."""
        for prefix, start, name in _IDS:
            self._count(prefix, start, str(line.get(name) or ""))
        if line["effect"] == "created":
            self.documents.append(line)
            company, kind, party = line["company"], line["type"], line["party"]
            self._by_name[company, kind, line["number"], party].append(line)
            if line.get("paid"):
                self._paying[company, kind, line["paid"], party].append(line)
        if "reply" in line:
            self._close(line)

    def _close(self, line: Mapping[str, Any]) -> None:
        """The last line of a request carries what is remembered of it."""
        reply = line["reply"]
        if reply.get("created"):
            self.effects += 1
        if reply.get("import"):
            self.imports[line["import_id"]] = {
                "id": line["import_id"],
                "company": line["company"],
                "key": line["key"],
                "type": KINDS[line["type"]].title,
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

    def acts(self) -> dict[str, Act]:
        """The control acts of AiAccount."""
        return super().acts() | {
            "lock": self._set_lock,
            "pause": self._set_key,
            "issue": self._issue,
            "quota": self._set_quota,
            "company": self._set_company,
        }

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        self._company(given).locked_through = last_day(given)

    def _set_key(self, given: Mapping[str, Any]) -> None:
        self.keys[given["key"]].status = str(given.get("status", "paused"))

    def _issue(self, given: Mapping[str, Any]) -> None:
        """A new key that may do what the first one may."""
        first = next(iter(self.keys.values()))
        name = f"key_{31 + len(self.keys)}"
        self.keys[given["key"]] = replace(first, text=given["key"], id=name, status="active")

    def _set_quota(self, given: Mapping[str, Any]) -> None:
        company = self._company(given)
        company.quota = given.get("limit")
        company.quota_used_before = int(given.get("used", 0))

    def _set_company(self, given: Mapping[str, Any]) -> None:
        company = self._company(given)
        if "accounts" in given:
            company.accounts = tuple(given["accounts"])
        if "currencies" in given:
            company.currencies = tuple(given["currencies"])
        if "tax_codes" in given:
            rates = given["tax_codes"].items()
            company.tax_codes = {code: Decimal(rate) for code, rate in rates}
        company.rounding = str(given.get("rounding", company.rounding))
        for switch in _SWITCHES:
            if switch in given:
                setattr(company, switch, bool(given[switch]))

    def _company(self, given: Mapping[str, Any]) -> Company:
        return self.companies[given.get("company", "CMP-1042")]


_SWITCHES = (
    "einvoice_enabled",
    "inventory_enabled",
    "refunds_enabled",
    "excel_import_enabled",
    "whole_files",
)
_IDS = (
    ("imp", 8800, "import_id"),
    ("cch", 0, "cache_id"),
    *((*one.ids, "id") for one in KINDS.values()),
)


def local_day(moment: datetime) -> date:
    """The day in AiAccount's own zone."""
    return moment.astimezone(ZONE).date()
