"""Tables that only rules before used: their entries stay, and pages say that nobody reads them."""

import re

import pytest

from tests.holding.shop import FILES
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
RULES, MAPPINGS = "/c/kedai/rules", "/c/kedai/mappings"
WARD = """
map ward
    match    exact
    "C-77"   -> "North"
    missing  hold for accounts  say "Customer {key} has no ward."
"""


def tabs(visitor) -> dict[str, bool]:
    """Each table of the tabs, and whether it is told as unused."""
    page = visitor.text(f"{MAPPINGS}/discount")
    nav = re.search(r'aria-label="Mapping tables">(.*?)</nav>', page, re.S)[1]
    found = re.findall(r'<a href="/c/kedai/mappings/(\w+)"[^>]*>(.*?)</a>', nav, re.S)
    return {name: "not used" in plain(told) for name, told in found}


def test_a_table_of_rules_that_were_rolled_back_is_told_as_unused(visit):
    chan, pua = visit("chan"), visit("pua")
    before = tabs(chan)
    assert before["discount"] is before["units"] is False
    text = {"text": FILES["shop.rules"] + WARD, "base": "1"}
    chan.post(f"{RULES}/submit/shop.rules", text, status=303)
    pua.post(f"{RULES}/changes/2", {}, status=303)
    assert tabs(chan) == {**before, "ward": False}
    assert "do not use this table" not in plain(chan.text(f"{MAPPINGS}/ward"))
    pua.post(f"{RULES}/versions/1", {"from": "2"}, status=303)
    assert tabs(chan) == {**before, "ward": True}
    told = plain(chan.text(f"{MAPPINGS}/ward"))
    assert "The rules in force do not use this table" in told
    assert "North" in told, "its entries stay"
