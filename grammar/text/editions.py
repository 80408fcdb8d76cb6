"""The editions of the rules language: what rules mean where a later version decides otherwise.

Here: the editions and what each changed. Not here: which edition rules in force have
(holding/rulesets/publication.py), what follows from it (wherever an `edition` is asked).
"""

from enum import IntEnum
from typing import Final


class Edition(IntEnum):
    """A set of meanings. Rules keep the edition that they were published in until they are
    published again; what the checker finds, belongs to no edition.
    """

    FIRST = 1
    SECOND = 2
    """Where the first field behind `never` is blank, what asks for that approval is held: before,
    who made it could approve it. A field that tells records or families apart is held where it has
    a character that nobody sees; before, the record was another one than the one it looks like."""


NEWEST: Final = max(Edition)

CHANGED: Final = {
    Edition.SECOND: (
        (
            "Where the first field behind “never” of an approval is blank, the record is held:"
            " nobody can tell who made it. Before, anybody in the team could approve it."
        ),
        (
            "A number with a character that nobody sees is held, where it tells records or families"
            " apart. Before, it was another number than the one it looks like."
        ),
    ),
}
"""What each edition means otherwise than the one before, for who publishes the rules again."""


def changed_since(edition: Edition) -> tuple[str, ...]:
    """What rules of this edition will mean otherwise once they are published again."""
    return tuple(text for later, texts in CHANGED.items() if later > edition for text in texts)
