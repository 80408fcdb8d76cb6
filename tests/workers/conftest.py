"""Houses for tests with real worker processes, on a database that all of them open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.house import House, make_house
from tests.support.simulator import simulator


@pytest.fixture
def house_of(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house with a simulator of its own."""
    with ExitStack() as stack:

        def make(*options: str, **given: object) -> House:
            target = stack.enter_context(simulator(tmp_path, *options))
            house = make_house(database_url, tmp_path / "home", target, **given)  # type: ignore[arg-type]
            stack.callback(house.close)
            return house

        yield make


@pytest.fixture
def house(house_of: Callable[..., House]) -> House:
    return house_of()
