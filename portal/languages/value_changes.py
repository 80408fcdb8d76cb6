"""A field with its value before and after, such as `total: 192.00 → 288.00`, in a language.

Here: that alone. Not here: texts in a row, of which several such are one (catalogues.py).
"""

import re
from collections.abc import Callable
from typing import Final

from portal.languages.wording import placeholder

CHANGE: Final = re.compile(r"(?P<name>[^:→]{1,80}): (?P<before>[^→]*) → (?P<after>[^→]*)")
NOTHING: Final = "nothing"
MESSAGE: Final = "%(name)s: %(before)s → %(after)s"


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
