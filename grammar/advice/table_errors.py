"""What to say when the parser stumbled in a decision table.

Here: rows and heads that end too early, cells that hold too much. Not here: rows that are read and
do not fit their head (grammar/parsing/table_checks.py), everything outside tables
(syntax_errors.py).
"""

import re
from typing import TypeAlias

from grammar.advice.foreign_syntax import bare
from grammar.advice.hints import clipped, near
from grammar.advice.stumbles import Place, Stumble
from grammar.text.vocabulary import ACTIONS, TABLES

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
