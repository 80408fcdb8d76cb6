"""A trial as in production: kills, a backup under load, and an upgrade while requests are served.

`CLEARPOST_TRIAL=2000` runs it with so many records instead of a quick look.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import POSTGRESQL, STARTER, NewProduct
from tests.acceptance.houses import COMPANY, furnished
from tests.acceptance.product import ADMIN, FINANCE, Product, Visitor, until
from tests.acceptance.quiet import rows
from tests.acceptance.trial import Front, Site, delivering, next_release, reading

pytestmark = pytest.mark.slow
MANY = int(os.environ.get("CLEARPOST_TRIAL", "0"))
RECORDS, WORKERS, KILLS = (MANY, 4, MANY // 100) if MANY else (60, 2, 2)
PATIENCE = 900 if MANY else 120
PORTALS = 2


@pytest.fixture
def site(new_product: NewProduct, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    """Two portals behind a proxy and several workers on PostgreSQL and Redis."""
    product = new_product(tmp_path)
    product.env |= {
        "REDIS_URL": redis_url,
        "CLEARPOST_ANSWER_SECONDS": "6",
        "CLEARPOST_TRUSTED_PROXY": "127.0.0.1",
    }
    if MANY:
        product.env["CLEARPOST_LEASE_SECONDS"] = "60"
    # the stand-in takes a number twice: a document that is sent again would be there twice
    with (
        furnished(product, STARTER, ("--dedupe", "nothing")) as house,
        ExitStack() as stack,
    ):
        front = stack.enter_context(Front.opened(house))
        made = Site(house, product, stack, front, 0 if MANY else 1)
        for _ in range(WORKERS):
            made.start_worker()
        for _ in range(PORTALS):
            made.start_portal()
        yield made


@pytest.mark.parametrize("new_product", [POSTGRESQL], indirect=True)
def test_a_company_loses_and_doubles_nothing_through_kills_a_backup_and_an_upgrade(
    site: Site, tmp_path: Path
) -> None:
    house, front, old = site.house, site.front, site.product
    copy, restored = tmp_path / "copy", _place_beside(old, tmp_path / "restored")
    new = next_release(old, tmp_path / "next")
    first, second, third, last = (range(n, RECORDS + 1, 4) for n in range(1, 5))
    visitor = Visitor(front.house.address, FINANCE, house.passwords[FINANCE])
    with reading(front, visitor):
        with delivering(front, first):
            for kill in range(1, KILLS + 1):
                _wait_for_documents(site, len(first) * kill // (KILLS + 1))
                site.kill_worker()
        with delivering(front, second):
            _wait_for_documents(site, len(first))
            site.kill_portal()
        with delivering(front, third):
            _wait_for_documents(site, len(first) + len(second) // 2)
            old.run("backup", str(copy))
            site.kill_worker()
        with delivering(front, last):
            site.product = new
            before = _schema(site)
            new.run("migrate")
            assert _schema(site) == before + 1
            _serves(site, visitor)
            site.replace_workers()
            site.replace_portals()
        until(lambda: _posted(site) == RECORDS, "every record posted", PATIENCE)
    assert front.errors == []
    assert front.served > RECORDS
    assert "Traceback" not in site.logs()
    _nothing_is_lost_or_doubled(site)
    _is_whole(restored, copy)
    _nothing_is_lost_or_doubled(site)


def _wait_for_documents(site: Site, count: int) -> None:
    until(lambda: len(site.house.created()) >= count, f"{count} documents", PATIENCE)


def _posted(site: Site) -> int:
    ((count,),) = rows(site.house, "SELECT count(*) FROM record WHERE state = 'posted'")
    return int(count)


def _schema(site: Site) -> int:
    ((version,),) = rows(site.house, "SELECT version_num FROM alembic_version")
    return int(version)


def _serves(site: Site, visitor: Visitor) -> None:
    """Portals of the former program answer over the new schema, so that a proxy keeps them."""
    for address, _ in site.portals:
        for path in ("/healthz", "/c/kedai/holding?view=all"):
            answer = visitor.session.get(address + path, timeout=60)
            assert answer.status_code == requests.codes.ok, answer.text[:500]


def _nothing_is_lost_or_doubled(site: Site) -> None:
    """By the stand-in's ledger, the states of all records, the invariants and the seals."""
    product, ledger = site.product, str(site.house.ledger)
    expected = {f"NS-{number}": 1 for number in range(1, RECORDS + 1)}
    assert Counter(site.house.created()) == expected
    found = product.json("ledger", ledger, *COMPANY, "--json")
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert rows(site.house, "SELECT DISTINCT state FROM posting") == [("posted",)]
    product.run("invariants", *COMPANY, "--ledger", ledger)
    assert product.json("verify", *COMPANY, "--json")["breaks"] == []


def _place_beside(product: Product, folder: Path) -> Product:
    """Return the product with the same key, no database yet, and no Redis."""
    env = {name: value for name, value in product.env.items() if name != "REDIS_URL"}
    beside = Product(product.command, folder, env, product.server)
    beside.home.mkdir(parents=True)
    shutil.copy2(product.home / "secret.key", beside.home)
    assert beside.server
    beside.server.create(beside.database_name)
    return beside


def _is_whole(restored: Product, copy: Path) -> None:
    """The backup of one moment is whole, and looks up what was posted since instead of sending."""
    restored.run("restore", str(copy))
    restored.shift_clock(600)  # leases of the copied moment are over
    words = ("worker", "--once", "--no-redis")
    restored.run(*words, patience=PATIENCE)  # its target is paused: it links events and judges
    restored.run("connection", "resume", "aiaccount", *COMPANY, "--as", ADMIN)
    restored.run(*words, patience=PATIENCE)
    states = dict(restored.sql("SELECT state, count(*) FROM record GROUP BY state")[0])
    assert states.keys() == {"posted"}
    assert restored.json("verify", *COMPANY, "--json")["breaks"] == []
    restored.run("invariants", *COMPANY)
