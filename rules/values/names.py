"""Names of rule files as words: a table, a field, a check, a route.

Here: a name alone. Not here: a field as the subject of a sentence (rules/phrases/terms.py).
"""

import re
from datetime import date

from grammar.nodes import OF_LINE

MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

_SPOKEN_VOWEL = re.compile(r"(?!uni|us[ae]|eu|one(?:_|$))[aeiou]")

_SAID = {
    "tin": "TIN",
    "sku": "SKU",
    "uom": "UOM",
    "id": "ID",
    "sst": "SST",
    "po": "PO",
    "ar": "AR",
    "ap": "AP",
    "pos": "position",
    "qty": "quantity",
}
_SYSTEMS = {"aiaccount": "AiAccount", "autocount": "AutoCount", "quickbooks": "QuickBooks"}


def plain(name: str) -> str:
    """A name without its underscores: `e_invoice_limit` is the e-invoice limit.

    >>> plain("e_invoice_limit"), plain("debtor_of_tin"), plain("qty"), plain("line.price")
    ('e-invoice limit', 'debtor of TIN', 'quantity', 'line price')
    """
    words = [_SAID.get(word, word) for word in name.replace(OF_LINE, "line_").split("_")]
    return " ".join(words).replace("e invoice", "e-invoice")


def article(name: str) -> str:
    """A thing, as it is written, with its article.

    >>> article("order"), article("refund"), article("unit")
    ('an order', 'a refund', 'a unit')
    """
    return f"{'an' if _SPOKEN_VOWEL.match(name) else 'a'} {name}"


def month_name(key: str) -> str:
    """A month by its name; what is no month stays.

    >>> month_name("2026-10"), month_name("")
    ('October 2026', '')
    """
    return f"{date.fromisoformat(f'{key}-01'):%B %Y}" if MONTH.fullmatch(key) else key


def term(name: str) -> str:
    """A name of the rules where it is alone on a page: a table, a check, a field, a route, or what
    a table says for a field.

    >>> term("debtor_of_tin"), term("line.tax_due"), term("aiaccount.sales_invoice")
    ('debtor of TIN', 'tax due of the line', 'AiAccount sales invoice')
    >>> term("debtor_of_tin(tin)")
    'debtor of TIN for TIN'
    """
    table, bracket, key = name.partition("(")
    if bracket:
        return f"{plain(table)} for {term(key.removesuffix(')'))}"
    head, dot, tail = name.partition(".")
    if not dot:
        return plain(name)
    if name.startswith(OF_LINE):
        return f"{plain(tail)} of the line"
    return f"{_SYSTEMS.get(head, plain(head))} {plain(tail)}"
