"""Choose the language of a request, translate its texts, and read .po files."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask, Response, g, has_request_context, request
from jinja2 import Environment

from connectors.registry import find_names, replace_names
from portal.languages.catalogues import Catalogue
from portal.languages.environment import LanguageEnvironment
from portal.languages.markup import INLINE, SOLID
from rules.phrases import Composed

ENGLISH: Final = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its own name, the folder of its catalogue, the word of `<html lang>`."""

    name: str
    folder: str
    tag: str


LANGUAGES: Final = {
    ENGLISH: Language("English", "en", "en"),
    "ms": Language("Bahasa Melayu", "ms", "ms"),
    "zh": Language("简体中文", "zh_Hans", "zh-Hans"),
}

SPEAKING: Final = (
    "age", "change", "class_label", "differs", "duration", "failure_word", "hours", "kind_of",
    "money", "orders", "pill", "place", "seconds", "short", "state_label", "term",
)  # fmt: skip
"""Filters whose answer is a text of the product, or becomes one."""

LISTING: Final = ("role_list",)

WIDE_STOPS: Final = LANGUAGES["zh"].tag
"""The language whose stops are as wide as its characters."""

NOT_RECORDED: Final = "not recorded"

_QUOTED: Final = re.compile(
    r"<(code|pre|script|style|textarea|kbd|q)\b.*?</\1>", re.DOTALL
)  # as they are, with what stands in them

_VALUE: Final = re.compile(r"<(?!input\b)\w+ [^>]*\bclass=\"(?:[^\"]* )?mono\b")

_SENT: Final = re.compile(r"<option(?![^>]*\bvalue=)")  # its words are what the form sends

_READ: Final = re.compile(r"\s(?:title|aria-label|placeholder|data-label|alt)=\"[^\"]*$")

NARROW: Final = ",:.;() "

WIDE: Final = "，：。；（）"

FIRST: Final = 0xFDD0  # no text has these characters

MARKED: Final = {ord(sign): chr(FIRST + at) for at, sign in enumerate(NARROW)}

COMMA, COLON, STOP, SEMICOLON, OPENS, CLOSES, BLANK = MARKED.values()

SILENT: Final = re.compile(rf"[\s{re.escape(NARROW)}]+")

PLACE: Final = re.compile(rf"([\s{BLANK}]*)([{COMMA}-{CLOSES}])([\s{BLANK}]*)|{BLANK}")

CHARACTER: Final = re.compile(r"[\u3400-\u9fff]")

BEFORE: Final = re.compile(r"[\u3400-\u9fff）”」]")

BEHIND: Final = re.compile(r"[\u3400-\u9fff（“「]")

ENDS: Final = "，：。；（！？、"
"""Behind one of these stands no blank."""

TAG: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)[^>]*>")

FAR: Final = 600  # a sentence is no longer

HERE: Final = Path(__file__).parent

OF_RULES: Final = "rules"
"""The context of messages that rules in words are composed of; no text is looked for among them."""

OF_FINDINGS: Final = "findings"
"""The context of what is said of rule files; only that is looked for among it."""

NOUNS: Final = "rules/values/wording.py"
"""Where the messages stand that are nouns of the domain."""


def language() -> str:
    """The language of this request: en, ms or zh. English outside of any."""
    if not has_request_context():
        return ENGLISH
    if "english_only" in g:
        return ENGLISH
    person = g.get("person")
    own = person.settings.get("language") if person else ""
    if own in LANGUAGES:
        return str(own)
    asked = (tag.lower().partition("-")[0] for tag in request.accept_languages.values())
    return next((code for code in asked if code in LANGUAGES), ENGLISH)


@cache
def catalogue(code: str) -> Catalogue:
    """The catalogue of a language, read once in a process."""
    return read_catalogue(LANGUAGES[code].folder)


def translate(text: str) -> str:
    """A text that the product made in English, in the language of this request."""
    return translate_to(language(), text)


def translate_finding(text: str) -> str:
    """What is said of rule files, in the language of this request."""
    code = language()
    return text if code == ENGLISH else catalogue(code).findings.told(text)


def translate_to(code: str, text: str) -> str:
    """The same in the language with this code: en, ms or zh."""
    return text if code == ENGLISH else catalogue(code).told(text)


