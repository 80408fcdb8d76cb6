"""What the documentation says is there, and what is there is said."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from portal.cli import commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "operations").glob("*.md")),
    *sorted((ROOT / "docs" / "rules").glob("*.md")),
)
STARTER = ROOT / "portal" / "starters" / "netshop-aiaccount"
OPERATIONS = ROOT / "docs" / "operations"
SETTINGS = (OPERATIONS / "settings.md").read_text("utf-8")
COMMANDS = (OPERATIONS / "commands.md").read_text("utf-8")


def test_every_setting_has_its_line() -> None:
    source = (ROOT / "holding" / "platform" / "settings.py").read_text("utf-8")
    known = set(re.findall(r'"((?:CLEARPOST_|DATABASE_|REDIS_)[A-Z_]+)"', source))
    databases = (ROOT / "connectors" / "sources" / "sql" / "database.py").read_text("utf-8")
    known |= set(re.findall(r'"(CLEARPOST_[A-Z_]+)"', databases))
    known |= {"CLEARPOST_ALLOW_LOOPBACK", "CLEARPOST_CONNECTORS"}
    documented = set(re.findall(r"`((?:CLEARPOST_|DATABASE_|REDIS_)[A-Z_]+)`", SETTINGS))
    assert documented == known


def test_every_command_has_its_line() -> None:
    names = commands.list_commands(click.Context(commands))
    missing = [name for name in names if f"clearpost {name}" not in COMMANDS]
    assert [name for name in missing if f"`{name}`" not in COMMANDS] == []


def test_the_index_of_operations_links_every_page() -> None:
    index = (OPERATIONS / "README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert linked == {path.name for path in OPERATIONS.glob("*.md")} - {"README.md"}


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for place, anchor in re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", page.read_text("utf-8")):
        assert anchor in _anchors(page.parent / place if place else page), (place, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_documentation_exists(page: Path) -> None:
    for block in re.findall(r"```\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.split()
            if words and words[0].rsplit("/", 1)[-1] == "clearpost":
                _known(commands, words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for place in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / place).exists(), place


def test_the_rule_in_the_readme_is_a_real_one() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rule = re.search(r"```\n(check .*?)```", text, re.DOTALL)
    assert rule
    assert rule[1] in (STARTER / "clearing.rules").read_text("utf-8")


def _known(group: click.Command, words: list[str]) -> None:
    while isinstance(group, click.Group):
        assert words, group.name
        command = group.get_command(click.Context(group), words[0])
        assert command, words[0]
        group, words = command, words[1:]
    options = {name for option in group.params for name in option.opts}
    for word in words:
        if word.startswith("--"):
            assert word in options, f"{group.name} {word}"


def test_features_and_acceptance_tests_name_each_other() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "features.py"), "--collect"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_what_the_features_leave_to_other_tests_is_there() -> None:
    page = (ROOT / "docs" / "features.md").read_text("utf-8")
    named = re.findall(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) >= 112
    for path, name in named:
        file = ROOT / "tests" / (path if "/" in path else f"acceptance/{path}")
        assert file.exists(), path
        assert f"def {name}" in file.read_text("utf-8")
    rows = set(re.findall(r"(?m)^\| ([A-Z]\d\d) \|", page))
    assert set(re.findall(r"\b[A-H]\d\d\b", page)) <= rows


def test_every_row_of_the_features_says_what_it_leaves_out(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "features.md").read_text("utf-8")
    row = re.search(r"(?m)^\| A02 \|.*\n", page)
    assert row
    does, left_out, test = row[0].strip("| \n").split(" | ")[1:]
    short = {
        "no column": f"| A02 | {does} | {test} |\n",
        "an empty one": f"| A02 | {does} |  | {test} |\n",
        "no words": f"| A02 |  | {left_out} | {test} |\n",
    }
    for what, instead in short.items():
        copy = tmp_path / "features.md"
        copy.write_text(page.replace(row[0], instead), "utf-8")
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools" / "features.py"), "--collect", str(copy)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, what
        assert "A02: its line is not | row | what it does | left out | test |" in done.stdout


def test_every_control_of_the_security_page_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    controls = [row for row in rows if not row.startswith("| threat ")]
    named = [re.search(r"`(tests/[a-z_/0-9]+\.py)::(test_\w+)` \|$", row) for row in controls]
    assert all(named), [row for row, found in zip(controls, named, strict=True) if not found]
    missing = [
        found[0]
        for found in named
        if found and f"def {found[2]}(" not in (ROOT / found[1]).read_text("utf-8")
    ]
    assert missing == []


def test_every_test_that_the_standard_s_page_names_exists() -> None:
    page = (ROOT / "docs" / "asvs.md").read_text("utf-8")
    named = re.findall(r"`(tests/[a-z_/0-9]+(?:\.py)?)(?:::(test_\w+))?`", page)
    assert len(named) > 30
    for place, test in named:
        assert (ROOT / place).exists(), place
        assert not test or f"def {test}(" in (ROOT / place).read_text("utf-8"), test
