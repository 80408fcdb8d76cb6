"""The suites of targets over one of your own: what `clearpost connector test` runs."""

from connectors.conformance.declaration_suite import DeclarationSuite
from connectors.conformance.late_suite import LateSuite
from connectors.conformance.own_connector import NOTHING
from connectors.conformance.refusal_suite import RefusalSuite
from connectors.conformance.target_suite import TargetSuite


def test_a_place_is_filled_in(place: str) -> None:
    """Red until its function is written."""
    assert place == NOTHING, place


class TestDeclaration(DeclarationSuite):
    """What it says of itself."""


class TestTarget(TargetSuite):
    """What it does."""


class TestLateness(LateSuite):
    """What it does when an answer or a call is late."""


class TestRefusals(RefusalSuite):
    """What it makes of a no."""
