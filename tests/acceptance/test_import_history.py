"""From a run to what its target itself shows of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import daily_rules
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, rows, work

pytestmark = pytest.mark.slow
BY_ADMIN = (*COMPANY, "--as", ADMIN)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("history")
    with quiet(Product(command, folder, free_environment()), daily_rules(folder)) as found:
        yield found


def sync(house: House, *numbers: int) -> int:
    """Orders arrive, and the operator sends them as one file; the run."""
    for number in numbers:
        house.deliver(clean(number))
    work(house)
    operator = house.visitor("operator@kedai.example")
    path = f"{BASE}/connections/aiaccount/sync"
    page = operator.get(f"{path}?doc_type=sales_invoice&first=2026-01-01&last=2027-12-31")
    hidden = read(page).one("section", id="syncpreview").all("input", type="hidden")
    given = {one.attributes["name"]: one.attributes.get("value", "") for one in hidden}
    given.pop("csrf_token")
    assert operator.post(path, page, **given).status_code == 200
    work(house)
    return int(rows(house, "SELECT max(id) FROM run WHERE kind = 'manual'")[0][0])


def test_E15_a_run_links_to_its_entry_in_the_targets_import_history(house: House) -> None:
    siti = house.visitor(FINANCE)
    first = sync(house, 1501, 1502)
    page = siti.get(f"{BASE}/runs/{first}")
    assert "logs?" not in page, "hidden, as nobody said where the pages of the target are"
    told = f"app_url={house.target}"
    house.product.run("connection", "set", "aiaccount", *BY_ADMIN, "--set", told)
    house.product.run("connection", "test", "aiaccount", *BY_ADMIN)
    second = sync(house, 1503)
    seen = {}
    for run, numbers in ((first, {"NS-1501", "NS-1502"}), (second, {"NS-1503"})):
        (link,) = [
            one
            for one in read(siti.get(f"{BASE}/runs/{run}")).all("a")
            if one.attributes.get("id", "").startswith("import_")
        ]
        address = link.attributes["href"]
        assert address.startswith(f"{house.target}/settings/integrations/logs?company=CMP-1042&")
        done = [one for one in house.calls() if one["effect"] == "created"]
        (made,) = {one["import_id"] for one in done if one["number"] in numbers}
        assert address.endswith(f"&import={made}")
        shown = requests.get(address, timeout=10)
        assert shown.status_code == 200
        assert f"Import {made}" in shown.text
        assert "CMP-1042" in shown.text
        assert {word for word in numbers if f"{word}: accepted" in shown.text} == numbers
        seen[run] = made
    assert len(set(seen.values())) == 2
    elsewhere = address.replace("CMP-1042", "CMP-9999")
    assert requests.get(elsewhere, timeout=10).status_code == 404
