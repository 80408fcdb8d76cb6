"""Characters that nobody sees, named and shown: zero-width spaces, joiners, marks of direction.

Here: which of them a text holds (Unicode category Cf), the words for them, and the text with them
shown. Not here: where they hold a record. In a name they may be right: emoji are joined by them,
and right-to-left writing is marked by them.
"""

import re
import unicodedata
from collections.abc import Iterator

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def invisible(text: str) -> tuple[str, ...]:
    """The code points of the invisible characters of a text, each once, in their order.

    >>> invisible("C-77\\u200b"), invisible("C-77")
    (('U+200B',), ())
    """
    if text.isprintable():
        return ()  # none of them is printed
    return tuple(dict.fromkeys(_point(sign) for sign in text if _is_invisible(sign)))


def control_signs(text: str) -> Iterator[tuple[int, int, str]]:
    """The first control character of each line (NUL, say, which not every database keeps): line and
    column, from 1, and its code point.

    >>> list(control_signs("a\\nb\\0c"))
    [(2, 2, 'U+0000')]
    """
    if _CONTROL.search(text) is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        found = _CONTROL.search(line)
        if found:
            yield number, found.start() + 1, _point(found.group())


def without_invisible(text: str) -> str:
    """The text as it is seen."""
    if text.isprintable():
        return text
    return "".join(sign for sign in text if not _is_invisible(sign))


def shown(text: str) -> str:
    """The text with its invisible characters in brackets.

    >>> shown("C-77\\u200b")
    'C-77[U+200B]'
    """
    if text.isprintable():
        return text
    return "".join(f"[{_point(sign)}]" if _is_invisible(sign) else sign for sign in text)


def in_words(points: tuple[str, ...]) -> str:
    """Invisible characters in a sentence.

    >>> in_words(("U+200B",))
    'an invisible character (U+200B)'
    """
    what = "an invisible character" if len(points) == 1 else "invisible characters"
    return f"{what} ({', '.join(points)})"


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf"


def _point(sign: str) -> str:
    return f"U+{ord(sign):04X}"
