"""What to say when the parser stumbles, in the words of the language.

Lives here: the choice of code, message and hint from (token, token before, what was expected).
Not here: the tables (`hints.py`), and the parser: it hands over a `Stumble`, so that nothing here
knows Lark.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from grammar import hints, words
from grammar.hints import clipped, did_you_mean
from grammar.problem import Problem, Span
from grammar.split import Block

_TIMES = re.compile(r"\s*\d{1,2}(?::\d{1,2})?\s*(?:am|pm)?\b", re.IGNORECASE)


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
    line: str
    before: str
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


class Explainer:
    """Explains stumbles; knows the spelling of the tokens that have one."""

    def __init__(self, spellings: dict[str, str]) -> None:
        self._spellings = spellings

    def explain(self, stumble: Stumble, block: Block, file: str) -> Problem:
        """One good problem for one stumble."""
        line = block.lines[stumble.line - 1] if stumble.line <= len(block.lines) else ""
        found = re.compile(r"\w+").match(line, stumble.column - 1)
        word = found.group() if found else stumble.text.split("\n")[0]
        place = Place(block.head, line, line[: stumble.column - 1], clipped(word))
        code, message, hint = self._words(stumble, place)
        number = block.first + stumble.line - 1
        end = stumble.column + max(1, len(word))
        return Problem(code, message, hint, Span(file, number, stumble.column, number, end))

    def _words(self, stumble: Stumble, at: Place) -> tuple[str, str, str]:
        if stumble.kind == "glued":
            hint = did_you_mean(at.word, self._spellings.values(), hints.FORMS[at.head])
            return "SYN08", f"'{at.word}' is no word of the language here", hint
        action = self._later_action(stumble, at)
        if action:
            hint = f"use one of {', '.join(words.ACTIONS)}"
            return hints.later(f"the action '{action}'", hint)
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
        spelled = [self._spellings[n] for n in stumble.expected if n in self._spellings]
        hint = did_you_mean(at.word, spelled, self._instead(stumble, at))
        clause = hint in hints.CLAUSES.values()
        if at.is_first and clause:
            return "SYN09", f"'{at.word}' does not fit here: before it expected {expected}", hint
        return "SYN01", f"'{at.word}' does not fit here: expected {expected}", hint

    def _instead(self, stumble: Stumble, at: Place) -> str:
        """The hint: by pair, by clause, by what fits, by the form of the declaration."""
        pair = hints.PAIRS.get((stumble.met, at.last))
        if pair is None and "FOR" in stumble.expected and "hold" in at.before.split():
            pair = hints.PAIRS["_NL", "hold"]
        if pair is None and at.last == "at" and _TIMES.match(at.line[len(at.before) :]):
            pair = hints.PAIRS["NUMBER", "at"]
        if pair:
            return pair
        for name, hint in hints.CLAUSES.items():
            if name in stumble.expected and not self._just_a_row(stumble, at):
                return hint
        for met, expected, hint in hints.FITS:
            if met == stumble.met and expected in stumble.expected:
                return hint
        return f"the form is: {hints.FORMS[at.head]}"

    def _just_a_row(self, stumble: Stumble, at: Place) -> bool:
        """Whether rows were going on, so that a row went wrong and no clause was forgotten."""
        rows = {"units": "NUMBER", "map": "STRING", "post": "CODE"}.get(at.head)
        wanted = {"CODE"} if at.head == "units" else {"NAME", "NUMBER"}
        return at.is_first and rows in stumble.expected and stumble.met in wanted

    def _later_action(self, stumble: Stumble, at: Place) -> str | None:
        """The action of a later version that stands here."""
        if {"REJECT", "DROP"} <= stumble.expected and at.word in words.LATER_ACTIONS:
            return at.word
        # behind `expect` such a word is read as the name of a target at first
        outcome = at.head == "test" and at.before.lstrip().startswith("expect")
        if outcome and "DOT" in stumble.expected and at.last in words.LATER_ACTIONS:
            return at.last
        return None

    def said(self, expected: Iterable[str]) -> str:
        """What was expected, in the words of the language; never the start of a declaration."""
        names = set(expected)
        names -= {"LINE"} if "NAME" in names else set()
        inner = {n for n in names if self._spellings.get(n) not in words.DECLARATIONS}
        names = (inner - {"$END"}) or names
        parts: list[str] = []
        for title, members in (("an action", words.ACTIONS), ("a type", words.TYPES)):
            found = {n for n in names if self._spellings.get(n) in members}
            if len(found) > 5:
                names -= found
                parts.append(title)
        said = [words.KINDS.get(n) or f"'{self._spellings.get(n, n)}'" for n in names]
        signs = [s for s in said if s[0] == "'" and s != "','" and not s.strip("'").isalpha()]
        if len(signs) > 3:
            said = [s for s in said if s not in signs]
            parts.append("an operator")
        shown = sorted({*said, *parts}, key=lambda s: (s[0] == "'", s))
        more = len(shown) - 7
        return ", ".join(shown[:7]) + (f" or {more} more" if more > 0 else "")
