"""Held records as people find, understand and leave them: one quiet house for the module."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import HOLDING, arrive, hold_of, said, send, wrong
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.pages import rows as cells
from tests.acceptance.parts import read
from tests.acceptance.product import APPROVER, FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, rows

CATALOGUE = f"{BASE}/rules/holds"
FORGETS = """
import sys
if any(word == "portal" for word in sys.argv):
    from rules.rulebook import hold_entries
    del hold_entries.ENTRIES["MAP01"]
"""


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("holds"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def test_C32_each_reason_has_who_places_and_releases_it_what_clears_and_what_blocks(
    house: House,
) -> None:
    approver = house.visitor(APPROVER)
    page = approver.get(HOLDING)
    assert read(page).one("a", id="catalogue").attributes["href"] == CATALOGUE
    told = cells(approver.get(CATALOGUE), "reasons")
    assert all(len(row) == 6 and all(row) for row in told)
    texts = {f.name: f.read_text("utf-8").splitlines() for f in STARTER.glob("*.rules")}
    placed = {row[1] for row in told}
    for file, lines in texts.items():
        for at, line in enumerate(lines, 1):
            if re.match(r"(check (?!rounded_off|back_dated)|approve|duplicates)|    hold  ", line):
                assert f"{file}:{at}" in placed, line

    arrive(
        house, wrong(3201), clean(3202, items=with_sku("NEW-32")), clean(3203, status="returned")
    )
    held = rows(house, "SELECT DISTINCT code FROM hold WHERE state = 'open'")
    codes = {row[0].split()[0] for row in told}
    assert {"CHK01", "HLD01", "MAP01"} <= {code for (code,) in held} <= codes
    returned = next(row for row in told if row[0].startswith("HLD01") and "returned" in row[0])
    assert returned[2:4] == ["Accounts team", "Accounts team"]
    assert (returned[4], returned[5]) == (
        "A new version in a status that may go",
        "A sales invoice in aiaccount",
    )
    adds = next(row for row in told if row[0].startswith("CHK01 Total adds"))
    assert (adds[2], adds[3]) == ("Accounts team", "Nobody")

    assert 'id="release' not in approver.get(hold_of(approver, 3201))
    page = approver.get(hold_of(approver, 3203))
    assert send(approver, page, "release", reason="refund is settled").status_code == 200

    folder = house.product.folder / "forgets"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FORGETS, "utf-8")
    env = {"PYTHONPATH": str(folder)}
    stopped = house.product.run("portal", "--port", "0", code=1, env=env)
    assert "hold catalogue: no entry, or no such reason: MAP01" in stopped.stderr
