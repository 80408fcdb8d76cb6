"""Characters that look like others, and texts that look alike though they are not the same.

Here: the skeleton of a text (the idea of Unicode TR39) by a small table of what occurs in codes:
zero and O, one and I and small l, Cyrillic and Greek letters that look Latin, dashes. Not here:
what is made of two that look alike; they are never the same.
"""

import unicodedata
from typing import Final

MOST_FORMS: Final = 16
_SHAPES: Final = {
    "0": "Oo\u039f\u041e",
    "1": "Il|\u0399\u0406\u04c0",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u02d7",
    "A": "\u0391\u0410",
    "B": "\u0392\u0412",
    "C": "\u03f9\u0421",
    "E": "\u0395\u0415",
    "H": "\u0397\u041d",
    "J": "\u037f\u0408",
    "K": "\u039a\u041a",
    "M": "\u039c\u041c",
    "N": "\u039d",
    "P": "\u03a1\u0420",
    "S": "\u0405",
    "T": "\u03a4\u0422",
    "V": "\u03bd\u0474",
    "X": "\u03a7\u0425",
    "Y": "\u03a5\u0423\u04ae",
    "Z": "\u0396",
}
"""What looks like a sign, by that sign: digits for letters, Latin capitals for all others."""
_TABLE: Final = str.maketrans({sign: to for to, signs in _SHAPES.items() for sign in signs})
_TYPED: Final = {"0": "0O", "1": "1I"}


def skeleton(text: str) -> str:
    """What all texts have in common that look like this one; case does not count.

    >>> skeleton("M1LK-1L") == skeleton("MILK-IL"), skeleton("C-O1") == skeleton("C-01")
    (True, True)
    >>> skeleton("C-118") == skeleton("C-101")
    False
    """
    before = None
    while text != before:
        before = text
        plain = unicodedata.normalize("NFKC", text).translate(_TABLE)
        text = plain.upper()
    return text


def forms(text: str) -> tuple[str, ...]:
    """What people may have meant: the Latin capitals and digits that look like this text, without
    the text itself. Of a text with very many none, for most of them would be no code.

    >>> forms("C-O1")
    ('C-01', 'C-0I', 'C-OI')
    """
    found = [""]
    for sign in skeleton(text):
        found = [begun + one for begun in found for one in _TYPED.get(sign, sign)]
        if len(found) > MOST_FORMS:
            return ()
    return tuple(one for one in found if one != text.upper())


def mistaken(one: str, other: str) -> str:
    """Which characters of the first stand for which of the other, each once, in their order; a
    letter that is not Latin with its code point. Nothing where the two do not look alike, or
    differ in their case alone.

    >>> mistaken("M1LK-1L", "MILK-IL"), mistaken("C-O1", "C-01"), mistaken("C-01", "C-02")
    ('1 for I', 'O for 0', '')
    """
    if len(one) != len(other) or skeleton(one) != skeleton(other):
        return ""
    first, second = (unicodedata.normalize("NFKC", text).upper() for text in (one, other))
    if len(first) != len(second):
        return ""
    pairs = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    return ", ".join(dict.fromkeys(f"{_named(left)} for {_named(right)}" for left, right in pairs))


def _named(sign: str) -> str:
    return sign if sign.isascii() else f"{sign} (U+{ord(sign):04X})"
