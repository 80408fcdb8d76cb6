"""The suites of targets for one connector, collected by pytest.

It is a module of its own because `clearpost connector test` runs it by its path.
"""

from sandbox.conformance.own_connector import NOTHING
from sandbox.conformance.target_suite import DeclarationSuite, LateSuite, RefusalSuite, TargetSuite


def test_a_place_is_filled_in(place: str) -> None:
    """Fail until the function is written."""
    assert place == NOTHING, place


class TestDeclaration(DeclarationSuite):
    """What the target declares."""


class TestTarget(TargetSuite):
    """What the target does."""


class TestLateness(LateSuite):
    """What the target does when an answer or a call is late."""


class TestRefusals(RefusalSuite):
    """How the target classifies a refusal."""
