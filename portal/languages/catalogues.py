"""The catalogue of a language: what each English message is in it.

Here: looking a message up, and finding again the message that an English text of the product was
made of. Not here: reading it from its file (po_files.py), what is said of rule files
(finding_texts.py), which language (choice.py), templates (sentences.py).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache, partial
from types import MappingProxyType
from typing import Final

from portal.languages.finding_texts import FindingTexts
from portal.languages.patterns import (
    WORD,
    Pattern,
    changed,
    numbers_only,
    pattern,
    rank,
    weight,
    whole_words,
)
from portal.languages.wording import MARK, PIECE, composition, misfit, placeholder, written
from rules.phrases import Composed

COUNT: Final = re.compile(r"([\d,]+) (.+)", re.DOTALL)
SENTENCES: Final = re.compile(r"(?<=[.!?]) ")
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
BETWEEN: Final = ("; ", ", ", " and ", " or ", " · ")
"""What stands between texts in a row."""
PEOPLE: Final = frozenset({"names", "others", "publishers"})
"""Values that are names in a row, by their names: `Adam or Farah` is `Adam atau Farah`."""
NOUN: Final = re.compile(r"(?:name|noun|title|kind|field|there|here|t_plain|t_term)\d*")
"""Values that may be a noun of the domain, such as `tax code`, by their names."""
FINDING: Final = "finding"
"""A value that says, behind its place, what is wrong with a rule file, by its name."""
TELLING: Final = 14  # the words of a shorter message occur in sentences of others, too
FOR: Final = " for "  # of the entry for a value, and of a delegate for a person
FEWEST: Final = 3  # so many letters together at least tell a message with values from data
WIDE: Final = {",": "、", ";": "；"}
"""What stands between the members of a row of Chinese texts."""
FULL_WIDTH: Final = re.compile(r"[\u3400-\u9fff）”]$")
LONGEST: Final = 2000  # a longer text is no sentence of ours
DEEPEST: Final = 8  # so many texts of ours stand inside each other at most
MOST: Final = 30  # so many texts of ours stand in a row at most
INSIDE: Final = 4  # so many parts of a row are one text that has what stands between them


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
        self._parts = {one: told for one, told in parts.items() if not misfit(one, told)}
        self._nouns = frozenset(nouns)
        self._singles = {one: told for one, told in singles.items() if not misfit(one, told)}
        self._plurals = dict(plurals)
        self.findings = FindingTexts(findings, self.say)
        self._spoken = [one for one in spoken if one in self._singles]
        self._found = lru_cache(maxsize=4096)(self._told)

    def told(self, text: str) -> str:
        """A text that the product made in English, in the language; what is unknown stays."""
        return composition(text, self._part) if isinstance(text, Composed) else self._found(text)

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
        if not text or len(text) > LONGEST or depth == DEEPEST:
            return text
        parts = SENTENCES.split(text)
        if len(parts) == 1:
            alone = self._matched(text, depth) or self._otherwise(text, depth)
            return alone or self._row(text, depth) or text
        each = [self._matched(one, depth) for one in parts]
        whole = None if all(each) else self._matched(text, depth)
        if whole is not None:
            return whole
        return _spaced(found or one for found, one in zip(each, parts, strict=True))

    def _matched(self, text: str, depth: int) -> str | None:
        found = self._singles.get(written(text))
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
        for piece, is_value in placeholder(one.told):
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
        for one in self._candidates(value) if depth < DEEPEST else ():
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
        if (change := changed(text, partial(self._told, depth=depth + 1), self.say)) is not None:
            return change
        if text[0].isupper():
            small = text[0].lower() + text[1:]
            found = self._singles.get(written(small), "").replace("%%", "%") or self._row(
                small, depth
            )
            if found:
                return found[0].upper() + found[1:]
        return None

    def _row(self, text: str, depth: int) -> str | None:
        """Several texts of ours in a row, such as roles; None where one of them is none."""
        for between in BETWEEN:
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
        if APART in text and depth < DEEPEST:  # each alone, before one that would swallow the next
            alone = [self._matched(one, depth + 1) or "" for one in text.split(APART)]
            if all(alone):
                return self._joined(APART, alone)
        whole = self._told(text, depth)
        if whole != text or depth >= DEEPEST:
            return whole
        for between in BETWEEN:
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
            (placeholder(one), one)
            for one in sorted(self._spoken, key=rank, reverse=True)
            if PIECE.search(one) and not MARK.search(one)
        ]
        often = Counter(word for pieces, _ in told for word in set(whole_words(pieces)))
        for no, (pieces, message) in enumerate(told):
            words = max((piece for piece, is_value in pieces if not is_value), key=len)
            few = len(re.sub(r"\W", "", words)) < FEWEST or words in BETWEEN
            if few and not numbers_only(pieces):
                continue
            where = min(whole_words(pieces), key=lambda one: (often[one], one), default="")
            short = weight(message) < TELLING and not numbers_only(pieces)
            made[where].append(
                Pattern(
                    no,
                    words,
                    pattern(pieces, self._nouns),
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
