"""What a machine has left: memory that a process takes, free space on a disk.

Here: both in bytes, and None where the system does not tell them. Not here: where a worker writes
them down (heartbeats.py).
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Room:
    """`memory`: what a process and its children take now; `disk`: what is free for its data."""

    memory: int | None = None
    disk: int | None = None

    @classmethod
    def here(cls, home: Path) -> Self:
        """Of this process, and of the disk on which its folder of data lies."""
        return cls(memory_of(os.getpid()), free_disk(home))


def memory_of(process: int) -> int | None:
    """The resident memory of a process and its children; Linux alone tells it."""
    try:
        pages = sum(map(_pages, {process, *_children(process)}))
        return pages * os.sysconf("SC_PAGE_SIZE") or None
    except OSError:
        return None


def free_disk(folder: Path) -> int | None:
    """What may still be written where the folder lies, or will lie."""
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None


def _children(process: int) -> Iterator[int]:
    """A process may end while it is asked."""
    for told in (PROCESSES / str(process) / "task").glob("*/children"):
        try:
            found = [int(word) for word in told.read_text("ascii").split()]
        except OSError:
            continue
        for child in found:
            yield child
            yield from _children(child)


def _pages(process: int) -> int:
    try:
        return int((PROCESSES / str(process) / "statm").read_text("ascii").split()[1])
    except OSError:
        return 0