@contextmanager
def in_english() -> Iterator[None]:
    """What is handed out as a file is in English, whoever asks for it: others read it."""
    g.english_only = True
    try:
        yield
    finally:
        del g.english_only


def join_or(names: Iterable[str]) -> str:
    """Names in a row, of whom each may do it."""
    return " or ".join(names)


def translate_value(value: object, found: Catalogue) -> object:
    """A text of the product in the language; markup and what is no text stays."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return found.told(value if isinstance(value, Composed) else str(value))


def language_environment(base: LanguageEnvironment, code: str) -> LanguageEnvironment:
    """The environment of the language with this code, over the one of English."""
    return with_catalogue(base, catalogue(code), LANGUAGES[code].tag)


def with_catalogue(base: LanguageEnvironment, found: Catalogue, tag: str) -> LanguageEnvironment:
    """The environment that says everything by this catalogue."""
    filters: dict[str, Callable[..., object]] = {
        name: _saying(base.filters[name], found) for name in SPEAKING if name in base.filters
    }
    filters |= {
        name: _listing(base.filters[name], found) for name in LISTING if name in base.filters
    }
    filters |= {
        "told": lambda value: translate_value(value, found),
        "either": lambda names: found.row_of_names(join_or(names)),
        "finding": lambda text: base.filters["capfirst"](found.findings.told(str(text))),
        "plural": found.counted,
        "capfirst": _capitalised(base.filters["capfirst"], found),
        "party": lambda name: base.filters["party"](name) if name else found.told(NOT_RECORDED),
    }
    known: Mapping[str, object] = {"language": tag}
    between = mark_stops if tag == WIDE_STOPS else str
    return base.speaking(found.say, filters=filters, known=known, between=between)


def _saying(made: Callable[..., object], found: Catalogue) -> Callable[..., object]:
    def said(*given: object, **options: object) -> object:
        return translate_value(made(*given, **options), found)

    return said


def _listing(made: Callable[..., object], found: Catalogue) -> Callable[..., object]:
    def said(*given: object, **options: object) -> str:
        return found.row(str(made(*given, **options)).split(", "))

    return said


def _capitalised(made: Callable[[str], str], found: Catalogue) -> Callable[[str], str]:
    def said(text: str) -> str:
        whole = found.told(made(text))
        return whole if whole != made(text) else made(found.told(text))

    return said


def init_english(base: Environment) -> None:
    """Give the environment of English what the others have, too."""
    base.filters["told"] = lambda value: value
    base.filters["either"] = join_or
    base.filters["finding"] = lambda text: base.filters["capfirst"](text)
    base.globals["language"] = "en"


def titled_page(page: str) -> str:
    """A page, or a part of one, with every system by its title where it is read."""
    # Replaced only when shown: stored events are sealed with the names that rules and settings use.
    return replace_names(page, _places(page))


def _places(page: str) -> Iterator[tuple[int, int]]:
    """What is written otherwise: from where to where."""
    if not (names := find_names(page)):
        return
    quoted = [found.span() for found in _QUOTED.finditer(page)]
    for at, end in names:
        if any(start < at < end for start, end in quoted):
            continue
        tag, closed = page.rfind("<", 0, at), page.rfind(">", 0, at)
        if tag > closed:  # in a tag
            if _READ.search(page, tag, at):
                yield at, end
            continue
        if _VALUE.match(page, tag, closed) or _SENT.match(page, tag, closed + 1):
            continue
        yield at, end


def init_languages(app: Flask) -> None:
    """Have each page that is answered settled."""
    app.after_request(_answered)


def _answered(answer: Response) -> Response:
    if answer.mimetype not in ("text/html", "image/svg+xml"):
        return answer
    if answer.is_streamed or answer.direct_passthrough:  # a file, such as the icons
        return answer
    page = settle_stops(answer.get_data(as_text=True))
    if answer.mimetype == "text/html" and "Content-Disposition" not in answer.headers:
        page = titled_page(page)
    answer.set_data(page)
    return answer


def mark_stops(text: str) -> str:
    """Text between messages with its stops and blanks marked; any other stays."""
    if not SILENT.fullmatch(text):
        return text
    return re.sub(r"\s+", " ", text).translate(MARKED)


def settle_stops(page: str) -> str:
    """A page, or a part of one, with every stop that was marked as the texts beside it ask."""
    if not PLACE.search(page):
        return page
    return PLACE.sub(lambda found: _written(page, found), page)


def _written(page: str, found: re.Match[str]) -> str:
    if found[0] == BLANK:  # most are: of these the last sign is enough
        last = _last(page, found.start())
        return "" if last and last in ENDS else " "
    before = _before(page, found.start())
    behind = _behind(page, found.end())
    blank, mark, after = found.groups()
    sign = NARROW[ord(mark) - FIRST]
    if not _is_wide(page, found, before, behind):
        return f"{blank}{sign}{after}".replace(BLANK, " ")
    if mark == STOP and before.endswith(("。", "！", "？")):
        return ""
    return WIDE[ord(mark) - FIRST]


def _last(page: str, end: int) -> str:
    """The character before a place; none where its block begins there."""
    at = end - 1
    while at >= 0:
        if page[at] == ">":
            at = page.rfind("<", 0, at)
            tag = TAG.match(page, at) if at >= 0 else None
            if tag is None or tag[2].lower() not in INLINE | SOLID:
                return ""
        elif not (page[at].isspace() or page[at] == BLANK):
            return page[at]
        at -= 1
    return ""


def _before(page: str, end: int) -> str:
    """The words before a place, as far as its block, its attribute or FAR reaches."""
    start = max(0, end - FAR)
    words, at = page[start:end], 0
    for tag in TAG.finditer(words):
        if tag[2].lower() not in INLINE | SOLID:
            at = tag.end()
    told = TAG.sub("", words[at:])
    told = told.rpartition(">")[2].rpartition('="')[2]
    return told.translate({ord(BLANK): " ", ord(COMMA): ",", ord(COLON): ":"}).strip()


def _behind(page: str, start: int) -> str:
    """The character behind a place; none where its block ends there."""
    at = start
    while at < len(page):
        if page[at] == "<":
            tag = TAG.match(page, at)
            if tag is None or tag[2].lower() not in INLINE | SOLID:
                return ""
            at = tag.end()
        elif page[at].isspace() or page[at] == BLANK:
            at += 1
        else:
            return page[at]
    return ""


def _is_wide(page: str, found: re.Match[str], before: str, behind: str) -> bool:
    mark = found[2]
    if mark == OPENS:
        inside, closed, _ = page[found.end() : found.end() + FAR].partition(CLOSES)
        return bool(closed) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == CLOSES:
        _, opened, inside = page[max(0, found.start() - FAR) : found.start()].rpartition(OPENS)
        return bool(opened) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == STOP:
        if before.isdigit():  # `1. 订单`: a number in a row, no sentence
            return False
        return CHARACTER.search(before) is not None or BEHIND.match(behind) is not None
    return BEFORE.match(before[-1:]) is not None or BEHIND.match(behind) is not None


def read_catalogue(folder: str) -> Catalogue:
    """The catalogue in this folder, such as `ms`; none is one without a message."""
    path = HERE / folder / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Catalogue({}, {})
    with path.open("rb") as file:
        return build_catalogue(read_po(file))


def build_catalogue(found: Catalog) -> Catalogue:
    """The catalogue of what Babel read; fuzzy messages count as not translated."""
    singles: dict[str, str] = {}
    plurals: dict[tuple[str, str], str] = {}
    parts: dict[str, str] = {}
    findings: dict[str, str] = {}
    spoken, nouns = [], []
    for one in found:
        if not one.id or one.fuzzy:
            continue
        told = one.string
        if isinstance(one.id, tuple):
            first = told[-1] if isinstance(told, tuple | list) else told
            if first:
                plurals[str(one.id[0]), str(one.id[1])] = str(first)
        elif told and one.context == OF_RULES:
            parts[str(one.id)] = str(told)
        elif told and one.context == OF_FINDINGS:
            findings[str(one.id)] = str(told)
        elif told:
            singles[str(one.id)] = str(told)
            places = [str(where) for where, _ in one.locations]
            if any(where.endswith(".py") for where in places):
                spoken.append(str(one.id))
            if NOUNS in places:
                nouns.append(str(one.id))
    return Catalogue(singles, plurals, spoken, nouns, parts, findings)
