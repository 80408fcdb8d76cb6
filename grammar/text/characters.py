"""Detect look-alike and invisible characters, and write amounts and durations for people."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
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

_TYPED: Final = {"0": "0O", "1": "1I"}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

SPACE: Final = "\u00a0"

MINUS: Final = "\u2212"

_SIGNS: Final = {"MYR": "RM", "GBP": "£", "EUR": "€"}

_NUMBER: Final = re.compile(r"(-?)(\d+)(\.\d+)?")

_LARGE: Final = re.compile(r"(?<![\w.,-])-?\d{4,}\.\d\d(?![\w.,-]*\d)")

_LAST_WORD: Final = re.compile(r"(?<![^\s(])([^\s(]+)[ \u00a0]?\Z")


def skeleton(text: str) -> str:
    """Return the common form of all texts that look like this one; case does not count.

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


def look_alike_forms(text: str) -> tuple[str, ...]:
    """Return the texts of Latin capitals and digits that look like this text, without the text.

    A text with very many such forms gets none, because most would be no code.

    >>> look_alike_forms("C-O1")
    ('C-01', 'C-0I', 'C-OI')
    """
    found = [""]
    for sign in skeleton(text):
        found = [begun + one for begun in found for one in _TYPED.get(sign, sign)]
        if len(found) > MOST_FORMS:
            return ()
    return tuple(one for one in found if one != text.upper())


def mistaken(one: str, other: str) -> str:
    """Return which characters of the first text replace which characters of the other.

    Each pair is listed once, in order; a letter that is not Latin has its code point. The result
    is blank where the texts do not look alike, or differ in case alone.

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


def invisible(text: str) -> tuple[str, ...]:
    """Return the code points of a text's invisible characters, each once, in order.

    >>> invisible("C-77\\u200b"), invisible("C-77")
    (('U+200B',), ())
    """
    if text.isprintable():
        return ()  # none of them is printed
    return tuple(dict.fromkeys(_point(sign) for sign in text if _is_invisible(sign)))


def _point(sign: str) -> str:
    return f"U+{ord(sign):04X}"


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf"


def find_control_characters(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield line and column, from 1, and code point of each line's first control character.

    Not every database can store NUL.

    >>> list(find_control_characters("a\\nb\\0c"))
    [(2, 2, 'U+0000')]
    """
    if _CONTROL.search(text) is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        found = _CONTROL.search(line)
        if found:
            yield number, found.start() + 1, _point(found.group())


def without_invisible(text: str) -> str:
    """Return the text without invisible characters."""
    if text.isprintable():
        return text
    return "".join(sign for sign in text if not _is_invisible(sign))


def shown(text: str) -> str:
    """Return the text with its invisible characters in brackets.

    >>> shown("C-77\\u200b")
    'C-77[U+200B]'
    """
    if text.isprintable():
        return text
    return "".join(f"[{_point(sign)}]" if _is_invisible(sign) else sign for sign in text)


def in_words(points: tuple[str, ...]) -> str:
    """Return a phrase for invisible characters in a sentence.

    >>> in_words(("U+200B",))
    'an invisible character (U+200B)'
    """
    what = "an invisible character" if len(points) == 1 else "invisible characters"
    return f"{what} ({', '.join(points)})"


def duration(value: timedelta) -> str:
    """Return a duration in its largest whole unit: `31d`, `72h`, `30s`."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def sign(currency: str) -> str:
    """Return the common symbol of a currency: RM for MYR, £ for GBP, otherwise the code itself."""
    return _SIGNS.get(currency, currency)


def currency_prefix(currency: str) -> str:
    """Return the text before an amount: a symbol directly, letters with a space."""
    mark = sign(currency)
    return f"{mark}{SPACE}" if mark.isalpha() else mark


def grouped(text: str) -> str:
    """Return a number with thousands separators if it is written as an amount, with two places.

    >>> grouped("10000.00"), grouped("-1301.74"), grouped("20261120"), grouped("(missing)")
    ('10,000.00', '-1,301.74', '20261120', '(missing)')
    """
    number = _NUMBER.fullmatch(text)
    if number is None or len(number[3] or "") != 3:
        return text
    return f"{number[1]}{int(number[2]):,}{number[3]}"


def separated(text: str) -> str:
    """Return a sentence whose amounts have thousands separators.

    >>> separated("Total was 960.00, is 10000.00; of 1.1.2026, No. 12345.00-7.")
    'Total was 960.00, is 10,000.00; of 1.1.2026, No. 12345.00-7.'
    """
    return _LARGE.sub(lambda found: grouped(found[0]), text)


def in_currency(value: Decimal, currency: str) -> str:
    """Return an amount with its currency's symbol, or without one if the currency is unknown.

    The amount has all significant places, and two at least.

    >>> in_currency(Decimal("1301.7"), "SGD"), in_currency(Decimal("0.0450"), "")
    ('SGD 1,301.70', '0.045')
    """
    value = value or Decimal(0)  # no minus before nothing
    exponent = value.normalize().as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return continue_with_amount("", f"{value:.{places}f}", currency)


def continue_with_amount(
    said: str, text: str, currency: str, *, others: tuple[str, ...] = ()
) -> str:
    """Append an amount, written as a plain number such as `-12.00`, to a sentence.

    Blanks are ordinary ones, because the text is searched and shown in terminals.

    Where the sentence ends with a currency, `RM `, `MYR ` or one of `others`, the amount's
    prefix replaces it: its own currency if known, otherwise the named one.
    """
    number = _NUMBER.fullmatch(text)
    if number is None:
        return said + text
    named, before = _named_last(said, (currency, *others))
    mark = currency_prefix(currency or named).replace(SPACE, " ")
    places = number[3] or ""
    told = f"{int(number[2]):,}{places}" if len(places) > 2 else f"{number[2]}{places}"
    return f"{before}{MINUS if number[1] else ''}{mark}{told}" if mark else said + grouped(text)


def _named_last(said: str, currencies: tuple[str, ...]) -> tuple[str, str]:
    """Return the currency at the end of a sentence and the sentence before it.

    Without a currency the first is blank and the sentence is complete.
    """
    last = _LAST_WORD.search(said)
    for code in (*currencies, *_SIGNS) if last else ():
        if code and last is not None and last[1] in {code, sign(code)}:
            return code, said[: last.start(1)]
    return "", said


_TABLE: Final = str.maketrans({sign: to for to, signs in _SHAPES.items() for sign in signs})
