"""Tests in forks of the process that collected them (tests/forks.py)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEVERAL = """
import os, pathlib, pytest, warnings

@pytest.fixture(scope="session")
def kept():
    yield
    pathlib.Path(f"ended-{os.getpid()}").touch()

@pytest.fixture
def ends_badly():
    yield
    raise ValueError("at the end")

@pytest.mark.parametrize("no", range(5))
def test_passes(no, kept, tmp_path):
    with open("played", "a") as file:
        print(f"NAME[{no}]", tmp_path.parent.name, os.getpid(), file=file)

def test_fails(): print("said before"); assert [1] == [2]
def test_skips(): pytest.skip("for a reason")
def test_warns(): warnings.warn("an old way", DeprecationWarning)
def test_passes_and_ends_badly(ends_badly): pass
"""


def played(folder: Path, *words: str) -> str:
    """What pytest says of the tests of a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.forks", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", folder, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_two_forks_play_each_test_once_and_tell_what_became_of_it(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"test_{name}.py").write_text(SEVERAL.replace("NAME", name))
    told = played(tmp_path, "--forks", "2")
    assert "4 failed, 28 passed, 4 skipped, 4 warnings, 4 errors" in told
    assert told.count(">   def test_fails()") == 4
    assert told.count("Captured stdout call") == told.count("\nsaid before\n") == 4
    assert told.count("ValueError: at the end") >= 4
    assert "DeprecationWarning: an old way" in told
    lines = [line.split() for line in (tmp_path / "played").read_text().splitlines()]
    assert sorted(name for name, _, _ in lines) == [f"{m}[{n}]" for m in "abcd" for n in range(5)]
    assert len({folder for _, folder, _ in lines}) == len({pid for _, _, pid in lines})
    assert {f"ended-{pid}" for _, _, pid in lines} == {p.name for p in tmp_path.glob("ended-*")}


def test_a_fork_that_dies_fails_the_run_and_names_its_test(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import os\ndef test_dies(): os._exit(0)\n")
    (tmp_path / "test_b.py").write_text("def test_passes(): pass\n")
    told = played(tmp_path, "--forks", "2")
    assert "the process of the tests ended too early at test_a.py::test_dies" in told
