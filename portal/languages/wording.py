"""How a message is written: `%(name)s` for a value, `<b>…</b>` for markup, `%%` for a percent sign.

Here: taking a message apart, comparing two of them, and saying a text that is composed of several.
Not here: where messages come from; the stops between messages (finished_pages.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from rules.phrases import Composed

PIECE: Final = re.compile(r"%\((\w+)\)s|%%")
MARK: Final = re.compile(r"<(/?)([a-z]+[0-9]*)>")
_WIDE: Final = re.compile(r"[\u3400-\u9fff]")
_NARROW: Final = re.compile(r"[\u3400-\u9fffA-Za-z0-9%]{2}")
SPACE: Final = re.compile(r"[ \t\r\n]+")


def written(text: str) -> str:
    """A text as part of a message."""
    return text.replace("%", "%%")


def compact(text: str) -> str:
    """A text with single spaces, as a browser shows it."""
    return SPACE.sub(" ", text)


def placeholder(message: str) -> list[tuple[str, bool]]:
    """The pieces of a message; True where the piece is the name of a value.

    >>> placeholder("Retry %(number)s, 100%% sure")
    [('Retry ', False), ('number', True), (', 100% sure', False)]
    """
    found: list[tuple[str, bool]] = []
    end = 0
    words = ""
    for one in PIECE.finditer(message):
        words += message[end : one.start()]
        end = one.end()
        if one[1]:
            found += [(words, False), (one[1], True)]
            words = ""
        else:
            words += "%"
    return [*found, (words + message[end:], False)]


_pieces = lru_cache(maxsize=4096)(placeholder)


def composition(text: Composed, say: Callable[[str], str], *, capital: bool = False) -> str:
    """A composed text of which each message is said by `say`, as far as it goes; values that are no
    texts of ours stay as they are, at the beginning too, where words of ours get a `capital`.

    >>> from rules.phrases import composed, named
    >>> text = composed("the %(name)s of %(item)s", name=named("price"), item="price")
    >>> composition(text, {"the %(name)s of %(item)s": "%(item)s: %(name)s", "price": "harga"}.get)
    'price: harga'
    """
    capital = capital or text.capital
    if text.other:
        if _value(text.other, say) == text.other:
            return str(text)
        return _value(text.other, say, capital=capital)
    made: list[str] = []
    for piece, is_value in _pieces(say(text.message)):
        begins = capital and not any(made)
        if is_value:
            made.append(_value(text.values[piece], say, capital=begins))
        else:
            made.append(piece[:1].upper() + piece[1:] if begins else piece)
    return _spaced(made)


def _value(value: str, say: Callable[[str], str], *, capital: bool = False) -> str:
    return composition(value, say, capital=capital) if isinstance(value, Composed) else value


def _spaced(pieces: Iterable[str]) -> str:
    """The pieces in a row; a blank is put where Chinese meets a letter or a number of ours."""
    made = ""
    for piece in pieces:
        apart = made and piece and bool(_WIDE.match(made[-1])) != bool(_WIDE.match(piece[0]))
        made += f" {piece}" if apart and _NARROW.match(made[-1] + piece[0]) else piece
    return made


def misfit(message: str, translated: str) -> str:
    """Why a translation cannot stand for its message; "" where it can.

    >>> misfit("<b>%(name)s</b> is here", "<b>%(name)s</b> ada"), misfit("%(a)s by", "oleh")
    ('', 'values: a')
    """
    values = [{one[1] for one in PIECE.finditer(text) if one[1]} for text in (message, translated)]
    if values[0] != values[1]:
        return f"values: {', '.join(sorted(values[0] ^ values[1]))}"
    marks = [Counter(one[0] for one in MARK.finditer(text)) for text in (message, translated)]
    if marks[0] != marks[1]:
        return f"marks: {', '.join(sorted(set(marks[0] - marks[1]) | set(marks[1] - marks[0])))}"
    open_marks: list[str] = []
    for one in MARK.finditer(translated):
        if not one[1]:
            open_marks.append(one[2])
        elif not open_marks or open_marks.pop() != one[2]:
            return f"marks out of order: {one[0]}"
    return ""
