"""Orders of NetShop for the tests: clean ones that no duplicate rule takes for each other.

Here: payloads. Not here: delivering them (product.py) and reading pages (pages.py).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.product import BEGUN, item, order


def clean(number: int, /, **changes: Any) -> dict[str, Any]:
    """A clean order of its own buyer: nothing holds it, and it is nobody's duplicate."""
    return order(number, **{"customer": buyer(number), **changes})


def buyer(number: int, /, **changes: Any) -> dict[str, Any]:
    """A customer that AiAccount knows, under a name of its own."""
    known = {"id": "C-101", "name": f"Buyer {number}", "tin": None, "address": None}
    return {**known, **changes}


def later(given: dict[str, Any], minutes: int = 1, **changes: Any) -> dict[str, Any]:
    """The next version of an order, so many minutes afterwards."""
    moment = datetime.fromisoformat(given["updated_at"]) + timedelta(minutes=minutes)
    sums = {name: value for name, value in given.items() if name not in SUMS}
    following = {"updated_at": moment.isoformat(), "version": given["version"] + 1}
    return order(given["id"], **{**sums, **following, **changes})


def days_ago(days: int, hour: int = 12, minute: int = 0) -> str:
    """A moment of that day as the shop writes it; counted from the day on which the tests began,
    for one that runs over midnight names a day twice and means one.
    """
    day = BEGUN - timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).isoformat()


def priced(amount: str, **changes: Any) -> list[dict[str, Any]]:
    """One line of one piece at this price."""
    return [item(1, qty="1", price=amount, **changes)]


def with_sku(sku: str, **changes: Any) -> list[dict[str, Any]]:
    """One line of this article."""
    return [item(1, sku=sku, name=f"Article {sku}", **changes)]


def moment(text: str) -> datetime:
    """A moment of the ledger or an order, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


SUMS = ("subtotal", "tax_total", "total")
