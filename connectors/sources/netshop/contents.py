"""What a delivery of NetShop holds: one or many of each kind, by the words that name them.

Here: finding them, and who reads each. Not here: who may deliver (connector.py), the feed of
changes (changes.py), whose changes have the same form.
"""

from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, SourceRefusal
from connectors.kit.delivery_counts import too_long_lists
from connectors.kit.shops.delivery_reading import Read
from connectors.kit.signed_webhooks import Placed
from connectors.sources.netshop.documents import delivery_of, purchase_of, settlement_of
from connectors.sources.netshop.orders import records_of
from connectors.sources.netshop.payouts import payout_of

_Reader = Callable[[str, object, ZoneInfo], Read | tuple[IncomingRecord, ...]]
_READERS: Final[Mapping[str, _Reader]] = {
    "order": records_of,
    "delivery": delivery_of,
    "purchase": purchase_of,
    "settlement": settlement_of,
    "payout": payout_of,
}
_MANY: Final = {
    "order": "orders",
    "delivery": "deliveries",
    "purchase": "purchases",
    "settlement": "settlements",
    "payout": "payouts",
}
_ONE: Final = {many: one for one, many in _MANY.items()}


def found(value: object) -> list[Placed] | SourceRefusal:
    """All that a delivery holds, each with its place: `order`, or `orders[3]`."""
    given = value if isinstance(value, Mapping) else {}
    named = [word for pair in _MANY.items() for word in pair if word in given]
    if not named:
        hint = f'Send {{"order": {{…}}}}, {{"orders": […]}}, or one of {", ".join(_READERS)}.'
        words = "The delivery holds no order, and nothing else that NetShop tells."
        return SourceRefusal(422, "no_order", words, hint)
    placed: list[Placed] = []
    for word in named:
        many = given[word]
        if word in _READERS:
            placed.append((word, many))
        elif isinstance(many, list):
            placed += [(f"{word}[{at}]", one) for at, one in enumerate(many)]
        else:
            words = f"{word} is not a list."
            return SourceRefusal(422, "no_list", words, "Send a list of objects.")
    return placed


def read(place: str, given: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """The records of what stands at a place, or all that is wrong with it."""
    word = place.partition("[")[0]
    told = too_long_lists(place, given) or _READERS[_ONE.get(word, word)](place, given, zone)
    return (told,) if isinstance(told, IncomingRecord) else told
