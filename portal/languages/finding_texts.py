"""What is said of rule files, in the language of who writes them.

Here: messages and hints of findings, what a failed test tells, what a name means that an editor
offers. Each is found again by its fixed words among the messages of such texts alone, so that none
is taken for a text of a page; what it quotes, and the names that rules give, stay as they are. Not
here: texts of pages (catalogues.py), which findings there are (docs/findings).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from portal.languages.patterns import pattern, rank
from portal.languages.wording import misfit, placeholder, written

OF_TYPES: Final = re.compile(r"(?:t_)?(?:gives|kind|left|right|say_type|type|want|what)\d*")
"""Values of which a single word is one of ours, by their names; else it is a name of the rules."""
NAMED: Final = re.compile(r"'[^']*'|[\w.]+(?: = \S+)?")
"""A name of the rules in a list, or what they say of it."""
QUOTES: Final = ("'", '"', "“")
BETWEEN: Final = (", or ", "; ", ", ", " and ", " or ")
"""What stands between the members of a list, the widest first."""
ARTICLE: Final = re.compile(r"(?:an?|the) (?=[\w'\"])")
"""Of a name that rules give; the languages of the catalogues have none."""
PLACE: Final = re.compile(r"(?P<place>\S+:\d+:\d+): (?P<text>.+)", re.DOTALL)
HEADED: Final = re.compile(r"(?P<place>.+?): (?P<text>.+)", re.DOTALL)
SENTENCES: Final = re.compile(r"(?<=[.!?]) (?=[A-Z])")
LONGEST: Final = 2000
DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """A message with values: its longest words, what its texts look like, its translation, and
    which of its values stand in quotes.
    """

    words: str
    pattern: re.Pattern[str]
    told: str
    quoted: frozenset[str]


class FindingTexts:
    """The messages of one language; what is not translated stays English."""

    def __init__(self, messages: Mapping[str, str], say: Callable[[str], str]) -> None:
        """`say` gives the translation of a message of pages."""
        self._say = say
        self._messages = {one: told for one, told in messages.items() if not misfit(one, told)}
        self.told = lru_cache(maxsize=4096)(self._told)

    def at_its_place(self, text: str, otherwise: Callable[[str], str]) -> str:
        """The same behind its place, or behind the title of its test; what is no such text is told
        `otherwise`.
        """
        for form in (PLACE, HEADED):
            found = form.fullmatch(text)
            if found and (told := self._said(found["text"], 0)) is not None:
                return f"{found['place']}: {told}"
        place = PLACE.fullmatch(text)
        return f"{place['place']}: {otherwise(place['text'])}" if place else otherwise(text)

    def _told(self, text: str) -> str:
        """A text about rules in the language; what is unknown stays."""
        if len(text) > LONGEST:
            return text
        parts = SENTENCES.split(text)
        found = self._said(text, 0, apart=len(parts) > 1)
        if found is not None:
            return found
        each = [self._said(one, 0) for one in parts]
        whole = None if all(each) else self._said(text, 0)
        if whole is not None:
            return whole
        told = " ".join(said or one for said, one in zip(each, parts, strict=True))
        return re.sub(r"(?<=[。！？]) ", "", told)

    def _said(self, text: str, depth: int, *, apart: bool = False) -> str | None:
        """The translation; None where there is none. `apart`: no value is two sentences."""
        alone = self._messages.get(written(text))
        if alone is not None:
            return alone.replace("%%", "%")
        for one in self._shapes:
            found = one.pattern.fullmatch(text) if one.words in text else None
            if found and not (apart and any(map(SENTENCES.search, found.groups()))):
                return self._filled(one, found.groupdict(), depth)
        return None

    def _filled(self, one: Shape, values: Mapping[str, str], depth: int) -> str:
        made = []
        for piece, is_value in placeholder(one.told):
            ours = is_value and piece not in one.quoted
            said = values[piece] if is_value else piece
            if ours and OF_TYPES.fullmatch(piece):
                said = self._messages.get(f"a {said}", said)
            made.append(self._value(said, depth + 1, piece) if ours else said)
        return "".join(made)

    def _value(self, value: str, depth: int, name: str = "") -> str:
        """A value that no quotes stand around: words of ours, a list of such, or names of rules."""
        single = " " not in value and not OF_TYPES.fullmatch(name)
        if single or "\n" in value or depth > DEEPEST:
            return value
        found = self._said(value.strip(), depth)
        if found is not None:
            return value.replace(value.strip(), found)
        for between in BETWEEN:
            parts = value.split(between)
            told = [self._value(one, depth + 1) for one in parts] if len(parts) > 1 else parts
            if told != parts or (len(parts) > 1 and all(map(NAMED.fullmatch, parts))):
                word = between.strip(", ") or between.strip()
                return between.replace(word, self._say(word)).join(told)
        return ARTICLE.sub("", value, count=1)

    @cached_property
    def _shapes(self) -> list[Shape]:
        """The messages with values, the most telling first."""
        made: list[Shape] = []
        for message in sorted(self._messages, key=rank, reverse=True):
            pieces = placeholder(message)
            if len(pieces) > 1:
                words = max((piece for piece, is_value in pieces if not is_value), key=len)
                told, quoted = self._messages[message], frozenset(_quoted(pieces))
                made.append(Shape(words, pattern(pieces, ()), told, quoted))
        return made


def _quoted(pieces: list[tuple[str, bool]]) -> Iterable[str]:
    """The values that stand in quotes."""
    for at, (piece, is_value) in enumerate(pieces):
        if is_value and pieces[at - 1][0].endswith(QUOTES):
            yield piece
