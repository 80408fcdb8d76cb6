"""The wheel holds everything, and what is installed from it works somewhere else."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.installed import ROOT, clean_environment, install

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    return install(shared / "clearpost-installed")


def test_the_wheel_holds_what_is_no_python(command: Path) -> None:
    built = next((command.parents[2] / "wheel").glob("*.whl"))
    names = set(zipfile.ZipFile(built).namelist())
    wanted = {
        "grammar/parsing/clearpost.lark",
        "grammar/parsing/clearpost.tables",
        "portal/starters/netshop-aiaccount/clearing.rules",
        "portal/starters/netshop-aiaccount/maps/items.csv",
        *_under("static", "portal/_static"),
        *_under("migrations", "holding/_migrations"),
        *_under("docs/findings", "portal/_findings"),
        *_under("portal/templates", "portal/templates"),
        *_under("sandbox", "sandbox"),
    }
    assert wanted - names == set()
    assert not any(name.startswith(("bench/", "tests/", "docs/", "tools/")) for name in names)


def test_it_runs_from_elsewhere(command: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = {**clean_environment(), "CLEARPOST_HOME": str(home)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    assert run("migrate").returncode == 0
    checked = run("doctor", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert all(each["ok"] for each in json.loads(checked.stdout))
    found = subprocess.run(
        [command.parent / "python", "-c", "import portal, holding; print(portal.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ROOT) not in found.stdout


def _under(folder: str, place: str) -> set[str]:
    return {
        f"{place}/{path.relative_to(ROOT / folder)}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
