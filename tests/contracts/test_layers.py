"""Check the layers that import-linter cannot see: tests, migrations and the constraints file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}


def imports_of_product(path: Path) -> Iterator[str]:
    """Yield the top-level folder of each import of the product in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (name for name in names if name.partition(".")[0] in PRODUCT)


@pytest.mark.parametrize("folder", ["tests/acceptance", "migrations/versions"])
def test_it_imports_nothing_of_the_product(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    product_imports = {str(path): list(imports_of_product(path)) for path in files}
    assert {path: names for path, names in product_imports.items() if names} == {}


def test_constraints_pin_versions_and_name_no_registry() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert lines
    assert [line for line in lines if "==" not in line or "://" in line or line[0] == "-"] == []
