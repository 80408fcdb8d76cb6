"""Every name of a rule file means something, stands where it is said to, and can be renamed."""

import re
from pathlib import Path

import pytest

from grammar.parsing.parser import parse
from grammar.text import vocabulary
from grammar.text.problem import Span, read_tokens
from rules.checker.tests_and_samples import REASONS
from rules.editing.mentions import Mention, Refused, Symbol, plan_rename
from rules.editing.symbols import mentions
from rules.rulebook.suggested_names import KEYWORDS, LIBRARY, describe_symbol
from rules.types.functions import NAMES
from rules.types.symbol_table import Index, Schemas
from tests.rules.kedai import TEXT
from tests.support.templates import WITH_OWN_RULES, rules_of

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parents[1]
OWN = ("kedai", "depot", "roaster")
SETS = {
    **{name: {name: (HERE / f"{name}.rules").read_text("utf-8")} for name in OWN},
    **{name: rules_of(name) for name in WITH_OWN_RULES},
}
KNOWN = Schemas((), ())


def read(sources: dict[str, str]) -> tuple[dict[str, str], Index, tuple[Mention, ...]]:
    ruleset, problems = parse(sources)
    assert not problems
    index = Index(ruleset)
    return sources, index, mentions(index, sources)


def said(sources: dict[str, str], span: Span) -> str:
    line = sources[span.file].split("\n")[span.line - 1]
    return line[span.column - 1 : span.end_column - 1]


def language() -> set[str]:
    """All words that the grammar itself spells."""
    text = (ROOT / "grammar" / "parsing" / "clearpost.lark").read_text("utf-8")
    return set(re.findall(r'"([a-z]+)"', text)) | vocabulary.RESERVED


@pytest.mark.parametrize("name", SETS)
def test_no_name_is_left_out_and_each_stands_where_it_is_said_to(name: str) -> None:
    sources, _, found = read(SETS[name])
    for mention in found:
        assert said(sources, mention.span) == mention.symbol.name, mention
    places = {(m.span.file, m.span.line, c) for m in found for c in _columns(m.span)}
    plain = language()
    for file, text in sources.items():
        lines = text.split("\n")
        for token in read_tokens(lines, Span(file, 1, 1, len(lines), len(lines[-1]) + 1)):
            if token.text[0].islower() and token.text not in plain | REASONS | {"status"}:
                assert (file, token.span.line, token.span.column) in places, token


def _columns(span: Span) -> range:
    return range(span.column, span.end_column)


@pytest.mark.parametrize("name", SETS)
def test_what_the_rules_declare_is_found_where_it_is_used(name: str) -> None:
    _, _, found = read(SETS[name])
    declared = {mention.symbol for mention in found if mention.declares}
    foreign = {"function", "fact", "finding", "document field", "state", "word"}
    for mention in found:
        known = mention.symbol in declared or mention.symbol.kind in foreign
        assert known, mention
        owner = mention.symbol.owner
        if mention.symbol.kind == "state" and "." in owner and owner.endswith("status"):
            assert mention.symbol in declared, mention


@pytest.mark.parametrize("name", SETS)
def test_each_name_is_told_in_plain_words(name: str) -> None:
    _, index, found = read(SETS[name])
    for symbol in {mention.symbol for mention in found}:
        text = describe_symbol(symbol, index, KNOWN)
        assert text.startswith(symbol.name), symbol
        assert "  " not in text
        assert "{" not in text.split("\n\n")[0]


def test_what_is_said_of_a_name_is_its_type_and_its_meaning() -> None:
    _, index, _ = read(SETS["kedai"])

    def told(kind: str, name: str, owner: str = "") -> str:
        return describe_symbol(Symbol(kind, name, owner), index, KNOWN)

    assert told("field", "total", "order") == "total: money, a field of order"
    amount = told("field", "amount", "order_line")
    assert amount.startswith("amount: money, a field of order_line\n\n")
    assert "is calculated" in amount
    assert "rounded to 0.01" in amount
    assert "“Completed” or “Delivered”" in told("state", "delivered", "order.status")
    assert "can be posted" in told("state", "paid", "order.status")
    assert "a team, “Tax desk”" in told("role", "tax_desk")
    assert told("function", "date_of").startswith("date_of(moment): a date, a function")
    assert set(LIBRARY) == NAMES
    assert set(KEYWORDS) - {"posting", "reversed"} <= language()
    assert {*vocabulary.DECLARATIONS, "key", "family", "dated", "optional"} - {"on"} <= set(
        KEYWORDS
    )
    assert told("finding", "TAB01") == "TAB01: the finding table.gap"
    assert "One of open, locked." in told("fact", "period")
    assert describe_symbol(Symbol("check", "nobody"), index, KNOWN) == ""


# ---- renaming ------------------------------------------------------------------------------------


def rename(text: str, symbol: Symbol, name: str) -> str | Refused:
    sources = {"kedai.rules": text}
    ruleset, _ = parse(sources)
    index = Index(ruleset)
    spans = plan_rename(symbol, name, mentions(index, sources), index, KNOWN)
    if isinstance(spans, Refused):
        return spans
    lines = text.split("\n")
    for span in sorted(spans, reverse=True):
        line = lines[span.line - 1]
        lines[span.line - 1] = line[: span.column - 1] + name + line[span.end_column - 1 :]
    return "\n".join(lines)


def names_of_each_kind() -> list[Symbol]:
    _, _, found = read(SETS["kedai"])
    spans: dict[Span, set[Symbol]] = {}
    for mention in found:
        spans.setdefault(mention.span, set()).add(mention.symbol)
    shared = {symbol for meant in spans.values() if len(meant) > 1 for symbol in meant}
    own = {"role", "const", "record", "field", "map", "check", "sample"}
    every = sorted({m.symbol for m in found if m.symbol.kind in own} - shared)
    return [one for kind in sorted(own) for one in [s for s in every if s.kind == kind][:2]]


@pytest.mark.parametrize("symbol", names_of_each_kind(), ids=lambda s: f"{s.owner}.{s.name}")
def test_a_new_name_changes_every_use_and_nothing_else(symbol: Symbol) -> None:
    text = rename(TEXT, symbol, "quite_new")
    assert isinstance(text, str)
    assert text != TEXT
    assert not parse({"kedai.rules": text})[1]
    assert rename(text, Symbol(symbol.kind, "quite_new", symbol.owner), symbol.name) == TEXT


@pytest.mark.parametrize(
    ("symbol", "name", "reason"),
    [
        (Symbol("role", "counter"), "Counter", "is no name"),
        (Symbol("role", "counter"), "check", "is a word of the language"),
        (Symbol("source", "netshop"), "shop", "its connector"),
        (Symbol("function", "round"), "rounded", "a word of the language"),
        (Symbol("state", "paid", "order.status"), "settled", 'settled as "paid"'),
        (Symbol("route", "aiaccount.sales_invoice"), "other", "the target calls it so"),
    ],
)
def test_what_cannot_be_renamed_says_why(symbol: Symbol, name: str, reason: str) -> None:
    refused = rename(TEXT, symbol, name)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_a_rule_about_two_records_keeps_the_field_that_it_names_in_both() -> None:
    text = TEXT + (
        '\ncheck both on order, settlement\n    require number <> "X"\n    else warn\n'
        '    say "{number}"\n    clears never\n'
    )
    refused = rename(text, Symbol("field", "number", "order"), "no")
    assert isinstance(refused, Refused)
    again = rename(text, Symbol("field", "number", "order"), "doc_no")
    assert isinstance(again, Refused)
    assert "speaks of the field 'number' of settlement too" in again.reason
