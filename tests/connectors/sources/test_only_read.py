"""Sources are only read: nothing is written back to a shop, so no change there is an echo of ours.

A question that a shop wants as a POST is named here, one by one.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract.pulls import Pulls
from connectors.registry import sources
from tests.installed import ROOT

SOURCES = ROOT / "connectors" / "sources"
WRITING = {"POST", "PUT", "PATCH", "DELETE"}
QUESTIONS = {
    "shopee/calls.py": ["POST", "POST"],  # a question with a body, and the exchange of a key
    "lazada/calls.py": ["POST"],  # the exchange of a key
}
ASKED_SO = {"shopee/calls.py": ["INCOMES"]}
"""Who asks with a body, and for what."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(SOURCES.rglob("*.py")):
        yield str(file.relative_to(SOURCES)), ast.parse(file.read_text("utf-8"))


def methods(tree: ast.Module) -> list[str]:
    """The methods of HTTP that change something, wherever they stand as a text."""
    told = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)]
    return [one for one in told if isinstance(one, str) and one in WRITING]


def test_no_source_writes_to_its_shop() -> None:
    found = {name: told for name, tree in trees() if (told := methods(tree))}
    assert found == QUESTIONS


def test_what_is_asked_with_a_body_is_a_question() -> None:
    found: dict[str, list[str]] = {}
    for name, tree in trees():
        for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "post":
                found.setdefault(name, []).append(ast.unparse(call.args[0]))
    assert found == ASKED_SO


@pytest.mark.parametrize(
    "name", [name for name, source in sources().items() if isinstance(source, Pulls)]
)
def test_its_page_says_so(name: str) -> None:
    page = (Path(ROOT) / "docs" / "sources" / f"{name}.md").read_text("utf-8")
    assert "Clearpost only reads there. It writes nothing back" in page
