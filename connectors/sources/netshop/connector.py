"""NetShop: orders and settlements by signed webhook, or from a JSON file.

Here: which records a delivery holds. Not here: who may deliver (kit/signed_json.py), where a
record's values lie (orders.py, settlements.py).
"""

from collections.abc import Callable, Mapping

from connectors.kit.contract import IncomingRecord, RowError, SourceRefusal
from connectors.kit.schema import KindSchema
from connectors.kit.signed_json import Placed, SignedJson
from connectors.sources.netshop.orders import ORDER, order_of
from connectors.sources.netshop.reading import NAME, Read
from connectors.sources.netshop.settlements import SETTLEMENT, settlement_of

_READERS: Mapping[str, Callable[[str, object], Read]] = {
    "order": order_of,
    "settlement": settlement_of,
}


class NetShop(SignedJson):
    """The source `netshop`."""

    name = NAME
    kinds: tuple[KindSchema, ...] = (ORDER, SETTLEMENT)
    suffixes = (".json",)
    headers = "x-ns16"

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """The orders and settlements of a delivery: one or many."""
        given = value if isinstance(value, Mapping) else {}
        named = [word for kind in _READERS for word in (kind, f"{kind}s") if word in given]
        if not named:
            hint = 'Send {"order": {…}}, {"orders": […]}, or the same of settlements.'
            words = "The delivery holds no order and no settlement."
            return SourceRefusal(422, "no_order", words, hint)
        found: list[Placed] = []
        for word in named:
            many = given[word]
            if word in _READERS:
                found.append((word, many))
            elif isinstance(many, list):
                found += [(f"{word}[{at}]", one) for at, one in enumerate(many)]
            else:
                words = f"{word} is no list."
                return SourceRefusal(422, "no_list", words, "Send a list of objects.")
        return found

    def record(self, place: str, given: object) -> IncomingRecord | tuple[RowError, ...]:
        """What stands at a place, as a record: `order` and `orders[3]` are orders."""
        return _READERS[place.partition("[")[0].removesuffix("s")](place, given)
