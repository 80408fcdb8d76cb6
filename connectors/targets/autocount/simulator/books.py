"""What stands in AutoCount: documents, master data, keys, planned faults.

Here: state, changed only by applying ledger lines, so that a restart ends where it was. Not here:
deciding what a line says (writing.py), and HTTP (api.py).
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.kit.scripted import Act, Scripted, last_day
from connectors.kit.strictjson import loads
from connectors.targets.autocount.simulator.data import BOOK, AccountBook, ApiKey

EFFECTS = frozenset({"created", "updated", "voided", "unvoided", "by_hand"})
_SETS = ("debtors", "creditors", "accounts", "terms", "locations", "agents", "payment_methods")

Place = tuple[str, str, str]
Shown = Mapping[str, Any]


def place_of(book: str, path: str, number: str) -> Place:
    """Where a document stands; numbers are the same in any case of letters."""
    return book, path.casefold(), number.casefold()


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        books: Mapping[str, AccountBook],
        keys: Mapping[str, ApiKey],
        existing: str,
        withhold: int,
        seed: int,
    ) -> None:
        self._start = (dict(books), dict(keys))
        self.existing = existing
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """As a new subscription."""
        super().rewind()
        books, keys = deepcopy(self._start)
        self.books: dict[str, AccountBook] = books
        self.keys: dict[str, ApiKey] = keys
        self.documents: dict[Place, Shown] = {}
        self._before: dict[Place, Shown | None] = {}
        self.lag = 0
        self.hidden: frozenset[str] = frozenset()
        self.last_key = 120

    def shown(self, place: Place) -> Shown | None:
        """What a read shows now; while look-ups lag, what stood there before the last write."""
        found = self._before.get(place) if self.lag else self.documents.get(place)
        return None if found is None else self.bare(found)

    def bare(self, document: Shown) -> Shown:
        """A document without the fields that are kept and never shown."""
        if not self.hidden:
            return document

        def left(fields: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in fields.items() if name not in self.hidden}

        rows = [left(row) for row in document.get("details", ())]
        return {**document, "master": left(document["master"]), "details": rows}

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line of a call take effect."""
        if line.get("lagged"):
            self.lag -= 1
        if line["effect"] in EFFECTS and line.get("stands"):
            place = place_of(line["company"], line["path"], line["number"])
            found = loads(line["stands"].encode())
            self._before[place] = self.documents.get(place)
            if isinstance(found, dict):
                self.documents[place] = found
                self.last_key = max(self.last_key, int(found["master"]["docKey"]))
            self.effects += line["call"] != "by_hand"

    def acts(self) -> dict[str, Act]:
        """The control acts of AutoCount."""
        return super().acts() | {
            "lock": self._set_lock,
            "lag": self._set_lag,
            "hide": self._set_hidden,
            "book": self._set_book,
            "rekey": self._set_key,
        }

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        self.book(given).locked_through = last_day(given)

    def _set_lag(self, given: Mapping[str, Any]) -> None:
        self.lag = int(given.get("reads", 1))

    def _set_hidden(self, given: Mapping[str, Any]) -> None:
        self.hidden = frozenset(map(str, given.get("fields", ())))

    def _set_book(self, given: Mapping[str, Any]) -> None:
        """Codes are added, decimals and fiscal days replaced."""
        book = self.book(given)
        for name in _SETS:
            getattr(book, name).update(map(str, given.get(name, ())))
        book.products |= {str(k): str(v) for k, v in given.get("products", {}).items()}
        taxes = given.get("tax_codes", {})
        book.tax_codes |= {str(k): Decimal(str(v)) for k, v in taxes.items()}
        book.decimals |= {str(k): int(v) for k, v in given.get("decimals", {}).items()}
        if "fiscal_to" in given:
            book.fiscal_to = date.fromisoformat(given["fiscal_to"])

    def _set_key(self, given: Mapping[str, Any]) -> None:
        self.keys[given["key_id"]].secret = str(given["secret"])

    def book(self, given: Mapping[str, Any]) -> AccountBook:
        """The account book that a control call means."""
        return self.books[str(given.get("company", BOOK))]
