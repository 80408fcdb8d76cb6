"""The tables of the parser stand in a file; they are those of the grammar."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark
from lark.grammar import Rule

from grammar.parsing import parser
from grammar.parsing.parser import _WholeWords

GRAMMAR = Path(parser.__file__).with_name("clearpost.lark")


@pytest.fixture
def grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the grammar and its tables, to be changed."""
    for path in (GRAMMAR, GRAMMAR.with_suffix(".tables")):
        shutil.copy2(path, tmp_path)
    monkeypatch.setattr(parser, "files", lambda _: tmp_path)
    return tmp_path / GRAMMAR.name


def table(lark: Lark) -> Iterator[Any]:
    """Every step of a parser, its states numbered as they are come to."""
    conf = lark.parse_interactive("").parser_state.parse_conf
    numbers = {conf.start_state: 0}
    todo = [conf.start_state]
    for state in todo:
        for name, (_, to) in sorted(conf.states[state].items()):
            if not isinstance(to, Rule) and to not in numbers:
                numbers[to] = len(numbers)
                todo.append(to)
            yield numbers[state], name, exactly(to) if isinstance(to, Rule) else numbers[to]
    yield numbers[conf.end_state]


def exactly(rule: Rule) -> tuple[Any, ...]:
    symbols = [(str(s.name), s.is_term, getattr(s, "filter_out", None)) for s in rule.expansion]
    return str(rule.origin.name), tuple(symbols), str(rule.alias), repr(rule.options)


def options(lark: Lark) -> dict[str, Any]:
    return {
        name: value for name, value in vars(lark.options)["options"].items() if name != "postlex"
    }


@pytest.mark.slow
def test_the_file_holds_what_the_grammar_says() -> None:
    kept = parser.load_parser(_WholeWords())
    anew = parser.build_parser(GRAMMAR.read_text("utf-8"), _WholeWords())
    assert list(table(kept)) == list(table(anew))
    for one, other in ((kept, anew), (anew, kept)):
        assert {repr(t) for t in one.terminals} <= {repr(t) for t in other.terminals}
        assert {exactly(rule) for rule in one.rules} <= {exactly(rule) for rule in other.rules}
    assert options(kept) == options(anew)


def test_a_start_works_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lark, "__init__", lambda *_, **__: pytest.fail("python tools/tables.py"))
    kept = parser.load_parser(_WholeWords())
    assert kept.parse("language 1\n").data == "language"


@pytest.mark.slow
def test_tables_of_another_grammar_are_left_alone(grammar: Path) -> None:
    text = grammar.read_text("utf-8")
    assert text.count('"language"') == 1
    grammar.write_text(text.replace('"language"', '"tongue"'), "utf-8")
    assert parser.load_parser(_WholeWords()).parse("tongue 1\n").data == "language"
    parser.write_tables(grammar.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Lark, "__init__")
        assert parser.load_parser(_WholeWords()).parse("tongue 1\n").data == "language"
