"""The language of a request: the person's own, else that of their browser.

Here: the languages that there are and which one a request has. Not here: what is said in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

from flask import g, has_request_context, request

from portal.languages.catalogues import Catalogue
from portal.languages.po_files import read


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its own name, the folder of its catalogue, the word of `<html lang>`."""

    name: str
    folder: str
    tag: str


ENGLISH: Final = "en"
LANGUAGES: Final = {
    ENGLISH: Language("English", "en", "en"),
    "ms": Language("Bahasa Melayu", "ms", "ms"),
    "zh": Language("简体中文", "zh_Hans", "zh-Hans"),
}


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
    return read(LANGUAGES[code].folder)


def told(text: str) -> str:
    """A text that the product made in English, in the language of this request."""
    return told_in(language(), text)


def finding(text: str) -> str:
    """What is said of rule files, in the language of this request."""
    code = language()
    return text if code == ENGLISH else catalogue(code).findings.told(text)


def told_in(code: str, text: str) -> str:
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
