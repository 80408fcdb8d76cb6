"""Spellings that people take for one another, found among many: by letters and by looks.

Here: an index of known words, and in what a word is near to one. Not here: when two spellings are
one word (spelling.py), which characters look alike (grammar/text/look_alikes.py). What is near is
proposed, and never chosen for anybody.
"""

from collections.abc import Iterable, Sequence

from grammar.text.look_alikes import mistaken, skeleton
from rules.values.spelling import differences, loose


class NearSpellings:
    """Known words; what is near to one is indexed when it is first asked for."""

    __slots__ = ("_looks", "_loose", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        self._words = words
        self._loose: dict[str, list[str]] | None = None
        self._looks: dict[str, list[str]] = {}

    def near(self, word: str) -> tuple[str, ...]:
        """Those that differ from a word by case, spaces or special characters alone, and then those
        that only look the same, each in order; never the word itself.
        """
        if self._loose is None:
            self._loose = {}
            for known in sorted(self._words):
                self._loose.setdefault(loose(known), []).append(known)
                self._looks.setdefault(skeleton(known), []).append(known)
        same = [known for known in self._loose.get(loose(word), ()) if known != word]
        looks = self._looks.get(skeleton(word), ())
        return (*same, *(known for known in looks if known not in same and mistaken(word, known)))


def in_what(word: str, known: str) -> str:
    """In what a word is near to a known one, as the end of a sentence about that.

    >>> in_what("abc-01", "ABC-01"), in_what("ABC-O1", "ABC-01")
    ('it differs by case', 'it looks the same (O for 0)')
    """
    if loose(word) == loose(known):
        return f"it differs by {_listed(differences(word, known))}"
    return f"it looks the same ({mistaken(word, known)})"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
