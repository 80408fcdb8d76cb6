"""Load a language's catalogue and translate its messages, also inside composed English texts."""

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

TRANSLATED_PREFIX: Final = "t_"  # prefix of values that are texts of the product

PROSE: Final = re.compile(
    r"\b(?:a|an|and|are|at|be|because|been|but|by|can|cannot|for|from|has|have|in|is|it|its|no|not|of"
    r"|on|or|so|than|that|the|this|to|until|was|were|when|which|with|you)\b|[.!?] "
)
"""Signs that a value is a sentence or a part of one, and not a name."""

FREE_TEXT_NAMES: Final = frozenset(
    {"message", "note", "reason", "title", "t_title", "t_why", "t_words", "why"}
)
"""Names of values that people write, so that a sentence in them is expected."""

SENTENCE_SEPARATOR: Final = "; "
"""Separator of sentences, of which one may be another person's text."""

LIST_SEPARATORS: Final = ("; ", ", ", " and ", " or ", " · ")
"""Separators of texts in a row."""

PEOPLE: Final = frozenset({"names", "others", "publishers"})
"""Names of values that are people's names in a row: `Adam or Farah` becomes `Adam atau Farah`."""

NOUN: Final = re.compile(
    r"(?:name|noun|title|kind|field|there|here|target_words|rule_words"
    r"|t_plain(?:_name)?|t_readable_(?:name|term))\d*"
)
"""Names of values that may be a noun of the domain, such as `tax code`."""

FINDING: Final = "finding"
"""Name of a value that is a place in a rule file and the finding there."""

SPECIFIC_WEIGHT: Final = 14  # shorter messages occur inside other sentences

FOR_WORD: Final = " for "  # joins entry and value, and delegate and person

MIN_LETTERS: Final = 3  # letters in a row that set a message apart from data

WIDE: Final = {",": "、", ";": "；"}
"""Separators of Chinese texts in a row."""

FULL_WIDTH: Final = re.compile(r"[\u3400-\u9fff）”]$")

MAX_MESSAGE_DEPTH: Final = 8  # nesting of translated texts

MAX_ROW: Final = 30  # translated texts in a row

MAX_JOINED_PARTS: Final = 4  # parts of a row that form one text with separators

TYPE_NAMES: Final = re.compile(r"(?:t_)?(?:gives|kind|left|right|say_type|type|want|what)\d*")
"""Names of values whose single word is a type or a kind; other single words are rule names."""

NAMED: Final = re.compile(r"'[^']*'|[\w.]+(?: = \S+)?")
"""A rule name in a list, or its assigned value."""

QUOTES: Final = ("'", '"', "“")

FINDING_SEPARATORS: Final = (", or ", "; ", ", ", " and ", " or ")
"""Separators of list members, the widest first."""

ARTICLE: Final = re.compile(r"(?:an?|the) (?=[\w'\"])")
"""The article before a rule name, which the catalogues' languages do not have."""

PLACE: Final = re.compile(r"(?P<place>\S+:\d+:\d+): (?P<text>.+)", re.DOTALL)

HEADED: Final = re.compile(r"(?P<place>.+?): (?P<text>.+)", re.DOTALL)

FINDING_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) (?=[A-Z])")

# Longer texts stay English: they contain text from outside, and matching it must stay fast.
MAX_TEXT: Final = 2000

MAX_FINDING_DEPTH: Final = 4

WORD: Final = re.compile(r"\w+")

NUMBERS: Final = frozenset({"n", "no", "days", "hours"})
"""Names of values that are numbers."""

CHANGE: Final = re.compile(r"(?P<name>[^:→]{1,80}): (?P<before>[^→]*) → (?P<after>[^→]*)")

PERSON: Final = r"(?=[^\W\d_a-z])"
"""Start of a person's name: a capital, or a letter of a script without capitals."""

NOTHING: Final = "nothing"

MESSAGE: Final = "%(name)s: %(before)s → %(after)s"


