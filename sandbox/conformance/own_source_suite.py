"""The suite of sources for one connector, collected by pytest.

It is a module of its own because `clearpost connector test` runs it by its path.
"""

from sandbox.conformance.own_connector import NOTHING
from sandbox.conformance.source_suite import SourceSuite


def test_a_place_is_filled_in(place: str) -> None:
    """Fail until the function is written."""
    assert place == NOTHING, place


class TestSource(SourceSuite):
    """What the source does with a delivery."""
