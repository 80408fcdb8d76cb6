"""No page shows a word of the program where people read: names have labels, values are filled in.

What the source sent, files, rules as they are written and codes in small print (`<code>`) are what
they are.
"""

import re
from html.parser import HTMLParser

import pytest

from tests.portal.pages.test_pages import BUDGET
from tests.portal.reading import works

QUOTED = {"code", "pre", "script", "style", "textarea", "option", "kbd", "var"}
READ = {"title", "aria-label", "placeholder", "alt"}
PROGRAM = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\bline\.[a-z]|‹[^›]*›|\{\w+\}|%\(\w+\)")
QUOTES = re.compile(r"[\w/]+\.(?:rules|csv|xlsx|json|md)\b|\binv_\d+")  # files; a target's ids


class Shown(HTMLParser):
    """What a page shows and reads aloud, without what it quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._quoted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in QUOTED:
            self._quoted.append(tag)
        if not self._quoted:
            self.words += [value for name, value in attrs if name in READ and value]

    def handle_endtag(self, tag: str) -> None:
        if self._quoted and self._quoted[-1] == tag:
            self._quoted.pop()

    def handle_data(self, data: str) -> None:
        if not self._quoted:
            self.words.append(" ".join(data.split()))


def program_words(page: str) -> list[str]:
    shown = Shown()
    shown.feed(page)
    return [text for text in shown.words if PROGRAM.search(QUOTES.sub("", text))]


def test_words_of_the_program_are_seen() -> None:
    page = '<p title="a {name}">tax_rate <code>line.sku</code> of ‹number›, maps/tax_rate.csv</p>'
    assert program_words(page) == ["a {name}", "tax_rate", "of ‹number›, maps/tax_rate.csv"]


@pytest.mark.parametrize("url", [one for one in BUDGET if not one.endswith(".md")])
def test_a_page_shows_labels(visit, database, clock, url) -> None:
    farah = visit("farah")
    works(database, clock)
    assert program_words(farah.text(url)) == []
