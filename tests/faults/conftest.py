"""The fault suite: everything under `make faults`, a quick pass of it under `make test`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.amounts import SHEET, SUITE, Done, sheet
from tests.faults.quick import quick, unknown
from tests.workers.conftest import house, house_of

__all__ = ["house", "house_of"]
HERE = Path(__file__).parent
LONG = ("test_f", "test_mutants")
"""Modules of which `make test` plays only what quick.py names; all of them are still imported."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless `make faults` runs or its file was asked for by name."""
    asked = {Path(one.partition("::")[0]).name for one in config.args}
    told = {
        item: f"{item.path.stem}::{item.name}"
        for item in items
        if item.path.parent == HERE and item.path.name.startswith(LONG)
    }
    if gone := unknown(told.values()) if not any("::" in one for one in config.args) else ():
        message = f"tests/faults/quick.py names what is not there: {', '.join(sorted(gone))}"
        raise pytest.UsageError(message)
    if SUITE != "smoke" or os.environ.get(SHEET):
        return
    long = {one for one, name in told.items() if one.path.name not in asked and not quick(name)}
    if long:
        config.hook.pytest_deselected(items=list(long))
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def done(request: pytest.FixtureRequest) -> Iterator[Done]:
    """What this test did, for the last line of `make faults`."""
    with sheet(request.node.name) as made:
        yield made
