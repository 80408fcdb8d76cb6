"""What is said of rule files is said in the language of who writes them, for every finding."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from grammar.parsing.parser import parse
from grammar.text.finding_codes import CODES
from grammar.text.problem import Problem
from holding.programs.known_schemas import schemas
from portal.languages import choice
from portal.languages.catalogues import FindingTexts
from portal.rule_tools.rule_files import Files, examine
from rules.program import compile_ruleset, hash_files
from rules.testing.runner import run_tests
from tests.grammar.advice.test_problems import IN_TABLES, MISTAKES
from tests.grammar.advice.test_slips import SLIPS
from tests.grammar.advice.test_spoken_conditions import REQUIRED, SAID
from tests.grammar.kit import SHOP, WAREHOUSE
from tests.portal.rule_tools.test_planted import PLANTED, TEMPLATE, base, planted_in
from tests.portal.rulesets.test_editor import MINE, SUGGEST
from tests.rules import kedai
from tests.rules.checker import test_analyse, test_analyse_depot, test_hints, test_messages
from tests.rules.expressions import test_links

pytestmark = pytest.mark.sqlite
OF_COMMANDS = {"COV01", "OPT01", "TST10"}
"""Told on the command line alone."""
IN_RULES = re.compile(
    r"because \"[^\"]*\"|'[^']*'|\"[^\"]*\"|“[^”]*”|one of\b|the rest|when it passes|given … with"
    r"|not compared because|a and \(b or c\)"
)
"""What is quoted, and what rules say so."""
ENGLISH = re.compile(
    r"\b(?:a|an|are|because|can|cannot|declared|does|has|have|here|it|its|must|need|needs|nothing|one"
    r"|only|same|so|than|that|the|there|this|though|too|two|use|what|which|whose|with|write|you)\b"
)
"""Words of English sentences that neither other language has, and that no rule has."""


def broken(whole: str, one: Mapping[str, Any]) -> str:
    pieces = (one["old"], one["new"], *one.get("also", ()))
    for old, new in zip(pieces[::2], pieces[1::2], strict=True):
        whole = whole.replace(old, new, 1)
    return whole


def everything() -> Iterator[Problem]:
    """What is said of every mistake that is planted anywhere."""
    for text, mistakes in ((SHOP, MISTAKES), (WAREHOUSE, IN_TABLES)):
        for _, right, wrong, *_ in mistakes:
            yield from parse({"a.rules": text.replace(right, wrong, 1)})[1]
    for wrote, *_ in SAID:
        yield from parse({"a.rules": SHOP.replace(REQUIRED, f"    require  {wrote}\n", 1)})[1]
    for _, right, wrong, *_ in SLIPS:
        yield from parse({"a.rules": SHOP.replace(right, wrong, 1)})[1]
    for right, wrong, *_ in test_messages.FAULTS:
        yield from test_messages.told(kedai.TEXT.replace(right, wrong, 1))
    for wrote, *_ in test_hints.SLIPS:
        yield from test_hints.problems(kedai.TEXT.replace(test_hints.OLD, f"require  {wrote}", 1))
    for one in test_analyse.BROKEN:
        yield from test_analyse.problems(broken(kedai.TEXT, one))
    for one in test_analyse_depot.BROKEN:
        yield from test_analyse_depot.problems(broken(test_links.TEXT, one))
    for one in PLANTED:
        csv = {**base(one.get("template", TEMPLATE)).csv, **one.get("csv", {})}
        csv = {name: text for name, text in csv.items() if text}
        yield from examine(Files(planted_in(one), csv))[1]


def and_below(found: Problem) -> Iterator[Problem]:
    yield found
    for other in found.follows:
        yield from and_below(other)


@cache
def all_texts() -> frozenset[tuple[str, str]]:
    """Code and words: messages and hints."""
    found = {each for one in everything() for each in and_below(one)}
    return frozenset((one.code, str(text)) for one in found for text in (one.message, one.hint))


def english_of(said: FindingTexts, text: str) -> str:
    """What of a text is left in English."""
    told = said.translate(text)
    left = told == text and ENGLISH.search(IN_RULES.sub("", text))
    return told if left or ENGLISH.search(IN_RULES.sub("", told)) else ""


def test_every_finding_of_rules_is_among_them() -> None:
    of_rules = {code for code in CODES if code[:3] not in ("PSH", "TGT")}
    assert len({code for code, _ in all_texts()} & of_rules) > 150


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_every_finding_is_told_in_the_language(code: str) -> None:
    said = choice.catalogue(code).findings
    assert {one: left for one in all_texts() if (left := english_of(said, one[1]))} == {}


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_what_is_quoted_stays_as_it_is(code: str) -> None:
    said = choice.catalogue(code).findings
    quoted = re.compile(r"'[^']*'|\"[^\"]*\"")
    lost = {
        (text, one)
        for _, text in all_texts()
        for one in quoted.findall(text)
        if one.strip("'\"") not in said.translate(text) and one not in ('"text"',)
    }
    assert lost == set()


@pytest.fixture
def said() -> FindingTexts:
    return FindingTexts(
        {
            "there is no record '%(name)s'": "tiada rekod '%(name)s'",
            "'%(name)s' is none of %(t_words)s": "'%(name)s' bukan antara %(t_words)s",
            "%(record)s has no field '%(name)s'": "%(record)s tiada medan '%(name)s'",
            "%(say_type)s has no order": "%(say_type)s tiada susunan",
            "a number": "nombor",
            "in the message: %(t_message)s": "dalam mesej: %(t_message)s",
            "expected %(said)s": "dijangka %(said)s",
            "the end of the line": "hujung baris",
            "Write %(say)s.": "Tulis %(say)s.",
            "100%% of %(n)s": "100%% daripada %(n)s",
        },
        lambda one: {"and": "dan", "or": "atau"}.get(one, one),
    )


@pytest.mark.parametrize(
    ("english", "told"),
    [
        ("there is no record 'a number'", "tiada rekod 'a number'"),
        ("an order has no field 'totl'", "order tiada medan 'totl'"),
        ("a number has no order", "nombor tiada susunan"),
        ("'x' is none of a.b and c.d", "'x' bukan antara a.b dan c.d"),
        ("in the message: order has no field 'y'", "dalam mesej: order tiada medan 'y'"),
        ("expected the end of the line, 'for'", "dijangka hujung baris, 'for'"),
        ("expected 'for' or 'by'", "dijangka 'for' atau 'by'"),
        ("Write a. Write b.", "Tulis a. Tulis b."),
        ("Write a. This is new.", "Tulis a. This is new."),
        ("100% of 5", "100% daripada 5"),
        ("Nobody knows this.", "Nobody knows this."),
        ("x" * 3000, "x" * 3000),
    ],
)
def test_a_text_is_found_by_its_fixed_words(said: FindingTexts, english: str, told: str) -> None:
    assert said.translate(english) == told


def test_a_finding_is_told_behind_its_place(said: FindingTexts) -> None:
    def otherwise(text: str) -> str:
        return text.upper()

    told = said.translate_placed
    assert told("a.rules:1:2: there is no record 'b'", otherwise) == "a.rules:1:2: tiada rekod 'b'"
    assert told("Big order: a number has no order", otherwise) == "Big order: nombor tiada susunan"
    assert told("a.rules:1:2: so it is", otherwise) == "a.rules:1:2: SO IT IS"
    assert told("There is no file.", otherwise) == "THERE IS NO FILE."


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_a_failed_test_is_told_in_the_language(code: str) -> None:
    rules = {
        path: re.sub(r"(?m)^( +expect +\S+) ready$", r"\1 reject", text)
        for path, text in base(TEMPLATE).rules.items()
    }
    ruleset, _ = parse(rules)
    program = compile_ruleset(ruleset, hash=hash_files(rules), schemas=schemas())
    failed = run_tests(ruleset, program).failed
    told = choice.catalogue(code).findings.translate
    assert failed
    assert {one.message for one in failed if told(one.message) == one.message} == set()
    assert not any(re.search(r"\b(?:expected|because|but)\b", told(one.message)) for one in failed)


def test_the_editor_speaks_the_language_of_who_writes(visit) -> None:
    chan = visit("chan")
    form = {"name": "Chan", "theme": "auto", "keys": "1", "language": "ms"}
    chan.post("/me", form, status=303)
    text = MINE.replace("total", "totl", 1) + "\nchek that\n"
    before = MINE + "\ncheck more on order\n    require  tot"
    page = chan.post(SUGGEST.replace("suggest", "draft"), {"text": text}, status=200)
    words = page.get_data(as_text=True)
    assert "tidak memulakan sebarang pengisytiharan" in words
    assert "starts no declaration" not in re.sub(r"<pre>.*?</pre>", "", words, flags=re.DOTALL)
    (first, *_) = chan.post(SUGGEST, {"text": before, "before": before}, status=200).json
    assert first["meaning"] == "wang, medan bagi order"
    assert first["kind"] == "medan"
