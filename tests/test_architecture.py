"""The floors keep to themselves: import contracts, package list, no relative imports."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

MACHINERY = {
    f"connectors.kit.{name}"
    for name in (
        *("clock", "control", "scripted", "simulator", "standin", "strictjson"),
        *("confined", "limits", "tables", "workbook", "workbook_child"),
    )
}
"""What of the kit a stand-in may use: none of it knows what any target says."""


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_T33a_a_stand_in_reaches_nothing_of_its_client() -> None:
    graph = grimp.build_graph("connectors")
    stand_ins = {path.parts[-2] for path in (ROOT / "connectors" / "targets").glob("*/simulator")}
    assert stand_ins == {"aiaccount", "autocount", "quickbooks"}
    for name in stand_ins:
        own = f"connectors.targets.{name}.simulator"
        assert _reached(graph, own) <= MACHINERY
        graph.add_import(importer=f"{own}.checks", imported=f"connectors.targets.{name}.documents")
        assert f"connectors.targets.{name}.documents" in _reached(graph, own)
    assert _reached(graph, "connectors.sources.netshop.generator") == set()


@pytest.mark.parametrize("name", ["aiaccount", "autocount", "quickbooks"])
def test_T33a_the_contract_of_a_stand_in_names_all_of_its_client(name: str) -> None:
    place = f"connectors.targets.{name}"
    (contract,) = [
        one
        for one in CONFIG["tool"]["importlinter"]["contracts"]
        if one["type"] == "forbidden" and one["source_modules"] == [f"{place}.simulator"]
    ]
    assert "allow_indirect_imports" not in contract
    assert "ignore_imports" not in contract
    client = {f"{place}.{path.stem}" for path in (ROOT / place.replace(".", "/")).glob("[!_]*.py")}
    formats = {f"connectors.kit.{module}" for module in ("contract", "preflight", "schema")}
    assert set(contract["forbidden_modules"]) == client | formats


def test_every_package_is_a_known_floor() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == set(FLOORS)
    assert tuple(CONFIG["tool"]["importlinter"]["root_packages"]) == FLOORS
    assert tuple(CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == FLOORS


@pytest.mark.parametrize("floor", FLOORS)
def test_every_package_says_whose_it_is(floor: str) -> None:
    tree = ast.parse((ROOT / floor / "__init__.py").read_text("utf-8"))
    assert (ast.get_docstring(tree) or "").startswith(f"Clearpost {floor}:")


def test_every_module_says_what_lives_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_functions_import_nothing_outside_the_command_line() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if ROOT / "portal" / "cli" not in path.parents
        for outer in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(outer)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


def test_acceptance_tests_import_nothing_of_ours() -> None:
    ours = [
        f"{path.name}: {name}"
        for path in (ROOT / "tests" / "acceptance").glob("*.py")
        for name in _imported(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] in FLOORS
    ]
    assert ours == []


def test_the_constraints_name_no_registry() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert lines
    assert all("==" in line and "://" not in line and not line.startswith("-") for line in lines)
    assert not any(line.startswith("fakeredis") for line in lines)


def _reached(graph: grimp.ImportGraph, package: str) -> set[str]:
    """What a package imports, also through others, outside itself."""
    found = graph.find_upstream_modules(package, as_package=True)
    return {one for one in found if not one.startswith(f"{package}.")}


def _imported(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names
