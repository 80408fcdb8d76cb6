"""What to say when the parser stumbled, in the words of the language.

Here: the choice of code, message and hint from the token, the token before and what was expected.
Not here: where the parser stumbled (stumbles.py), decision tables (table_errors.py), conditions as
people say them (spoken_conditions.py), the tables of hints (hints.py).
"""

import re
from collections.abc import Iterable

from grammar.advice import hints
from grammar.advice.hints import did_you_mean
from grammar.advice.slips import CLAUSES_OF_OTHERS, slip
from grammar.advice.spoken_conditions import spoken
from grammar.advice.stumbles import Place, Stumble, place
from grammar.advice.table_errors import in_table
from grammar.text import vocabulary
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import Block

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
        begin, end = stumble.column, stumble.column + max(1, len(at.word))
        said = spoken(at.line, begin - 1) if _is_condition(at) else None
        if said is not None:
            code, message, hint = "SYN13", said.message, said.hint
            begin, end = (column + 1 for column in said.columns or (begin - 1, end - 1))
        else:
            code, message, hint = in_table(stumble, at) or self._words(stumble, at)
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
        """A word or sign that does not fit where it stands."""
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
        """The hint: by order, by pair, by clause, by what fits, by the form of the declaration."""
        pair = _order(at) or slip(stumble, at) or self._in_formula(stumble, at)
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
        return hints.lower(word)

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


def _is_condition(at: Place) -> bool:
    """Whether its line holds a condition or a formula, and its first word was right."""
    if at.head not in _FORMULAS or at.is_first:
        return False
    first, *rest = at.line.split()
    return first in _CONDITIONS or rest[:1] == ["="]


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
    if at.word == "require" and at.word in at.above:
        return "each further fact stands behind and: and total > 0.00"
    return f"'{at.word}' stands above already" if at.word in at.above else None
