"""One object of a Shopify payload: amounts in the shop's money, or in the buyer's.

Here: which of an amount's two values counts. Not here: walking into objects and lists
(kit/shops/payload_parts.py), what an order or a refund is made of (orders.py, refunds.py).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from connectors.kit.shops import payload_parts

SHOP, BUYER = "shop_money", "presentment_money"


class Part(payload_parts.Part):
    """An object at its place. Shopify gives an amount plainly, in shop money, and once more in both
    currencies (`price_set`).
    """

    __slots__ = ()
    api: ClassVar[str] = "Shopify's API"

    def stated(self, name: str) -> bool:
        """Whether an amount of that name is told at all, in the shop's money."""
        return self._money(name, SHOP) is not None

    def amount(self, name: str, money: str = SHOP) -> Decimal:
        """An amount, in the shop's own money unless the buyer's is asked for; zero where none is
        told.
        """
        return self.exact(name, self._money(name, money))

    def money_word(self, money: str = SHOP) -> str:
        """The currency of this part's amounts, as the first of them that names it says."""
        for name, told in self.value.items():
            if name.endswith("_set") and isinstance(told, Mapping):
                inner = told.get(money)
                code = inner.get("currency_code") if isinstance(inner, Mapping) else None
                if isinstance(code, str):
                    return code
        return ""

    def _money(self, name: str, money: str) -> object:
        both = self.value.get(f"{name}_set")
        inner = both.get(money) if isinstance(both, Mapping) else None
        told = inner.get("amount") if isinstance(inner, Mapping) else None
        return self.value.get(name) if told is None and money == SHOP else told
