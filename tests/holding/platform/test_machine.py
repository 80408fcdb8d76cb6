"""What a process takes and a disk has left, as the machine says itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holding.platform import processes
from holding.platform.processes import Room, free_disk, memory_of

HOLDS = "held = bytearray(b'x' * 200_000_000); print(len(held), flush=True); input()"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
def test_the_memory_of_a_process_is_its_own_and_that_of_its_children() -> None:
    before = memory_of(os.getpid()) or 0
    assert before > 10_000_000
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert 200_000_000 < (memory_of(child.pid) or 0) < 400_000_000
        assert (memory_of(os.getpid()) or 0) > before + 150_000_000
        child.communicate(b"\n")


def test_where_nothing_is_told_it_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "PROCESSES", tmp_path)
    assert memory_of(os.getpid()) is None
    assert Room.here(tmp_path).disk == pytest.approx(free_disk(tmp_path), rel=0.2)


def test_free_space_is_that_of_the_disk_of_the_folder_even_before_there_is_one(
    tmp_path: Path,
) -> None:
    told = os.statvfs(tmp_path)
    free = told.f_bavail * told.f_frsize
    assert free_disk(tmp_path) == pytest.approx(free, rel=0.2)
    assert free_disk(tmp_path / "not" / "yet") == pytest.approx(free, rel=0.2)
