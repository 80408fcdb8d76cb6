"""No page shows a word of the program where people read: names have labels, values are filled in.

What the source sent, files, rules as they are written (`<code>`) and values (class `mono`) are what
they are. `<code>` stands only where a program's words are asked for.
"""

import re
from html.parser import HTMLParser

import pytest

from tests.portal.reading import hold_of, plain, works
from tests.portal.web.test_pages import PAGES

QUOTED = {"code", "pre", "script", "style", "textarea", "option", "kbd", "var"}
READ = {"title", "aria-label", "placeholder", "alt"}
AMOUNT = r"(?<![\w.,-])\d{4,}\.\d\d(?!\d)"  # without its thousands apart
PYTHON = r"|(?<=\w )None\b|\bNaN\b|<\w+ object|\b0 min\b|(?<!\.)\.\.(?![./])|\b(\w{4,}) \1\b"
NAMES = r"|\b[a-z]+(?:_[a-z0-9]+)+\b|\bline\.[a-z]|‹[^›]*›|\{\w+\}|%\(\w+\)"
MONTH = r"|(?<![\w-])20\d\d-(?:0[1-9]|1[0-2])(?![\d-])"  # October 2026 has a name
PROGRAM = re.compile(AMOUNT + PYTHON + NAMES + MONTH)
VOID = {"br", "hr", "img", "input", "link", "meta", "source", "use", "path", "circle", "rect",
        "line", "polyline", "polygon", "wbr"}  # fmt: skip
OF_PROGRAMS = {"lineage", "raw", "ruletree", "support"}  # ids and classes
QUOTES = re.compile(r"[\w/]+\.(?:rules|csv|xlsx|json|md)\b|\binv_\d+")  # files; a target's ids


def is_value(tag: str, attrs: list[tuple[str, str | None]]) -> bool:
    """Whether an element shows a value as it came: a code, a number of a document, a name typed."""
    return tag not in VOID and "mono" in (dict(attrs).get("class") or "").split()


class Shown(HTMLParser):
    """What a page shows and reads aloud, without what it quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._quoted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in QUOTED or is_value(tag, attrs):
            self._quoted.append(tag)
        if not self._quoted:
            self.words += [value for name, value in attrs if name in READ and value]

    def handle_endtag(self, tag: str) -> None:
        if self._quoted and self._quoted[-1] == tag:
            self._quoted.pop()

    def handle_data(self, data: str) -> None:
        if not self._quoted:
            self.words.append(" ".join(data.split()))


class Codes(HTMLParser):
    """The `<code>` of a page that stands anywhere but on a rule, raw data, the mapping of fields
    and “Details for support”.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        here = dict(attrs)
        allowed = here.get("id") in OF_PROGRAMS or bool(
            OF_PROGRAMS & set((here.get("class") or "").split())
        )
        self._open.append((tag, allowed))

    def handle_endtag(self, tag: str) -> None:
        at = max((at for at, one in enumerate(self._open) if one[0] == tag), default=None)
        if at is not None:
            del self._open[at:]

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "code" in tags and data.strip() and not any(allowed for _, allowed in self._open):
            self.found.append(data.strip())


def stray_codes(page: str) -> list[str]:
    found = Codes()
    found.feed(page)
    return found.found


def program_words(page: str) -> list[str]:
    shown = Shown()
    shown.feed(page)
    return [text for text in shown.words if PROGRAM.search(QUOTES.sub("", text))]


def test_words_of_the_program_are_seen() -> None:
    page = '<p title="a {name}">tax_rate <code>line.sku</code> of ‹number›, maps/tax_rate.csv</p>'
    assert program_words(page) == ["a {name}", "tax_rate", "of ‹number›, maps/tax_rate.csv"]
    assert program_words("<p>In 2026-10</p><p>2026-10-01, NS-2026-10</p>") == ["In 2026-10"]
    assert program_words("<p>RM 3194.71</p><p>RM 3,194.71 of NS-2026.11</p>") == ["RM 3194.71"]


@pytest.mark.parametrize("url", [one for one in PAGES if not one.endswith(".md")])
def test_a_page_shows_labels(visit, database, clock, url) -> None:
    farah = visit("farah")
    works(database, clock)
    page = farah.text(url)
    assert program_words(page) == []
    if "/rules/" not in url:
        assert stray_codes(page) == []


def test_a_code_is_seen_anywhere_but_where_it_belongs() -> None:
    page = (
        '<p>Placed by <code>shop.rules:3</code></p><section id="raw"><code>a</code><br></section>'
        '<details class="fold support"><dl><dd><code>b</code></dd></dl></details><code>c</code>'
    )
    assert stray_codes(page) == ["shop.rules:3", "c"]


def test_giving_a_hold_away_has_one_word(visit, database):
    hold = hold_of(database, "SO-10210")
    page = plain(visit("farah").text(f"/c/kedai/holding/{hold}"))
    assert "Assign to" in page
    assert "Assign SO-10210" in page
    assert "Send to" not in page


def test_buttons_over_many_name_what_they_act_on(visit):
    page = visit("farah").text("/c/kedai/holding")
    names = re.findall(r'id="all_\w+" href="[^"]+">([^<]+)<', page)
    assert {"Retry records…", "Assign records…", "Snooze records…"} <= set(names)


def test_the_dashboard_says_why_today_and_what_needs_attention_differ(visit):
    page = plain(visit("farah").text("/c/kedai/"))
    assert "includes failed, unconfirmed and snoozed records; what is snoozed needs no" in page
