"""The account book of AutoCount desktop: documents, master data, users, switches.

Here: what it starts with, and state, changed only by applying ledger lines, so that a restart ends
where it was. Not here: what becomes of an imported row (imports.py), HTTP (api.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.simulators.base.scripted import Act, Scripted, last_day

SWITCHES: Final = {
    "faults": "what goes wrong with a document: fault, and its number or the next ones (count)",
    "lock": "the last closed day (through), but not for these users (except)",
    "masters": "codes that are added, items with their units and rates",
    "whole_documents": "one row in error leaves out its document (on)",
    "edit_before_import": "rows of the next import that are changed or left out (rows)",
    "by_hand": "a document that is corrected or typed (type, number, date, party, total)",
    "clock": "the present moment (offset_seconds)",
    "reset": "a new account book",
}
"""What a test switches, and what each is given: POST /_sim/NAME."""
Place = tuple[str, str]  # type of document, number in small letters
Document = Mapping[str, Any]
_CODES: Final = (
    "debtors", "creditors", "accounts", "terms", "agents", "locations", "currencies",
    "payment_methods",
)  # fmt: skip


@dataclass(slots=True)
class Masters:
    """Known codes; an item has its units with their rates in the base unit, which is the first."""

    debtors: set[str] = field(
        default_factory=lambda: {"300-W001", "300-K210", "300-K211", "300-C001"}
    )
    creditors: set[str] = field(
        default_factory=lambda: {"400-B012", "400-S014", "400-S022", "400-M001"}
    )
    accounts: set[str] = field(
        default_factory=lambda: {"500-0000", "510-0000", "610-0001", "905-0000"}
    )
    terms: set[str] = field(default_factory=lambda: {"C.O.D.", "Net 30 days"})
    agents: set[str] = field(default_factory=lambda: {"LIWEI"})
    locations: set[str] = field(default_factory=lambda: {"HQ", "JB01"})
    currencies: set[str] = field(default_factory=lambda: {"MYR", "SGD"})
    payment_methods: set[str] = field(default_factory=lambda: {"BANK", "FPX", "CASH", "CLEARING"})
    tax_codes: dict[str, Decimal] = field(
        default_factory=lambda: {"S-10": Decimal(10), "SR-8": Decimal(8), "NT": Decimal(0)}
    )
    items: dict[str, dict[str, Decimal]] = field(
        default_factory=lambda: {
            "TEE-BLK-M": {"PCS": Decimal(1), "PACK": Decimal(6), "BOX": Decimal(24)},
            "SHIP": {"UNIT": Decimal(1)},
            "SOAP90": {"PCS": Decimal(1), "CTN": Decimal(24)},
        }
    )

    def knows(self, master: str, code: str) -> bool:
        """Whether a code is there."""
        return code in getattr(self, master)


class Books(Scripted):
    """The state of the simulator."""

    def rewind(self) -> None:
        """As a new account book."""
        super().rewind()
        self.masters = Masters()
        self.documents: dict[Place, Document] = {}
        self.locked_through: date | None = None
        self.lock_exceptions: set[str] = set()
        self.whole_documents = False
        self.edits: list[Mapping[str, Any]] = []
        self.imports = 0

    def locked(self, day: date, user: str) -> bool:
        """Whether this user may not enter anything on that day."""
        shut = self.locked_through is not None and day <= self.locked_through
        return shut and user not in self.lock_exceptions

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line take effect."""
        if line["effect"] == "import":
            self.edits, self.imports = [], self.imports + 1
        for code in line.get("made", ()):
            getattr(self.masters, code["master"]).add(code["code"])
        if line.get("stands"):
            self.documents[(line["type"], str(line["number"]).casefold())] = line["stands"]
            self.effects += line["call"] == "import"

    def acts(self) -> dict[str, Act]:
        """The control acts of AutoCount desktop."""
        return super().acts() | {
            "lock": self._set_lock,
            "masters": self._add_masters,
            "whole_documents": self._set_whole,
            "edit_before_import": self._plan_edits,
        }

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        self.locked_through = last_day(given)
        self.lock_exceptions = set(map(str, given.get("except", ())))

    def _add_masters(self, given: Mapping[str, Any]) -> None:
        for name in _CODES:
            getattr(self.masters, name).update(map(str, given.get(name, ())))
        taxes = given.get("tax_codes", {})
        self.masters.tax_codes |= {str(k): Decimal(str(v)) for k, v in taxes.items()}
        for item, units in given.get("items", {}).items():
            self.masters.items[str(item)] = {str(k): Decimal(str(v)) for k, v in units.items()}

    def _set_whole(self, given: Mapping[str, Any]) -> None:
        self.whole_documents = bool(given.get("on", True))

    def _plan_edits(self, given: Mapping[str, Any]) -> None:
        self.edits = list(given.get("rows", ()))
