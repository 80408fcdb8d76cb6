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
    """Describe a language: its own name, its catalogue's folder, and its `<html lang>` tag."""

    name: str
    folder: str
    tag: str


LANGUAGES: Final = {
    ENGLISH: Language("English", "en", "en"),
    "ms": Language("Bahasa Melayu", "ms", "ms"),
    "zh": Language("简体中文", "zh_Hans", "zh-Hans"),
}

TRANSLATED_FILTERS: Final = (
    "age", "change", "class_label", "differs", "duration", "failure_word", "hours", "kind_of",
    "money", "orders", "pill", "place", "seconds", "short", "state_label", "term",
)  # fmt: skip
"""Filters whose result is a text of the product."""

TRANSLATED_ROW_FILTERS: Final = ("role_list",)

WIDE_STOPS: Final = LANGUAGES["zh"].tag
"""The language with full-width stops."""

NOT_RECORDED: Final = "not recorded"

_QUOTED: Final = re.compile(
    r"<(code|pre|script|style|textarea|kbd|q)\b.*?</\1>", re.DOTALL
)  # these elements keep their content unchanged

_VALUE: Final = re.compile(r"<(?!input\b)\w+ [^>]*\bclass=\"(?:[^\"]* )?mono\b")

_SENT: Final = re.compile(r"<option(?![^>]*\bvalue=)")  # without a value, the form sends the text

_READ: Final = re.compile(r"\s(?:title|aria-label|placeholder|data-label|alt)=\"[^\"]*$")

NARROW: Final = ",:.;() "

WIDE: Final = "，：。；（）"

FIRST: Final = 0xFDD0  # Unicode noncharacters, which no text contains

MARKED: Final = {ord(sign): chr(FIRST + at) for at, sign in enumerate(NARROW)}

COMMA, COLON, STOP, SEMICOLON, OPENS, CLOSES, BLANK = MARKED.values()

SILENT: Final = re.compile(rf"[\s{re.escape(NARROW)}]+")

PLACE: Final = re.compile(rf"([\s{BLANK}]*)([{COMMA}-{CLOSES}])([\s{BLANK}]*)|{BLANK}")

CHARACTER: Final = re.compile(r"[\u3400-\u9fff]")

BEFORE: Final = re.compile(r"[\u3400-\u9fff）”」]")

BEHIND: Final = re.compile(r"[\u3400-\u9fff（“「]")

ENDS: Final = "，：。；（！？、"
"""Stops that no space follows."""

TAG: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)[^>]*>")

MAX_SENTENCE: Final = 600  # characters

HERE: Final = Path(__file__).parent

RULES_CONTEXT: Final = "rules"
"""Context of messages that compose rules in words; no other text is matched against them."""

FINDINGS_CONTEXT: Final = "findings"
"""Context of messages about rule files; only findings are matched against them."""

NOUNS: Final = "rules/values/wording.py"
"""The module whose messages are nouns of the domain."""


def language() -> str:
    """Return the language of this request: en, ms or zh; English without a request."""
    if not has_request_context():
        return ENGLISH
    if "english_only" in g:
        return ENGLISH
    person = g.get("person")
    chosen = person.settings.get("language") if person else ""
    if chosen in LANGUAGES:
        return str(chosen)
    accepted = (tag.lower().partition("-")[0] for tag in request.accept_languages.values())
    return next((code for code in accepted if code in LANGUAGES), ENGLISH)


@cache
def catalogue(code: str) -> Catalogue:
    """Return the catalogue of a language; it is read once per process."""
    return read_catalogue(LANGUAGES[code].folder)


def translate(text: str) -> str:
    """Translate a text that the product made in English into the language of this request."""
    return translate_to(language(), text)


def translate_finding(text: str) -> str:
    """Translate a finding about rule files into the language of this request."""
    code = language()
    return text if code == ENGLISH else catalogue(code).findings.translate(text)


def translate_to(code: str, text: str) -> str:
    """Translate a text of the product into the language with this code: en, ms or zh."""
    return text if code == ENGLISH else catalogue(code).translate(text)


