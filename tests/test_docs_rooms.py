"""The pages for who carries on name the rooms, files and functions that there are."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import rooms  # noqa: E402

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PAGES = {"architecture": ARCHITECTURE, "glossary": GLOSSARY, "contributing": CONTRIBUTING}
WALKS = {
    "One order, from the webhook to the posted document": (
        "portal/pages/intake.py::receive",
        "holding/posting/results.py::posted",
    ),
    "One missing mapping, from held to posted": (
        "rules/expressions/lookups.py::Lookup.get",
        "holding/evaluation/plan_storage.py::close_holds",
    ),
}
"""The sections that follow something through the rooms, and two places that each passes."""

PLACE = re.compile(r"[\w.*-]+(?:/[\w.<>*-]+)+/?(?:::[\w.]+)?|[\w-]+\.(?:py|md|toml|sh)")


def rooms_there() -> set[str]:
    """Every folder of code in the six packages, and the modules beside the rooms."""
    folders = {path.parent for floor in rooms.FLOORS for path in (ROOT / floor).rglob("*.py")}
    found = {str(folder.relative_to(ROOT)) for folder in folders}
    alone = {name.replace(".", "/") + ".py" for name in rooms.ALONE}
    return found - set(rooms.FLOORS) | rooms.ONE_ROOM | alone


def section(page: str, title: str) -> str:
    _, found, rest = page.partition(f"\n## {title}\n")
    assert found, title
    return rest.partition("\n## ")[0]


def told_rooms(page: str) -> list[str]:
    """The first cell of each line of the tables of rooms, with a sentence beside it."""
    return re.findall(r"(?m)^\| `([\w/.]+)` \| \w[^|]{9,} \|$", section(page, "Rooms"))


def faults_of_rooms(page: str) -> set[str]:
    told, there = told_rooms(page), rooms_there()
    twice = {f"{room}: twice" for room in told if told.count(room) > 1}
    return (
        twice
        | {f"{room}: not told" for room in there - set(told)}
        | {f"{room}: not there" for room in set(told) - there}
    )


def places(text: str) -> list[str]:
    """What is written as code and names a file, a folder, or a function of a file."""
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    commands = [word for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)
                for word in block.split()]  # fmt: skip
    return [word for one in quoted + commands for word in one.split() if PLACE.fullmatch(word)]


def missing(text: str) -> list[str]:
    """The places that a text names and that are not there."""
    return [place for place in places(text) if not is_there(place)]


def is_there(place: str) -> bool:
    """`<…>` stands for any name, as `*` does; without a suffix a module may be meant."""
    path, _, name = place.partition("::")
    pattern = re.sub(r"<\w+>", "*", path.rstrip("/"))
    if pattern.startswith((".venv/", "http")):
        return True
    found = [one for form in (pattern, pattern + ".py") for one in ROOT.glob(form)]
    return bool(found) and (not name or any(name in defined(one) for one in found))


def defined(path: Path) -> set[str]:
    """The functions, classes and methods (`Class.method`) of a file."""
    return set(_names(ast.parse(path.read_text("utf-8")).body, ""))


def _names(body: list[ast.stmt], inside: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield inside + node.name
            if isinstance(node, ast.ClassDef):
                yield from _names(node.body, f"{inside}{node.name}.")


def test_every_room_has_its_line_and_every_line_its_room() -> None:
    assert faults_of_rooms(ARCHITECTURE) == set()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| `rules/values` |", "| `rules/worths` |", "rules/worths: not there"),
        ("| `rules/values` |", "| `rules/worths` |", "rules/values: not told"),
        ("| `portal/app.py` |", "| portal/app.py |", "portal/app.py: not told"),
        ("| `rules/types` |", "| `rules/values` |", "rules/values: twice"),
        ("| when things happen: ", "|  |", "workers: not told"),
    ],
)
def test_a_wrong_list_of_rooms_is_seen(old: str, new: str, fault: str) -> None:
    assert ARCHITECTURE.count(old) == 1
    assert fault in faults_of_rooms(ARCHITECTURE.replace(old, new))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_function_that_a_page_names_is_there(page: str) -> None:
    assert missing(PAGES[page]) == []


@pytest.mark.parametrize(
    "place",
    [
        "holding/nowhere",
        "holding/intake/versions.py::recieve",
        "rules/expressions/lookups.py::Lookup.got",
        "rules/expressions/lookups.py::get",
        "docs/findings/<CODE>.txt",
        "holding/nowhere/<act>",
        "tests/test_nothing.py",
    ],
)
def test_a_place_that_is_not_there_is_seen(place: str) -> None:
    assert missing(f"It is in `{place}`.") == [place]
    assert missing(f"```\npytest {place}\n```") == [place]


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_names_files_and_functions_at_every_step(title: str) -> None:
    steps = re.split(r"(?m)^\d+\. ", section(ARCHITECTURE, title))[1:]
    assert len(steps) >= 6
    functions = [[one for one in places(step) if "::" in one] for step in steps]
    ours = [
        number for number, (step, named) in enumerate(zip(steps, functions, strict=True), 1)
        if not named and "steps" not in step
    ]  # fmt: skip
    assert ours == []
    assert set(WALKS[title]) <= {place for named in functions for place in named}


READMES = sorted((ROOT / "connectors").rglob("README.md"))


def lost(readme: Path, text: str) -> list[str]:
    """The modules that a README names and that are neither beside it nor in the tree."""
    named = re.findall(r"`([\w/]+\.py|[\w]+(?:/[\w]+)*/?)`", text)
    paths = [name for name in named if "/" in name or name.endswith(".py")]
    return [
        name for name in paths if not ((readme.parent / name).exists() or (ROOT / name).exists())
    ]


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_every_module_that_a_readme_of_a_connector_names_is_there(readme: Path) -> None:
    text = readme.read_text("utf-8")
    assert lost(readme, text) == []
    assert lost(readme, text + "`connector.py` `paths.py` `simulator/`") == [
        "paths.py",
        "simulator/",
    ]


def words(page: str) -> list[tuple[str, str]]:
    return re.findall(r"(?m)^\| ([^|`]+) \| `([^|`]+)` \| [^|]+ \|$", page)


def wrong_rooms(page: str) -> list[str]:
    there = rooms_there()
    return [f"{word}: {room}" for word, room in words(page) if room not in there]


def test_every_word_of_the_glossary_has_a_room_that_is_there() -> None:
    told = GLOSSARY.partition("\n## ")[0]  # the tables after it are of terms in other languages
    lines = [line for line in told.splitlines() if line.startswith("| ")]
    assert len(words(GLOSSARY)) == len(lines) - 1 >= 40
    assert wrong_rooms(GLOSSARY) == []
    planted = GLOSSARY.replace("| `holding/intake` |", "| `holding/arrivals` |", 1)
    assert wrong_rooms(planted) == ["delivery: holding/arrivals"]
