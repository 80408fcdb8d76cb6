"""Names, durations, signs, functions and facts as people say them.

Here: plain, noun, a, listed, spoken, and the words. Not here: expressions (phrases.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from grammar.text.durations import duration
from rules.phrases.composed import composed, instead, message, named
from rules.values.kinds import Type
from rules.values.names import article, plain

IS = {
    "=": message("%(left)s is %(right)s"),
    "<>": message("%(left)s is not %(right)s"),
    "<": message("%(left)s is below %(right)s"),
    "<=": message("%(left)s is at most %(right)s"),
    ">": message("%(left)s is above %(right)s"),
    ">=": message("%(left)s is at least %(right)s"),
}
ARE = {
    "=": message("%(left)s are %(right)s"),
    "<>": message("%(left)s are not %(right)s"),
    "<": message("%(left)s are below %(right)s"),
    "<=": message("%(left)s are at most %(right)s"),
    ">": message("%(left)s are above %(right)s"),
    ">=": message("%(left)s are at least %(right)s"),
}
IS_WHEN = IS | {
    "<": message("%(left)s is before %(right)s"),
    "<=": message("%(left)s is not after %(right)s"),
    ">": message("%(left)s is after %(right)s"),
    ">=": message("%(left)s is not before %(right)s"),
}
ARE_WHEN = ARE | {
    "<": message("%(left)s are before %(right)s"),
    "<=": message("%(left)s are not after %(right)s"),
    ">": message("%(left)s are after %(right)s"),
    ">=": message("%(left)s are not before %(right)s"),
}
ARITH = {
    "+": message("%(left)s plus %(right)s"),
    "-": message("%(left)s less %(right)s"),
    "*": message("%(left)s times %(right)s"),
    "/": message("%(left)s divided by %(right)s"),
}
VALUES: dict[str, str] = {
    "text": message("%(first)s as a text"),
    "words": message("%(first)s with single blanks"),
    "match_key": message("%(first)s by its letters and digits alone"),
    "e_invoice_class": message("%(first)s as a classification of the e-Invoice"),
    "abs": message("the size of %(first)s"),
    "min": message("the smallest of %(all)s"),
    "max": message("the largest of %(all)s"),
    "net": message("%(first)s without its tax of %(second)s"),
    "tax": message("the tax of %(second)s on %(first)s"),
    "was": message("%(first)s as it was before"),
    "round": message("%(first)s, rounded to %(second)s"),
    "in_base": message("%(first)s in the base unit"),
    "price_in_base": message("%(first)s for one base unit"),
    "base_unit": message("the base unit of %(first)s"),
    "due_of": message("the part of %(first)s that falls on this document"),
}
CLAIMS: dict[str, dict[str, tuple[str, str]]] = {
    "is_tin": dict.fromkeys(
        ("is", "are"),
        (
            message("%(what)s has the form of a TIN"),
            message("%(what)s has not the form of a TIN"),
        ),
    ),
    "is_whole": {
        "is": (
            message("%(what)s is a whole number"),
            message("%(what)s is not a whole number"),
        ),
        "are": (
            message("%(what)s are a whole number"),
            message("%(what)s are not a whole number"),
        ),
    },
}
"""What a function says of a value, and that it is not so, of one and of many."""
FACTS = {
    "period": message("the period of the document"),
    "e_invoice_age": message("the age of its e-invoice"),
    "today": message("today"),
    "now": message("now"),
    "last_editor": message("the person who edited it last"),
    "first_seen": message("the moment it was first seen"),
    "document_number": message("its document number"),
    "target_edited": message("a change by hand in the target"),
    "error": message("the answer"),
    "tries": message("the number of tries"),
}
IS_STATE = {"=": message("%(left)s is %(state)s"), "<>": message("%(left)s is not %(state)s")}
"""What is said of a fact, such as the period of the document."""
STATES = {"open": message("open"), "locked": message("locked")}
AGO = {
    "<": message("%(left)s is more than %(right)s ago"),
    "<=": message("%(left)s is at least %(right)s ago"),
    ">": message("%(left)s is less than %(right)s ago"),
    ">=": message("%(left)s is at most %(right)s ago"),
}
CLOCK = (("today",), ("now",))
DATED = frozenset({"date", "moment"})
ROWS = {
    "and": (message("%(words)s, %(next)s"), message("%(words)s and %(next)s")),
    "or": (message("%(words)s, %(next)s"), message("%(words)s or %(next)s")),
    ",": (message("%(words)s, %(next)s"), message("%(words)s, %(next)s")),
    ";": (message("%(parts)s; %(next)s"), message("%(parts)s; %(next)s")),
    ".": (message("%(sentences)s %(next)s"), message("%(sentences)s %(next)s")),
    "so": (message("%(conditions)s, %(next)s"), message("%(conditions)s and %(next)s")),
    "either": (message("%(conditions)s, %(next)s"), message("%(conditions)s or %(next)s")),
}
"""How the next of a row follows, and the last: of words, parts, sentences, conditions."""
_PARTS = {";": "parts", ".": "sentences", "so": "conditions", "either": "conditions"}


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
_UNITS = {
    "d": (message("%(number)s day"), message("%(number)s days")),
    "h": (message("%(number)s hour"), message("%(number)s hours")),
    "min": (message("%(number)s minute"), message("%(number)s minutes")),
    "s": (message("%(number)s second"), message("%(number)s seconds")),
}
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
    called = named(name)
    if of.kind == "yesno":
        return _of(composed("“%(name)s”", name=called), whose)
    stem, _, tail = name.rpartition("_")
    begin = _WHEN.get((tail, of.kind))
    if begin and _is_done(stem):
        thing = whose or "it"
        was = "" if stem in _BY_ITSELF else "was "
        by = tail == "by"
        done = f"{plain(stem)} {thing}" if by else f"{thing} {was}{plain(stem)}"
        field = message("the person in “%(name)s”") if by else message("the %(name)s")
        return instead(f"{begin} {done}", _of(composed(field, name=called), whose))
    what = the(name)
    if not stem and _is_done(name):
        what = instead(f"what is {name}", what)
    return _of(what, whose)


def the(name: str) -> str:
    """A thing that is known: `the total`."""
    return composed("the %(name)s", name=named(name))


def _of(what: str, whose: str) -> str:
    """What something is of, if it is not the record itself."""
    return composed("%(what)s of %(whose)s", what=what, whose=whose) if whose else what


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
    an = article(name).startswith("an ")
    return composed(message("an %(name)s") if an else message("a %(name)s"), name=named(name))


def listed(words: Sequence[str], kind: str = "and") -> str:
    """`a, b and c`; `kind` is one of ROWS.

    >>> listed(["a", "b", "c"]), listed(["a"], "or"), listed([]), listed(["a", "b"], ";")
    ('a, b and c', 'a', '', 'a; b')
    """
    between, last = ROWS[kind]
    row = words[0] if words else ""
    for at, word in enumerate(words[1:], start=2):
        ends = at == len(words)
        row = composed(last if ends else between, **{_PARTS.get(kind, "words"): row, "next": word})
    return row


def spoken(value: timedelta) -> str:
    """A duration in words: `72 hours`, `31 days`, `1 minute`.

    >>> spoken(timedelta(hours=72)), spoken(timedelta(days=31)), spoken(timedelta(seconds=30))
    ('72 hours', '31 days', '30 seconds')
    """
    text = duration(value)
    if text.endswith("d") and value < _HOURS:
        text = f"{int(value.total_seconds()) // 3600}h"
    number = text.rstrip("dhmins")
    one, many = _UNITS[text[len(number) :]]
    return composed(one if number == "1" else many, number=number)
