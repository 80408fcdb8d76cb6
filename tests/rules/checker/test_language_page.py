"""The language page is one rule set: it checks clean, its tests pass, its mistakes are told.

Here: docs/rules/language.md as data. That each block has the one layout is seen in tests/grammar.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from connectors import registry
from grammar.parsing.incremental import Reader
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from grammar.text.vocabulary import DECLARATIONS, RESERVED
from rules.checker.all_checks import check
from rules.checker.type_errors import MOST
from rules.facts import load_seeds
from rules.program import compile_ruleset, hash_files
from rules.testing.runner import run_tests
from rules.types.functions import NAMES
from rules.types.symbol_table import FACTS, Schemas

PAGE = (Path(__file__).parents[3] / "docs" / "rules" / "language.md").read_text("utf-8")
RULES = "\n".join(re.findall(r"```rules\n(.*?)```", PAGE, re.DOTALL))
CSV = dict(re.findall(r"```csv (\S+)\n(.*?)```", PAGE, re.DOTALL))
READER = Reader()  # a mistake costs one declaration
MISTAKE = re.compile(r"^\| (`.+?`|\*nothing\*) \| `(.+)` \| \[(\w+)\]", re.MULTILINE)


@cache
def schemas() -> Schemas:
    documents, kinds = registry.schemas()
    return Schemas(documents=tuple(documents), kinds=tuple(kinds))


def problems(text: str) -> list[Problem]:
    ruleset, broken = READER.parse({"page.rules": text})
    if broken:
        return list(broken)
    return [*check(ruleset, schemas(), in_force=False), *load_seeds(ruleset, CSV).problems]


def mistakes() -> list[tuple[str, str, str]]:
    found = MISTAKE.findall(PAGE)
    return [(w.strip("`").replace("\\|", "|"), r.replace("\\|", "|"), code) for w, r, code in found]


def with_mistake(wrong: str, right: str) -> str:
    """The rules with this mistake at the first place that has it right."""
    assert right in RULES, right
    if wrong == "*nothing*":
        return re.sub(rf"^[ ]*{re.escape(right)}\n", "", RULES, count=1, flags=re.MULTILINE)
    return RULES.replace(right, wrong, 1)


def test_the_examples_together_are_rules_without_a_finding() -> None:
    assert problems(RULES) == []


def test_the_tests_of_the_page_pass() -> None:
    ruleset, _ = parse({"page.rules": RULES})
    report = run_tests(ruleset, compile_ruleset(ruleset, hash=hash_files({"page.rules": RULES})))
    assert len(report.results) >= 15
    assert [(r.title, r.message) for r in report.failed] == []


@pytest.mark.slow
def test_each_mistake_of_the_page_is_told_as_it_says() -> None:
    found = {
        (code, wrong): {p.code for p in problems(with_mistake(wrong, right))}
        for wrong, right, code in mistakes()
    }
    assert len(found) > 70
    assert {key: codes for key, codes in found.items() if key[0] not in codes} == {}


PLACES = {
    "`missing` of a source, a target, a map, `units`": 'missing  hold for sales  say "SKU',
    "`else` of a `check`, of `duplicates`": '    else     warn\n    say      "{number} is more',
    "`at most … else` of a link": "at most  60  else hold for it_support",
    "`tolerance … else` of a target": "tolerance  0.00  else hold for accounts",
    "`bill … else` of a route": "of line.ordered  else wait",
    "`we own the rest else` of a route": "we own   the rest  else review by sales",
}
"""Row of the table of actions -> where the rules of the page have one."""
SIMPLE = ("ignore", "drop", "wait", "warn", "block", "reject", "update", "void", "new document",
          "credit note", "credit note and new", "look up first")  # fmt: skip
ACTION = re.compile(r"(?<=else     )warn|(?<=else )\w+(?: (?:for|by) \w+)?|hold for sales")


@pytest.mark.slow
def test_the_table_of_actions_says_which_may_stand_where() -> None:
    table = PAGE.partition("| place | its actions |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.+) \| (`.+) \|$", table, re.MULTILINE)
    assert {place for place, _ in rows} == set(PLACES)
    for place, cell in rows:
        allowed = {one.replace("ROLE", "sales") for one in re.findall(r"`([^`]+)`", cell)}
        for action in ("hold for sales", "review by sales", *SIMPLE):
            wrong = ACTION.sub(action, PLACES[place], count=1)
            assert action in wrong
            told = {p.code for p in problems(with_mistake(wrong, PLACES[place]))}
            assert ("OWN02" not in told) == (action in allowed), (place, action, told)


def test_the_page_says_how_many_records_a_link_may_promise() -> None:
    assert f"a number from 1 to {MOST}" in PAGE
    for number, code in ((0, "SYN14"), (1, ""), (MOST, ""), (MOST + 1, "LNK03")):
        told = {p.code for p in problems(with_mistake(f"at most  {number}", "at most  60"))}
        assert told & {"LNK03", "SYN14"} == {code} - {""}, number


def test_the_page_lists_the_reserved_words() -> None:
    (said,) = re.findall(r"those that start a declaration, and `([^`]+)`", PAGE)
    assert {*said.split(), *DECLARATIONS} == RESERVED


def test_every_word_of_the_grammar_stands_on_the_page() -> None:
    grammar = (Path(__file__).parents[3] / "grammar/parsing/clearpost.lark").read_text("utf-8")
    words = set(re.findall(r'"([a-z]+)"', re.sub(r"//.*", "", grammar)))
    shown = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`[^`]+`|```.*?```", PAGE, re.DOTALL))))
    assert len(words) > 100
    assert words - shown == set()


def test_every_section_of_a_construct_shows_its_mistakes() -> None:
    parts = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
    shown = {re.findall(r"`([\w ]+)`", part.split("\n")[0])[0] for part in parts
             if "**Mistakes**" in part and "`" in part.split("\n")[0]}  # fmt: skip
    assert {"role", "const", "source", "record", "link", "map", "units", "gate", "check",
            "duplicates", "approve", "on edit", "retry", "post", "bill", "reversing",
            "silence"} <= shown  # fmt: skip


def test_every_function_and_fact_has_its_row() -> None:
    rows = re.findall(r"^\| (`.+?) \| .+? \| (.+?) \|$", PAGE, re.MULTILINE)
    told = {name for cell, _ in rows for name in re.findall(r"(\w+)\(", cell)}
    assert told >= NAMES
    facts = re.findall(r"^\| (`\w+`(?:, `\w+`)?) \| \S", PAGE, re.MULTILINE)
    assert set(FACTS) <= {name for cell in facts for name in re.findall(r"\w+", cell)}
