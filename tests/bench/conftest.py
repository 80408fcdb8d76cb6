"""Share the seeded company of the portal's tests."""

from tests.portal.conftest import database, seeded

__all__ = ["database", "seeded"]
