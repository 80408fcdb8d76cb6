"""Conditions as people say them: `channel not in (…)`, `total is more than 5`, `tin is empty`.

Lives here: those forms, each with how the language writes it, in the words of that line. A form
is looked for only where the parser stumbled, so none is found in what is right. Not here: signs of
other languages (`foreign_syntax.py`), what else the parser stumbles over (`hints.py`).
"""

import re
from typing import NamedTuple


class Spoken(NamedTuple):
    """A form that somebody wrote: what is said of it, what to write, and its columns, from 0; None
    where the place that was asked for is the fault itself.
    """

    message: str
    hint: str
    columns: tuple[int, int] | None


class _Form(NamedTuple):
    """What it looks like; `form` is the part that is none of the language, where one is."""

    pattern: re.Pattern[str]
    message: str
    hint: str
    sign: str


_LEFT = r"\b(?P<left>[a-z][\w.]*(?:\([^()\n]*\))?) +"
_ONE = r'(?:"[^"\n]*"|-?\d[\w.:%-]*|[A-Za-z][\w.]*(?:\([^()\n]*\))?)'
_RIGHT = rf" *(?P<right>{_ONE})"
_LIST = rf" *[\[({{]? *(?P<list>{_ONE}(?: *, *{_ONE})*)"
_CAPITAL = rf" *[\[({{]? *(?P<list>(?:{_ONE} *, *)*[A-Z]\w*(?: *, *{_ONE})*)"
_NOTHING = r"(?:null|none|empty|blank|nothing|unknown)\b"
_THERE = r"(?:present|there|given|set|filled(?: +in)?)\b"
_PART = r"(?:contains?|includes?|has|like|matches|(?:starts?|begins?|ends?) *with)\b"
_MORE, _LESS = r"(?:more|greater|higher|larger) +than", r"(?:less|lower|smaller|fewer) +than"
_OR_SAME = r" +or +equal(?: +to)?"


def _form(pattern: str, message: str, hint: str, sign: str = "") -> _Form:
    return _Form(re.compile(pattern), message, hint, sign)


def _asked(words: str, sign: str) -> _Form:
    """Words behind a value for which the language has others."""
    pattern = rf"{_LEFT}(?P<form>(?i:{words}))"
    return _form(pattern, "'{form}' is written '{sign}' here", "write '{left} {sign}'", sign)


def _compared(words: str, sign: str) -> _Form:
    """Words between two values for which the language has a sign."""
    pattern = rf"{_LEFT}(?P<form>(?i:(?:is +)?(?:{words}))\b){_RIGHT}"
    hint = "write '{left} {sign} {right}'"
    return _form(pattern, "'{form}' is written '{sign}' here", hint, sign)


_FORMS = (
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:is +)?not +(?:in|(?:one|any) +of)|is +none +of)\b){_LIST}",
        "'{form}' is written with not in front of the condition",
        "write 'not {left} in ({list})'",
    ),
    _form(
        rf"{_LEFT}(?P<form>(?i:is +in|(?:is +)?(?:one|any) +of)\b){_LIST}",
        "'{form}' is written '{sign}' here",
        "write '{left} in ({list})'",
        "in",
    ),
    _form(
        rf"{_LEFT}(?i:in)\b{_CAPITAL}",
        "a text in a list stands in quotes",
        "write '{left} in ({list})'; a status is a plain word: '{left} in ({plain})'",
    ),
    _form(
        rf"{_LEFT}(?i:in) +(?P<right>[a-z]\w*)(?! *[\w,(.])",
        "'in' is followed by a list, not by a name",
        "write its words out, '{left} in (\"…\", \"…\")', or '{left} = {right}' for one value",
    ),
    _form(
        rf"{_LEFT}(?i:in)\b{_LIST}",
        "a list stands in round brackets, with commas in between",
        "write '{left} in ({list})'",
    ),
    _asked(rf"(?:is +)?not +(?:known\b|{_THERE})|does +not +exist\b|is +{_NOTHING}", "is missing"),
    _asked(rf"(?:is +)?not +(?:missing\b|{_NOTHING})|exists\b|is +{_THERE}", "is known"),
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:is +)?between)){_RIGHT} +(?i:and) +(?P<upper>{_ONE})",
        "'{form}' is written as two comparisons here",
        "write '{left} >= {right} and {left} <= {upper}'",
    ),
    _form(
        rf"(?P<left>{_ONE}) *(?P<sign><=?|>=?) *(?P<middle>{_ONE}) *(?P<form><=?|>=?){_RIGHT}",
        "a condition compares two values, not three",
        "write '{left} {sign} {middle} and {middle} {form} {right}'",
    ),
    _compared(rf"{_MORE}{_OR_SAME}|at +least|no +{_LESS}|not +{_LESS}", ">="),
    _compared(rf"{_LESS}{_OR_SAME}|at +most|no +{_MORE}|not +{_MORE}", "<="),
    _compared(rf"{_MORE}|above|over|after|exceeds", ">"),
    _compared(rf"{_LESS}|below|under|before", "<"),
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:(?:does|do) +not +|not +)?{_PART})){_RIGHT}",
        "'{form}': no part of a text is looked for",
        "compare the whole, '{left} = {right}' or '{left} in ({right}, \"…\")', or use a map",
    ),
    _compared(r"(?:is +)?not +(?:equal +to|equals?|the +same +as)|differs +from|is +not|not", "<>"),
    _compared(r"equals?(?: +to)?|(?:the +)?same +as|is", "="),
    _form(
        rf"(?P<left>\d+(?:\.\d+)?%) +(?P<form>of\b){_RIGHT}",
        "'{form}' is written '{sign}' here",
        "write '{right} * {left}'",
        "*",
    ),
)
"""The first that covers the place counts: the longer forms stand above those they begin with."""


def spoken(line: str, at: int) -> Spoken | None:
    """The form that covers a place of a line, counted from 0."""
    for form in _FORMS:
        for found in form.pattern.finditer(line):
            if found.start() <= at < found.end():
                return _told(form, found)
    return None


def _told(form: _Form, found: re.Match[str]) -> Spoken:
    said = {name: " ".join(words.split()) for name, words in found.groupdict("").items()}
    words = re.findall(r'"[^"]*"|[^\s,"]+', said.get("list", ""))
    said["list"] = ", ".join(map(_as_text, words))
    said["plain"] = ", ".join(word.strip('"').lower() for word in words)
    said |= {"right": _as_text(said.get("right", "")), "sign": said.get("sign") or form.sign}
    columns = found.span("form") if said.get("form") else None
    return Spoken(form.message.format(**said), form.hint.format(**said), columns)


def _as_text(word: str) -> str:
    """A word with a capital is no name: as a text it stands in quotes."""
    return f'"{word}"' if word[:1].isupper() else word
