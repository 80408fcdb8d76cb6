"""What is used only between the brackets of a look-up is used."""

import pytest

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.rulebook.book import build_book
from tests.holding.shop import RULES

ACCOUNT = """map account
    match    exact
    "KL" -> "40000"
    missing  hold for sales_admin  say "No account of {key}."

map discount"""
FIELD = "    total       money\n"
OF_PLACE = """map branch_of
    match    exact
    "KL" -> "KL"
    missing  hold for sales_admin  say "No branch of {key}."

map account"""
BRANCH_IS = {
    "a field": {FIELD: f"{FIELD}    branch      text\n"},
    "a computed field": {
        FIELD: f"{FIELD}    place       text\n    branch      = branch_of(place)\n",
        "map account": OF_PLACE,
    },
    "a const": {"const sales_account\n": 'const branch\n    from 2024-01-01 = "KL"\n\nconst x\n'},
}


def rules(what: str) -> str:
    """The shop's rules, where each line's account is that of the branch."""
    text = RULES.replace("map discount", ACCOUNT, 1)
    text = text.replace("AccountCode  = sales_account", "AccountCode  = account(branch)")
    for before, after in BRANCH_IS[what].items():
        assert before in text
        text = text.replace(before, after, 1)
    return text


@pytest.mark.parametrize("what", BRANCH_IS)
def test_T27c_an_account_of_a_branch_means_that_the_branch_is_used(what: str) -> None:
    ruleset, problems = parse({"shop.rules": rules(what)})
    assert problems == ()
    unused = [one.message for one in check(ruleset) if one.code.startswith("USE")]
    assert {"the map 'account' is never used", "the const 'branch' is never used"}.isdisjoint(
        unused
    )
    assert "the map 'branch_of' is never used" not in unused
    assert "the map 'discount' is never used" in unused, "what nothing uses is told"
    told = " ".join(e.text for s in build_book(ruleset).sections for e in s.entries)
    assert "AccountCode is the account for the branch" in told
