"""What `make demo` takes of a machine: the memory of all its processes together, and its home.

Here: the proportional set of each process (PSS), summed, so that a page which several share counts
once; read four times a second while the month goes to every target. For `make night`.
"""

import re
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.acceptance.month import WHOLE
from tests.acceptance.product import free_environment
from tests.installed import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not WHOLE, reason="make night")]
MOST = 500_000_000
"""Bytes of memory, and of its home."""
TARGETS = re.search(r"^TARGETS \?= (\d+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
"""So many orders `make demo` sends to every target."""
LOOK_SECONDS = 0.25


def test_the_demo_keeps_to_500_megabytes_with_every_target(command: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert TARGETS is not None
    words = [str(command), "demo", "--once", "--keep", str(home), "--targets", TARGETS[1]]
    notes = (tmp_path / "notes").open("w")
    started = subprocess.Popen(words, env=free_environment(), stdout=notes, stderr=notes)
    most = 0
    while started.poll() is None:
        most = max(most, sum(map(_share, _with_children(started.pid))))
        time.sleep(LOOK_SECONDS)
    assert started.returncode == 0, (tmp_path / "notes").read_text("utf-8")
    kept = sum(one.stat().st_size for one in home.rglob("*") if one.is_file())
    assert MOST / 10 < most < MOST, f"{most / 1e6:.0f} MB of memory at the most"
    assert MOST / 100 < kept < MOST, f"{kept / 1e6:.0f} MB in its home"


def _with_children(pid: int) -> list[int]:
    """The process and all that began in it."""
    children: dict[int, list[int]] = defaultdict(list)
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and (stat := _read(place / "stat")):
            children[int(stat.rpartition(")")[2].split()[1])].append(int(place.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def _share(pid: int) -> int:
    """Bytes of its own, and its share of what it has with others; nothing of one that has ended."""
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
