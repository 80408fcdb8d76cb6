"""A currency that is no code of ISO 4217 holds its record and counts for no other currency."""

from functools import cache
from typing import Any

import pytest
from babel.numbers import list_currencies
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.program import Program, compile_interpreted, compile_ruleset
from rules.values.kinds import CURRENCY_CODES as CODES
from rules.values.kinds import suggest_currency
from tests.rules.kedai import INVOICE, TEXT, entries, findings, order, world

HOME = "home_currency"
RULES = (
    TEXT.replace("    subtotal    money\n", "    currency    text\n    subtotal    money\n", 1)
    + """
check home_currency on order
    require  currency = "MYR"
    else     hold for accounts
    say      "Foreign currency: {number} is in {currency}."
    clears   when it passes
"""
)
MAPPED = (
    RULES.replace("require  currency =", "require  currency_code(currency) =")
    + """
map currency_code
    match    trimmed, any case
    "RM"   -> "MYR"
    "MYR"  -> "MYR"
    missing  hold for accounts  say "Currency {key} is not mapped to a code."
"""
)


@cache
def program(made_by: Any = compile_ruleset, text: str = RULES) -> Program:
    ruleset, problems = parse({"kedai.rules": text})
    assert problems == ()
    compiled: Program = made_by(ruleset, hash="")
    return compiled


def codes(currency: str) -> dict[str, str]:
    found = findings(order(currency=currency), INVOICE, program=program())
    return {one.rule: one.code for one in found}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RM", "MYR"),
        ("Rm", "MYR"),
        ("rm", "MYR"),
        ("myr", "MYR"),
        ("MYR ", "MYR"),
        ("S$", "SGD"),
        ("Rp", "IDR"),
        ("sgd", "SGD"),
        ("£", "GBP"),
        ("$", ""),
        ("¥", ""),
        ("Ringgit", ""),
    ],
)
def test_a_currency_written_otherwise_is_held_with_its_code(text: str, code: str) -> None:
    for made_by in (compile_ruleset, compile_interpreted):
        (finding,) = findings(order(currency=text), INVOICE, program=program(made_by))
        assert (finding.code, finding.rule) == ("VAL06", "currency")
        assert suggest_currency(text) == code
        asks = f"; {code}?" if code else "."
        shown = text if text == text.strip() else f'"{text}"'
        assert finding.message.startswith(f"{shown} is no currency code{asks}")


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip()))
def test_what_is_no_iso_code_is_never_called_a_foreign_currency(text: str) -> None:
    if text in list_currencies():
        return
    told = codes(text)
    assert HOME not in told
    assert told["currency"] in {"VAL06", "VAL01"}  # a text that cannot be stored is not readable


@settings(deadline=None)
@given(st.sampled_from(sorted(CODES - {"MYR"})))
def test_a_currency_code_of_another_country_is_foreign(code: str) -> None:
    told = codes(code)
    assert told[HOME] == "CHK01"
    assert told.get("currency") != "VAL06"


def test_the_codes_are_those_of_the_standard() -> None:
    assert set(list_currencies()) >= CODES
    assert {"MYR", "SGD", "USD", "EUR", "IDR", "THB", "BND", "CNY", "ZWG", "XCG"} <= CODES


def test_a_map_may_say_what_a_word_means() -> None:
    around = world(maps={"currency_code": entries({"RM": "MYR", "MYR": "MYR"}, 900)})
    for word, rule in (("RM", ""), ("Rp", "MAP01")):
        found = findings(order(currency=word), INVOICE, program=program(text=MAPPED), world=around)
        assert {one.code for one in found} & {"VAL06", "CHK01", "MAP01"} == ({rule} - {""})
