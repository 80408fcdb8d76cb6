"""The holding list under a filter, page by page: what is opened is what was counted."""

import re
from html import unescape

import pytest

from bench.page_bench import MOST_STATEMENTS
from holding.worklist import filters, groups
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"


def links(page: str, word: str) -> list[str]:
    """The addresses of a page that have this word in them."""
    found = re.findall(r'href="\s*([^"]+)"', unescape(page))
    return [one for one in found if word in one]


def test_what_a_filter_shows_is_what_its_links_open_and_act_on(visit):
    lim = visit("lim")
    team = re.findall(r'name="team"\s+value="(\d+)"', lim.text(H))[-1]  # of sales
    page = lim.text(f"{H}?class=mapping_missing&team={team}&person=0&q=SO-102")
    opened = links(page, "open=")
    assert opened
    for link in opened:
        for part in ("class=mapping_missing", f"team={team}", "person=0", "q=SO-102"):
            assert part in link
    inside = lim.text(opened[0].partition("#")[0])
    acts = [one for one in links(inside, "act=retry") if "cause=" in one]
    assert acts
    assert all("class=mapping_missing" in one and "q=SO-102" in one for one in acts)


def test_a_group_of_the_second_page_opens_and_the_filter_goes_on(visit, monkeypatch):
    monkeypatch.setattr(groups, "GROUPS_A_PAGE", 2)
    lim = visit("lim")
    first = lim.text(f"{H}?class=mapping_missing")
    (following,) = links(first, "after=")
    assert "class=mapping_missing" in following
    second = lim.text(following)
    causes = re.findall(r'id="group_(\d+)"', second)
    assert causes
    assert not set(causes) & set(re.findall(r'id="group_(\d+)"', first))
    link = next(one for one in links(second, f"open={causes[0]}&"))
    path = link.partition("#")[0]
    whole = lim.text(path)
    assert f'id="holdpane_{causes[0]}"' in whole, "without scripts"
    part = lim.get(path, target=f"group_{causes[0]}", status=200).get_data(as_text=True)
    assert f'id="holdpane_{causes[0]}"' in part
    assert 'id="holdfacets"' not in part


def test_a_group_that_the_filter_leaves_out_is_not_opened(visit):
    lim = visit("lim")
    cause = re.findall(r'id="group_(\d+)"', lim.text(f"{H}?class=mapping_missing"))[0]
    assert lim.get(f"{H}?open={cause}", target=f"group_{cause}", status=200)
    wrong = f"{H}?open={cause}&class=duplicate"
    assert lim.get(wrong, target=f"group_{cause}", status=404)
    assert lim.get(f"{H}?open=x", target="group_1", status=404)


def test_a_text_that_very_many_holds_fit_counts_those_that_wait_longest(visit, monkeypatch):
    """The page says so; all of them are read by no page."""
    lim = visit("lim")
    whole = plain(lim.text(f"{H}?view=all&q=SO"))
    assert "holds fit this search" not in whole
    monkeypatch.setattr(filters, "MOST_OF_A_TEXT", 2)
    some = plain(lim.text(f"{H}?view=all&q=SO"))
    assert "more than 2 holds fit this search: counted are those that wait longest" in some
    head = re.search(r"(\d+) records? · ", some)
    assert head is not None
    assert 1 <= int(head[1]) <= 2 < int((re.search(r"(\d+) records? · ", whole) or head)[1])


def test_the_headline_follows_the_facets(visit):
    lim = visit("lim")
    all_of_it = re.search(r'id="holdhead">(.*?)</p>', lim.text(H), re.DOTALL)
    page = f"{H}?class=mapping_missing"
    part = lim.get(page, target="holding", status=200).get_data(as_text=True)
    told = re.search(r'id="holdhead">(.*?)</p>', part, re.DOTALL)
    assert all_of_it is not None
    assert told is not None
    facet = re.search(r'value="mapping_missing" checked>.*?class="f-n">([\d,]+)<', part, re.DOTALL)
    assert facet is not None
    assert f"{facet[1]} records" in plain(told[1])
    assert plain(told[1]) != plain(all_of_it[1])


def test_a_group_is_opened_by_few_questions(visit, statements):
    lim = visit("lim")
    cause = re.findall(r'id="group_(\d+)"', lim.text(H))[0]
    lim.get(f"{H}?open={cause}", target=f"group_{cause}", status=200)
    statements.clear()
    lim.get(f"{H}?open={cause}", target=f"group_{cause}", status=200)
    asked = [one for one in statements if not one.startswith("BEGIN")]
    assert len(asked) <= MOST_STATEMENTS, "\n".join(one[:120] for one in asked)
