"""Turn the place where the parser stopped into a message and a hint in words of the language."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from grammar.advice import hints
from grammar.advice.hints import (
    Place,
    Stumble,
    blank_texts,
    clipped,
    did_you_mean,
    nearest_word,
    place_of_stumble,
)
from grammar.text import vocabulary
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import ACTIONS, TABLES, Block

_CLAUSES = {word for clauses in vocabulary.ORDER.values() for word in clauses}

_LONG = {
    "at": "at most",
    "amount": "amount not compared",
    "they": "they own",
    "we": "we own",
    "each": "each line",
}

_FORMULAS = ("record", "link", "check", "approve", "post")

_CONDITION_CLAUSES = ("when", "require", "and", "where")

_FORWARD = ("when", "immediately", "daily", "after", "bill", "amount", "allows")

_TIMES = re.compile(r"\s*\d{1,2}(?::\d{1,2})?\s*(?:am|pm)?\b", re.IGNORECASE)

Words: TypeAlias = tuple[str, str, str]

_DONE = ("block", "drop", "ignore", "reject", "update", "void", "wait", "warn")

_PHRASES = (*_DONE, "new document", "credit note", "credit note and new", "look up first")

_INSTEAD = {
    "delete": "void",
    "erase": "void",
    "cancel": "void",
    "reverse": "void",
    "stop": "block",
    "skip": "ignore",
    "nothing": "ignore",
    "change": "update",
    "ask": "review by ROLE",
    "retry": "try 5 times from 30s then hold for ROLE",
    "repeat": "try 5 times from 30s then hold for ROLE",
}
"""What people write who do not know the word yet."""

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

_NAMING = ("role", "const", "source", "target", "record", "link", "map", "check", "sample")
"""Declarations whose second word is their name."""

_CONDITION_STATEMENTS = ("check", "approve", "duplicates")
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


class Explainer:
    """Explains stumbles; knows the spelling of the tokens that have one."""

    def __init__(self, spellings: dict[str, str]) -> None:
        self.spellings = spellings

    def explain(self, stumble: Stumble, block: Block, file: str) -> Problem:
        """Return one problem for one syntax error."""
        at = place_of_stumble(stumble, block)
        begin, end = stumble.column, stumble.column + max(1, len(at.word))
        said = find_spoken_form(at.line, begin - 1) if _is_condition(at) else None
        if said is not None:
            code, message, hint = "SYN13", said.message, said.hint
            begin, end = (column + 1 for column in said.columns or (begin - 1, end - 1))
        else:
            code, message, hint = explain_table_error(stumble, at) or self._words(stumble, at)
        number = block.first + stumble.line - 1
        return Problem(code, message, hint, Span(file, number, begin, number, end))

    def _words(self, stumble: Stumble, at: Place) -> tuple[str, str, str]:
        if stumble.kind == "glued":
            words = {*self.spellings.values()} - {at.word}
            hint = did_you_mean(at.word, words, hints.FORMS[at.head])
            return "SYN08", f"'{at.word}' is no word of the language here", hint
        if stumble.kind == "end":
            message = f"the declaration is not complete: expected {self.said(stumble.expected)}"
            return "SYN03", message, self._instead(stumble, at)
        if stumble.text.startswith('"') and '"' not in at.line[stumble.column :]:
            return "SYN19", "this text is not closed", 'write the " at its end, in the same line'
        if stumble.met == "_NL":
            message = f"the line ends too early: expected {self.said(stumble.expected - {'_NL'})}"
            return "SYN02", message, self._instead(stumble, at)
        return self._misfit(stumble, at)

    def _misfit(self, stumble: Stumble, at: Place) -> tuple[str, str, str]:
        """Return the words for a word or sign at a place where it does not fit."""
        if at.head == "gate" and not at.is_first and stumble.met in ("CODE", "STRING"):
            message = f"{at.word}: a status is a plain word here"
            hint = 'the record gives it the spelling of the source: word as "Spelling"'
            return "SYN23", message, hint
        if {stumble.met} <= {"AND", "OR"} and stumble.expected & {"AND", "OR"}:
            message = f"'{at.word}' does not fit here: 'and' and 'or' are mixed"
            if at.is_first:
                return "SYN22", message, "write it in one line, in brackets: 'require (a or b)'"
            return "SYN22", message, "put one of the two in brackets: a and (b or c)"
        expected = self.said(stumble.expected)
        spelled = [self.spellings[n] for n in stumble.expected if n in self.spellings]
        hint = did_you_mean(at.word, spelled, self._instead(stumble, at))
        ways = (hints.CLAUSES, hints.CLAUSES_OF, CLAUSES_OF_OTHERS)
        clause = any(hint in of.values() for of in ways)
        if at.is_first and clause:
            return "SYN09", f"'{at.word}' does not fit here: before it expected {expected}", hint
        return "SYN01", f"'{at.word}' does not fit here: expected {expected}", hint

    def _instead(self, stumble: Stumble, at: Place) -> str:
        """Return the hint by order, pair, clause, fitting words or the declaration's form."""
        pair = _order(at) or hint_for_slip(stumble, at) or self._in_formula(stumble, at)
        pair = pair or self._wanted(stumble, at)
        pair = pair or hints.PAIRS.get((stumble.met, at.last))
        if pair is None and "FOR" in stumble.expected and "hold" in at.before.split():
            pair = hints.PAIRS["_NL", "hold"]
        if pair is None and at.last == "at" and _TIMES.match(at.line[len(at.before) :]):
            pair = hints.PAIRS["NUMBER", "at"]
        if pair:
            return pair
        for (head, name), hint in hints.CLAUSES_OF.items():
            starts = at.is_first or stumble.kind == "end"
            if head == at.head and name in stumble.expected and starts:
                return hint
        for name, hint in hints.CLAUSES.items():
            if name in stumble.expected and not self._just_a_row(stumble, at):
                return hint
        for met, expected, hint in hints.FITS:
            if met == stumble.met and expected in stumble.expected:
                return hint
        return hints.WORDS.get(at.word) or f"the form is: {hints.FORMS[at.head]}"

    def _in_formula(self, stumble: Stumble, at: Place) -> str | None:
        """Return the hint for a formula of another language, or a capital in a condition."""
        if at.head not in _FORMULAS or at.is_first:
            return None
        word, sign = at.word.lower(), at.line[stumble.column - 1 :][:1]
        foreign = hints.SIGNS.get(sign)
        if stumble.met in ("CODE", "NAME"):
            foreign = hints.WORDS.get(word)
        if foreign or stumble.met != "CODE" or at.line.split()[0] not in _CONDITION_CLAUSES:
            return foreign
        behind = at.line[len(at.before) + len(at.word) :]
        if (word, *behind.split()[:1]) == ("is", "NULL"):
            return hints.WORDS["null"]
        if behind.startswith("("):
            words = word in ("and", "or") and f"write {word} between the conditions"
            return words or f"functions and maps are in lower case: {word}(…)"
        if word in self.spellings.values():
            return f"words of the language are in lower case: {word}"
        return hints.lower_case_hint(word)

    def _wanted(self, stumble: Stumble, at: Place) -> str | None:
        """Return the hint by the token that was read, or by the rest that the line requires."""
        if stumble.met == "VBAR" and at.is_first and at.head not in ("on", "retry"):
            return "a table belongs to on edit, on cancel or retry"
        if stumble.expected == {"LPAR"} and at.last == "in":
            return "put the words in brackets: in (paid, packed)"
        if stumble.expected == {"DOT"}:
            return "a route is written TARGET.DOCUMENT: aiaccount.sales_invoice"
        first = (at.line.split() or [""])[0]
        wanted = [
            hint
            for (word, name), hint in hints.WANTED.items()
            if word == first and name in stumble.expected
        ]
        return hints.MET.get((at.head, stumble.met)) or (wanted[0] if wanted else None)

    def _just_a_row(self, stumble: Stumble, at: Place) -> bool:
        """Check whether the error is in a row, so that no clause is missing."""
        rows = {"units": "NUMBER", "map": "STRING", "post": "CODE"}.get(at.head)
        wanted = {"CODE"} if at.head == "units" else {"NAME", "NUMBER"}
        return at.is_first and rows in stumble.expected and stumble.met in wanted

    def said(self, expected: Iterable[str]) -> str:
        """Return the expected tokens as words of the language, without starts of declarations."""
        names = set(expected)
        names -= {"LINE"} if "NAME" in names else set()
        inner = {n for n in names if self.spellings.get(n) not in vocabulary.DECLARATIONS}
        names = (inner - {"$END"}) or names
        parts: list[str] = []
        for title, members in (("an action", vocabulary.ACTIONS), ("a type", vocabulary.TYPES)):
            found = {n for n in names if self.spellings.get(n) in members}
            if len(found) > 5:
                names -= found
                parts.append(title)
        said = [vocabulary.KINDS.get(n) or f"'{self.spellings.get(n, n)}'" for n in names]
        signs = [s for s in said if s[0] == "'" and s != "','" and not s.strip("'").isalpha()]
        if len(signs) > 3:
            said = [s for s in said if s not in signs]
            parts.append("an operator")
        shown = sorted({*said, *parts}, key=lambda s: (s[0] == "'", s))
        first, more = ", ".join(shown[:7]), len(shown) - 7
        return f"{first} or {more} more" if more > 0 else first


