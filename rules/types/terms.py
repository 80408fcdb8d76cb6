"""Names, durations, signs, functions and facts as people say them.

Here: plain, noun, a, listed, spoken, and the words. Not here: expressions (phrases.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from grammar.text.durations import duration
from rules.values.kinds import Type
from rules.values.names import article, plain

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
    "text": "{0} as a text",
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


_IRREGULAR = frozenset(
    [
        "paid",
        "sent",
        "made",
        "sold",
        "bought",
        "given",
        "written",
        "seen",
        "left",
        "held",
        "done",
        "gone",
        "taken",
        "built",
        "kept",
    ]
)
_BY_ITSELF = frozenset({"arrived", "left", "expired", "gone", "ended", "started"})
_WHEN = {
    ("by", "user"): "the person who",
    ("by", "text"): "the person who",
    ("on", "date"): "the day",
    ("at", "date"): "the day",
    ("on", "moment"): "the moment",
    ("at", "moment"): "the moment",
}
_UNITS = {"d": "day", "h": "hour", "min": "minute", "s": "second"}
_HOURS = timedelta(hours=96)
"""Up to here a duration is told in hours, since the windows of tax offices are."""


def noun(name: str, of: Type, whose: str = "") -> str:
    """A field as the subject of a sentence; `whose` is the thing, if it is not the record itself.

    >>> noun("total", Type("money")), noun("approved_by", Type("user"))
    ('the total', 'the person who approved it')
    >>> noun("qty", Type("quantity"), "the line"), noun("paid_at", Type("moment"))
    ('the quantity of the line', 'the moment it was paid')
    >>> noun("arrived_on", Type("date"))
    'the day it arrived'
    """
    if of.kind == "yesno":
        return f"“{plain(name)}”{f' of {whose}' if whose else ''}"
    stem, _, tail = name.rpartition("_")
    begin = _WHEN.get((tail, of.kind))
    if begin and _is_done(stem):
        thing = whose or "it"
        was = "" if stem in _BY_ITSELF else "was "
        done = f"{plain(stem)} {thing}" if tail == "by" else f"{thing} {was}{plain(stem)}"
        return f"{begin} {done}"
    what = f"what is {name}" if not stem and _is_done(name) else f"the {plain(name)}"
    return f"{what} of {whose}" if whose else what


def _is_done(word: str) -> bool:
    last = word.rpartition("_")[2]
    return (last.endswith("ed") and len(last) > 4) or last in _IRREGULAR


def be(name: str) -> str:
    """`are` for the plural of a name, else `is`.

    >>> be("fees"), be("status"), be("gross"), be("pos")
    ('are', 'is', 'is', 'is')
    """
    word = plain(name)
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return "are" if plural else "is"


def a(name: str) -> str:
    """A thing with its article: `an order`, `a refund`."""
    return f"{article(name).removesuffix(name)}{plain(name)}"


def listed(words: Sequence[str], word: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {word} {words[-1]}"


def spoken(value: timedelta) -> str:
    """A duration in words: `72 hours`, `31 days`, `1 minute`.

    >>> spoken(timedelta(hours=72)), spoken(timedelta(days=31)), spoken(timedelta(seconds=30))
    ('72 hours', '31 days', '30 seconds')
    """
    text = duration(value)
    if text.endswith("d") and value < _HOURS:
        text = f"{int(value.total_seconds()) // 3600}h"
    number = text.rstrip("dhmins")
    unit = _UNITS[text[len(number) :]]
    return f"{number} {unit}{'' if number == '1' else 's'}"


def capital(text: str) -> str:
    """A text that begins a sentence."""
    return text[:1].upper() + text[1:]
