"""Every page in Malay and in Chinese: the same page, and no English sentence left on it."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from connectors.registry import insert_titles
from portal.languages import choice
from portal.languages.catalogues import Catalogue
from portal.lists.downloads import LISTS
from portal.web.permissions import FILE
from tests.portal.languages.test_languages import PAGES
from tests.portal.reading import ONE, works
from tests.portal.web.test_page_words import READ, is_value, program_words, stray_codes

pytestmark = pytest.mark.sqlite

ASKED = {"ms": "ms-MY,ms;q=0.9", "zh": "zh-CN,zh;q=0.9"}
HERE = "/c/kedai"
ROUTES = {
    "audit.listing": f"{HERE}/audit",
    "evidence.event": f"{HERE}/audit/1/note",
    "connections.listing": f"{HERE}/connections",
    "connections.show": f"{HERE}/connections/aiaccount",
    "connections.consider": f"{HERE}/connections/netshop/sync",
    "connsettings.show": f"{HERE}/connections/aiaccount/settings",
    "newconn.choose": f"{HERE}/connections/new",
    "deputies.listing": f"{HERE}/deputies/",
    "asking.form": f"{HERE}/access",
    "escalations.show": f"{HERE}/escalate/netshop/order/SO-10203",
    "evidence.show": f"{HERE}/evidence/netshop/order/SO-10203",
    "find.find": f"{HERE}/find?q=SO-102",
    "holding.listing": f"{HERE}/holding",
    "holding.show": f"{HERE}/holding/1",
    "holding.consider": f"{HERE}/holding/approve",
    "holding.inbox": f"{HERE}/holding/inbox",
    "approvals.listing": f"{HERE}/holding/approvals",
    "views.listing": f"{HERE}/holding/views",
    "desk.ageing": f"{HERE}/holding/ageing",
    "desk.consider": f"{HERE}/holding/many?act=retry",
    "late.listing": f"{HERE}/late",
    "mappings.table": f"{HERE}/mappings/item",
    "mappings.entry": f"{HERE}/mappings/item/entry?key=TEA-1",
    "mappings.exact": f"{HERE}/mappings/exact",
    "mappings.lists": f"{HERE}/mappings/lists",
    "mappings.missing": f"{HERE}/mappings/missing",
    "mappings.fill_in_all": f"{HERE}/mappings/missing/all",
    "mappings.unpaid": f"{HERE}/mappings/lists/unpaid",
    "mappings.parties_found": f"{HERE}/mappings/parties",
    "mappings.unit_proof": f"{HERE}/mappings/units/proof",
    "mappings.workbook": f"{HERE}/mappings/workbook",
    "notices.listing": f"{HERE}/notices",
    "operations.show": f"{HERE}/operations",
    "people.listing": f"{HERE}/people/",
    "settings.show": f"{HERE}/settings",
    "people.show": f"{HERE}/people/1",
    "people.invitation": f"{HERE}/people/invite",
    "runs.pushes": f"{HERE}/pushes",
    "reconcile.show": f"{HERE}/reconcile?from=2026-11-14&to=2026-11-20",
    "records.show": ONE,
    "trials.replay": f"{HERE}/replay/netshop/order/SO-10203",
    "changes.listing": f"{HERE}/rules/changes",
    "changes.version": f"{HERE}/rules/versions/1",
    "rulebook.catalogue": f"{HERE}/rules/holds",
    "rulebook.file": f"{HERE}/rules/files/shop.rules",
    "rulebook.proposed": f"{HERE}/rules/proposals",
    "rulebook.show": f"{HERE}/rules/book",
    "editor.show": f"{HERE}/rules/draft/shop.rules",
    "runs.listing": f"{HERE}/runs",
    "runs.show": f"{HERE}/runs/1",
    "onboarding.cutover": f"{HERE}/setup/cutover",
    "onboarding.consider_dry_run": f"{HERE}/setup/dry-run",
    "onboarding.consider": f"{HERE}/setup/go-live",
    "onboarding.choose_rules": f"{HERE}/setup/rules",
    "signals.listing": f"{HERE}/signals",
    "stops.listing": f"{HERE}/stops/",
    "uploads.listing": f"{HERE}/uploads",
    "dashboard.show": f"{HERE}/",
    "signin.companies": "/c",
    "help.index": "/help/",
    "help.show": "/help/mapping-missing",
    "help.support": "/help/support",
    "me.show": "/me",
}
"""Each page and an address of it."""
NO_PAGES = {
    # files, pictures, programs
    *(page + FILE for page in LISTS), "escalations.download", "failures.of_connection",
    "failures.of_run", "health.healthz", "health.worker", "mappings.sheet",
    "mappings.workbook_file", "metrics.show", "records.request_body", "rulebook.download", "static",
    "uploads.errors", "uploads.file", "mappings.values",
    # they send the reader on, or want what another page made
    "approvals.show", "backtests.records", "backtests.show", "connauth.back", "desk.done",
    "desk.step", "find.step", "runs.step", "escalations.packet",
    "importfiles.show", "join.form", "oidc.start", "oidc.back", "another.form",
    "mappings.list_changes", "mappings.merge",
    "mappings.moved", "mappings.preview", "factor.show", "secondstep.form", "secondstep.setup",
    "rulebook.proposed_draft", "setup.first", "signin.form",
    "signin.home", "staying.ask", "trials.differences", "uploads.show", "changes.show",
}  # fmt: skip
"""Routes that show no page of their own to a person who just opens them."""
BOOK = '<ul class="book">'
VALUE_OF_BOOK = re.compile("<var>(.*?)</var>")
"""A value in a message of the rules, which is quoted with it."""
QUOTED = {"code", "pre", "script", "style", "textarea", "kbd", "var"}
ENGLISH = re.compile(
    r"\b(?:and|are|because|been|but|by|cannot|for|from|has|have|is|it|its|no(?!\.)|not|of|or|than|that|the"
    r"|this|until|was|were|which|with|you|your)\b"
)
"""Words of English sentences that neither other language has."""


DOUBLED = re.compile(r"。。|。\.|\.。|(?<!\.)\.\.(?!\.)|。，|，。|[!?]\.(?!\w)")
"""Two stops where one sentence ends."""
AUTHORED = re.compile(
    r"Customer C-99 is no debtor|RM (?:total|[\d.,]+) is above the limit"
    r"|(?:waits while status|status \w+) is \w+"
    r"|(?:SKU \"AB-100 \" )?is not an item|The lines of (?:SO-\d+|the number) do not add up to"
    r"(?: the total| RM [\d.,]+)|Nobody said how many pieces a DRUM of TEA-1 is"
    r"|[“\"‘'][^”\"’']*[”\"’']"
    r"|^[A-Z]{3}\d\d: .*"
)
"""What the rules of the test company say, what is quoted, and the names of findings of rules."""


class Seen(HTMLParser):
    """A page as a reader has it: its words by element, its ids, its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.tags: Counter[str] = Counter()
        self._quoted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag in QUOTED or is_value(tag, attrs):
            self._quoted.append(tag)
        if not self._quoted:
            self.words += [value for name, value in attrs if name in READ and value]

    def handle_endtag(self, tag: str) -> None:
        if self._quoted and self._quoted[-1] == tag:
            self._quoted.pop()

    def handle_data(self, data: str) -> None:
        if not self._quoted and (text := " ".join(data.split())):
            self.words.append(text)


