"""Systems are shown by their titles wherever a person reads, and by their names nowhere else."""

import re

import pytest
from werkzeug.wsgi import FileWrapper

from connectors import registry
from connectors.registry import insert_titles, titles
from portal.app import STATIC
from portal.languages import choice
from portal.languages.choice import titled_page
from portal.web import store
from rules.values.wording import locked_clause, mapped_clause, period_opens_clause, readable_term
from tests.portal.reading import works


def test_each_name_that_is_no_word_has_a_title():
    assert set(titles()) == (set(registry.sources()) | set(registry.targets())) - {
        "intake",
        "sql",
        "workbook",
    }
    assert titles()["aiaccount"] == "AiAccount"
    assert titles()["autocount_excel"] == "AutoCount Excel import"


@pytest.mark.parametrize("name", ["aiaccount", "autocount", "quickbooks"])
def test_rules_and_pages_call_a_system_alike(name):
    assert readable_term(f"{name}.invoice") == f"{titles()[name]} invoice"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("aiaccount: no list", "AiAccount: no list"),
        ("Aiaccount sales invoice", "AiAccount sales invoice"),
        ("(netshop), “aiaccount is away”", "(NetShop), “AiAccount is away”"),
        ("autocount_excel, autocount", "AutoCount Excel import, AutoCount"),
        ("What aiaccount has.", "What AiAccount has."),
    ],
)
def test_a_name_in_a_sentence_is_its_title(text, shown):
    assert insert_titles(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "netshop.rules", "api.aiaccount.example", "https://aiaccount.my", "ops@netshop.my",
        "/connections/aiaccount", "aiaccount.sales_invoice", "connection:aiaccount", "netshop-2",
        "my_netshop", "“netshop”", "SQL and sql", "netshop=1", "aiaccount/api",
    ],
)  # fmt: skip
def test_what_is_no_word_of_a_sentence_stays(text):
    assert insert_titles(text) == text


def test_a_page_says_titles_where_it_is_read_and_nowhere_else():
    stays = (
        '<input value="netshop"><a href="/c/x/connections/netshop" id="netshop">',
        "<code>netshop</code><pre>a netshop</pre><textarea>netshop</textarea>",
        "<pre>of <b>netshop</b></pre><kbd>clearpost try netshop</kbd><q>netshop</q>",
        '<span class="mono">netshop</span><td class="cell mono">netshop</td>',
        "<option>netshop</option><script>netshop</script>",
    )
    for one in stays:
        assert titled_page(one) == one
    assert titled_page('<b title="Pause netshop" data-label="netshop">netshop</b>') == (
        '<b title="Pause NetShop" data-label="NetShop">NetShop</b>'
    )
    assert titled_page('<option value="netshop">netshop</option>') == (
        '<option value="netshop">NetShop</option>'
    )


def test_parts_and_what_is_said_aloud_have_titles_and_files_have_names(visit, database, clock):
    adam = visit("adam")
    works(database, clock)
    part = adam.client.get(
        "/c/kedai/connections", headers={"HX-Request": "true", "HX-Target": "connlist"}
    )
    assert part.status_code == 200
    assert ">AiAccount</a>" in part.get_data(as_text=True)
    assert "aiaccount" in adam.client.get("/c/kedai/runs.csv").get_data(as_text=True)
    with adam.client.application.test_request_context():
        answer = store.make_response("")
        store._trigger(answer, "aiaccount was paused: night")
    assert "AiAccount was paused" in answer.headers["HX-Trigger"]


@pytest.mark.parametrize("code", ["ms", "zh"])
@pytest.mark.parametrize(
    "text",
    [
        locked_clause("October 2026", "AutoCount"),
        period_opens_clause("October 2026", "AutoCount", "2026-11-01"),
        period_opens_clause("October 2026", "AutoCount", ""),
        "October 2026 is closed in AutoCount",
        "Farah asked Lim to open October 2026 in AutoCount: why",
        "The books of October 2026 close on 2026-11-07: 3 records are on hold, RM 12.00.",
    ],
)
def test_a_month_has_its_name_in_each_language(code, text):
    told = choice.catalogue(code).translate(text)
    assert "October" not in told
    assert not re.search(r"\b(?:is|in|again|close|hold)\b", told), told


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_what_clears_a_missing_mapping_is_told_and_rules_keep_their_words(code):
    told = choice.catalogue(code).translate
    assert "mapped" not in told(mapped_clause('"C-9"', ""))
    assert "source writes" not in told(mapped_clause('"C 9"', '"C9"'))
    authored = "The period of 2026-10-25 is locked in AutoCount."
    assert told(authored) == authored, "half of a sentence is never translated"


class Served(FileWrapper):
    """A file as the server of the product sends it: its length is known."""

    def __len__(self):
        return 1


def test_a_picture_that_is_a_file_is_answered_as_it_is(app):
    with app.test_client() as client:
        environ = {"wsgi.file_wrapper": Served}
        answer = client.get(f"/{STATIC.name}/icons.svg", environ_overrides=environ)
    assert answer.status_code == 200
    assert answer.get_data() == (STATIC / "icons.svg").read_bytes()