@contextmanager
def in_english() -> Iterator[None]:
    """Keep a block in English, such as a file for download: other people read it too."""
    g.english_only = True
    try:
        yield
    finally:
        del g.english_only


def join_or(names: Iterable[str]) -> str:
    """Join names with "or"."""
    return " or ".join(names)


def translate_value(value: object, translator: Catalogue) -> object:
    """Translate a text of the product; markup and other values are returned unchanged."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return translator.translate(value if isinstance(value, Composed) else str(value))


def language_environment(base: LanguageEnvironment, code: str) -> LanguageEnvironment:
    """Return the template environment of the language with this code, based on the English one."""
    return with_catalogue(base, catalogue(code), LANGUAGES[code].tag)


def with_catalogue(
    base: LanguageEnvironment, translator: Catalogue, tag: str
) -> LanguageEnvironment:
    """Return the template environment that translates with this catalogue."""
    filters: dict[str, Callable[..., object]] = {
        name: _translated_filter(base.filters[name], translator)
        for name in TRANSLATED_FILTERS
        if name in base.filters
    }
    filters |= {
        name: _translated_row_filter(base.filters[name], translator)
        for name in TRANSLATED_ROW_FILTERS
        if name in base.filters
    }
    filters |= {
        "told": lambda value: translate_value(value, translator),
        "either": lambda names: translator.join_names(join_or(names)),
        "finding": lambda text: base.filters["capfirst"](translator.findings.translate(str(text))),
        "plural": translator.translate_count,
        "capfirst": _translated_capital_filter(base.filters["capfirst"], translator),
        "party": lambda name: (
            base.filters["party"](name) if name else translator.translate(NOT_RECORDED)
        ),
    }
    template_globals: Mapping[str, object] = {"language": tag}
    convert_stops = mark_stops if tag == WIDE_STOPS else str
    return base.in_language(
        translator.say, filters=filters, extra_globals=template_globals, between=convert_stops
    )


def _translated_filter(
    filter_function: Callable[..., object], translator: Catalogue
) -> Callable[..., object]:
    def translated(*arguments: object, **options: object) -> object:
        return translate_value(filter_function(*arguments, **options), translator)

    return translated


def _translated_row_filter(
    filter_function: Callable[..., object], translator: Catalogue
) -> Callable[..., object]:
    def translated(*arguments: object, **options: object) -> str:
        return translator.translate_row(str(filter_function(*arguments, **options)).split(", "))

    return translated


def _translated_capital_filter(
    capitalise: Callable[[str], str], translator: Catalogue
) -> Callable[[str], str]:
    def translated(text: str) -> str:
        translation = translator.translate(capitalise(text))
        return (
            translation
            if translation != capitalise(text)
            else capitalise(translator.translate(text))
        )

    return translated


def init_english(base: Environment) -> None:
    """Add the filters and globals of translated environments to the English one."""
    base.filters["told"] = lambda value: value
    base.filters["either"] = join_or
    base.filters["finding"] = lambda text: base.filters["capfirst"](text)
    base.globals["language"] = "en"


def titled_page(page: str) -> str:
    """Return a page, or a part, with each system's name replaced by its title where it is read."""
    # Replaced only when shown: stored events are sealed with the names that rules and settings use.
    return replace_names(page, _name_places(page))


