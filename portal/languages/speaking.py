"""The environment of each language: its filters say what they say in English in that language.

Here: which filters give texts of the product, and counting in words. Not here: what the filters
say (portal/web/filters.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from jinja2 import Environment

from portal.languages.catalogues import Catalogue
from portal.languages.choice import LANGUAGES, catalogue
from portal.languages.environment import LanguageEnvironment
from portal.languages.finished_pages import marked
from rules.phrases import Composed

SPEAKING: Final = (
    "age", "change", "class_label", "differs", "duration", "failure_word", "hours", "kind_of",
    "money", "orders", "pill", "place", "seconds", "short", "state_label", "term",
)  # fmt: skip
"""Filters whose answer is a text of the product, or becomes one."""
LISTING: Final = ("role_list",)
WIDE_STOPS: Final = LANGUAGES["zh"].tag
"""The language whose stops are as wide as its characters."""
NOT_RECORDED: Final = "not recorded"


def either(names: Iterable[str]) -> str:
    """Names in a row, of whom each may do it."""
    return " or ".join(names)


def told_of(value: object, found: Catalogue) -> object:
    """A text of the product in the language; markup and what is no text stays."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return found.told(value if isinstance(value, Composed) else str(value))


def environment(base: LanguageEnvironment, code: str) -> LanguageEnvironment:
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
        "told": lambda value: told_of(value, found),
        "either": lambda names: found.row_of_names(either(names)),
        "finding": lambda text: base.filters["capfirst"](found.findings.told(str(text))),
        "plural": found.counted,
        "capfirst": _capitalised(base.filters["capfirst"], found),
        "party": lambda name: base.filters["party"](name) if name else found.told(NOT_RECORDED),
    }
    known: Mapping[str, object] = {"language": tag}
    between = marked if tag == WIDE_STOPS else str
    return base.speaking(found.say, filters=filters, known=known, between=between)


def english(base: Environment) -> None:
    """Give the environment of English what the others have, too."""
    base.filters["told"] = lambda value: value
    base.filters["either"] = either
    base.filters["finding"] = lambda text: base.filters["capfirst"](text)
    base.globals["language"] = "en"


def _saying(made: Callable[..., object], found: Catalogue) -> Callable[..., object]:
    def said(*given: object, **named: object) -> object:
        return told_of(made(*given, **named), found)

    return said


def _listing(made: Callable[..., object], found: Catalogue) -> Callable[..., object]:
    def said(*given: object, **named: object) -> str:
        return found.row(str(made(*given, **named)).split(", "))

    return said


def _capitalised(made: Callable[[str], str], found: Catalogue) -> Callable[[str], str]:
    def said(text: str) -> str:
        whole = found.told(made(text))
        return whole if whole != made(text) else made(found.told(text))

    return said
