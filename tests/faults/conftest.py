"""The fault suite: everything under `make faults`, a quick pass of it under `make test`."""

from collections.abc import Iterator

import pytest

from tests.faults.amounts import SUITE, Done, sheet

if SUITE == "smoke":
    collect_ignore_glob = ["test_f[0-9]*.py", "test_mutants.py", "test_soak.py"]


@pytest.fixture
def done(request: pytest.FixtureRequest) -> Iterator[Done]:
    """What this test did, for the last line of `make faults`."""
    with sheet(request.node.name) as made:
        yield made
