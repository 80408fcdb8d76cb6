"""Two commits measured by turns: what is told of each figure."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "by_turns.py"


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
def test_a_figure_is_told_with_its_spread(before, after, line):
    made = importlib.util.spec_from_file_location("by_turns", TOOL)
    tool = importlib.util.module_from_spec(made)
    made.loader.exec_module(tool)
    told = [" ".join(one.split()) for one in tool.compared(before, after)]
    assert told == ([f"ms {line.replace(' |', '')}"] if line else [])
