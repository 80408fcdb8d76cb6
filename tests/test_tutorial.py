"""The tutorial does what it says: its files are written, its commands run, its outputs compared."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from portal import cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules" / "tutorial.md"
BLOCK = re.compile(r"```(rules|json|console) ?(\S*)\n(.*?)```", re.DOTALL)
CHANGING = re.compile(r"\d+(?= ms\))|\d+(?= files| tests)")  # the template may grow


@pytest.mark.slow
def test_the_tutorial_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for kind, name, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if kind != "console":
            (tmp_path / name).write_text(text, "utf-8")
            continue
        for command, shown in commands(text):
            told = run(command, monkeypatch, capsys)
            assert matches(shown, told), f"$ {command}\n{told}"
            ran += 1
    assert ran >= 10


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a block with the lines that it shows."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    split = [part.partition("\n") for part in parts]
    return [(command, shown) for command, _, shown in split]


def run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints, however it ends."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr()
    return told.out + told.err


def matches(shown: str, told: str) -> bool:
    """Whether the lines are those of the page, where a line of … stands for any number of them."""
    parts = re.split(r"^ *…\n", CHANGING.sub("N", shown), flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, CHANGING.sub("N", told)) is not None
