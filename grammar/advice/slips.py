"""Slips that the place shows: names, brackets, quotes, a clause of another language.

Lives here: the hint for each, with the names in that line. Not here: hints by what was expected
(`syntax_errors.py`, `hints.py`), conditions as people say them (`spoken_conditions.py`).
"""

import re
from collections.abc import Callable, Iterator

from grammar.advice.stumbles import Place, Stumble

_NAMING = ("role", "const", "source", "target", "record", "link", "map", "check", "sample")
"""Declarations whose second word is their name."""
_CONDITIONS = ("check", "approve", "duplicates")
"""Declarations that ask for something, clause by clause."""
_TYPE = (
    "behind the name stands a type: text, whole, decimal, money, quantity, date, moment, yesno,"
    " user, one of STATUSES, or many LINES"
)
_OWNS = "what the owner reads stands behind say, what a reader of the rules reads behind #"
_FACT = "what must be true stands behind require"
CLAUSES_OF_OTHERS = {
    "if": "the case stands behind when, what must be true behind require",
    "condition": "the case stands behind when, what must be true behind require",
    "unless": "write when not …",
    "assert": _FACT,
    "ensure": _FACT,
    "must": _FACT,
    "rule": _FACT,
    "then": "what happens otherwise stands behind else: else hold for ROLE",
    "action": "what happens otherwise stands behind else: else hold for ROLE",
    "description": _OWNS,
    "title": _OWNS,
    "message": _OWNS,
    "note": _OWNS,
}
"""A word of other languages that begins a line -> where that stands here."""
SIGNS_OF_OTHERS = {
    ":": "write it without the colon",
    "{": 'no curly brackets: clauses are indented, and only a message has them, say "{number} …"',
    "}": "no curly brackets: what belongs to a declaration is indented below it",
}
"""A sign that no line of the language has -> what to write."""


def slip(stumble: Stumble, at: Place) -> str | None:
    """The hint for a slip, if it is one of these."""
    found: Iterator[str | None] = (ask(stumble, at) for ask in _ASKED)
    return next((hint for hint in found if hint), None)


def name_of(words: str) -> str:
    """A name as the language writes it: `Back-dated orders` is `back_dated_orders`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)
    return re.sub(r"\W+", "_", apart).strip("_").lower()


def _name(stumble: Stumble, at: Place) -> str | None:
    """A name of a declaration that is none."""
    if stumble.line != 1 or at.head not in _NAMING:
        return None
    said = at.before.split()[1:]
    rest = at.line[len(at.before) :]
    if not said:
        named = re.match(r'"([^"]*)"|([A-Za-z][\w-]*)', rest)
        name = name_of(named[1] or named[2]) if named else ""
        return f"a name is in lower case, without quotes and blanks: {name}" if name else None
    if at.head == "check" and said == ["on"]:
        return "give it a name: check NAME on RECORD"
    more = re.match(r"-?(?!(?:to|for|in|by)\b)[a-z]\w*(?:[ -]+(?!(?:on|of|from)\b)[a-z]\w*)*", rest)
    if len(said) == 1 and "NAME" not in stumble.expected and more:
        return f"a name is one word, joined by _: {name_of(f'{said[0]} {more[0]}')}"
    if at.head == "check" and len(said) == 1 and stumble.expected == {"ON"}:
        return f"say on which record: check {said[0]} on RECORD"
    return None


def _two_words(stumble: Stumble, at: Place) -> str | None:
    """Two words side by side in a formula: one name, or a sign is missing."""
    before = re.search(r"(?<![\w.\"])([a-z\d][\w.]*%?) +$", at.before)
    is_word = re.fullmatch(r"[a-z]\w*", at.word)
    if before is None or is_word is None or "PLUS" not in stumble.expected:
        return None
    if before[1][0].isdigit():
        return f"a sign stands between two values, such as {before[1]} * {at.word}"
    if before[1] in ("if", "unless"):
        return None
    name = f"{before[1]}_{at.word}"
    return f"a name is one word, joined by _: {name}; between two names stands a sign"


def _bracket(stumble: Stumble, at: Place) -> str | None:
    if stumble.met != "RPAR":
        return None
    if at.before.rstrip().endswith("("):
        called = re.search(r"(\w+) *\($", at.before.rstrip())
        return f"a field and a fact are written without brackets: {called[1]}" if called else None
    if at.before.count(")") >= at.before.count("("):
        return "one bracket too many: delete it, or open one before it"
    return None


def _quote(stumble: Stumble, at: Place) -> str | None:
    ends = at.before.rstrip().endswith('"')
    if ends and '"' in at.line[len(at.before) :] and stumble.met in ("NAME", "CODE"):
        return "a double quote ends the text: inside it write a single one, 'so'"
    return None


def _owner(stumble: Stumble, at: Place) -> str | None:
    if stumble.met == "_C" and re.search(r"\b(?:for|by) +\w+ *$", at.before):
        return "name one role: whoever belongs to its team may decide"
    return None


def _list(stumble: Stumble, at: Place) -> str | None:
    """A word of the record or of the gate that is written as in a sentence."""
    rest, words = at.line[len(at.before) :], at.before.split()
    if at.head == "record" and len(words) == 1 and stumble.expected >= {"TEXT", "MONEY"}:
        return _TYPE
    spelt = re.match(r'"([^"]+)"', rest)
    if at.head == "record" and spelt and re.search(r"\bone +of\b.*(?:of|,) *$", at.before):
        plain = name_of(spelt[1])
        return f"a status is a plain word, its spelling stands behind it: {plain} as {spelt[0]}"
    if at.head == "gate" and stumble.met in ("AND", "OR") and len(words) > 1:
        return "statuses are joined by commas: ready paid, delivered"
    return None


def _unquoted(_: Stumble, at: Place) -> str | None:
    """A text without its quotes: the number of a document, a column of a file."""
    rest = at.line[len(at.before) :]
    number = at.head == "post" and at.last == "as" and re.match(r"[\w{}-]*\{[\w{}-]+", rest)
    if number:
        return f'a number is a text, in quotes: as "{number[0]}"'
    column = at.head == "map" and at.last in ("from", "to") and re.match(r"[A-Za-z]\w*", rest)
    if column and '"' in at.before:
        return f'a column stands in quotes: {at.last} "{column[0]}"'
    return None


def _sign(stumble: Stumble, at: Place) -> str | None:
    return SIGNS_OF_OTHERS.get(at.line[stumble.column - 1 : stumble.column])


def _clause(_: Stumble, at: Place) -> str | None:
    clause = at.is_first and at.head in _CONDITIONS
    return CLAUSES_OF_OTHERS.get(at.word.lower()) if clause else None


_ASKED: tuple[Callable[[Stumble, Place], str | None], ...] = (
    *(_name, _list, _unquoted, _sign, _clause, _bracket, _quote, _owner, _two_words),
)
