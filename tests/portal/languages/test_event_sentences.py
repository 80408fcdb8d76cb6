"""Every sentence of an event is told in the language of its reader, whatever it is put together of.

The sentences are read from the source: each text that is given as `say`, with what its names may
hold in that function, and a name of nobody where a value comes from elsewhere.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path

import pytest

from holding.mappings.list_storage import NAMED
from portal.languages.catalogues import NUMBERS
from portal.languages.choice import catalogue

ROOT = Path(__file__).resolve().parents[3]
SOMETHING = "QZ"
"""Stands for a value: a name, a number of a document, a text that somebody wrote."""
IN_ENGLISH = {"approval_invariants", "content_invariants", "invariants", "journal_and_ledgers"}
"""Modules of commands that operators read."""
MOST = 24
"""Texts that are made of one expression."""
LATIN = re.compile(r"[A-Za-z]{3,}")
KEPT = frozenset({"Clearpost", "AutoCount", "SHA", "New", "Update", "Error"})
"""Words that stay as they are in Chinese: names, and words of an import file."""
ENGLISH = re.compile(r"\b(?:the|was|were|of|by|from|with|and|has|which)\b")
"""Words that no Malay sentence has."""
WHOLE = re.compile(r"[.?!]$|: QZ$")
"""How a sentence ends; what is one part of several is told with the others."""
Scope = Mapping[str, Sequence[ast.expr]]


def texts(node: ast.expr, scope: Scope, depth: int = 0) -> list[str]:
    """What an expression may come to."""
    match node:
        case ast.Constant(value=str(told)):
            return [told]
        case ast.JoinedStr(values=parts):
            return _joined([texts(part, scope, depth) for part in parts])
        case ast.FormattedValue(value=inner, format_spec=None):
            return texts(inner, scope, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([texts(left, scope, depth), texts(right, scope, depth)])
        case ast.IfExp(body=one, orelse=other):
            return [*texts(one, scope, depth), *texts(other, scope, depth)]
        case ast.Name(id=name) if name in scope and depth < 4:
            return [text for one in scope[name] for text in texts(one, scope, depth + 1)]
        case ast.Subscript(slice=ast.Constant(value=str(key))) if key in NUMBERS:
            return ["7"]
        case ast.Subscript(value=ast.Name(id="NAMED")):
            return list(NAMED.values())
        case ast.Call(func=ast.Name(id="plural"), args=[_, ast.Constant(value=noun), *rest]):
            many = rest[0].value if rest and isinstance(rest[0], ast.Constant) else f"{noun}s"
            return [f"7 {many}"]
    named = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return ["7" if isinstance(node, ast.FormattedValue) or named in NUMBERS else SOMETHING]


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    return ["".join(one) for one in islice(product(*parts), MOST)]


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))


def _scope(statements: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What each name may hold."""
    found: dict[str, list[ast.expr]] = {}
    for one in statements:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            found.setdefault(one.targets[0].id, []).append(one.value)
    return found


def _said(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Each text that is the sentence of an event."""
    for one in ast.walk(function):
        if isinstance(one, ast.Dict):
            for key, value in zip(one.keys, one.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "say":
                    yield value
        elif isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "say":
            yield one.value


def sentences() -> dict[str, list[str]]:
    """Where an event gets its sentence -> what it may be."""
    found = {}
    for path in sorted((ROOT / "holding").rglob("*.py")):
        if path.stem in IN_ENGLISH:
            continue  # what breaks an invariant is told by a command, in English
        tree = ast.parse(path.read_text("utf-8"))
        constants = _scope(tree.body)
        for function in _functions(tree):
            scope = {**constants, **_scope(ast.walk(function))}
            for said in _said(function):
                place = f"{path.relative_to(ROOT)}:{said.lineno}"
                whole = {text for text in texts(said, scope) if WHOLE.search(text)}
                if whole:
                    found[place] = sorted(whole)[:MOST]
    return found


SENTENCES = sentences()


def test_the_sentences_are_found() -> None:
    assert len(SENTENCES) > 60
    every = [text for one in SENTENCES.values() for text in one]
    assert any(text.startswith("QZ gave in") for text in every)


@pytest.mark.parametrize("place", SENTENCES)
def test_nothing_of_it_stays_english(place: str) -> None:
    malay, chinese = catalogue("ms"), catalogue("zh")
    english = {}
    for text in SENTENCES[place]:
        in_malay, in_chinese = malay.translate(text), chinese.translate(text)
        if {*LATIN.findall(in_chinese.replace(SOMETHING, ""))} - KEPT or ENGLISH.search(in_malay):
            english[text] = (in_malay, in_chinese)
    assert english == {}