def _is_condition(at: Place) -> bool:
    """Check whether the line holds a condition or formula after a correct first word."""
    if at.head not in _FORMULAS or at.is_first:
        return False
    first, *rest = at.line.split()
    return first in _CONDITION_CLAUSES or rest[:1] == ["="]


def _order(at: Place) -> str | None:
    """Return the hint for a clause that is too late, repeated, or in the wrong declaration."""
    own = vocabulary.ORDER.get(at.head, ())
    if not at.is_first or at.word not in _CLAUSES:
        return None
    if at.head == "post" and "reversing" in at.first and at.word in _FORWARD:
        return "a reversal has neither timing nor condition: the tables start it"
    if at.word not in own:
        owners = [head for head, clauses in vocabulary.ORDER.items() if at.word in clauses]
        return f"it is a clause of {', '.join(owners)}"
    if at.above & set(own[own.index(at.word) + 1 :]):
        return f"the order is: {', '.join(_LONG.get(word, word) for word in own)}"
    if at.word == "require" and at.word in at.above:
        return "each further fact stands behind and: and total > 0.00"
    return f"'{at.word}' stands above already" if at.word in at.above else None


def explain_table_error(stumble: Stumble, at: Place) -> Words | None:
    """Return code, message and hint of a syntax error in a table, or None outside tables."""
    if at.head not in ("on", "retry") or not stumble.line > 1 or stumble.kind == "glued":
        return None
    row = blank_texts(at.line).strip()
    if at.is_first and "VBAR" in stumble.expected and "=" in row and not row.startswith("|"):
        message = f"'{at.word}' does not fit here: the table has begun"
        return "SYN01", message, "the groups stand above the table: amounts = total, lines"
    if not row.startswith("|"):
        return None
    if stumble.met == "_NL" and not row.endswith("|"):
        return "SYN02", "this row of the table is not closed", "end it with |"
    if stumble.met == "_NL":
        return _end(stumble, at, row)
    return _cell(stumble, at)


