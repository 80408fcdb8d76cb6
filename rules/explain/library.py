"""The functions of the language, one line each.

Here: how each is written, what it gives, and what that is. Not here: their sources and small print
(docs/language.md), what they do (rules/functions.py, rules/calls.py, rules/lists.py).
"""

from __future__ import annotations

LIBRARY: dict[str, tuple[str, str, str]] = {
    "round": ("round(x, 0.01)", "as x", "x at the nearest step, halves away from zero"),
    "in_base": ("in_base(qty, uom, item)", "a quantity", "the quantity in the base unit"),
    "price_in_base": ("price_in_base(price, uom, item)", "money", "the price of one base unit"),
    "base_unit": ("base_unit(item)", "text", "the unit that the item is counted in"),
    "is_whole": ("is_whole(x)", "yes or no", "whether x has nothing behind the point"),
    "due_of": ("due_of(x)", "as x", "the part of x that falls on this document, to the sen"),
    "number_of": ("number_of(ROUTE)", "text", "the number of the document of that route"),
    "was": ("was(field)", "as the field", "what it said when it was posted last, else at first"),
    "date_of": ("date_of(moment)", "a date", "the day, in the zone of the source"),
    "is_tin": ("is_tin(text)", "yes or no", "whether it has the form of a tax number"),
    "e_invoice_class": ("e_invoice_class(text)", "text", "a classification of the e-Invoice"),
    "words": ("words(text)", "text", "the text with single blanks and nothing invisible"),
    "match_key": ("match_key(text)", "text", "its letters and digits alone, in one case"),
    "abs": ("abs(x)", "as x", "x without its sign"),
    "min": ("min(x, y, …)", "as x", "the smallest of them"),
    "max": ("max(x, y, …)", "as x", "the largest of them"),
    "net": ("net(amount, rate)", "as amount", "the amount without the tax that it contains"),
    "tax": ("tax(amount, rate)", "as amount", "the tax on the amount"),
    "sum": ("sum(lines.amount where …)", "as the field", "the field of all of a list, added up"),
    "count": ("count(lines where …)", "a whole", "how many of a list there are"),
    "any": ("any(lines where …)", "yes or no", "whether at least one of a list is there"),
    "all": ("all(lines where …)", "yes or no", "whether all of a list are so"),
    "latest": ("latest(payments.paid_at)", "as the field", "the field of the latest of a list"),
}
"""Name -> how it is written, the type that it gives, its meaning."""
