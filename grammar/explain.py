"""What to say when the parser stumbles, in the words of the language.

Lives here: the choice of code, message and hint from (token, token before, what was expected).
Not here: the tables of hints (`hints.py`), decision tables (`explain_table.py`), and the parser: it
hands over a `Stumble`, so that nothing here knows Lark.
"""

import re
from collections.abc import Iterable

from grammar import hints, words
from grammar.explain_table import in_table
from grammar.hints import did_you_mean
from grammar.problem import Problem, Span
from grammar.split import Block
from grammar.stumble import Place, Stumble, place

_CLAUSES = {word for clauses in words.ORDER.values() for word in clauses}
_LONG = {
    "at": "at most",
    "amount": "amount not compared",
    "they": "they own",
    "we": "we own",
    "each": "each line",
}
_FORWARD = ("when", "immediately", "daily", "after", "bill", "amount")
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
        pair = _order(at) or self._wanted(stumble, at) or hints.PAIRS.get((stumble.met, at.last))
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

    def _wanted(self, stumble: Stumble, at: Place) -> str | None:
        """The hint by what was met, or by what the line still wants."""
        if stumble.met == "VBAR" and at.is_first and at.head not in ("on", "retry"):
            return "a table belongs to on edit, on cancel or retry"
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
        inner = {n for n in names if self.spellings.get(n) not in words.DECLARATIONS}
        names = (inner - {"$END"}) or names
        parts: list[str] = []
        for title, members in (("an action", words.ACTIONS), ("a type", words.TYPES)):
            found = {n for n in names if self.spellings.get(n) in members}
            if len(found) > 5:
                names -= found
                parts.append(title)
        said = [words.KINDS.get(n) or f"'{self.spellings.get(n, n)}'" for n in names]
        signs = [s for s in said if s[0] == "'" and s != "','" and not s.strip("'").isalpha()]
        if len(signs) > 3:
            said = [s for s in said if s not in signs]
            parts.append("an operator")
        shown = sorted({*said, *parts}, key=lambda s: (s[0] == "'", s))
        more = len(shown) - 7
        return ", ".join(shown[:7]) + (f" or {more} more" if more > 0 else "")


def _order(at: Place) -> str | None:
    """The hint for a clause that stands too late, twice, or in the wrong declaration."""
    own = words.ORDER.get(at.head, ())
    if not at.is_first or at.word not in _CLAUSES:
        return None
    if at.head == "post" and "reversing" in at.first and at.word in _FORWARD:
        return "a reversal has neither timing nor condition: the tables start it"
    if at.word not in own:
        owners = [head for head, clauses in words.ORDER.items() if at.word in clauses]
        return f"it is a clause of {', '.join(owners)}"
    if at.above & set(own[own.index(at.word) + 1 :]):
        return f"the order is: {', '.join(_LONG.get(word, word) for word in own)}"
    return f"'{at.word}' stands above already" if at.word in at.above else None
