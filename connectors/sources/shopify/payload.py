"""One object of a Shopify payload: its values, each with its place, and what is wrong with them.

Here: walking into objects and lists, ids as text, amounts of the shop's money. Not here: what an
order or a refund is made of (orders.py, refunds.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors.contract import RowError
from connectors.kit.canonical_record import Cell

_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)", re.ASCII)
ZERO = Decimal(0)
SHOP, BUYER = "shop_money", "presentment_money"


@dataclass(frozen=True, slots=True)
class Part:
    """An object at its place. What cannot be read is added to `errors`, which all parts of one
    record share.
    """

    place: str
    value: Mapping[str, object]
    errors: list[RowError] = field(default_factory=list)

    def cell(self, name: str) -> Cell:
        """A value as it came."""
        return Cell(self.at(name), self.value.get(name))

    def cells(self, *names: str) -> dict[str, Cell]:
        """Values under their own names."""
        return {name: self.cell(name) for name in names}

    def at(self, name: str) -> str:
        """The place of a value."""
        return f"{self.place}.{name}"

    def part(self, name: str) -> "Part":
        """The object of that name; an empty one where there is none."""
        found = self.value.get(name)
        if found is not None and not isinstance(found, Mapping):
            self.wrong(name, "This is no object.", "Send it as Shopify's API describes it.")
        inner = found if isinstance(found, Mapping) else {}
        return Part(self.at(name), inner, self.errors)

    def parts(self, name: str) -> list["Part"]:
        """The objects of a list; none where there is no list."""
        found = self.value.get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            self.wrong(name, "This is no list of objects.", "Send it as Shopify's API has it.")
            return []
        return [Part(f"{self.at(name)}[{at}]", one, self.errors) for at, one in enumerate(found)]

    def text(self, name: str) -> str:
        """A text or a whole number as text; "" when it is neither."""
        found = self.value.get(name)
        whole = isinstance(found, int) and not isinstance(found, bool)
        return str(found) if isinstance(found, str) or whole else ""

    def flag(self, name: str) -> bool:
        """Whether a yes stands there."""
        return self.value.get(name) is True

    def stated(self, name: str) -> bool:
        """Whether an amount of that name is told at all, in the shop's money."""
        return self._money(name, SHOP) is not None

    def amount(self, name: str, money: str = SHOP) -> Decimal:
        """An amount, in the shop's own money unless the buyer's is asked for; zero where none is
        told. Shopify gives it plainly, in shop money, and once more in both (`price_set`).
        """
        found = self._money(name, money)
        if found is None:
            return ZERO
        if isinstance(found, bool) or not isinstance(found, (str, int, Decimal)):
            return self._no_amount(name)
        text = format(found, "f") if isinstance(found, Decimal) else str(found).strip()
        return Decimal(text) if _AMOUNT.fullmatch(text) else self._no_amount(name)

    def whole(self, name: str) -> int:
        """A count of pieces; zero where none is told."""
        found = self.value.get(name)
        if found is None:
            return 0
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 10**12:
            self.wrong(name, "This is no number of pieces.", "Send a whole number, such as 3.")
            return 0
        return found

    def money_word(self, money: str = SHOP) -> str:
        """The currency of this part's amounts, as the first of them that names it says."""
        for name, told in self.value.items():
            if name.endswith("_set") and isinstance(told, Mapping):
                inner = told.get(money)
                code = inner.get("currency_code") if isinstance(inner, Mapping) else None
                if isinstance(code, str):
                    return code
        return ""

    def day(self, name: str, zone: ZoneInfo) -> Cell:
        """The shop's day of a moment; what is no moment is left to be found wrong."""
        found = self.value.get(name)
        if not isinstance(found, str):
            return self.cell(name)
        try:
            when = datetime.fromisoformat(found)
            shown = when.astimezone(zone).date().isoformat() if when.tzinfo else found
        except (ValueError, OverflowError):
            shown = found
        return Cell(self.at(name), shown)

    def moment(self, *names: str) -> Cell:
        """The first of these moments that is told; it says its zone, for a guess could be wrong."""
        name = next((name for name in names if self.value.get(name)), names[-1])
        found = self.value.get(name)
        if isinstance(found, str) and not _MOMENT.fullmatch(found.strip()):
            hint = "Send it as 2026-11-19T14:03:11+08:00."
            self.wrong(name, "This is no moment with a time zone.", hint)
        return self.cell(name)

    def wrong(self, name: str, message: str, hint: str) -> None:
        """Add what is wrong with a value."""
        found = self.value.get(name)
        shown = found[:200] if isinstance(found, str) else ""
        told = RowError(where=self.at(name), value=shown, message=message, hint=hint)
        if told not in self.errors:
            self.errors.append(told)

    def _money(self, name: str, money: str) -> object:
        both = self.value.get(f"{name}_set")
        inner = both.get(money) if isinstance(both, Mapping) else None
        told = inner.get("amount") if isinstance(inner, Mapping) else None
        return self.value.get(name) if told is None and money == SHOP else told

    def _no_amount(self, name: str) -> Decimal:
        self.wrong(name, "This is no amount.", "Send digits and a decimal point, such as 49.50.")
        return ZERO


def plain(amount: Decimal) -> str:
    """An amount as text, in which it is neither shortened nor written with an exponent."""
    return format(amount, "f")