class Catalogue:
    """Translate the messages of one language; a text without a translation stays English."""

    def __init__(
        self,
        singles: Mapping[str, str],
        plurals: Mapping[tuple[str, str], str],
        spoken: Iterable[str] = (),
        nouns: Iterable[str] = (),
        parts: Mapping[str, str] = MappingProxyType({}),
        findings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Store the messages whose translations have matching placeholders and markup.

        `plurals` maps (singular, plural) to a translation. `spoken` are the messages made in
        Python. `nouns` name a field, a kind of record or a document. `parts` compose rules in
        words, and `findings` describe rule files; only those texts are matched against them.
        """
        self._parts = {
            message: translation
            for message, translation in parts.items()
            if not find_misfit(message, translation)
        }
        self._nouns = frozenset(nouns)
        self._singles = {
            message: translation
            for message, translation in singles.items()
            if not find_misfit(message, translation)
        }
        self._plurals = dict(plurals)
        self.findings = FindingTexts(findings, self.say)
        self._spoken = [message for message in spoken if message in self._singles]
        self._cached = lru_cache(maxsize=4096)(self._translate)

    def translate(self, text: str) -> str:
        """Translate a text that the product made in English; an unknown text stays unchanged."""
        return (
            translate_composed(text, self._part)
            if isinstance(text, Composed)
            else self._cached(text)
        )

    def _part(self, message: str) -> str:
        return self._parts.get(message) or self._singles.get(message, message)

    def say(self, message: str) -> str:
        """Return a message's translation, or the message if it has none."""
        return self._singles.get(message, message)

    def translate_count(self, count: int, singular: str, plural: str | None = None) -> str:
        """Return a count with its noun in the language, such as `37 records`."""
        plural_word = plural or f"{singular}s"
        translation = self._plurals.get((f"%(n)s {singular}", f"%(n)s {plural_word}"))
        if translation is None:
            return f"{count:,} {singular if count == 1 else plural_word}"
        return translation.replace("%(n)s", f"{count:,}").replace("%%", "%")

    def _translate(self, text: str, depth: int = 0) -> str:
        """Translate a text sentence by sentence, or as a whole if only the whole is known."""
        if not text or len(text) > MAX_TEXT or depth == MAX_MESSAGE_DEPTH:
            return text
        parts = SENTENCE_END.split(text)
        if len(parts) == 1:
            single = self._match_message(text, depth) or self._translate_variant(text, depth)
            return single or self._match_row(text, depth) or text
        translations = [self._match_message(part, depth) for part in parts]
        joined = None if all(translations) else self._match_message(text, depth)
        if joined is not None:
            return joined
        return _join_sentences(
            translated or part for translated, part in zip(translations, parts, strict=True)
        )

    def _match_message(self, text: str, depth: int) -> str | None:
        translation = self._singles.get(escape_percent(text))
        if translation is not None:
            return translation.replace("%%", "%")
        count_match = COUNT.fullmatch(text)
        if count_match and count_match[2] in self._count_words:
            return (
                self._count_words[count_match[2]]
                .replace("%(n)s", count_match[1])
                .replace("%%", "%")
            )
        for pattern in self._candidates(text):
            match = pattern.pattern.fullmatch(text) if pattern.words in text else None
            filled = self._fill(pattern, match.groupdict(), depth) if match else None
            if filled is not None:
                return filled
        return None

    def _candidates(self, text: str) -> Iterable["Pattern"]:
        """Return the patterns that may match a text, the most specific first."""
        words = {"", *WORD.findall(text)}
        return sorted(
            (one for word in words for one in self._patterns.get(word, ())),
            key=lambda pattern: pattern.no,
        )

    def _fill(self, pattern: "Pattern", values: Mapping[str, str], depth: int) -> str | None:
        """Return the pattern's translation with its values.

        Return None if a short pattern matched a sentence of unknown text, so that half a sentence
        is never translated.
        """
        pieces, has_translation = [], False
        for piece, is_value in split_placeholders(pattern.translation):
            if not is_value:
                pieces.append(piece)
                continue
            value = values[piece]
            if piece == FINDING:
                translate_plain = partial(self._translate, depth=depth + 1)
                pieces.append(self.findings.translate_placed(value, translate_plain))
                continue
            translated = (
                self._translate_list(value, depth + 1)
                if piece.startswith(TRANSLATED_PREFIX)
                else value
            )
            if translated == value and NOUN.fullmatch(piece):
                translated = self._translate_noun(value, depth)
            if translated == value and piece.removeprefix(TRANSLATED_PREFIX) in PEOPLE:
                translated = self.join_names(value)
            if (
                translated == value
                and pattern.short
                and piece not in FREE_TEXT_NAMES
                and PROSE.search(value)
            ):
                return None
            pieces.append(translated)
            has_translation = has_translation or translated != value
        if (
            not has_translation and pattern.slight
        ):  # `Siti for Lim` is two people, not a field's entry
            return None
        return "".join(pieces)

    def _translate_noun(self, value: str, depth: int) -> str:
        """Translate a noun of the domain and keep its capital; return other values unchanged."""
        for noun in (value, value[:1].lower() + value[1:]):
            if noun in self._nouns or noun in self._parts:
                translation = self._part(noun)
                return translation if noun == value else translation[:1].upper() + translation[1:]
        for pattern in self._candidates(value) if depth < MAX_MESSAGE_DEPTH else ():
            match = pattern.pattern.fullmatch(value) if pattern.noun else None
            if match and (filled := self._fill(pattern, match.groupdict(), depth + 1)) is not None:
                return filled
        return value

    def translate_row(self, texts: Iterable[str]) -> str:
        """Translate texts one by one and join them with commas."""
        return self._join(", ", [self.translate(text) for text in texts])

    def join_names(self, text: str) -> str:
        """Join names with the language's word for "or" or "and"."""
        for separator in (" or ", " and "):
            names = text.split(separator)
            if len(names) > 1 and not any(map(PROSE.search, names)):
                return self._join(separator, names)
        return text

    def _translate_variant(self, text: str, depth: int) -> str | None:
        """Translate the text in lower case, without its full stop, or as a field change."""
        if text.endswith("."):
            translated = self._translate(text[:-1], depth + 1)
            if translated != text[:-1]:
                return translated + ("。" if FULL_WIDTH.search(translated) else ".")
        if (
            change := translate_change(text, partial(self._translate, depth=depth + 1), self.say)
        ) is not None:
            return change
        if text[0].isupper():
            lowered = text[0].lower() + text[1:]
            translation = self._singles.get(escape_percent(lowered), "").replace(
                "%%", "%"
            ) or self._match_row(lowered, depth)
            if translation:
                return translation[0].upper() + translation[1:]
        return None

    def _match_row(self, text: str, depth: int) -> str | None:
        """Translate several known texts in a row, such as roles; return None if one is unknown."""
        for separator in LIST_SEPARATORS:
            translated = (
                self._match_each(separator, text.split(separator), depth)
                if separator in text
                else None
            )
            if translated:
                return self._join(separator, translated)
        return None

    def _match_each(self, separator: str, parts: list[str], depth: int) -> list[str] | None:
        """Translate the texts of a row, including texts that contain the separator."""
        translated: list[str] = []
        first = 0 if len(parts) <= MAX_ROW else len(parts)
        while first < len(parts):
            for last in range(min(len(parts), first + MAX_JOINED_PARTS), first, -1):
                translation = self._match_message(separator.join(parts[first:last]), depth + 1)
                if translation is not None and (first or last < len(parts)):
                    translated.append(translation)
                    first = last
                    break
            else:
                return None
        return translated or None

    def _join(self, separator: str, texts: Iterable[str]) -> str:
        word, members = separator.strip(), [*texts]
        is_wide = [FULL_WIDTH.search(member) is not None for member in members]
        if any(is_wide) and word in WIDE:
            return WIDE[word].join(members)
        if all(is_wide) and FULL_WIDTH.search(self.say(word)):
            return self.say(word).join(members)  # no space between Chinese characters
        return separator.replace(word, self.say(word)).join(members)

    def _translate_list(self, text: str, depth: int) -> str:
        """Translate a known text, or a row whose untranslated texts are not sentences."""
        if (
            SENTENCE_SEPARATOR in text and depth < MAX_MESSAGE_DEPTH
        ):  # one by one first: a longer match would include the next text
            translated_parts = [
                self._match_message(part, depth + 1) or ""
                for part in text.split(SENTENCE_SEPARATOR)
            ]
            if all(translated_parts):
                return self._join(SENTENCE_SEPARATOR, translated_parts)
        translated = self._translate(text, depth)
        if translated != text or depth >= MAX_MESSAGE_DEPTH:
            return translated
        for separator in LIST_SEPARATORS:
            parts = text.split(separator)
            if not 1 < len(parts) <= MAX_ROW:
                continue
            members = [self._translate_list(part, depth + 1) for part in parts]
            untranslated = (
                part for member, part in zip(members, parts, strict=True) if member == part
            )
            if members != parts and (
                separator == SENTENCE_SEPARATOR or not any(map(PROSE.search, untranslated))
            ):
                return self._join(separator, members)
        return text

    @cached_property
    def _count_words(self) -> Mapping[str, str]:
        """The words after a count, singular or plural -> the translation."""
        return {
            form.removeprefix("%(n)s "): translation
            for forms, translation in self._plurals.items()
            for form in forms
        }

    @cached_property
    def _patterns(self) -> Mapping[str, list["Pattern"]]:
        """The messages with placeholders filled in Python, indexed by a word that each text
        contains.
        """
        patterns: dict[str, list[Pattern]] = defaultdict(list)
        messages = [
            (split_placeholders(message), message)
            for message in sorted(self._spoken, key=message_rank, reverse=True)
            if PIECE.search(message) and not MARK.search(message)
        ]
        word_counts = Counter(word for pieces, _ in messages for word in set(whole_words(pieces)))
        for rank, (pieces, message) in enumerate(messages):
            words = max((piece for piece, is_value in pieces if not is_value), key=len)
            has_few_letters = (
                len(re.sub(r"\W", "", words)) < MIN_LETTERS or words in LIST_SEPARATORS
            )
            if has_few_letters and not numbers_only(pieces):
                continue
            rarest_word = min(
                whole_words(pieces), key=lambda word: (word_counts[word], word), default=""
            )
            is_short = message_weight(message) < SPECIFIC_WEIGHT and not numbers_only(pieces)
            patterns[rarest_word].append(
                Pattern(
                    rank,
                    words,
                    message_pattern(pieces, self._nouns),
                    self._singles[message],
                    is_short,
                    message in self._nouns,
                    words == FOR_WORD and "%(t_" in message,
                )
            )
        return patterns


def _join_sentences(sentences: Iterable[str]) -> str:
    """Join sentences with spaces, except after a full-width stop."""
    return re.sub(r"(?<=[。！？]) ", "", " ".join(sentences))


@dataclass(frozen=True, slots=True)
class Shape:
    """A finding message with values: longest words, pattern, translation and quoted values."""

    words: str
    pattern: re.Pattern[str]
    translation: str
    quoted: frozenset[str]


class FindingTexts:
    """Translate findings about rule files; a text without a translation stays English."""

    def __init__(self, messages: Mapping[str, str], say: Callable[[str], str]) -> None:
        """Store the finding messages, and the function that translates a message of pages."""
        self._say = say
        self._messages = {
            message: translation
            for message, translation in messages.items()
            if not find_misfit(message, translation)
        }
        self.translate = lru_cache(maxsize=4096)(self._translate)

    def translate_placed(self, text: str, translate_other: Callable[[str], str]) -> str:
        """Translate a finding after its place or test title; others go to `translate_other`."""
        for form in (PLACE, HEADED):
            match = form.fullmatch(text)
            if match and (translation := self._match(match["text"], 0)) is not None:
                return f"{match['place']}: {translation}"
        place = PLACE.fullmatch(text)
        return (
            f"{place['place']}: {translate_other(place['text'])}"
            if place
            else translate_other(text)
        )

    def _translate(self, text: str) -> str:
        """Translate a text about rules; an unknown text is returned unchanged."""
        if len(text) > MAX_TEXT:
            return text
        parts = FINDING_SENTENCE_END.split(text)
        translation = self._match(text, 0, single_sentence=len(parts) > 1)
        if translation is not None:
            return translation
        translations = [self._match(part, 0) for part in parts]
        joined = None if all(translations) else self._match(text, 0)
        if joined is not None:
            return joined
        translated = " ".join(
            sentence or part for sentence, part in zip(translations, parts, strict=True)
        )
        return re.sub(r"(?<=[。！？]) ", "", translated)

    def _match(self, text: str, depth: int, *, single_sentence: bool = False) -> str | None:
        """Return the translation, or None; `single_sentence` refuses values of two sentences."""
        translation = self._messages.get(escape_percent(text))
        if translation is not None:
            return translation.replace("%%", "%")
        for shape in self._shapes:
            match = shape.pattern.fullmatch(text) if shape.words in text else None
            if match and not (
                single_sentence and any(map(FINDING_SENTENCE_END.search, match.groups()))
            ):
                return self._fill(shape, match.groupdict(), depth)
        return None

    def _fill(self, shape: Shape, values: Mapping[str, str], depth: int) -> str:
        pieces = []
        for piece, is_value in split_placeholders(shape.translation):
            is_translatable = is_value and piece not in shape.quoted
            text = values[piece] if is_value else piece
            if is_translatable and TYPE_NAMES.fullmatch(piece):
                text = self._messages.get(f"a {text}", text)
            pieces.append(
                self._translate_value(text, depth + 1, piece) if is_translatable else text
            )
        return "".join(pieces)

    def _translate_value(self, value: str, depth: int, name: str = "") -> str:
        """Translate a value outside quotes: a known text, a list of texts, or names of rules."""
        single = " " not in value and not TYPE_NAMES.fullmatch(name)
        if single or "\n" in value or depth > MAX_FINDING_DEPTH:
            return value
        translation = self._match(value.strip(), depth)
        if translation is not None:
            return value.replace(value.strip(), translation)
        for separator in FINDING_SEPARATORS:
            parts = value.split(separator)
            members = (
                [self._translate_value(part, depth + 1) for part in parts]
                if len(parts) > 1
                else parts
            )
            if members != parts or (len(parts) > 1 and all(map(NAMED.fullmatch, parts))):
                word = separator.strip(", ") or separator.strip()
                return separator.replace(word, self._say(word)).join(members)
        return ARTICLE.sub("", value, count=1)

    @cached_property
    def _shapes(self) -> list[Shape]:
        """The messages with values, the most specific first."""
        shapes: list[Shape] = []
        for message in sorted(self._messages, key=message_rank, reverse=True):
            pieces = split_placeholders(message)
            if len(pieces) > 1:
                words = max((piece for piece, is_value in pieces if not is_value), key=len)
                translation, quoted = self._messages[message], frozenset(_quoted(pieces))
                shapes.append(Shape(words, message_pattern(pieces, ()), translation, quoted))
        return shapes


def _quoted(pieces: list[tuple[str, bool]]) -> Iterable[str]:
    """Yield the names of values in quotes."""
    for at, (piece, is_value) in enumerate(pieces):
        if is_value and pieces[at - 1][0].endswith(QUOTES):
            yield piece


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message with values: rank, longest words, pattern and translation.

    A `short` message has so few words that other sentences contain them. A `slight` message has no
    words of its own, so its values must be known texts.
    """

    no: int
    words: str
    pattern: re.Pattern[str]
    translation: str
    short: bool
    noun: bool
    slight: bool = False


def whole_words(pieces: Iterable[tuple[str, bool]]) -> list[str]:
    """Return the words of a message that no value touches."""
    text = "".join("\0" if is_value else piece for piece, is_value in pieces)
    return [
        match[0]
        for match in WORD.finditer(text)
        if "\0" not in text[max(match.start() - 1, 0) : match.end() + 1]
    ]


def numbers_only(pieces: Iterable[tuple[str, bool]]) -> bool:
    """Check whether all values of a message are numbers."""
    return all(piece in NUMBERS for piece, is_value in pieces if is_value)


def message_pattern(pieces: Iterable[tuple[str, bool]], nouns: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern that matches the texts of a message.

    A value ends where the words after it first occur, without backtracking: texts from outside are
    matched too, and backtracking on a near match would take hours. A noun must be one of `nouns`,
    if any, so that `tax code MY-ZERO` is not read as `tax` with the code `code MY-ZERO`.
    """
    noun_choices = "".join(f"{re.escape(noun)}|" for noun in sorted(nouns, key=len, reverse=True))
    named_values: set[str] = set()
    pattern = ""
    open_value = ""
    for piece, is_value in pieces:
        if not is_value:
            open_value += re.escape(piece)
        elif piece in named_values:
            open_value += f"(?P={piece})"
        elif piece in NUMBERS:
            open_value += f"(?P<{piece}>[0-9,.]*[0-9])"
        else:
            pattern += f"(?>{open_value})"
            start = PERSON if piece == "person" else ""
            open_value = f"(?P<{piece}>{noun_choices if piece == 'noun' else ''}{start}.*?)"
        if is_value:
            named_values.add(piece)
    return re.compile(pattern + open_value, re.DOTALL)


def message_rank(message: str) -> tuple[bool, int, bool]:
    """Return a sort key: messages that begin with words come before those that begin with a value.

    The entry for a value, whose names are known, ranks before the delegate for a person.
    """
    return not message.startswith("%("), message_weight(message), ")s for %(t_" in message


def message_weight(message: str) -> int:
    """Return the number of characters of a message outside its values."""
    return sum(len(piece) for piece, is_value in split_placeholders(message) if not is_value)


def translate_change(
    text: str, translate: Callable[[str], str], say: Callable[[str], str]
) -> str | None:
    """Translate a field change `name: before → after`; return None for another text."""
    match = CHANGE.fullmatch(text)
    name = translate(match["name"]) if match else ""
    if match is None or name == match["name"]:
        return None
    values = {
        "name": name,
        **{side: _translate_nothing(match[side], translate) for side in ("before", "after")},
    }
    pieces = split_placeholders(say(MESSAGE))
    return "".join([values[piece] if is_value else piece for piece, is_value in pieces])


def _translate_nothing(value: str, translate: Callable[[str], str]) -> str:
    """Translate the word for an empty value; return other values unchanged."""
    return translate(value) if value == NOTHING else value
