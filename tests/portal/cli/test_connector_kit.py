"""`clearpost connector`: what it refuses, and what it says."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.followed import PROGRAM, ROOT

Run = Callable[..., int]


def test_a_new_target_is_made_and_the_next_step_said(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        terminal("connector", "new", "books_1", "--like", "autocount", "--in", str(tmp_path)) == 0
    )
    told = capsys.readouterr()
    assert f"{tmp_path}/targets/books_1/connector.py\n" in told.out
    assert "clearpost connector test books_1" in told.err
    assert all(Path(line).is_file() for line in told.out.splitlines())
    assert (
        terminal("connector", "new", "books_1", "--like", "autocount", "--in", str(tmp_path)) == 2
    )
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "like", "words"),
    [
        ("Books", "autocount", "cannot be a name"),
        ("../x", "autocount", "cannot be a name"),
        ("a", "autocount", "cannot be a name"),
        ("import", "autocount", "cannot be a name"),
        ("aiaccount", "autocount", "A connector aiaccount exists already"),
        ("shopify", "autocount", "A connector shopify exists already"),
        ("books", "sage", "Unknown connector 'sage'"),
    ],
)
def test_what_cannot_be_made_is_said(
    terminal: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    like: str,
    words: str,
) -> None:
    assert terminal("connector", "new", name, "--like", like, "--in", str(tmp_path / "kit")) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "kit").exists()


def test_one_that_is_not_there_cannot_be_tried(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("connector", "test", "books", "--in", str(tmp_path)) == 2
    assert f"{tmp_path} has no connector books" in capsys.readouterr().err


def test_a_folder_of_connectors_that_is_not_there_ends_a_command_in_words(tmp_path: Path) -> None:
    """Also before any command began: nothing looks for connectors while they are put together."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "kinds"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CLEARPOST_CONNECTORS": "/no/such/folder"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr == (
        "error: There is no folder /no/such/folder, which CLEARPOST_CONNECTORS names.\n"
        "  hint: Make it, or take it out of CLEARPOST_CONNECTORS.\n"
    )
