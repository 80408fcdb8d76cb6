"""The documents of the calls recorded of AutoCount On The Go (see recorded_documents.py)."""

from decimal import Decimal

from tests.connectors.sample_documents import Posted


def _invoice(no: str, party: str, total: str, inclusive: str, line: dict[str, str]) -> Posted:
    fields = {
        "DebtorCode": party,
        "DocNo": f"NS-{no}",
        "DocDate": "2026-11-19",
        "JournalType": "SALES",
        "Description": f"Web order {no}",
        "RefNo2": no,
        "InclusiveTax": inclusive,
        "Agent": "WEB",
        "CreditTerm": "C.O.D.",
        "CurrencyCode": "MYR",
        "NetTotal": total,
    }
    line = {"AccNo": "500-0000", **line}
    return Posted(f"NS-{no}", party, "MYR", Decimal(total), "ar_invoice", fields, (line,))


_TEES = {"Description": "Tee, black, M x 2", "Tax": "S-10", "Amount": "99.00"}
_VOUCHER = {"Description": "Voucher", "Tax": "NT", "Amount": "50.00"}
FIRST = _invoice("10231", "300-W001", "108.90", "no", _TEES)
AOTG = {
    "ar_invoice.alone": (FIRST,),
    "ar_invoice.batch": (FIRST, _invoice("10232", "300-X999", "50.00", "yes", _VOUCHER)),
}
