"""How a message is written: `%(name)s` for a value, `<b>…</b>` for markup, `%%` for a percent sign.

Here: taking a message apart and comparing two of them. Not here: where messages come from.
"""

import re
from collections import Counter
from typing import Final

PIECE: Final = re.compile(r"%\((\w+)\)s|%%")
MARK: Final = re.compile(r"<(/?)([a-z]+[0-9]*)>")
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