def _end(stumble: Stumble, at: Place, row: str) -> Words:
    """Return the words for a row or table head that ends without an action."""
    cell = clipped(row.rstrip("| ").rsplit("|", 1)[-1].strip())
    if "DO" in stumble.expected:
        message = f"the head of the table ends with '{cell}'"
        return "SYN26", message, "its last column is called do: | period | do |"
    kind = at.head if at.head == "retry" else " ".join(at.first.split()[:2])
    known = ", ".join(TABLES.get(kind, _PHRASES))
    meant = _INSTEAD.get(cell.split(" ")[0].lower()) or nearest_word(cell.lower(), _PHRASES)
    hint = f"did you mean '{meant}'?" if meant else f"a row ends with what to do: {known}"
    return "SYN26", f"'{cell}' is no action", hint


def _cell(stumble: Stumble, at: Place) -> Words | None:
    """Return the words for a cell with too much content or content that does not belong there."""
    if stumble.met in ("OR", "AND") and at.last != "note":
        message = f"'{at.word}' does not fit in a cell"
        hint = "a comma means or: paid, packed; what must hold too has a column of its own"
        return "SYN01", message, hint
    if stumble.expected == {"_NL"}:
        done = clipped(_cell_before(at.before))
        hint = f'an action ends its row; a status of that name is quoted: "{done}"'
        return "SYN26", f"the row goes on behind the action '{done}'", hint
    if stumble.text in ("=", "<>", "<", "<=", ">", ">="):
        message = f"'{stumble.text}' does not fit here: the column says what is compared"
        return "SYN01", message, "name it in the head; a cell holds values, or such as > 72h"
    if stumble.met == "CODE" and stumble.expected <= {"NAME", "DO"}:
        message = f"'{at.word}' does not fit here: a column is a field or a fact"
        return "SYN01", message, "it is written in lower case, and the last column is called do"
    if stumble.met == "CODE" and at.word.lower() not in ACTIONS:
        message = f"{at.word}: a status is a plain word here"
        return (
            "SYN23",
            message,
            'the record gives it the spelling of the source: word as "Spelling"',
        )
    return None


