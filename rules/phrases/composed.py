"""Texts that know what they are put together from, so that a reader's language can say them.

Here: a text composed of a message and its values, which may be composed in their turn; and the same
said otherwise where English has a way of its own. Not here: any catalogue, and which language
somebody reads (portal/languages).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rules.values.names import plain

NONE: Mapping[str, str] = MappingProxyType({})


class Composed(str):
    """A text in English, equal to any other text of the same words.

    `message` is what it was made of, with `%(name)s` for each of `values`; blank for an English way
    of saying `other`. `capital` says that it begins with a capital letter. Whatever joins or cuts
    it gets a plain text.
    """

    __slots__ = ("capital", "message", "other", "values")

    message: str
    values: Mapping[str, str]
    other: str
    capital: bool


def _made(
    text: str,
    message: str,
    values: Mapping[str, str],
    *,
    other: str = "",
    capital: bool = False,
) -> Composed:
    made = Composed(text)
    made.message, made.values, made.other, made.capital = message, values, other, capital
    return made


def message(text: str) -> str:
    """A message that stands in a table until it is composed; `tools/messages.py` looks for it."""
    return text


def composed(message: str, /, **values: str) -> Composed:
    """A message with its values.

    >>> limit = composed("the limit of %(amount)s", amount="10.00")
    >>> composed("%(left)s is at most %(right)s", left=named("total"), right=limit)
    'total is at most the limit of 10.00'
    """
    return _made(message % values, message, values)


def named(name: str) -> Composed:
    """A name of the rules as words; a language may have a word for it.

    >>> named("tax_total")
    'tax total'
    """
    words = plain(name)
    return _made(words, words.replace("%", "%%"), NONE)


def instead(english: str, other: str) -> Composed:
    """What English has a way of its own for; each other language says `other`."""
    return _made(english, "", NONE, other=other)


def without_article(text: str) -> str:
    """A noun as it stands in a heading: `total` of `the total`."""
    return instead(text.removeprefix("the "), text) if text.startswith("the ") else text


def capital(text: str) -> str:
    """A text that begins a sentence."""
    begun = text[:1].upper() + text[1:]
    if not isinstance(text, Composed):
        return begun
    return _made(begun, text.message, text.values, other=text.other, capital=True)


def changed(text: str, change: Callable[[str], str]) -> str:
    """A text with a change of what stands in it; the messages stay as they are."""
    if not isinstance(text, Composed):
        return change(text)
    values = {name: changed(value, change) for name, value in text.values.items()}
    other = changed(text.other, change) if text.other else ""
    return _made(change(text), text.message, values, other=other, capital=text.capital)


def joined(parts: Sequence[str]) -> Composed:
    """Parts one after the other, as they are.

    >>> joined(["“", named("total"), "”"])
    '“total”'
    """
    values = {f"part{at}": part for at, part in enumerate(parts)}
    return composed("".join(f"%({name})s" for name in values), **values)
