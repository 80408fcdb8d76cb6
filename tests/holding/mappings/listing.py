"""An AiAccount that tells lists, as no real one does."""

from typing import Any, TypeVar

import pytest

from connectors import registry
from tests.holding.shop import Shop
from tests.support.factories import connection_named

Telling = TypeVar("Telling")


def aiaccount_of(shop: Shop) -> int:
    """The id of its connection."""
    with shop.database.read() as session:
        return connection_named(session, shop.company, "aiaccount").id


def tell_as_aiaccount(patch: pytest.MonkeyPatch, telling: Telling) -> Telling:
    """From now on the AiAccount of every connection is this one."""
    known: dict[str, Any] = {**registry.targets(), "aiaccount": telling}
    patch.setattr(registry, "targets", lambda: known)
    return telling
