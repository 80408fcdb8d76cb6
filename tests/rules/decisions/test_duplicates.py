"""What duplicate rules take for the same value: by the match of the map that knows the key."""

from typing import Any

import pytest

from grammar.parsing.parser import parse
from grammar.text.editions import Edition
from rules.checker.all_checks import check
from rules.programs.program import compile_ruleset, interpreted
from tests.rules.shop import TEXT, line, order

MAP = """
map debtor
    match    trimmed, any case
    "C-101"  -> "300-C101"
    missing  hold for accounts  say "{key} is no debtor."
"""
PIECES = {
    "    day      date   dated\n": "    day      date   dated\n    customer text\n",
    "    all  = status,": "    all  = status, customer,",
    "    DocDate    = day\n": "    DocDate    = day\n    DebtorCode = debtor(customer)\n",
    "    unique by document_number in target\n": "    unique by customer, day in history\n",
}
"""What makes the shop compare orders by their customer, which a map looks up."""


def rules(changes: dict[str, str] | None = None, more: str = "") -> str:
    text = TEXT
    for old, new in (PIECES | (changes or {})).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text + MAP + more


def keys(text: str, customer: str, made_by: Any = compile_ruleset, **given: Any) -> dict[str, str]:
    """The values by which an order of this customer is found as somebody's duplicate."""
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = made_by(ruleset, hash="h", **given)
    found = program.link_keys(order(line(), customer=customer), "order")
    return {name: value for name, value in found if name.startswith("dup:")}


def findings(text: str) -> list[tuple[str, str, str]]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    return [(p.code, p.severity, p.hint) for p in check(ruleset) if p.code.startswith("DUP")]


@pytest.mark.parametrize("made_by", [compile_ruleset, interpreted])
def test_T18a_what_a_map_takes_for_one_key_is_one_value(made_by: Any) -> None:
    same = [keys(rules(), spelt, made_by) for spelt in ("C-101", "c-101", " C-101 ")]
    assert same[0] == same[1] == same[2]
    assert list(same[0].values()) == ['{"customer":"c-101","day":"2026-11-19"}']
    assert keys(rules(), "C-102", made_by) != same[0]
    assert keys(rules(), "C101", made_by) != same[0]  # the map minds punctuation


def test_T18a_an_exact_map_minds_the_case_and_so_do_duplicates() -> None:
    exact = rules().replace("match    trimmed, any case", "match    exact")
    assert keys(exact, "C-101") != keys(exact, "c-101")
    assert findings(exact) == []


def test_T18a_where_two_maps_look_a_key_up_it_is_one_where_either_says_so() -> None:
    area = (
        '\nmap area\n    match    any punctuation\n    "C101"  -> "north"\n'
        '    missing  hold for accounts  say "{key} has no area."\n'
    )
    text = rules({"    DocNo      = document_number\n": "    DocNo      = area(customer)\n"}, area)
    assert keys(text, "C-101") == keys(text, "c 101")
    told = rules({"unique by customer, day": "unique by customer as debtor, day"}, area)
    assert keys(told, "C-101") == keys(told, "c-101") != keys(told, "c101")


def test_T18a_whose_match_counts_can_be_said() -> None:
    told = rules({"unique by customer, day": "unique by customer as debtor, day"})
    assert keys(told, "C-101") == keys(told, "c-101")
    assert findings(told) == []


@pytest.mark.parametrize("made_by", [compile_ruleset, interpreted])
def test_T18b_rules_of_earlier_editions_compare_what_is_written(made_by: Any) -> None:
    for edition in (Edition.FIRST, Edition.SECOND):
        two = [keys(rules(), spelt, made_by, edition=edition) for spelt in ("C-101", "c-101")]
        assert two[0] != two[1]
        assert list(two[0].values()) == ['{"customer":"C-101","day":"2026-11-19"}']


def test_T18c_a_raw_key_beside_such_a_map_is_a_finding() -> None:
    assert findings(rules()) == [("DUP02", "warning", "Write customer as debtor.")]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("customer as debitor", "Did you mean 'debtor'?"),
        ("day as debtor, customer as debtor", "Only a text is a key of a map."),
    ],
)
def test_T18d_a_map_that_is_not_there_or_cannot_match_is_an_error(said: str, hint: str) -> None:
    text = rules({"unique by customer, day": f"unique by {said}"})
    assert ("error", hint) in [(severity, told) for _, severity, told in found(text)]


def found(text: str) -> list[tuple[str, str, str]]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    return [(p.code, p.severity, p.hint) for p in check(ruleset)]


def test_T18d_a_key_in_a_target_is_compared_as_it_is_written_there() -> None:
    text = rules(
        {"unique by customer, day in history": "unique by document_number as debtor in target"}
    )
    assert [code for code, severity, _ in found(text) if severity == "error"] == ["DUP03"]


def test_T18e_what_a_map_says_cannot_be_stored_when_a_record_comes() -> None:
    """Its entries change, so nothing would ever be found by it: say so before."""
    text = rules(
        {
            "    total    money\n": "    total    money\n    code     = debtor(customer)\n",
            "unique by customer, day": "unique by code, day",
        }
    )
    ((code, severity, hint),) = findings(text)
    assert (code, severity) == ("DUP03", "error")
    assert hint == "Compare the field that the map looks up: customer as debtor."
