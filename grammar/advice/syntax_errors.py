"""What to say when the parser stumbles, in the words of the language.

Here: where the parser stopped (`Stumble`), and the choice of code, message and hint from the token,
the token before and what was expected, also in a decision table. Not here: the tables of hints
(hints.py) and the parser, which hands over the `Stumble`, so that nothing here knows Lark.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from grammar.advice import hints
from grammar.advice.foreign_syntax import bare
from grammar.advice.hints import clipped, did_you_mean, near
from grammar.text import vocabulary
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import ACTIONS, TABLES, Block


@dataclass(frozen=True, slots=True)
class Stumble:
    """Where the parser stopped; line and column are those of the block, from 1."""

    kind: str
    """token, character, end, or glued (two words with nothing between them)."""
    line: int
    column: int
    met: str
    """Name of the token that did not fit; empty at a character."""
    text: str
    expected: frozenset[str]
    """Names of the tokens that would have fitted."""


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a stumble."""

    head: str
    first: str
    """The first line of the declaration."""
    above: frozenset[str]
    """The first words of the lines above."""
    line: str
    before: str
    """What stands before it in its line."""
    word: str

    @property
    def last(self) -> str:
        """The word or sign before the stumble."""
        found = re.findall(r"\w+|[^\w\s]", self.before)
        return found[-1] if found else ""

    @property
    def is_first(self) -> bool:
        """Whether nothing stands before it in its line."""
        return not self.before.strip()


def place(stumble: Stumble, block: Block) -> Place:
    """What stands around a stumble."""
    line = block.lines[stumble.line - 1] if stumble.line <= len(block.lines) else ""
    above = {words[0] for text in block.lines[1 : stumble.line - 1] if (words := text.split())}
    return Place(
        head=block.head,
        first=block.lines[0],
        above=frozenset(above),
        line=line,
        before=line[: stumble.column - 1],
        word=clipped(_word(stumble, line)),
    )


def _word(stumble: Stumble, line: str) -> str:
    found = re.compile(r"\w+").match(line, stumble.column - 1)
    return found.group() if found else stumble.text.split("\n")[0]


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


def in_table(stumble: Stumble, at: Place) -> Words | None:
    """Code, message and hint of a stumble in a table, if that is where it is."""
    if at.head not in ("on", "retry") or not stumble.line > 1 or stumble.kind == "glued":
        return None
    row = bare(at.line).strip()
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
    """A row or a head that ends without saying what to do."""
    cell = clipped(row.rstrip("| ").rsplit("|", 1)[-1].strip())
    if "DO" in stumble.expected:
        message = f"the head of the table ends with '{cell}'"
        return "SYN26", message, "its last column is called do: | period | do |"
    kind = at.head if at.head == "retry" else " ".join(at.first.split()[:2])
    known = ", ".join(TABLES.get(kind, _PHRASES))
    meant = _INSTEAD.get(cell.split(" ")[0].lower()) or near(cell.lower(), _PHRASES)
    hint = f"did you mean '{meant}'?" if meant else f"a row ends with what to do: {known}"
    return "SYN26", f"'{cell}' is no action", hint


def _cell(stumble: Stumble, at: Place) -> Words | None:
    """A cell that holds too much, or what does not belong there."""
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
    """What stands in the cell that was closed last."""
    cells = re.split(r"\|", before.rstrip().removesuffix("|"))
    return cells[-1].strip()


_CLAUSES = {word for clauses in vocabulary.ORDER.values() for word in clauses}
_LONG = {
    "at": "at most",
    "amount": "amount not compared",
    "they": "they own",
    "we": "we own",
    "each": "each line",
}
_FORMULAS = ("record", "link", "check", "approve", "post")
_CONDITIONS = ("when", "require", "and", "where")
_FORWARD = ("when", "immediately", "daily", "after", "bill", "amount", "allows")
_TIMES = re.compile(r"\s*\d{1,2}(?::\d{1,2})?\s*(?:am|pm)?\b", re.IGNORECASE)


