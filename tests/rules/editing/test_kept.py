"""`kept by TEAM` of maps and units: read, laid out, checked, named, explained and compared."""

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.comparison.difference import difference
from rules.editing.mentions import Symbol, suggest
from rules.editing.symbols import mentions
from rules.rulebook.actions import owned_by
from rules.rulebook.book import build_book
from rules.types.symbol_table import Index, Schemas
from tests.rules.roaster import TEXT

MAP = '    missing  hold for sales  say "Buyer {key} has no debtor code."\n'
UNITS = '    missing  hold for sales  say "{uom} of {item} is no number of bags."\n'
CLAUSE = "    kept     by books\n"
KEPT = TEXT.replace(MAP, CLAUSE + MAP).replace(UNITS, CLAUSE + UNITS)


def test_T21b_a_table_says_who_keeps_it() -> None:
    ruleset, problems = parse({"r": KEPT})
    assert problems == ()
    kept = [table.kept for table in ruleset.maps] + [units.kept for units in ruleset.units]
    assert [clause.role for clause in kept if clause is not None] == ["books", "books"]
    assert format_text(KEPT.replace("kept     by", "kept by")) == KEPT
    assert [p.code for p in check(ruleset)] == [p.code for p in check(parse({"r": TEXT})[0])]


@pytest.mark.parametrize("of", [MAP, UNITS])
def test_T21b_who_keeps_it_is_a_declared_team(of: str) -> None:
    ruleset, _ = parse({"r": TEXT.replace(of, "    kept     by bookz\n" + of)})
    (found,) = (p for p in check(ruleset) if p.code == "OWN01")
    assert "'bookz'" in found.message
    assert "books" in found.hint


def test_T21b_names_words_and_differences_follow() -> None:
    ruleset, index = parse({"r": KEPT})[0], Index(parse({"r": KEPT})[0])
    at = KEPT.split("\n")
    role = Symbol("role", "books")
    places = [m.span for m in mentions(index, {"r": KEPT}) if m.symbol == role]
    said = [at[s.line - 1] for s in places]
    assert said.count(CLAUSE.rstrip()) == 2
    assert all(at[s.line - 1][s.column - 1 : s.end_column - 1] == "books" for s in places)
    typed = f"{KEPT}\nmap more\n    match    exact\n    kept     by "
    assert "books" in {one.label for one in suggest(typed, index, Schemas((), ()))}
    assert "the entries of the table “debtor”" in owned_by(index)["books"]
    told = [entry.text for section in build_book(ruleset).sections for entry in section.entries]
    title = index.roles["books"].title
    assert sum(f"Only {title} may change its entries." in text for text in told) == 2
    changes = difference(parse({"r": TEXT})[0], ruleset)
    assert [(c.name, c.details) for c in changes] == [
        ("map debtor", ("kept: nothing → by books",)),
        ("units", ("kept: nothing → by books",)),
    ]
