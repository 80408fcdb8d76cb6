"""What QuickBooks works out: numbers of lines, tax for each rate on the sum of its lines, totals.

Here: arithmetic on one document, and a void one. Not here: whether it is taken at all (checks.py).
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.targets.quickbooks.simulator.data import Company
from connectors.targets.quickbooks.simulator.kinds import Kind

_SEN = Decimal("0.01")
_NONE = Decimal("0.00")


def worked_out(company: Company, kind: Kind, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with all amounts."""
    lines = [
        ln for ln in document.get("Line") or () if ln.get("DetailType") != "SubTotalLineDetail"
    ]
    total = sum((Decimal(line["Amount"]) for line in lines), _NONE)
    made = {"CurrencyRef": {"value": company.home_currency}, **document}
    if not kind.detail:
        paid = Decimal(made["TotalAmt"])
        return {**made, "Line": lines, "TotalAmt": paid, "UnappliedAmt": paid - total}
    rows = [{**line, "Id": str(at), "LineNum": at} for at, line in enumerate(lines, start=1)]
    if kind.party == "CustomerRef":
        rows.append({"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    inclusive = made.get("GlobalTaxCalculation") == "TaxInclusive"
    tax = _tax(company, kind, lines, inclusive=inclusive)
    return {
        **made,
        "Line": rows,
        "TotalAmt": total if inclusive else total + tax,
        "TxnTaxDetail": {"TotalTax": tax},
    }


def void(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document stays; its amounts and quantities are nothing, and its note says so."""
    rows = []
    for line in document["Line"]:
        emptied = {**line, "Amount": _NONE}
        for name, inner in line.items():
            if name.endswith("Detail") and isinstance(inner, Mapping) and "Qty" in inner:
                emptied[name] = {**inner, "Qty": 0}
        rows.append(emptied)
    return {
        **document,
        "Line": rows,
        "TotalAmt": _NONE,
        "TxnTaxDetail": {"TotalTax": _NONE},
        "PrivateNote": f"Voided {document.get('PrivateNote', '')}".strip(),
    }


def _tax(
    company: Company, kind: Kind, lines: list[Mapping[str, Any]], *, inclusive: bool
) -> Decimal:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        code = (line.get(kind.detail) or {}).get("TaxCodeRef") or {}
        sums[str(code.get("value", ""))] += Decimal(line["Amount"])
    found = _NONE
    for code, amount in sums.items():
        rate = company.rates.get(code, Decimal(0))
        part = amount * rate / ((100 + rate) if inclusive else 100)
        found += part.quantize(_SEN, ROUND_HALF_UP)
    return found