def _cell_before(before: str) -> str:
    """Return the content of the last closed cell."""
    cells = re.split(r"\|", before.rstrip().removesuffix("|"))
    return cells[-1].strip()


class Spoken(NamedTuple):
    """A phrase from natural language, with message, hint and columns from 0.

    `columns` is None where the place of the error itself is the fault.
    """

    message: str
    hint: str
    columns: tuple[int, int] | None


def find_spoken_form(line: str, at: int) -> Spoken | None:
    """Return the phrase that covers a column of a line, counted from 0."""
    for form in _FORMS:
        for found in form.pattern.finditer(line):
            if found.start() <= at < found.end():
                return _told(form, found)
    return None


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
    """The pattern of a phrase, with its message and its hint."""

    pattern: re.Pattern[str]
    message: Callable[[_Said], str]
    hint: Callable[[_Said], str]
    sign: str


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
    """Return a word as a text: a capitalized word is no name, so it gets quotes."""
    return f'"{word}"' if word[:1].isupper() else word


def hint_for_slip(stumble: Stumble, at: Place) -> str | None:
    """Return the hint for a common slip, or None."""
    found: Iterator[str | None] = (ask(stumble, at) for ask in _ASKED)
    return next((hint for hint in found if hint), None)


def name_of(words: str) -> str:
    """Return a name as the language writes it: `Back-dated orders` is `back_dated_orders`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)
    return re.sub(r"\W+", "_", apart).strip("_").lower()


def _form(
    pattern: str, message: Callable[[_Said], str], hint: Callable[[_Said], str], sign: str = ""
) -> _Form:
    return _Form(re.compile(pattern), message, hint, sign)


def _is_written(said: _Said) -> str:
    return f"'{said.form}' is written '{said.sign}' here"


def _asked(words: str, sign: str) -> _Form:
    """Return the form for words after a value for which the language has others."""
    pattern = rf"{_LEFT}(?P<form>(?i:{words}))"
    return _form(
        pattern,
        _is_written,
        lambda s: f"write '{s.left} {s.sign}'",
        sign,
    )


def _compared(words: str, sign: str) -> _Form:
    """Return the form for words between two values for which the language has a sign."""
    pattern = rf"{_LEFT}(?P<form>(?i:(?:is +)?(?:{words}))\b){_RIGHT}"
    return _form(
        pattern,
        _is_written,
        lambda s: f"write '{s.left} {s.sign} {s.right}'",
        sign,
    )


def _name(stumble: Stumble, at: Place) -> str | None:
    """Return the hint for an invalid name of a declaration."""
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
    """Return the hint for two adjacent words in a formula: one name, or a missing sign."""
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
    """Return the hint for a word of a record or gate that is written as in a sentence."""
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
    """Return the hint for a text without quotes: a document number or a file's column."""
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
    clause = at.is_first and at.head in _CONDITION_STATEMENTS
    return CLAUSES_OF_OTHERS.get(at.word.lower()) if clause else None


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

_ASKED: tuple[Callable[[Stumble, Place], str | None], ...] = (
    *(_name, _list, _unquoted, _sign, _clause, _bracket, _quote, _owner, _two_words),
)
