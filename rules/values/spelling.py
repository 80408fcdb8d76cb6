"""When two spellings are one word: by the match words of a map; and in what two near ones differ.

Here: fold, match_key, loose, differences, alike. Not here: which keys a table has (facts/world.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from difflib import SequenceMatcher
from typing import Final

from grammar.text.invisible import in_words, invisible
from grammar.text.look_alikes import mistaken

_ALIKE: Final = 0.6
_LOOKS_SAME: Final = 95  # below 100: what only looks the same is never chosen for anybody


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


def differences(left: str, right: str) -> tuple[str, ...]:
    """In what two near keys differ: invisible characters, `case`, `spaces`, `special characters`.

    >>> differences("abc-01 ", "ABC-01")
    ('case', 'spaces')
    """
    mine, theirs = invisible(left), invisible(right)
    hidden = tuple(p for p in (*mine, *theirs) if p not in mine or p not in theirs)
    found = [in_words(hidden)] if hidden else []
    for name in _FLATTEN:
        others = [flatten for other, flatten in _FLATTEN.items() if other != name]
        if _apply(left, others) != _apply(right, others):
            found.append(name)
    if not found and left != right:
        found.append("special characters")  # such as a ligature, which case alone evens out, too
    return tuple(found)


def _apply(text: str, steps: Sequence[Callable[[str], str]]) -> str:
    for step in steps:
        text = step(text)
    return text


def _no_spaces(text: str) -> str:
    return "".join(c for c in text if not (c.isspace() or unicodedata.category(c) in {"Cf", "Zs"}))


def _only_words(text: str) -> str:
    plain_text = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain_text if c.isalnum() or c.isspace())


def loose(text: str) -> str:
    """What near keys share: letters, digits and signs of a word, in one case."""
    return _only_words(_no_spaces(text)).casefold()


_FLATTEN: dict[str, Callable[[str], str]] = {
    "case": str.casefold,
    "spaces": _no_spaces,
    "special characters": _only_words,
}


def alike(wanted: str, known: str) -> tuple[str, int]:
    """Why two keys could mean the same, and how much; ("", 0) when they do not: C-118 is not C-101,
    however much alike they are. M1LK and MILK look the same, which counts before their digits.
    """
    if _letters(wanted) == _letters(known):
        return " and ".join(differences(wanted, known)) or "spelling", 100
    if signs := mistaken(wanted, known):
        return f"looks the same: {signs}", _LOOKS_SAME
    if digits_of(wanted) != digits_of(known):
        return "", 0
    matcher = SequenceMatcher(a=wanted.casefold(), b=known.casefold(), autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return "", 0
    ratio = matcher.ratio()
    return ("similar", min(99, int(ratio * 100))) if ratio >= _ALIKE else ("", 0)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def digits_of(text: str) -> str:
    """The digits of a key in their order: keys that differ in them are never alike."""
    return "".join(c for c in text if c.isdecimal())
