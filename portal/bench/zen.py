"""The thirty rules of invoices.rules for zen-engine, the fastest rule engine on PyPI.

Here: Zen, one decision of thirty expressions over an invoice in sen (invoices.cents). It keeps no
trace. The engine is a dependency of the bench alone: Zen.installed is None where it is not there.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

VERSION = "2.1.3"
_HEAD = {
    "total_adds": "subtotal + tax_total + shipping + round_off == total",
    "lines_add": "sum(map(lines, #.net)) == subtotal",
    "taxes_add": "sum(map(lines, #.tax)) == tax_total",
    "paid_in_full": "paid == total",
    "rounded_a_little": "abs(round_off) <= 5",
    "due_later": "due_on >= issued_on",
    "this_year": "issued_on >= 739617",
    "known_currency": 'billed_in in ["MYR", "SGD", "USD"]',
    "shipped_cheaply": "shipping >= 0 and shipping <= 20000",
    "large_buyer_named": "total <= 1000000 or tin != null",
}
_LINE = {
    "some_quantity": "#.qty > 0",
    "no_bulk": "#.qty <= 1000",
    "whole_pieces": "#.qty == floor(#.qty)",
    "some_price": "#.price > 0",
    "sane_price": "#.price <= 500000",
    "no_negative_discount": "#.discount >= 0",
    "discount_below_price": "#.discount <= #.qty * #.price",
    "net_is_right": "#.net == round(#.qty * #.price - #.discount)",
    "known_rate": "#.rate in [0, 6, 10]",
    "tax_is_right": "#.tax == round(#.net * #.rate / 100)",
    "gross_is_right": "#.gross == #.net + #.tax",
    "tax_below_net": "#.tax <= #.net",
    "below_total": "#.net <= $root.total",
    "known_unit": '#.uom in ["PCS", "BOX", "CTN"]',
    "known_account": '#.account in ["40000", "41000", "42000"]',
    "named_article": '#.sku != "" and #.name != ""',
    "some_weight": "#.weight > 0",
    "light_parcel": '#.uom != "CTN" or #.weight * #.qty <= 5000',
    "free_of_tax": "#.rate != 0 or #.tax == 0",
    "numbered_line": "#.pos >= 1 and #.pos <= 99",
}


class Zen:
    """The thirty rules, ready to be asked."""

    def __init__(self, module: Any) -> None:
        rules = {**_HEAD, **{name: f"all(lines, {text})" for name, text in _LINE.items()}}
        expressions = [{"id": k, "key": k, "value": v} for k, v in rules.items()]
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {
                "id": "rules",
                "name": "rules",
                "type": "expressionNode",
                "content": {"expressions": expressions},
            },
            {"id": "out", "name": "out", "type": "outputNode"},
        ]
        edges = [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ]
        content = json.dumps({"nodes": nodes, "edges": edges})
        self._decision = module.ZenEngine().create_decision(content)

    @staticmethod
    def installed() -> Zen | None:
        """The rival, or None where zen-engine is not installed."""
        try:
            return Zen(importlib.import_module("zen"))
        except ModuleNotFoundError:
            return None

    def failures(self, invoice: Mapping[str, Any]) -> set[str]:
        """The rules that an invoice in sen fails."""
        answers = self._decision.evaluate(invoice)["result"]
        return {name for name, passed in answers.items() if not passed}