def _name_places(page: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each name to replace."""
    if not (names := find_names(page)):
        return
    quoted = [match.span() for match in _QUOTED.finditer(page)]
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
    """Set the stops and titles of each HTML or SVG response."""
    app.after_request(_finish_response)


def _finish_response(response: Response) -> Response:
    if response.mimetype not in ("text/html", "image/svg+xml"):
        return response
    if response.is_streamed or response.direct_passthrough:  # a static file
        return response
    page = settle_stops(response.get_data(as_text=True))
    if response.mimetype == "text/html" and "Content-Disposition" not in response.headers:
        page = titled_page(page)
    response.set_data(page)
    return response


def mark_stops(text: str) -> str:
    """Mark the stops and blanks of a text between messages; return another text unchanged."""
    if not SILENT.fullmatch(text):
        return text
    return re.sub(r"\s+", " ", text).translate(MARKED)


def settle_stops(page: str) -> str:
    """Return a page, or a part, with each marked stop in the width of the texts around it."""
    if not PLACE.search(page):
        return page
    return PLACE.sub(lambda match: _settled_stop(page, match), page)


def _settled_stop(page: str, match: re.Match[str]) -> str:
    if match[0] == BLANK:  # the common case needs only the last character
        last_character = _last_character(page, match.start())
        return "" if last_character and last_character in ENDS else " "
    words_before = _words_before(page, match.start())
    character_behind = _next_character(page, match.end())
    blank_before, mark, blank_after = match.groups()
    sign = NARROW[ord(mark) - FIRST]
    if not _is_wide(page, match, words_before, character_behind):
        return f"{blank_before}{sign}{blank_after}".replace(BLANK, " ")
    if mark == STOP and words_before.endswith(("。", "！", "？")):
        return ""
    return WIDE[ord(mark) - FIRST]


def _last_character(page: str, end: int) -> str:
    """Return the last character before a place in its block; empty at the block's start."""
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


def _words_before(page: str, end: int) -> str:
    """Return the words before a place, back to its block, its attribute or FAR characters."""
    start = max(0, end - MAX_SENTENCE)
    words, block_start = page[start:end], 0
    for tag in TAG.finditer(words):
        if tag[2].lower() not in INLINE | SOLID:
            block_start = tag.end()
    text = TAG.sub("", words[block_start:])
    text = text.rpartition(">")[2].rpartition('="')[2]
    return text.translate({ord(BLANK): " ", ord(COMMA): ",", ord(COLON): ":"}).strip()


def _next_character(page: str, start: int) -> str:
    """Return the first character after a place in its block; empty at the block's end."""
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


def _is_wide(page: str, match: re.Match[str], before: str, behind: str) -> bool:
    mark = match[2]
    if mark == OPENS:
        inside, closed, _ = page[match.end() : match.end() + MAX_SENTENCE].partition(CLOSES)
        return bool(closed) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == CLOSES:
        _, opened, inside = page[max(0, match.start() - MAX_SENTENCE) : match.start()].rpartition(
            OPENS
        )
        return bool(opened) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == STOP:
        if before.isdigit():  # `1. 订单` is a list number, not a sentence
            return False
        return CHARACTER.search(before) is not None or BEHIND.match(behind) is not None
    return BEFORE.match(before[-1:]) is not None or BEHIND.match(behind) is not None


def read_catalogue(folder: str) -> Catalogue:
    """Return the catalogue of a folder, such as `ms`; a missing file is an empty catalogue."""
    path = HERE / folder / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Catalogue({}, {})
    with path.open("rb") as file:
        return build_catalogue(read_po(file))


def build_catalogue(babel_catalogue: Catalog) -> Catalogue:
    """Return the catalogue of Babel's messages; fuzzy messages count as untranslated."""
    singles: dict[str, str] = {}
    plurals: dict[tuple[str, str], str] = {}
    parts: dict[str, str] = {}
    findings: dict[str, str] = {}
    spoken, nouns = [], []
    for message in babel_catalogue:
        if not message.id or message.fuzzy:
            continue
        translation = message.string
        if isinstance(message.id, tuple):
            form = translation[-1] if isinstance(translation, tuple | list) else translation
            if form:
                plurals[str(message.id[0]), str(message.id[1])] = str(form)
        elif translation and message.context == RULES_CONTEXT:
            parts[str(message.id)] = str(translation)
        elif translation and message.context == FINDINGS_CONTEXT:
            findings[str(message.id)] = str(translation)
        elif translation:
            singles[str(message.id)] = str(translation)
            places = [str(path) for path, _ in message.locations]
            if any(path.endswith(".py") for path in places):
                spoken.append(str(message.id))
            if NOUNS in places:
                nouns.append(str(message.id))
    return Catalogue(singles, plurals, spoken, nouns, parts, findings)
