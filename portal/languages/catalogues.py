"""Load a language's catalogue and look up its messages, also for composed English texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from types import MappingProxyType
from typing import Final

from portal.languages.wording import (
    MARK,
    PIECE,
    escape_percent,
    find_misfit,
    split_placeholders,
    translate_composed,
)
from rules.phrases import Composed

COUNT: Final = re.compile(r"([\d,]+) (.+)", re.DOTALL)

SENTENCE_END: Final = re.compile(r"(?<=[.!?]) ")

OURS: Final = "t_"  # the name of a value that is a text of the product begins so

PROSE: Final = re.compile(
    r"\b(?:a|an|and|are|at|be|because|been|but|by|can|cannot|for|from|has|have|in|is|it|its|no|not|of"
    r"|on|or|so|than|that|the|this|to|until|was|were|when|which|with|you)\b|[.!?] "
)
"""What a value has that is a sentence, or a part of one, and no name."""

WRITTEN: Final = frozenset(
    {"message", "note", "reason", "title", "t_title", "t_why", "t_words", "why"}
)
"""Values that people write, by their names: a sentence is nothing odd in them."""

APART: Final = "; "
"""What stands between sentences, so that one of them may be another person's."""

LIST_SEPARATORS: Final = ("; ", ", ", " and ", " or ", " · ")
"""What stands between texts in a row."""

PEOPLE: Final = frozenset({"names", "others", "publishers"})
"""Values that are names in a row, by their names: `Adam or Farah` is `Adam atau Farah`."""

NOUN: Final = re.compile(r"(?:name|noun|title|kind|field|there|here|t_plain(?:_name)?|t_term)\d*")
"""Values that may be a noun of the domain, such as `tax code`, by their names."""

FINDING: Final = "finding"
"""A value that says, behind its place, what is wrong with a rule file, by its name."""

TELLING: Final = 14  # the words of a shorter message occur in sentences of others, too

FOR: Final = " for "  # of the entry for a value, and of a delegate for a person

FEWEST: Final = 3  # so many letters together at least tell a message with values from data

WIDE: Final = {",": "、", ";": "；"}
"""What stands between the members of a row of Chinese texts."""

FULL_WIDTH: Final = re.compile(r"[\u3400-\u9fff）”]$")

DEEPEST_MESSAGE: Final = 8  # so many texts of ours stand inside each other at most

MOST: Final = 30  # so many texts of ours stand in a row at most

INSIDE: Final = 4  # so many parts of a row are one text that has what stands between them

OF_TYPES: Final = re.compile(r"(?:t_)?(?:gives|kind|left|right|say_type|type|want|what)\d*")
"""Values of which a single word is one of ours, by their names; else it is a name of the rules."""

NAMED: Final = re.compile(r"'[^']*'|[\w.]+(?: = \S+)?")
"""A name of the rules in a list, or what they say of it."""

QUOTES: Final = ("'", '"', "“")

FINDING_SEPARATORS: Final = (", or ", "; ", ", ", " and ", " or ")
"""What stands between the members of a list, the widest first."""

ARTICLE: Final = re.compile(r"(?:an?|the) (?=[\w'\"])")
"""Of a name that rules give; the languages of the catalogues have none."""

PLACE: Final = re.compile(r"(?P<place>\S+:\d+:\d+): (?P<text>.+)", re.DOTALL)

HEADED: Final = re.compile(r"(?P<place>.+?): (?P<text>.+)", re.DOTALL)

FINDING_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) (?=[A-Z])")

# Longer texts stay English: they contain text from outside, and matching it must stay fast.
LONGEST: Final = 2000

DEEPEST_FINDING: Final = 4

WORD: Final = re.compile(r"\w+")

NUMBERS: Final = frozenset({"n", "no", "days", "hours"})
"""Values that are numbers, by their names."""

CHANGE: Final = re.compile(r"(?P<name>[^:→]{1,80}): (?P<before>[^→]*) → (?P<after>[^→]*)")

PERSON: Final = r"(?=[^\W\d_a-z])"
"""How the name of a person begins: with a capital, or with a letter that has none."""

NOTHING: Final = "nothing"

MESSAGE: Final = "%(name)s: %(before)s → %(after)s"


