"""Conditions as people say them: `channel not in (…)`, `total is more than 5`, `tin is empty`.

Lives here: those forms, each with how the language writes it, in the words of that line. A form
is looked for only where the parser stumbled, so none is found in what is right. Not here: signs of
other languages (`foreign_syntax.py`), what else the parser stumbles over (`hints.py`).
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class Spoken(NamedTuple):
    """A form that somebody wrote: what is said of it, what to write, and its columns, from 0; None
    where the place that was asked for is the fault itself.
    """

    message: str
    hint: str
    columns: tuple[int, int] | None


class _Said(NamedTuple):
    """The words of a form: `form` is the part that is none of the language, `sign` what it has."""

    form: str
    left: str
    right: str
    sign: str
    upper: str
    middle: str
    members: str
    plain: str


class _Form(NamedTuple):
    """What it looks like, what is said of it, and what to write."""

    pattern: re.Pattern[str]
    message: Callable[[_Said], str]
    hint: Callable[[_Said], str]
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


def _form(
    pattern: str, message: Callable[[_Said], str], hint: Callable[[_Said], str], sign: str = ""
) -> _Form:
    return _Form(re.compile(pattern), message, hint, sign)


def _is_written(said: _Said) -> str:
    return f"'{said.form}' is written '{said.sign}' here"


def _asked(words: str, sign: str) -> _Form:
    """Words behind a value for which the language has others."""
    pattern = rf"{_LEFT}(?P<form>(?i:{words}))"
    return _form(
        pattern,
        _is_written,
        lambda s: f"write '{s.left} {s.sign}'",
        sign,
    )


def _compared(words: str, sign: str) -> _Form:
    """Words between two values for which the language has a sign."""
    pattern = rf"{_LEFT}(?P<form>(?i:(?:is +)?(?:{words}))\b){_RIGHT}"
    return _form(
        pattern,
        _is_written,
        lambda s: f"write '{s.left} {s.sign} {s.right}'",
        sign,
    )


_FORMS = (
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:is +)?not +(?:in|(?:one|any) +of)|is +none +of)\b){_LIST}",
        lambda s: f"'{s.form}' is written with not in front of the condition",
        lambda s: f"write 'not {s.left} in ({s.members})'",
    ),
    _form(
        rf"{_LEFT}(?P<form>(?i:is +in|(?:is +)?(?:one|any) +of)\b){_LIST}",
        _is_written,
        lambda s: f"write '{s.left} in ({s.members})'",
        "in",
    ),
    _form(
        rf"{_LEFT}(?i:in)\b{_CAPITAL}",
        lambda _: "a text in a list stands in quotes",
        lambda s: (
            f"write '{s.left} in ({s.members})';"
            f" a status is a plain word: '{s.left} in ({s.plain})'"
        ),
    ),
    _form(
        rf"{_LEFT}(?i:in) +(?P<right>[a-z]\w*)(?! *[\w,(.])",
        lambda _: "'in' is followed by a list, not by a name",
        lambda s: (
            f'write its words out, \'{s.left} in ("…", "…")\','
            f" or '{s.left} = {s.right}' for one value"
        ),
    ),
    _form(
        rf"{_LEFT}(?i:in)\b{_LIST}",
        lambda _: "a list stands in round brackets, with commas in between",
        lambda s: f"write '{s.left} in ({s.members})'",
    ),
    _asked(rf"(?:is +)?not +(?:known\b|{_THERE})|does +not +exist\b|is +{_NOTHING}", "is missing"),
    _asked(rf"(?:is +)?not +(?:missing\b|{_NOTHING})|exists\b|is +{_THERE}", "is known"),
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:is +)?between)){_RIGHT} +(?i:and) +(?P<upper>{_ONE})",
        lambda s: f"'{s.form}' is written as two comparisons here",
        lambda s: f"write '{s.left} >= {s.right} and {s.left} <= {s.upper}'",
    ),
    _form(
        rf"(?P<left>{_ONE}) *(?P<sign><=?|>=?) *(?P<middle>{_ONE}) *(?P<form><=?|>=?){_RIGHT}",
        lambda _: "a condition compares two values, not three",
        lambda s: f"write '{s.left} {s.sign} {s.middle} and {s.middle} {s.form} {s.right}'",
    ),
    _compared(rf"(?:{_MORE}{_OR_SAME}|at +least|(?:no|not) +{_LESS})", ">="),
    _compared(rf"(?:{_LESS}{_OR_SAME}|at +most|(?:no|not) +{_MORE})", "<="),
    _compared(rf"{_MORE}|above|over|after|exceeds", ">"),
    _compared(rf"{_LESS}|below|under|before", "<"),
    _form(
        rf"{_LEFT}(?P<form>(?i:(?:(?:does|do) +not +|not +)?{_PART})){_RIGHT}",
        lambda s: f"'{s.form}': no part of a text is looked for",
        lambda s: (
            f"compare the whole, '{s.left} = {s.right}' or '{s.left} in ({s.right}, \"…\")',"
            " or use a map"
        ),
    ),
    _compared(r"(?:is +)?not +(?:equal +to|equals?|the +same +as)|differs +from|is +not|not", "<>"),
    _compared(r"equals?(?: +to)?|(?:the +)?same +as|is", "="),
    _form(
        rf"(?P<left>\d+(?:\.\d+)?%) +(?P<form>of\b){_RIGHT}",
        _is_written,
        lambda s: f"write '{s.right} * {s.left}'",
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
    there = {name: " ".join(words.split()) for name, words in found.groupdict("").items()}
    members = re.findall(r'"[^"]*"|[^\s,"]+', there.get("list", ""))
    said = _Said(
        form=there.get("form", ""),
        left=there.get("left", ""),
        right=_as_text(there.get("right", "")),
        sign=there.get("sign") or form.sign,
        upper=there.get("upper", ""),
        middle=there.get("middle", ""),
        members=", ".join(map(_as_text, members)),
        plain=", ".join(word.strip('"').lower() for word in members),
    )
    columns = found.span("form") if said.form else None
    return Spoken(form.message(said), form.hint(said), columns)


def _as_text(word: str) -> str:
    """A word with a capital is no name: as a text it stands in quotes."""
    return f'"{word}"' if word[:1].isupper() else word