def seen(page: str) -> Seen:
    found = Seen()
    found.feed(VALUE_OF_BOOK.sub(r"‹\1›", page) if BOOK in page else page)
    return found


def unquoted(text: str) -> str:
    """A text without what is quoted in it, quotes inside quotes too."""
    while text != (text := re.sub("“[^“”]*”", "", text)):
        pass
    return text


def english(words: list[str], english_words: set[str], found: Catalogue) -> set[str]:
    """What is left in English: half of a sentence, or a whole one that the catalogue has."""
    left = {one for one in words if ENGLISH.search(AUTHORED.sub("", unquoted(one)))}
    return left | {one for one in words if one in english_words and found.translate(one) != one}


def test_every_page_is_walked(app):
    there = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api")
    }
    assert there - NO_PAGES == set(ROUTES)


_WALKED: dict[str, dict[str, dict[str, tuple[int, str, Seen]]]] = {}


@pytest.fixture
def walked(visit, database, clock):
    """By address and language what somebody is shown: its status, its text, what a reader has.
    The company is the same for every test, so each person goes round once for all of them.
    """

    def walk(name):
        if name not in _WALKED:
            reader = visit(name)
            works(database, clock)
            found = {}
            for url in dict.fromkeys((*ROUTES.values(), *PAGES)):
                found[url] = {}
                for code, asked in {"en": "en", **ASKED}.items():
                    page = reader.client.get(url, headers={"Accept-Language": asked})
                    text = page.get_data(as_text=True)
                    found[url][code] = page.status_code, text, seen(text)
                if page.status_code in (302, 303):  # with a message on the next page
                    reader.client.get(f"{HERE}/")
            _WALKED[name] = found
        return _WALKED[name]

    return walk


