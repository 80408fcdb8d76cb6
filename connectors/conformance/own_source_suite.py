"""The suite of sources over one of your own: what `clearpost connector test` runs."""

from connectors.conformance.own_connector import NOTHING
from connectors.conformance.source_suite import SourceSuite


def test_a_place_is_filled_in(place: str) -> None:
    """Red until its function is written."""
    assert place == NOTHING, place


class TestSource(SourceSuite):
    """What it does."""
