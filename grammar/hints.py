"""Ways out, as tables: what to write where the parser stumbled.

Lives here: hints by the clause that was expected, by (token, token before), and the form of each
declaration. Not here: which of them is chosen (`explain.py`). Each row comes from a real mistake
and has its test; a new one belongs here, not into the code.
"""

import difflib
from collections.abc import Collection

CLAUSES = {
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
}
"""A clause that is not there yet -> how to write it; the first that was expected counts."""

PAIRS = {
    ("_NL", "hold"): "name the owner: hold for ROLE",
    ("_NL", "review"): "name who looks at it: review by ROLE",
    ("_NL", "say"): 'write the message in quotes: say "…"',
    ("_NL", "one"): "list the statuses: one of draft, paid, cancelled",
    ("_NL", "for"): "name it: a role behind hold, a route such as target.document elsewhere",
    ("_NL", "by"): "name the role or the field",
    ("_NL", "as"): 'write it in quotes: as "…"',
    ("_NL", "daily"): "say at which time and by which field: daily at 02:00 by paid_at",
    ("_NL", "="): "write the value behind the =",
    ("_NL", ","): "a list goes on behind its comma: in the same line, or indented in the next",
    ("NAME", "at"): "write hours and minutes: 02:00",
    ("NUMBER", "at"): "write hours and minutes: 02:00",
    ("NAME", "own"): "a field of the target starts with a Capital",
    ("CODE", "="): 'a text stands in quotes: "…"',
    ("STRING", "by"): "a role is a name that a role declaration gives, without quotes",
    ("STRING", "for"): "a role is a name that a role declaration gives, without quotes",
    ("CODE", "of"): "names are written in lower case",
    ("NAME", "currency"): "a currency is written in capitals: MYR",
    ("NAME", "base"): "a unit is written with a Capital first: PCS",
}
"""(token, the word before it) -> what to write."""

FITS = (
    ("CODE", "STRING", 'a text stands in quotes: "…"'),
    ("NAME", "CODE", "a field or unit of the target starts with a Capital"),
    ("_NL", "RPAR", "close the bracket: )"),
    ("CODE", "NAME", 'a name is in lower case; the spelling of a source is quoted: word as "Word"'),
)
"""(token, what was expected, what to write): less sure than a pair."""

FORMS = {
    "language": "language 1",
    "role": 'role NAME "Title"',
    "const": "const NAME, then lines: from 2026-01-01 = VALUE",
    "source": 'source NAME, then currency CODE, zone "…", missing hold for ROLE say "…"',
    "target": "target NAME, then rounding …, tolerance …, missing …",
    "record": "record NAME from SOURCE, then lines: NAME TYPE MARK, or NAME = FORMULA",
    "map": 'map NAME, then match …, csv "…" or lines "KEY" -> VALUE, missing …',
    "units": 'units, then base CODE, lines 1 CTN = 12 PCS, missing hold for ROLE say "…"',
    "gate": "gate RECORD, then lines: ready, wait, hold, cancel or ignore with their statuses",
    "check": "check NAME on RECORD, then when …, require …, else …, say …, clears …",
    "duplicates": "duplicates of RECORD, then unique by …, else …, say …",
    "approve": "approve RECORD for ROUTE, then when …, by ROLE, never …, say …",
    "post": 'post RECORD to TARGET.DOCUMENT as "…", then timing, owners, Field = VALUE',
    "sample": "sample NAME of RECORD at 2026-11-20 10:00, then FIELD = VALUE, line …, with …",
    "test": 'test "…", then given SAMPLE with …, expect …',
}
"""Declaration -> its form, the hint of last resort."""


def near(word: str, pool: Collection[str]) -> str | None:
    """The word of the pool that was probably meant."""
    found = difflib.get_close_matches(word, sorted(pool), 1, 0.7)
    return found[0] if found else None


def did_you_mean(word: str, pool: Collection[str], otherwise: str) -> str:
    """A hint that names the nearest word, else the other one."""
    meant = near(word, pool)
    return f"did you mean '{meant}'?" if meant else otherwise


def clipped(word: str) -> str:
    """The word as it can be shown: not too long, and without signs that nobody sees."""
    seen = "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in word[:40])
    return seen if len(word) <= 40 else f"{seen}…"


def later(what: str, hint: str) -> tuple[str, str, str]:
    """Code and words for what the full language has and this version has not."""
    return "SYN40", f"not part of this version of the language: {what}", hint