@pytest.mark.slow
@pytest.mark.parametrize("name", ["farah", "adam"])
@pytest.mark.parametrize("code", ASKED)
def test_a_page_is_the_same_in_each_language(walked, code, name):
    catalogue = choice.catalogue(code)
    left: dict[str, set[str]] = {}
    for url, told in walked(name).items():
        (first, page, ours), (second, other, theirs) = told["en"], told[code]
        assert second == first < 500, url
        if second in (302, 303):
            continue
        assert theirs.ids == ours.ids, url
        assert theirs.tags == ours.tags, url
        assert len(other.encode()) < len(page.encode()) * 1.25, url
        assert [one for one in (*ours.words, *theirs.words) if DOUBLED.search(one)] == [], url
        words = english(theirs.words, set(ours.words), catalogue) - AS_THEY_CAME
        if words:
            left[url] = words
    assert left == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["farah", "adam", "nurul"])
def test_every_page_shows_labels_to_whoever_opens_it(walked, visit, database, clock, name):
    """A finance user, an administrator and an auditor; who may not see a page reads why."""
    if name == "nurul":
        reader = visit(name)
        works(database, clock)
        pages = {url: reader.client.get(url).text for url in ROUTES.values()}
    else:
        pages = {url: told["en"][1] for url, told in walked(name).items()}
    found = {url: program_words(page) for url, page in pages.items()}
    assert {url: words for url, words in found.items() if words} == {}
    names = {
        url: [one for one in seen(page).words if insert_titles(one) != one]
        for url, page in pages.items()
    }
    assert {url: words for url, words in names.items() if words} == {}  # AiAccount, not aiaccount
    codes = {url: stray_codes(page) for url, page in pages.items() if "/rules/" not in url}
    assert {url: words for url, words in codes.items() if words} == {}


@pytest.mark.slow
@pytest.mark.parametrize("code", ASKED)
def test_a_sentence_ends_once_for_another_reader(walked, code):
    for url, told in walked("lim").items():
        for status, _, page in (told["en"], told[code]):
            assert status < 500, url
            assert [one for one in page.words if DOUBLED.search(one)] == [], url


AS_THEY_CAME = {
    "0.0 s",
    "AccountCode line 1",
    "Currency",
    "Customer",
    "Description line 1",
    "LineNo line 1",
    "LineTotal line 1",
    "Quantity line 1",
    "Reference",
    "SKU",
    "SKU line 1",
    "TaxCode line 1",
    "Total",
    "UOM line 1",
    "UnitPrice line 1",
    "debtor",
    "item",
    "source",
}
"""Names of fields as the accounting system and the rules have them."""


def test_english_that_is_left_is_seen():
    found = Catalogue({"Posted": "Telah dipos", "Item": "Item"}, {}, ["Posted"])
    words = ["Ditahan", "Posted", "NS-1 is ditahan", "Kedai Kopi", "Item", "“it is”: ya"]
    assert english(words, {"Posted", "Item", "Kedai Kopi"}, found) == {"Posted", "NS-1 is ditahan"}