class Explainer:
    """Explains stumbles; knows the spelling of the tokens that have one."""

    def __init__(self, spellings: dict[str, str]) -> None:
        self.spellings = spellings

    def explain(self, stumble: Stumble, block: Block, file: str) -> Problem:
        """One good problem for one stumble."""
        at = place(stumble, block)
        code, message, hint = in_table(stumble, at) or self._words(stumble, at)
        number = block.first + stumble.line - 1
        end = stumble.column + max(1, len(at.word))
        return Problem(code, message, hint, Span(file, number, stumble.column, number, end))

    def _words(self, stumble: Stumble, at: Place) -> tuple[str, str, str]:
        if stumble.kind == "glued":
            hint = did_you_mean(at.word, self.spellings.values(), hints.FORMS[at.head])
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
        """A word or sign that does not fit where it stands."""
        if at.head == "gate" and not at.is_first and stumble.met in ("CODE", "STRING"):
            message = f"{at.word}: a status is a plain word here"
            hint = 'the record gives it the spelling of the source: word as "Spelling"'
            return "SYN23", message, hint
        if {stumble.met} <= {"AND", "OR"} and stumble.expected & {"AND", "OR"}:
            message = f"'{at.word}' does not fit here: 'and' and 'or' are mixed"
            return "SYN22", message, "put one of the two in brackets: a and (b or c)"
        expected = self.said(stumble.expected)
        spelled = [self.spellings[n] for n in stumble.expected if n in self.spellings]
        hint = did_you_mean(at.word, spelled, self._instead(stumble, at))
        clause = hint in hints.CLAUSES.values() or hint in hints.CLAUSES_OF.values()
        if at.is_first and clause:
            return "SYN09", f"'{at.word}' does not fit here: before it expected {expected}", hint
        return "SYN01", f"'{at.word}' does not fit here: expected {expected}", hint

    def _instead(self, stumble: Stumble, at: Place) -> str:
        """The hint: by order, by pair, by clause, by what fits, by the form of the declaration."""
        pair = _order(at) or self._in_formula(stumble, at) or self._wanted(stumble, at)
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
        """The hint for what other languages have in a formula, or for a capital in a condition."""
        if at.head not in _FORMULAS or at.is_first:
            return None
        word, sign = at.word.lower(), at.line[stumble.column - 1 :][:1]
        foreign = hints.SIGNS.get(sign)
        if stumble.met in ("CODE", "NAME"):
            foreign = hints.WORDS.get(word)
        if foreign or stumble.met != "CODE" or at.line.split()[0] not in _CONDITIONS:
            return foreign
        behind = at.line[len(at.before) + len(at.word) :]
        if (word, *behind.split()[:1]) == ("is", "NULL"):
            return hints.WORDS["null"]
        if behind.startswith("("):
            words = word in ("and", "or") and f"write {word} between the conditions"
            return words or f"functions and maps are in lower case: {word}(…)"
        if word in self.spellings.values():
            return f"words of the language are in lower case: {word}"
        return hints.LOWER.format(word=word)

    def _wanted(self, stumble: Stumble, at: Place) -> str | None:
        """The hint by what was met, or by what the line still wants."""
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
        """Whether rows were going on, so that a row went wrong and no clause was forgotten."""
        rows = {"units": "NUMBER", "map": "STRING", "post": "CODE"}.get(at.head)
        wanted = {"CODE"} if at.head == "units" else {"NAME", "NUMBER"}
        return at.is_first and rows in stumble.expected and stumble.met in wanted

    def said(self, expected: Iterable[str]) -> str:
        """What was expected, in the words of the language; never the start of a declaration."""
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


def _order(at: Place) -> str | None:
    """The hint for a clause that stands too late, twice, or in the wrong declaration."""
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
    return f"'{at.word}' stands above already" if at.word in at.above else None
