"""What the tax office asks of an e-invoice, as AiAccount checks it before it takes an invoice.

Here: the form of a tax number, the buyer of a large sale, the class of a line. Not here: anything
else of an invoice (checks.py).
"""

import re
from decimal import Decimal

from connectors.targets.aiaccount.simulator.amounts import totals
from connectors.targets.aiaccount.simulator.data import Company
from connectors.targets.aiaccount.simulator.kinds import INVOICES, Document
from connectors.targets.aiaccount.simulator.replies import Fault, fault

BUYER_LIMIT = Decimal(10000)
_PERSON_TIN = re.compile(r"IG\d{1,12}", re.ASCII)
_COMPANY_TIN = re.compile(r"(?:C|CS|D|F|FA|PT|TA|TC|TN|TR|TP|J|LE)[1-9]\d*0", re.ASCII)
_GENERAL_TIN = re.compile(r"EI000000000[1-4]0", re.ASCII)


def tin_is_valid(tin: str) -> bool:
    """Whether a tax number has the form that the tax office accepts."""
    patterns = (_PERSON_TIN, _COMPANY_TIN, _GENERAL_TIN)
    return len(tin) <= 14 and any(pattern.fullmatch(tin) for pattern in patterns)


def einvoice_faults(invoice: Document, company: Company, row: int) -> list[Fault]:
    """What the tax office would send back."""
    tin = str(invoice.header.get("CustomerTIN", ""))
    found: list[Fault] = []
    if tin and not tin_is_valid(tin):
        message = f"TIN {tin} has a wrong format"
        told = fault(row, "Customer TIN", "einvoice_invalid", tin, message)
        found.append({**told, "reason": "tin_format"})
    if totals(invoice, company).total > BUYER_LIMIT:
        blank = [
            column
            for column in INVOICES.header
            if column.name in {"CustomerTIN", "CustomerAddress"}
            and not invoice.header.get(column.name)
        ]
        if blank:
            message = f"Above RM 10,000 the buyer needs: {', '.join(one.title for one in blank)}"
            told = fault(row, blank[0].title, "einvoice_invalid", "", message)
            found.append({**told, "reason": "buyer_incomplete"})
    for at, line in zip(invoice.rows, invoice.lines, strict=True):
        if not line.get("ClassificationCode") and not company.default_classification_code:
            message = "No classification code on the line, and no default"
            told = fault(at, "Classification Code", "einvoice_invalid", "", message)
            found.append({**told, "reason": "classification_missing"})
    return found
