"""What became of one document of a file, as a person's report or a listing tells it.

Here: the verdict as a value, and as it is stored. Not here: who finds it out (outcomes.py,
listings.py), what follows (settling.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from grammar.text.finding_codes import ErrorClass


class Became(StrEnum):
    """What became of a document.

    `posted`: the target has it as it was exported. `refused`: nothing of it does. `overwritten`:
    another document of its number was there. `differs`: the target has it otherwise than it was
    sent, or than was told of it. `withdrawn`: its file was not imported.
    """

    POSTED = "posted"
    REFUSED = "refused"
    OVERWRITTEN = "overwritten"
    DIFFERS = "differs"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a document, in words; the class where it is not posted."""

    became: Became
    words: str
    error_class: ErrorClass = "business_rule"

    def stored(self) -> dict[str, str]:
        """As it is kept with its file."""
        return {"became": self.became, "words": self.words, "class": self.error_class}


def of(verdicts: Mapping[str, Any], number: str) -> Verdict | None:
    """The verdict of a document of the file; None while nobody knows."""
    told = verdicts.get(number)
    if told is None:
        return None
    return Verdict(became=Became(told["became"]), words=told["words"], error_class=told["class"])


GOOD = frozenset({Became.POSTED, Became.REFUSED})
"""What a file may come to and still be reconciled: the books hold what is told."""
