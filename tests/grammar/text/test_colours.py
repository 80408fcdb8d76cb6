"""The colours for editors: every word of the language has one, and a name never looks like one."""

import json
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from grammar.parsing.parser import _machine, parse
from grammar.text.vocabulary import DECLARATIONS, RESERVED, TYPES, split_blocks
from tests.grammar.kit import SHOP, WAREHOUSE

ROOT = Path(__file__).parents[3]
VSCODE = ROOT / "editors" / "vscode"
MADE = runpy.run_path(str(ROOT / "tools" / "colours.py"))
COLOURS = json.loads((VSCODE / "syntaxes" / "clearpost.tmLanguage.json").read_text("utf-8"))
SHIPPED = sorted((ROOT / "portal" / "starters").rglob("*.rules"))


def coloured(line: str) -> Iterator[tuple[int, int, str]]:
    """Where each pattern fits and its scope, as an editor goes through a line."""
    at = 0
    while at < len(line):
        fits = [(hit.start(), n, hit) for n, hit in _hits(line, at)]
        if not fits:
            return
        _, number, hit = min(fits, key=lambda fit: fit[:2])
        pattern = COLOURS["patterns"][number]
        for group, scope in pattern.get("captures", {}).items():
            if hit.group(int(group)) is not None:
                yield hit.start(int(group)), hit.end(int(group)), scope["name"]
        if "captures" not in pattern:
            yield hit.start(), hit.end(), pattern["name"]
        at = max(hit.end(), at + 1)


def _hits(line: str, at: int) -> Iterator[tuple[int, re.Match[str]]]:
    for number, pattern in enumerate(COLOURS["patterns"]):
        text = '"[^"]*(?:"|$)' if "begin" in pattern else pattern["match"]
        hit = re.compile(text).search(line, at)
        if hit:
            yield number, hit


@cache
def scopes(line: str) -> tuple[tuple[int, int, str], ...]:
    return tuple(coloured(line))


def scope_at(line: str, column: int) -> str:
    """The colour of a place, from 0; empty where it is plain."""
    return next((scope for start, end, scope in scopes(line) if start <= column < end), "")


def said(text: str) -> Iterator[tuple[str, str, int, str]]:
    """Each token as the parser takes it: line, kind (word for a word of the language), column."""
    lark, explainer = _machine()
    for block in split_blocks(text):
        parser = lark.parse_interactive(block.text)
        for token in parser.iter_parse():
            spelled = explainer.spellings.get(token.type, "")
            kind = "word" if spelled.isalpha() else token.type
            yield block.lines[(token.line or 1) - 1], kind, (token.column or 1) - 1, str(token)


def test_the_colours_are_made_from_the_words_of_the_language() -> None:
    assert MADE["colours"]() == COLOURS, "run: python tools/colours.py"
    assert MADE["keywords"]() >= {*DECLARATIONS, *TYPES} | RESERVED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_in_a_shipped_file_words_and_names_have_their_colours(path: Path) -> None:
    _check(path.read_text("utf-8"))


@pytest.mark.parametrize("text", [SHOP, WAREHOUSE], ids=["shop", "warehouse"])
def test_in_a_file_with_every_construct_words_and_names_have_their_colours(text: str) -> None:
    _check(text)


def _check(text: str) -> None:
    assert not parse({"a": text})[1]
    for line, kind, column, word in said(text):
        scope = scope_at(line, column)
        if kind == "word":
            assert scope.startswith(("keyword", "storage", "constant.language")), (word, line)
        elif kind in {"NAME", "CODE", "STRING", "NUMBER", "DATE", "TIME", "DURATION", "PERCENT"}:
            assert scope, (word, line)


@pytest.mark.parametrize(
    ("line", "word", "scope"),
    [
        ("    hold = 5  # hold", "hold", "variable.other"),
        ("    ready  money", "ready", "variable.other"),
        ("    require line.wait > 0", "wait", "variable.other.member"),
        ('    say "for {total}"', "for", "string"),
        ("    require any(lines where qty > 0)", "any", "entity.name.function"),
        ("    match trimmed, any case", "any", "keyword.other"),
        ("on cancel of order", "cancel", "keyword.control"),
        ("    | open | review by ledger |", "review", "keyword.other"),
        ("check missing_tin on order", "missing_tin", "entity.name.type"),
        ("    DocNo = document_number", "DocNo", "entity.name.tag"),
        ("    from 2026-01-01 = 72h", "72h", "constant.numeric"),
    ],
)
def test_a_word_that_is_free_is_coloured_by_its_place(line: str, word: str, scope: str) -> None:
    assert scope_at(line, line.index(word)).startswith(scope)


def test_the_extension_names_files_that_are_there() -> None:
    package: dict[str, Any] = json.loads((VSCODE / "package.json").read_text("utf-8"))
    (language,), (grammar,) = (
        package["contributes"]["languages"],
        package["contributes"]["grammars"],
    )
    assert language["extensions"] == [".rules"]
    assert grammar["scopeName"] == COLOURS["scopeName"]
    for name in (package["main"], language["configuration"], grammar["path"]):
        assert (VSCODE / name).is_file()
    settings = package["contributes"]["configuration"]["properties"]
    code = (VSCODE / "extension.js").read_text("utf-8")
    assert set(settings) == {"clearpost.command"}
    assert 'get("command"' in code
    assert '"lsp"' in code
