"""What to say when the parser stumbles: a message in the words of the language, and a way out.

Lives here: the tables of hints and the choice among them, from (token, token before, what was
expected). Not here: the parser; it hands over a `Stumble`, so this file knows nothing of Lark.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from grammar import words
from grammar.problem import Problem, Span
from grammar.split import Block


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


CLAUSE_HINTS = {
    "SAY": 'tell the owner what is wrong: say "…"',
    "CLEARS": "say how it clears: clears when it passes, clears by ROLE, or clears never",
    "ELSE": "say what happens otherwise: else hold for ROLE",
    "REQUIRE": "say what must be true: require …",
    "MISSING": 'say who owns what is missing: missing hold for ROLE say "…"',
    "IMMEDIATELY": "say when it goes: immediately, or daily at 02:00 by FIELD",
    "WE": "say who owns the fields after posting: we own the rest else review by ROLE",
    "MATCH": "say how keys are compared: match exact, or match trimmed, any case",
    "BASE": "name the unit that stock is counted in: base PCS",
    "CURRENCY": "name the currency of the source: currency MYR",
    "ZONE": 'name the time zone of the source: zone "Asia/Kuala_Lumpur"',
    "ROUNDING": "say how it rounds: rounding per line then sum to 0.01",
    "TOLERANCE": "say what may differ: tolerance 0.00 else hold for ROLE",
    "UNIQUE": "say what may exist once: unique by FIELD in history",
    "GIVEN": "a test starts from a sample: given SAMPLE",
    "EXPECT": "a test ends with what must come out: expect ready",
    "BY": "name who decides: by ROLE",
    "CSV": 'fill the map: "KEY" -> VALUE, or csv "maps/FILE.csv" from "…" to "…"',
}
"""A clause that is not there yet -> how to write it; the first that was expected counts."""

PAIR_HINTS = {
    ("_NL", "hold"): "name the owner: hold for ROLE",
    ("_NL", "review"): "name who looks at it: review by ROLE",
    ("_NL", "say"): 'write the message in quotes: say "…"',
    ("_NL", "one"): "list the statuses: one of draft, paid, cancelled",
    ("_NL", "of"): "name what it is of",
    ("_NL", "for"): "name it: a role behind hold, a route such as target.document elsewhere",
    ("_NL", "by"): "name the role or the field",
    ("_NL", "as"): 'write it in quotes: as "…"',
    ("_NL", "daily"): "say at which time and by which field: daily at 02:00 by paid_at",
    ("_NL", "="): "write the value behind the =",
    ("_NL", ","): "a list goes on behind its comma: in the same line, or indented in the next",
    ("NAME", "at"): "write the time as hours and minutes: 02:00",
    ("NUMBER", "at"): "write the time as hours and minutes: 02:00",
    ("NAME", "own"): "a field of the target starts with a Capital",
    ("EQUAL", "="): "one = is enough",
}
"""(token, the word before it) -> what to write."""


def near(word: str, pool: Collection[str]) -> str | None:
    """The word of the pool that was probably meant."""
    found = difflib.get_close_matches(word, sorted(pool), 1, 0.7)
    return found[0] if found else None


def did_you_mean(word: str, pool: Collection[str], otherwise: str) -> str:
    """A hint that names the nearest word, else the other one."""
    meant = near(word, pool)
    return f"did you mean '{meant}'?" if meant else otherwise


class Explainer:
    """Explains stumbles; knows the spelling of the tokens that have one."""

    def __init__(self, spellings: dict[str, str]) -> None:
        self._spellings = spellings

    def explain(self, stumble: Stumble, block: Block, file: str) -> Problem:
        """One good problem for one stumble."""
        line = block.lines[stumble.line - 1] if stumble.line <= len(block.lines) else ""
        word = _word_at(line, stumble.column)
        width = max(1, len(word or stumble.text.split("\n")[0]))
        code, message, hint = self._words(stumble, block, line, word)
        number = block.first + stumble.line - 1
        end = stumble.column + (1 if stumble.met == "_NL" else width)
        return Problem(code, message, hint, Span(file, number, stumble.column, number, end))

    # ---- the cases ------------------------------------------------------------------------------

    def _words(self, stumble: Stumble, block: Block, line: str, word: str) -> tuple[str, str, str]:
        before = line[: stumble.column - 1]
        if stumble.kind == "glued":
            hint = did_you_mean(word, self._spellings.values(), self._instead(stumble))
            return "SYN08", f"'{word}' is no word of the language here", hint
        if stumble.kind == "end":
            message = f"the declaration is not complete: expected {self.said(stumble.expected)}"
            return "SYN03", message, self._instead(stumble)
        if stumble.text.startswith('"') and not _closed(line, stumble.column):
            return "SYN19", "this text is not closed", 'write the " at its end, in the same line'
        if word in words.LATER_ACTIONS and self._wants_action(stumble):
            return later(f"the action '{word}'", f"use one of {', '.join(words.ACTIONS)}")
        if stumble.met == "_NL":
            return self._line_end(stumble, before)
        return self._misfit(stumble, block, before, word or stumble.text)

    def _line_end(self, stumble: Stumble, before: str) -> tuple[str, str, str]:
        expected = self.said(stumble.expected - {"_NL"})
        message = f"the line ends too early: expected {expected}"
        hint = PAIR_HINTS.get(("_NL", _last(before)))
        if hint is None and "FOR" in stumble.expected and re.search(r"\bhold\b", before):
            hint = PAIR_HINTS["_NL", "hold"]
        return "SYN02", message, hint or self._instead(stumble)

    def _misfit(
        self, stumble: Stumble, block: Block, before: str, word: str
    ) -> tuple[str, str, str]:
        expected = self.said(stumble.expected)
        spelled = self._spelled(stumble.expected)
        first_in_line = not before.strip()
        if block.head == "gate" and not first_in_line and stumble.met in ("CODE", "STRING"):
            message = f"{stumble.text}: a status is a plain word here"
            hint = 'the record gives it the spelling of the source: word as "Spelling"'
            return "SYN23", message, hint
        if stumble.met in ("AND", "OR") and stumble.expected & {"AND", "OR"}:
            message = f"'{word}' does not fit here: 'and' and 'or' are mixed"
            return "SYN22", message, "put one of the two in brackets: a and (b or c)"
        if first_in_line and not near(word, spelled) and self._clause(stumble.expected):
            message = f"'{word}' does not fit here: before it expected {expected}"
            return "SYN09", message, self._instead(stumble)
        hint = PAIR_HINTS.get((stumble.met, _last(before))) or self._instead(stumble)
        if stumble.met == "NAME" and "CODE" in stumble.expected and not near(word, spelled):
            hint = "a field or unit of the target starts with a Capital"
        return (
            "SYN01",
            f"'{word}' does not fit here: expected {expected}",
            did_you_mean(word, spelled, hint),
        )

    # ---- its pieces -----------------------------------------------------------------------------

    def said(self, expected: Iterable[str]) -> str:
        """What was expected, in the words of the language; never the start of a declaration."""
        names = set(expected)
        names -= {"LINE"} if "NAME" in names else set()
        inner = {n for n in names if self._spellings.get(n) not in words.DECLARATIONS}
        names = (inner - {"$END"}) or names
        groups = (("an action", words.ACTIONS), ("a type", words.TYPES))
        parts = []
        for title, members in groups:
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

    def _spelled(self, expected: Iterable[str]) -> list[str]:
        return [self._spellings[n] for n in expected if n in self._spellings]

    def _wants_action(self, stumble: Stumble) -> bool:
        return {"REJECT", "DROP"} <= stumble.expected

    def _clause(self, expected: Collection[str]) -> str | None:
        return next((hint for name, hint in CLAUSE_HINTS.items() if name in expected), None)

    def _instead(self, stumble: Stumble) -> str:
        expected = stumble.expected
        return self._clause(expected) or f"write {self.said(expected)} here"


def later(what: str, hint: str) -> tuple[str, str, str]:
    """The words for something that the full language has and this version has not."""
    return "SYN40", f"not part of this version of the language: {what}", hint


def _word_at(line: str, column: int) -> str:
    found = re.compile(r"\w+").match(line, column - 1)
    return found.group() if found else ""


def _last(before: str) -> str:
    """The last word or sign before a place."""
    found = re.findall(r"\w+|[^\w\s]", before)
    return found[-1] if found else ""


def _closed(line: str, column: int) -> bool:
    return '"' in line[column:]