class Catalogue:
    """The messages of one language; what is not translated stays English."""

    def __init__(
        self,
        singles: Mapping[str, str],
        plurals: Mapping[tuple[str, str], str],
        spoken: Iterable[str] = (),
        nouns: Iterable[str] = (),
        parts: Mapping[str, str] = MappingProxyType({}),
        findings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`plurals`: (one, many) -> translation; `spoken`: the messages that Python makes;
        `nouns`: those that name a field, a kind of record or of document; `parts`: what rules in
        words are composed of, and `findings` what is said of rule files, which no other text is
        looked for among.
        """
        self._parts = {one: told for one, told in parts.items() if not find_misfit(one, told)}
        self._nouns = frozenset(nouns)
        self._singles = {one: told for one, told in singles.items() if not find_misfit(one, told)}
        self._plurals = dict(plurals)
        self.findings = FindingTexts(findings, self.say)
        self._spoken = [one for one in spoken if one in self._singles]
        self._found = lru_cache(maxsize=4096)(self._told)

    def told(self, text: str) -> str:
        """A text that the product made in English, in the language; what is unknown stays."""
        return (
            translate_composed(text, self._part)
            if isinstance(text, Composed)
            else self._found(text)
        )

    def _part(self, message: str) -> str:
        return self._parts.get(message) or self._singles.get(message, message)

    def say(self, message: str) -> str:
        """The translation of a message; the message itself where there is none."""
        return self._singles.get(message, message)

    def counted(self, count: int, one: str, many: str | None = None) -> str:
        """`37 records` in the language: the count with its thousands, and the word after it."""
        other = many or f"{one}s"
        found = self._plurals.get((f"%(n)s {one}", f"%(n)s {other}"))
        if found is None:
            return f"{count:,} {one if count == 1 else other}"
        return found.replace("%(n)s", f"{count:,}").replace("%%", "%")

    def _told(self, text: str, depth: int = 0) -> str:
        """A text that the product made in English, in the language; what is unknown stays."""
        if not text or len(text) > LONGEST or depth == DEEPEST_MESSAGE:
            return text
        parts = SENTENCE_END.split(text)
        if len(parts) == 1:
            alone = self._matched(text, depth) or self._otherwise(text, depth)
            return alone or self._row(text, depth) or text
        each = [self._matched(one, depth) for one in parts]
        whole = None if all(each) else self._matched(text, depth)
        if whole is not None:
            return whole
        return _spaced(found or one for found, one in zip(each, parts, strict=True))

    def _matched(self, text: str, depth: int) -> str | None:
        found = self._singles.get(escape_percent(text))
        if found is not None:
            return found.replace("%%", "%")
        counted = COUNT.fullmatch(text)
        if counted and counted[2] in self._many:
            return self._many[counted[2]].replace("%(n)s", counted[1]).replace("%%", "%")
        for one in self._candidates(text):
            match = one.pattern.fullmatch(text) if one.words in text else None
            filled = self._filled(one, match.groupdict(), depth) if match else None
            if filled is not None:
                return filled
        return None

    def _candidates(self, text: str) -> Iterable["Pattern"]:
        """The messages with values that a text may be made of, the most telling first."""
        words = {"", *WORD.findall(text)}
        return sorted(
            (one for word in words for one in self._patterns.get(word, ())), key=lambda one: one.no
        )

    def _filled(self, one: "Pattern", values: Mapping[str, str], depth: int) -> str | None:
        """The message with its values; None where a short one met a sentence that is no text of
        ours: half of a sentence is never translated.
        """
        made, found = [], False
        for piece, is_value in split_placeholders(one.told):
            if not is_value:
                made.append(piece)
                continue
            value = values[piece]
            if piece == FINDING:
                otherwise = partial(self._told, depth=depth + 1)
                made.append(self.findings.at_its_place(value, otherwise))
                continue
            told = self._listed(value, depth + 1) if piece.startswith(OURS) else value
            if told == value and NOUN.fullmatch(piece):
                told = self._noun(value, depth)
            if told == value and piece.removeprefix(OURS) in PEOPLE:
                told = self.row_of_names(value)
            if told == value and one.short and piece not in WRITTEN and PROSE.search(value):
                return None
            made.append(told)
            found = found or told != value
        if not found and one.slight:  # `Siti for Lim` is no value for a field
            return None
        return "".join(made)

    def _noun(self, value: str, depth: int) -> str:
        """A noun of the domain in the language, with a capital where it has one; else the value."""
        for said in (value, value[:1].lower() + value[1:]):
            if said in self._nouns or said in self._parts:
                found = self._part(said)
                return found if said == value else found[:1].upper() + found[1:]
        for one in self._candidates(value) if depth < DEEPEST_MESSAGE else ():
            match = one.pattern.fullmatch(value) if one.noun else None
            if match and (filled := self._filled(one, match.groupdict(), depth + 1)) is not None:
                return filled
        return value

    def row(self, texts: Iterable[str]) -> str:
        """Texts of ours in a row, each told alone."""
        return self._joined(", ", [self.told(one) for one in texts])

    def row_of_names(self, text: str) -> str:
        """Names in a row, with the word of the language between them."""
        for between in (" or ", " and "):
            names = text.split(between)
            if len(names) > 1 and not any(map(PROSE.search, names)):
                return self._joined(between, names)
        return text

    def _otherwise(self, text: str, depth: int) -> str | None:
        """The text with a small letter first, or without its full stop, where that is known."""
        if text.endswith("."):
            told = self._told(text[:-1], depth + 1)
            if told != text[:-1]:
                return told + ("。" if FULL_WIDTH.search(told) else ".")
        if (
            change := translate_change(text, partial(self._told, depth=depth + 1), self.say)
        ) is not None:
            return change
        if text[0].isupper():
            small = text[0].lower() + text[1:]
            found = self._singles.get(escape_percent(small), "").replace("%%", "%") or self._row(
                small, depth
            )
            if found:
                return found[0].upper() + found[1:]
        return None

    def _row(self, text: str, depth: int) -> str | None:
        """Several texts of ours in a row, such as roles; None where one of them is none."""
        for between in LIST_SEPARATORS:
            told = self._each(between, text.split(between), depth) if between in text else None
            if told:
                return self._joined(between, told)
        return None

    def _each(self, between: str, parts: list[str], depth: int) -> list[str] | None:
        """The texts of a row, also those that have what stands between them inside."""
        told: list[str] = []
        first = 0 if len(parts) <= MOST else len(parts)
        while first < len(parts):
            for last in range(min(len(parts), first + INSIDE), first, -1):
                found = self._matched(between.join(parts[first:last]), depth + 1)
                if found is not None and (first or last < len(parts)):
                    told.append(found)
                    first = last
                    break
            else:
                return None
        return told or None

    def _joined(self, between: str, told: Iterable[str]) -> str:
        word, said = between.strip(), [*told]
        wide = [FULL_WIDTH.search(one) is not None for one in said]
        if any(wide) and word in WIDE:
            return WIDE[word].join(said)
        if all(wide) and FULL_WIDTH.search(self.say(word)):
            return self.say(word).join(said)  # between two characters stands no blank
        return between.replace(word, self.say(word)).join(said)

    def _listed(self, text: str, depth: int) -> str:
        """A text of ours, or several in a row of which each is told or no sentence."""
        if (
            APART in text and depth < DEEPEST_MESSAGE
        ):  # each alone, before one that would swallow the next
            alone = [self._matched(one, depth + 1) or "" for one in text.split(APART)]
            if all(alone):
                return self._joined(APART, alone)
        whole = self._told(text, depth)
        if whole != text or depth >= DEEPEST_MESSAGE:
            return whole
        for between in LIST_SEPARATORS:
            parts = text.split(between)
            if not 1 < len(parts) <= MOST:
                continue
            told = [self._listed(one, depth + 1) for one in parts]
            left = (part for one, part in zip(told, parts, strict=True) if one == part)
            if told != parts and (between == APART or not any(map(PROSE.search, left))):
                return self._joined(between, told)
        return text

    @cached_property
    def _many(self) -> Mapping[str, str]:
        """What follows a count, one or many -> the translation."""
        return {
            form.removeprefix("%(n)s "): told
            for forms, told in self._plurals.items()
            for form in forms
        }

    @cached_property
    def _patterns(self) -> Mapping[str, list["Pattern"]]:
        """The messages with values that Python fills in, by a word that each of their texts has."""
        made: dict[str, list[Pattern]] = defaultdict(list)
        told = [
            (split_placeholders(one), one)
            for one in sorted(self._spoken, key=message_rank, reverse=True)
            if PIECE.search(one) and not MARK.search(one)
        ]
        often = Counter(word for pieces, _ in told for word in set(whole_words(pieces)))
        for no, (pieces, message) in enumerate(told):
            words = max((piece for piece, is_value in pieces if not is_value), key=len)
            few = len(re.sub(r"\W", "", words)) < FEWEST or words in LIST_SEPARATORS
            if few and not numbers_only(pieces):
                continue
            where = min(whole_words(pieces), key=lambda one: (often[one], one), default="")
            short = message_weight(message) < TELLING and not numbers_only(pieces)
            made[where].append(
                Pattern(
                    no,
                    words,
                    message_pattern(pieces, self._nouns),
                    self._singles[message],
                    short,
                    message in self._nouns,
                    words == FOR and "%(t_" in message,
                )
            )
        return made


def _spaced(sentences: Iterable[str]) -> str:
    """Sentences one after the other; a full-width stop needs no space behind it."""
    return re.sub(r"(?<=[。！？]) ", "", " ".join(sentences))


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
        self._messages = {one: told for one, told in messages.items() if not find_misfit(one, told)}
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
        parts = FINDING_SENTENCE_END.split(text)
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
        alone = self._messages.get(escape_percent(text))
        if alone is not None:
            return alone.replace("%%", "%")
        for one in self._shapes:
            found = one.pattern.fullmatch(text) if one.words in text else None
            if found and not (apart and any(map(FINDING_SENTENCE_END.search, found.groups()))):
                return self._filled(one, found.groupdict(), depth)
        return None

    def _filled(self, one: Shape, values: Mapping[str, str], depth: int) -> str:
        made = []
        for piece, is_value in split_placeholders(one.told):
            ours = is_value and piece not in one.quoted
            said = values[piece] if is_value else piece
            if ours and OF_TYPES.fullmatch(piece):
                said = self._messages.get(f"a {said}", said)
            made.append(self._value(said, depth + 1, piece) if ours else said)
        return "".join(made)

    def _value(self, value: str, depth: int, name: str = "") -> str:
        """A value that no quotes stand around: words of ours, a list of such, or names of rules."""
        single = " " not in value and not OF_TYPES.fullmatch(name)
        if single or "\n" in value or depth > DEEPEST_FINDING:
            return value
        found = self._said(value.strip(), depth)
        if found is not None:
            return value.replace(value.strip(), found)
        for between in FINDING_SEPARATORS:
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
        for message in sorted(self._messages, key=message_rank, reverse=True):
            pieces = split_placeholders(message)
            if len(pieces) > 1:
                words = max((piece for piece, is_value in pieces if not is_value), key=len)
                told, quoted = self._messages[message], frozenset(_quoted(pieces))
                made.append(Shape(words, message_pattern(pieces, ()), told, quoted))
        return made


def _quoted(pieces: list[tuple[str, bool]]) -> Iterable[str]:
    """The values that stand in quotes."""
    for at, (piece, is_value) in enumerate(pieces):
        if is_value and pieces[at - 1][0].endswith(QUOTES):
            yield piece


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message with values: its rank, its longest words, what its texts look like, its
    translation, whether its words are so few that they occur in foreign sentences, too, whether it
    is a noun, and whether it says nothing of its own, so that its values have to be texts of ours.
    """

    no: int
    words: str
    pattern: re.Pattern[str]
    told: str
    short: bool
    noun: bool
    slight: bool = False


def whole_words(pieces: Iterable[tuple[str, bool]]) -> list[str]:
    """The words of a message that no value touches."""
    text = "".join("\0" if is_value else piece for piece, is_value in pieces)
    return [
        one[0]
        for one in WORD.finditer(text)
        if "\0" not in text[max(one.start() - 1, 0) : one.end() + 1]
    ]


def numbers_only(pieces: Iterable[tuple[str, bool]]) -> bool:
    """Whether all values of a message are numbers."""
    return all(piece in NUMBERS for piece, is_value in pieces if is_value)


def message_pattern(pieces: Iterable[tuple[str, bool]], nouns: Iterable[str]) -> re.Pattern[str]:
    """What the texts of a message look like. A value ends where the words behind it first stand,
    and nowhere else is tried: what is read here also holds texts of strangers, and one of those
    that nearly fits would be read for hours. A noun is one of `nouns` where one is given, so
    that `tax code MY-ZERO` is no `tax` with the code `code MY-ZERO`.
    """
    known = "".join(f"{re.escape(one)}|" for one in sorted(nouns, key=len, reverse=True))
    seen: set[str] = set()
    made = ""
    open_value = ""
    for piece, is_value in pieces:
        if not is_value:
            open_value += re.escape(piece)
        elif piece in seen:
            open_value += f"(?P={piece})"
        elif piece in NUMBERS:
            open_value += f"(?P<{piece}>[0-9,.]*[0-9])"
        else:
            made += f"(?>{open_value})"
            begins = PERSON if piece == "person" else ""
            open_value = f"(?P<{piece}>{known if piece == 'noun' else ''}{begins}.*?)"
        if is_value:
            seen.add(piece)
    return re.compile(made + open_value, re.DOTALL)


def message_rank(message: str) -> tuple[bool, int, bool]:
    """What begins with a word of ours is more telling than what begins with any value; the entry
    for a value, whose names are ours, is asked before the delegate for a person.
    """
    return not message.startswith("%("), message_weight(message), ")s for %(t_" in message


def message_weight(message: str) -> int:
    """How much a message says beside its values."""
    return sum(len(piece) for piece, is_value in split_placeholders(message) if not is_value)


def translate_change(
    text: str, told: Callable[[str], str], say: Callable[[str], str]
) -> str | None:
    """The text with the field by its name in the language; None where it is no change of a field
    that has one. `told` puts a text of ours into the language, `say` a message.
    """
    found = CHANGE.fullmatch(text)
    name = told(found["name"]) if found else ""
    if found is None or name == found["name"]:
        return None
    values = {"name": name, **{w: _told(found[w], told) for w in ("before", "after")}}
    pieces = split_placeholders(say(MESSAGE))
    return "".join([values[piece] if is_value else piece for piece, is_value in pieces])


def _told(value: str, told: Callable[[str], str]) -> str:
    """A value as it is; that there is none, in the language."""
    return told(value) if value == NOTHING else value
