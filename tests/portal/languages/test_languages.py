"""Which language a page is in, and that it says the same in each."""

import json
import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from sqlalchemy import text

from portal.languages import choice
from portal.languages.catalogues import Catalogue
from rules.comparison.preflight import LISTS
from tests.portal.reading import works
from tests.portal.web.test_page_words import Shown
from tests.portal.web.test_pages import PAGES as ALL_PAGES

MALAY = {"Accept-Language": "ms-MY,ms;q=0.9,en;q=0.5"}
PAGES = [url for url in ALL_PAGES if not url.endswith(".md")]
NOT_ALIKE = re.compile(
    r'name="(?:csrf_token|op)" value="[^"]*"|X-CSRFToken": "[^"]*"|<html lang="[^"]*"'
    r"|[\d.]+ (?:[GM]B|ms)"
)


@pytest.fixture
def speaks(monkeypatch):
    """Let all languages but English say this."""

    def put(found: Catalogue) -> None:
        monkeypatch.setattr(choice, "catalogue", lambda _code: found)
        monkeypatch.setattr(choice, "catalogue", lambda _code: found)

    return put


def test_a_page_says_the_same_when_it_is_taken_apart(visit, database, clock, speaks):
    """With an empty catalogue a page of another language is the English one."""
    speaks(Catalogue({}, {}))
    farah = visit("farah")
    works(database, clock)
    for url in PAGES:
        english, malay = (
            " ".join(
                NOT_ALIKE.sub(
                    "", farah.client.get(url, headers=headers).get_data(as_text=True)
                ).split()
            )
            for headers in ({}, MALAY)
        )
        assert malay == english, url


def test_before_signing_in_the_browser_says_the_language(visit):
    stranger = visit()
    for asked, tag in [
        ("", "en"), ("fr", "en"), ("ms-MY", "ms"), ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("en-GB,ms;q=0.5", "en"), ("x'\"<", "en"),
    ]:  # fmt: skip
        page = stranger.client.get("/signin", headers={"Accept-Language": asked})
        assert f'<html lang="{tag}"' in page.get_data(as_text=True), asked


def test_a_person_chooses_a_language_and_keeps_it(visit, speaks):
    speaks(Catalogue({"Your settings are saved.": "Disimpan.", "Sync runs": "Larian"}, {},
                     ["Your settings are saved."]))  # fmt: skip
    farah = visit("farah")
    form = {"name": "Farah", "theme": "auto", "keys": "1"}
    farah.post("/me", {**form, "language": "zh"}, status=303)
    page = farah.text("/me")
    assert '<html lang="zh-Hans"' in page
    assert "Disimpan." in page
    assert re.search(r'value="zh" checked', page)
    assert "Larian" in farah.text("/c/kedai/")
    assert '<html lang="zh-Hans"' in farah.text("/c/kedai/")
    farah.post("/me", {**form, "language": "klingon"}, status=303)
    assert '<html lang="en"' in farah.text("/me")
    answer = farah.client.get("/me", headers=MALAY)
    assert '<html lang="ms"' in answer.get_data(as_text=True)
    farah.post("/me", {**form, "language": "en"}, status=303)
    answer = farah.client.get("/me", headers=MALAY)
    assert '<html lang="en"' in answer.get_data(as_text=True)


def test_the_choice_is_kept_beside_the_other_settings(visit, database):
    farah = visit("farah")
    farah.post("/me", {"name": "Farah", "theme": "dark", "language": "ms"}, status=303)
    with database.read() as session:
        kept = session.execute(text("SELECT settings FROM person WHERE name = 'Farah'")).scalar()
    assert json.loads(kept) == {
        "language": "ms",
        "theme": "dark",
        "keys": False,
        "mails": False,
        "long_undo": False,
        "compact": False,
        "utc": False,
    }


def test_files_and_programs_get_english(visit, database, clock):
    farah = visit("farah")
    works(database, clock)
    for url in ("/c/kedai/runs.csv", "/c/kedai/runs.json"):
        first, second = (
            farah.client.get(url, headers=headers).get_data() for headers in ({}, MALAY)
        )
        assert first == second


