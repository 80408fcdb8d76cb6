"""Where something stands and what is wrong with it.

Lives here: `Span` and `Problem`, the two values that every floor above speaks of. Not here: the
wording of problems (`hints.py`), the register of codes (`codes.py`), drawing them (`show.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a rule file; all count from 1, and `end_column` is the first one behind it."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair: what is wrong, where, and what to write instead."""

    code: str
    message: str
    hint: str
    span: Span
    severity: str = "error"
    """`error` stops a ruleset, `warning` and `style` do not."""
