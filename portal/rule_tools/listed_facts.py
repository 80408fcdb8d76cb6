"""What a target lists of its master data, and what it does not, in sentences.

Here: the two facts of the reference page that are about lists. Not here: the page
(target_reference.py), the lists themselves (holding/code_lists).
"""

from collections.abc import Sequence
from typing import Final

from connectors.contract.targets import Target, TellsItems, TellsLists

_LISTED: Final = {
    "account": "accounts",
    "tax_code": "tax codes",
    "currency": "currencies",
    "payment_method": "payment methods",
    "payment_term": "payment terms",
}
_WHOLE: Final = {
    "customer": "customers",
    "vendor": "suppliers",
    "item": "items",
    "invoice": "unpaid invoices",
    "bill": "unpaid bills",
}
_NAMED: Final = {
    "account": "accounts",
    "tax": "tax codes",
    "currency": "currencies",
    "customer": "customers",
    "vendor": "suppliers",
    "item": "items",
    "warehouse": "locations",
    "payment_method": "payment methods",
    "payment_term": "payment terms",
    "invoice": "unpaid invoices",
    "bill": "unpaid bills",
}
"""What a document can name there, or pay, in the order in which people are told of it."""
_KIND_OF: Final = {"tax_code": "tax"}  # what lists call otherwise than fields


def lists(target: Target) -> str:
    """What it lists, and when that is read."""
    kinds = dict.fromkeys(kind for document in target.documents for kind, _ in document.lists)
    none = "It lists no codes: a code that it lacks is refused when it is sent."
    tested = (
        f"{in_a_row([_LISTED[kind] for kind in kinds]).capitalize()}, read by the connection test."
    )
    if not isinstance(target, TellsLists):
        return tested if kinds else none
    whole = in_a_row([_WHOLE[kind] for kind in target.lists]).capitalize()
    planned = f"{whole}, read on a plan of the connection."
    return f"{tested} {planned}" if kinds else planned


def not_listed(target: Target) -> str:
    """What documents name or pay there, and no list of it can be read."""
    fields = [one for doc in target.documents for one in (*doc.header, *doc.lines)]
    named = {word for one in fields for word in (one.refers, one.pays) if word}
    told = {_KIND_OF.get(kind, kind) for doc in target.documents for kind, _ in doc.lists}
    told |= {*target.lists} if isinstance(target, TellsLists) else set()
    lacking = [kind for kind in _NAMED if kind in named - told]
    if not lacking:
        return ""
    by_file = [_NAMED[kind] for kind in lacking if kind in _WHOLE]
    says = f"{in_a_row([_NAMED[kind] for kind in lacking]).capitalize()}."
    if by_file:
        says += f" A list of {in_a_row(by_file)} can be uploaded, with its day;"
        says += " what was posted with counts as known."
    if isinstance(target, TellsItems):
        says += " An item that documents name is asked for by its code."
    return says


def in_a_row(said: Sequence[str]) -> str:
    """Words as people say them one after the other."""
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