def pseudo() -> Catalogue:
    """Every message, between marks that nothing else has."""
    with (choice.HERE / "messages.pot").open("rb") as file:
        found = read_po(file)
    made = Catalog(locale="ms")
    for one in found:
        if one.id:
            many = isinstance(one.id, tuple)
            told = (f"⟦{one.id[1]}⟧",) if many else f"⟦{one.id}⟧"
            made.add(one.id, told, locations=one.locations, context=one.context)
    return choice.build_catalogue(made)


def untold(page: str) -> list[str]:
    """The visible words of a page that are part of no message."""
    shown = Shown()
    shown.feed(page)
    words = "\n".join(shown.words)
    while words != (words := re.sub(r"⟦[^⟦⟧]*⟧", "", words)):
        pass
    return [line for one in words.split("\n") if re.search("[A-Za-z]{2}", line := one.strip())]


DATA = re.compile(
    r"""[·,:;.=\s+−\d]*(?:
    Clearpost|SQLite|Kedai\ Contoh\ Sdn\ Bhd|Werkzeug|English|Bahasa\ Melayu  # names of ours
    |farah@kedai\.my|Farah|Adam|Chan|Lim|Nurul|Olga|Tan|Vera|Pua|Boon\ &\ Co|Aisyah\ Rahman
    |Accounts\ team|Sales\ administration|[Dd]ebtor|item|units|shop\.rules      # of the rules
    |UOM\d+|DRUM|<script>alert\(1\)</script>|RM|MYR|CSV|JSON|PCS|NT|SO-\d+|host:\d
    |[Aa]dds\ up|gate|rounding|duplicates|UOM\ mismatch|paid|item\(“TEA-1”\)
    |The\ lines\ of\ (?:SO-\d+|the\ number)\ do\ not\ add\ up\ to(?:\ the\ total)?
    |(?:SKU\ "AB-100\ "\ )?is\ not\ an\ item\.?
    |Customer\ C-99\ is\ no\ debtor|RM\ (?:total|[\d.,]+)\ is\ above\ the\ limit|C-\d+|→|inv_\d+
    |Nobody\ said\ how\ many\ pieces\ a\ DRUM\ of\ TEA-1\ is|units\(“CTN\|TEA-1”\)|BOX
    |before|after|conversion|line\ total|total
    |NetShop\ order|hash\ \w+…
    |[×÷]|CTN|(?:record|posting)\.\w+\ \d+
    |AiAccount|NetShop|TEA-1|Tea|push\ \d                                       # as they came
    |(?:LineNo|InvoiceNumber|InvoiceDate|Customer|Currency|Reference|Total|Description|Quantity|UOM
       |UnitPrice|AccountCode|TaxCode|LineTotal|SKU)(?:\ line\ \d)?             # the target's own
    |[·,:;.=\s+−\d]+)*""",
    re.VERBOSE,
)
"""What the seeded company, its source, its target and its rules brought along."""


def test_no_text_of_a_page_goes_past_the_catalogue(visit, database, clock, speaks):
    speaks(pseudo())
    farah = visit("farah")
    works(database, clock)
    found: dict[str, set[str]] = {}
    for url in PAGES:
        answer = farah.client.get(url, headers=MALAY)
        assert answer.status_code == 200, url
        page = answer.get_data(as_text=True)
        if words := {one for one in untold(page) if not DATA.fullmatch(one)}:
            found[url] = words
    assert found == {}


def test_a_text_past_the_catalogue_is_seen():
    page = "<p>⟦Held⟧ for ⟦%(n)s of <b>one ⟦two⟧</b>⟧</p><p title='Why'>⟦x⟧</p><code>No</code>"
    assert untold(page) == ["for", "Why"]
    assert DATA.fullmatch("SO-10240 · RM 1,448.00")
    assert not DATA.fullmatch("AiAccount tells")


def test_what_is_handed_out_is_in_english(app):
    with app.test_request_context("/", headers=MALAY):
        assert choice.language() == "ms"
        with choice.in_english():
            assert choice.language() == "en"
            assert app.jinja_env.globals["language"] == "en"
        assert app.jinja_env.globals["language"] == "ms"
    assert choice.language() == "en"


@pytest.mark.parametrize("kind", sorted({*LISTS.values()}))
def test_each_list_of_codes_is_called_something(kind: str) -> None:
    word = kind.replace("_", " ")
    assert choice.translate_to("zh", word) != word
