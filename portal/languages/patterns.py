"""What texts that were made of one message look like, so that the message is found again.

Here: the pattern of a message, which of two messages tells more, and a field with its value before
and after, such as `total: 192.00 → 288.00`. Not here: looking through all messages of a language,
and texts in a row, of which several such changes are one (catalogues.py).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from portal.languages.wording import placeholder

WORD: Final = re.compile(r"\w+")
NUMBERS: Final = frozenset({"n", "no", "days", "hours"})
"""Values that are numbers, by their names."""
CHANGE: Final = re.compile(r"(?P<name>[^:→]{1,80}): (?P<before>[^→]*) → (?P<after>[^→]*)")
PERSON: Final = r"(?=[^\W\d_a-z])"
"""How the name of a person begins: with a capital, or with a letter that has none."""
NOTHING: Final = "nothing"
MESSAGE: Final = "%(name)s: %(before)s → %(after)s"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message with values: its rank, its longest words, what its texts look like, its
    translation, whether its words are so few that they occur in foreign sentences, too, whether it
    is a noun, and whether it says nothing of its own, so that its values have to be texts of ours.
    """

    no: int
    words: str
    pattern: re.Pattern[str]
    told: str
    short: bool
    noun: bool
    slight: bool = False


def whole_words(pieces: Iterable[tuple[str, bool]]) -> list[str]:
    """The words of a message that no value touches."""
    text = "".join("\0" if is_value else piece for piece, is_value in pieces)
    return [
        one[0]
        for one in WORD.finditer(text)
        if "\0" not in text[max(one.start() - 1, 0) : one.end() + 1]
    ]


def numbers_only(pieces: Iterable[tuple[str, bool]]) -> bool:
    """Whether all values of a message are numbers."""
    return all(piece in NUMBERS for piece, is_value in pieces if is_value)


def pattern(pieces: Iterable[tuple[str, bool]], nouns: Iterable[str]) -> re.Pattern[str]:
    """What the texts of a message look like. A value ends where the words behind it first stand,
    and nowhere else is tried: what is read here also holds texts of strangers, and one of those
    that nearly fits would be read for hours. A noun is one of `nouns` where one is given, so
    that `tax code MY-ZERO` is no `tax` with the code `code MY-ZERO`.
    """
    known = "".join(f"{re.escape(one)}|" for one in sorted(nouns, key=len, reverse=True))
    seen: set[str] = set()
    made = ""
    open_value = ""
    for piece, is_value in pieces:
        if not is_value:
            open_value += re.escape(piece)
        elif piece in seen:
            open_value += f"(?P={piece})"
        elif piece in NUMBERS:
            open_value += f"(?P<{piece}>[0-9,.]*[0-9])"
        else:
            made += f"(?>{open_value})"
            begins = PERSON if piece == "person" else ""
            open_value = f"(?P<{piece}>{known if piece == 'noun' else ''}{begins}.*?)"
        if is_value:
            seen.add(piece)
    return re.compile(made + open_value, re.DOTALL)


def rank(message: str) -> tuple[bool, int, bool]:
    """What begins with a word of ours is more telling than what begins with any value; the entry
    for a value, whose names are ours, is asked before the delegate for a person.
    """
    return not message.startswith("%("), weight(message), ")s for %(t_" in message


def weight(message: str) -> int:
    """How much a message says beside its values."""
    return sum(len(piece) for piece, is_value in placeholder(message) if not is_value)


def changed(text: str, told: Callable[[str], str], say: Callable[[str], str]) -> str | None:
    """The text with the field by its name in the language; None where it is no change of a field
    that has one. `told` puts a text of ours into the language, `say` a message.
    """
    found = CHANGE.fullmatch(text)
    name = told(found["name"]) if found else ""
    if found is None or name == found["name"]:
        return None
    values = {"name": name, **{w: _told(found[w], told) for w in ("before", "after")}}
    pieces = placeholder(say(MESSAGE))
    return "".join([values[piece] if is_value else piece for piece, is_value in pieces])


def _told(value: str, told: Callable[[str], str]) -> str:
    """A value as it is; that there is none, in the language."""
    return told(value) if value == NOTHING else value
