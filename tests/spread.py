"""Gives every test process its share of the tests that start whole products.

With `--dist worksteal` each process begins with one slice of the list and steals from the ends of
the others. The slow tests stand side by side in their folders, so one process would get them all.
"""

import os
from itertools import groupby

import pytest

SLOW = ("tests/acceptance/", "tests/workers/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put some slow modules at the head of each slice; a module stays together."""
    slices = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if slices == 1:
        return
    slow = [item for item in items if item.nodeid.startswith(SLOW)]
    quick = iter([item for item in items if not item.nodeid.startswith(SLOW)])
    heads: list[list[pytest.Item]] = [[] for _ in range(slices)]
    for no, (_, module) in enumerate(groupby(slow, key=lambda item: item.path)):
        heads[no % slices] += module
    size = len(items) // slices
    spread: list[pytest.Item] = []
    for head in heads:
        rest = [item for _, item in zip(range(size - len(head)), quick, strict=False)]
        spread += head + rest
    items[:] = [*spread, *quick]
