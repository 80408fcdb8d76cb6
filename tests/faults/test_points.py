"""The named points: each stands in the code, is in the matrix of F1, and is really reached."""

import re
from pathlib import Path

from connectors.transport.strict_json import POINT_NAMES, POINTS
from tests.faults.yard import REACHED_BY

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("connectors", "holding", "portal", "workers")
CALL = re.compile(r'\bfault_point\(\s*"([a-z_.]+)"')


def test_every_name_stands_in_the_code_and_in_the_matrix() -> None:
    texts = [path.read_text("utf-8") for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    found = {name for text in texts for name in CALL.findall(text)}
    assert found == set(POINT_NAMES)
    assert set(REACHED_BY) == set(POINT_NAMES)
    assert all(POINTS.values())
