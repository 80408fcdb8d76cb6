"""The words for signs, functions and facts of the language.

Here: tables alone. Not here: how they are put together (phrases.py).
"""

from __future__ import annotations

IS = {
    "=": "",
    "<>": " not",
    "<": " below",
    "<=": " at most",
    ">": " above",
    ">=": " at least",
}
IS_WHEN = IS | {
    "<": " before",
    "<=": " not after",
    ">": " after",
    ">=": " not before",
}
ARITH = {"+": "plus", "-": "less", "*": "times", "/": "divided by"}
VALUES: dict[str, str] = {
    "words": "{0} with single blanks",
    "match_key": "{0} by its letters and digits alone",
    "e_invoice_class": "{0} as a classification of the e-Invoice",
    "abs": "the size of {0}",
    "min": "the smallest of {all}",
    "max": "the largest of {all}",
    "net": "{0} without its tax of {1}",
    "tax": "the tax of {1} on {0}",
    "round": "{0}, rounded to {1}",
    "in_base": "{0} in the base unit",
    "price_in_base": "{0} for one base unit",
    "base_unit": "the base unit of {0}",
    "due_of": "the part of {0} that falls on this document",
}
CLAIMS: dict[str, tuple[str, str]] = {
    "is_tin": ("{0} has the form of a TIN", "{0} has not the form of a TIN"),
    "is_whole": ("{0} {be} a whole number", "{0} {be} not a whole number"),
}
FACTS = {
    "period": "the period of the document",
    "e_invoice_age": "the age of its e-invoice",
    "today": "today",
    "now": "now",
    "last_editor": "the person who edited it last",
    "first_seen": "the moment it was first seen",
    "document_number": "its document number",
    "target_edited": "a change by hand in the target",
    "error": "the answer",
    "tries": "the number of tries",
}
AGO = {"<": "more than", "<=": "at least", ">": "less than", ">=": "at most"}
CLOCK = (("today",), ("now",))
DATED = frozenset({"date", "moment"})
