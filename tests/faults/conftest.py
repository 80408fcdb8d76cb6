"""The fault suite: everything under `make faults`, a quick pass of it under `make test`."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.amounts import SHEET, SUITE, Done, sheet
from tests.workers.conftest import house, house_of

__all__ = ["house", "house_of"]

if SUITE == "smoke" and not os.environ.get(SHEET):
    collect_ignore_glob = ["test_f[0-9]*.py", "test_mutants.py"]


@pytest.fixture
def done(request: pytest.FixtureRequest) -> Iterator[Done]:
    """What this test did, for the last line of `make faults`."""
    with sheet(request.node.name) as made:
        yield made
