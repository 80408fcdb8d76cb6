"""A composed text is the English one, and knows what it is composed of."""

import doctest
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from grammar.parsing.parser import parse
from grammar.text.characters import separated
from rules import phrases
from rules.phrases import (
    Composed,
    capitalize,
    change_text,
    composed,
    instead,
    joined,
    named,
    without_article,
)
from rules.rulebook.book import Book, build_book
from tests.support.templates import files_in

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(
    {path.parent for path in (ROOT / "portal").rglob("*.rules")}
    | {ROOT / "tests" / "rules", ROOT / "tests" / "acceptance"}
)


@cache
def written(folder: Path) -> Book:
    ruleset, _ = parse(files_in(folder))
    return build_book(ruleset)


def inside(text: str) -> Iterator[Composed]:
    """A text and all that it is composed of."""
    if isinstance(text, Composed):
        yield text
        for value in (*text.values.values(), text.other):
            yield from inside(value)


def test_there_are_templates_of_rules() -> None:
    assert len(FOLDERS) > 14


def test_the_examples_hold() -> None:
    assert doctest.testmod(phrases).failed == 0


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_a_rule_book_is_composed_of_messages(folder: Path) -> None:
    """Each sentence knows its message, and each text is its message with its values."""
    for section in written(folder).sections:
        for entry in section.entries:
            assert isinstance(entry.text, Composed), entry.text
            for one in inside(entry.text):
                if not one.message:
                    assert one.other
                    continue
                said = one.message % one.values
                assert str(one) in {said, separated(said), said[:1].upper() + said[1:]}


def test_a_composed_text_is_an_ordinary_text() -> None:
    text = composed("%(left)s is %(right)s", left=named("tax_total"), right="3.00")
    assert text == "tax total is 3.00"
    assert hash(text) == hash("tax total is 3.00")
    assert type(f"{text}.") is str
    assert type(str(text)) is str


def test_a_percent_sign_is_one() -> None:
    assert composed("100%% of %(name)s", name=named("10%")) == "100% of 10%"


def test_a_capital_letter_is_remembered_and_the_message_stays() -> None:
    text = capitalize(named("order"))
    assert (text, text.message, text.capital) == ("Order", "order", True)  # type: ignore[attr-defined]
    assert capitalize("order") == "Order"


def test_what_stands_in_a_text_is_changed_and_its_messages_are_not() -> None:
    limit = composed("the limit of %(value)s", value="10000.00")
    other = instead("what is above", limit)
    text = change_text(composed("%(a)s, %(b)s", a=capitalize(limit), b=other), separated)
    assert text == "The limit of 10,000.00, what is above"
    first, second = text.values.values()  # type: ignore[attr-defined]
    assert (first.message, first.capital, str(second.other)) == (
        "the limit of %(value)s",
        True,
        "the limit of 10,000.00",
    )
    assert change_text("10000.00", separated) == "10,000.00"


def test_parts_follow_each_other_as_they_are() -> None:
    assert joined([]) == ""
    assert joined(["“", "a%b", "”"]) == "“a%b”"


def test_a_noun_without_its_article_is_otherwise_the_same() -> None:
    noun = composed("the %(name)s", name=named("total"))
    bare = without_article(noun)
    assert (bare, bare.other) == ("total", noun)  # type: ignore[attr-defined]
    assert without_article("each line") == "each line"
