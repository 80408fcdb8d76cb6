"""What the search box of every page finds beside records: a run, and the rules that name it."""

import re

import pytest

pytestmark = pytest.mark.sqlite
FIND = "/c/kedai/find"


def test_a_run_is_found_by_its_number(visit):
    farah = visit("farah")
    assert farah.get(f"{FIND}?q=Run 1", status=303).headers["Location"].endswith("/c/kedai/runs/1")
    page = farah.text(f"{FIND}?q=1")
    assert '<a href="/c/kedai/runs/1" id="foundrun">Run 1</a>' in page
    nobody = farah.text(f"{FIND}?q=run 99")
    assert "foundrun" not in nobody
    assert 'No results for "run 99"' in nobody.replace("&#34;", '"')


def test_a_run_of_another_company_is_not(visit):
    assert "foundrun" not in visit("stranger", "lain").text("/c/lain/find?q=1")


def test_a_rule_is_looked_for_in_the_rule_book(visit):
    farah = visit("farah")
    page = farah.text(f"{FIND}?q=adds_up")
    (there,) = re.findall(r'href="([^"]+)" id="foundrules"', page)
    assert there == "/c/kedai/rules/book?q=adds_up"
    assert "adds_up" in farah.text(there)
    assert "foundrules" not in farah.text(f"{FIND}?q=SO-102"), "records were found"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("SO-1O240", "SO-10240"), ("SO-l024O", "SO-10240"), ("SO-777", ""), ("SO-7O7", "")],
)
def test_letters_for_digits_are_proposed_where_a_record_has_them(visit, typed, meant):
    page = visit("farah").text(f"{FIND}?q={typed}")
    found = re.findall(r'Did you mean <a href="/c/kedai/find\?q=([^"]+)"', page)
    assert found == ([meant] if meant else [])


def test_from_a_record_that_was_found_one_goes_to_the_next_and_back(visit):
    farah, stranger = visit("farah"), visit("stranger", "lain")
    links = re.findall(r'class="strong" href="([^"]+)"', farah.text(f"{FIND}?q=SO-102"))
    assert all(link.endswith("?found=SO-102") for link in links)
    page = farah.text(links[0])
    there = re.search(r'id="nextfound" data-key="n" href="([^"]+)"', page)
    assert there
    assert farah.get(there[1], status=303).location == links[1]
    back = re.search(r'id="previousfound" data-key="p" href="([^"]+)"', farah.text(links[1]))
    assert back
    assert farah.get(back[1], status=303).location == links[0]
    first = there[1].replace("next", "previous")
    assert farah.get(first, status=303).location == f"{FIND}?q=SO-102"
    elsewhere = there[1].replace("SO-102", "no-such")  # what is found may change meanwhile
    assert farah.get(elsewhere, status=303).location == f"{FIND}?q=no-such"
    stranger.get(there[1], status=404)
    assert "nextfound" not in farah.text(links[0].partition("?")[0])
