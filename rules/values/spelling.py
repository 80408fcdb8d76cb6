"""When two spellings are one word: by the match words of a map.

Here: fold, match_key. Not here: near misses and what they differ by (facts/world.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection


def fold(key: str, how: Collection[str]) -> str:
    """A key as a map with these match words compares it.

    >>> fold(" C-77 ", ("trimmed", "any_case"))
    'c-77'
    """
    if "any_punctuation" in how:
        key = _bare(key)
    elif "trimmed" in how:
        key = key.strip()
    return key.casefold() if "any_case" in how else key


def match_key(text: str) -> str:
    """What all spellings of a name share: its letters and digits, in one case.

    >>> match_key("KEDAI MAJU (M) SDN. BHD.") == match_key("Kedai-Maju (M) Sdn Bhd ")
    True
    """
    return fold(text, ("any_case", "any_punctuation"))


def _bare(text: str) -> str:
    """Letters with their marks, and digits; a text that has none of them stays as it is.

    Marks count: without its vowel signs a Tamil name would be another name.
    """
    plain = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LMN") or plain.strip()
