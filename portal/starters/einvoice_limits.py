"""The amount above which an e-Invoice names its buyer, as the rules of a template have it.

Here: reading it out of a template's files, and writing another answer into them. Not here: asking
(portal/onboarding/rule_choice.py, portal/cli/answers.py), what the limit asks for (the templates).

The law says "above RM 10,000" and has changed its day before; whether the amount itself counts is
read both ways. So all three are asked, and stand in the rules as their author would write them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

_CONST: Final = re.compile(
    r"^const e_invoice_limit\b(?P<note>[^\n]*)\n[ \t]+from (?P<since>\S+) = (?P<amount>[0-9.]+)\n",
    re.MULTILINE,
)
_NONE_BEFORE: Final = "999999999.99"  # more than any: before its first day a const is unknown
_FIRST: Final = date(2000, 1, 1)
_ITSELF: Final = (
    ("> e_invoice_limit", ">= e_invoice_limit"),
    ("<= e_invoice_limit", "< e_invoice_limit"),
    ("e-Invoice above RM {e_invoice_limit}", "e-Invoice of RM {e_invoice_limit} or more"),
    ("e-Invoice above {e_invoice_limit}", "e-Invoice of {e_invoice_limit} or more"),
    ("is above RM {e_invoice_limit}", "is RM {e_invoice_limit} or more"),
    ("is above {e_invoice_limit}", "is {e_invoice_limit} or more"),
    ("const e_invoice_limit  # above it ", "const e_invoice_limit  # from it on "),
    (
        "const e_invoice_limit  # a sale above it ",
        "const e_invoice_limit  # a sale from it on ",
    ),
)
"""How a template says that only more than the limit counts, and how it says that the limit does."""


@dataclass(frozen=True, slots=True)
class EInvoiceLimit:
    """The amount in ringgit, the document day from which it counts, and whether a document of
    exactly this amount counts, too.
    """

    amount: Decimal
    since: date
    itself: bool = False


def limit_in(files: Mapping[str, str]) -> EInvoiceLimit | None:
    """The limit that a template has; None where it speaks of no e-Invoice."""
    found = next(filter(None, map(_CONST.search, files.values())), None)
    if found is None:
        return None
    return EInvoiceLimit(Decimal(found["amount"]), date.fromisoformat(found["since"]))


def limited(
    files: Mapping[str, str], stands: EInvoiceLimit, asked: EInvoiceLimit
) -> dict[str, str]:
    """The files with the limit that was asked for; its tests stay as they are."""
    return {
        path: text if path.endswith("_test.rules") else _limited(text, stands, asked)
        for path, text in files.items()
    }


def _limited(text: str, stands: EInvoiceLimit, asked: EInvoiceLimit) -> str:
    for above, itself in _ITSELF if asked.itself else ():
        text = text.replace(above, itself)
    found = _CONST.search(text)
    if found is None:
        return text
    rows = [f"    from {asked.since} = {asked.amount:.2f}"]
    if asked.since > stands.since:
        rows.insert(0, f"    from {_FIRST} = {_NONE_BEFORE}  # none before {asked.since}")
    const = "\n".join((f"const e_invoice_limit{found['note']}", *rows, ""))
    return text[: found.start()] + const + text[found.end() :]
