"""A list in which nothing matches leads back to the whole list."""

import re
from html import unescape

import pytest

from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
C = "/c/kedai"


@pytest.mark.parametrize(
    ("who", "narrowed", "whole"),
    [
        ("lim", f"{C}/holding?view=all&q=no-such-record", f"{C}/holding?view=all"),
        ("lim", f"{C}/runs?record=no-such-record", f"{C}/runs"),
        ("lim", f"{C}/pushes?q=no-such-record", f"{C}/pushes"),
        ("lim", f"{C}/mappings/item?q=no-such-item", f"{C}/mappings/item"),
        ("nurul", f"{C}/audit?from=2001-01-01&to=2001-01-02", f"{C}/audit"),
        ("lim", f"{C}/holding/many?act=assign&q=no-such-record", f"{C}/holding"),
    ],
)
def test_C03_where_nothing_matches_one_press_shows_all(visit, who, narrowed, whole):
    page = visit(who).text(narrowed)
    empty = page.partition('class="empty"')[2]
    assert empty
    (back,) = re.findall(r'<a class="btn[^"]*" href="([^"]+)">\s*Clear filters', empty)
    assert unescape(back) == whole
    assert 'class="empty"' not in visit(who).text(whole)


def test_C03_an_inbox_in_which_nothing_waits_says_when_it_was_looked_at(visit):
    """Behind the last one, which is the same as where there is none."""
    page = plain(visit("farah").text(f"{C}/holding/inbox?after={2**40}").partition("<main")[2])
    assert re.search(r"No documents are waiting for approval\.\s*Checked \d\d:\d\d:\d\d\s*\.", page)
