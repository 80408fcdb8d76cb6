"""Two commits measured by turns: what is told of each figure."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "by_turns.py"


@pytest.fixture(scope="module")
def tool():
    made = importlib.util.spec_from_file_location("by_turns", TOOL)
    found = importlib.util.module_from_spec(made)
    made.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ([{"ms": 8}, {"ms": 10}, {"ms": 30}], [{"ms": 5}], "8 / 10 / 30 | 5 / 5 / 5 | 0.50 times"),
        ([{"ms": 0.25}, {}], [{"ms": None}], "0.25 / 0.25 / 0.25 | -"),
        ([{}], [{"ms": 3}, {"ms": 2}], "- | 2 / 3 / 3"),
        ([{"ms": 0}], [{"ms": 1}], "0 / 0 / 0 | 1 / 1 / 1"),
        ([{"ms": "some"}], [{"ms": True}], None),
    ],
)
def test_a_figure_is_told_with_its_spread(tool, before, after, line):
    told = [" ".join(one.split()) for one in tool.compared(before, after)]
    assert told == ([f"ms {line.replace(' |', '')}"] if line else [])


def process(proc, pid, parent, ticks, *words):
    """As Linux tells it: own ticks in user and system, then those of ended children."""
    folder = proc / str(pid)
    folder.mkdir()
    rest = " ".join(str(one) for one in (parent, *[0] * 9, *ticks, 0))
    (folder / "stat").write_text(f"{pid} (a) b) S {rest}\n")
    (folder / "cmdline").write_bytes(b"\0".join(one.encode() for one in words) + b"\0")


def test_workers_below_a_process_are_summed_with_their_ended_children(tool, tmp_path):
    process(tmp_path, 1, 0, (9, 9, 9, 9), "init", "workers")
    process(tmp_path, 10, 1, (500, 0, 0, 0), "clearpost", "bench")
    process(tmp_path, 11, 10, (1, 2, 4, 8), "python", "-m", "workers")
    process(tmp_path, 12, 11, (16, 0, 0, 0), "python", "-m", "workers", "--listen")
    process(tmp_path, 13, 10, (700, 0, 0, 0), "python", "-m", "sandbox.simulators.aiaccount")
    process(tmp_path, 20, 1, (900, 0, 0, 0), "python", "-m", "workers")
    (tmp_path / "30").mkdir()  # it ended while it was looked at
    assert tool.workers_seconds(10, tmp_path) * tool.TICKS == 31
