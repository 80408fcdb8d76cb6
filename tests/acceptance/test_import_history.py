"""From a run to what its target itself shows of it, and to a picture of what failed in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from tests.acceptance.browser import Person
from tests.acceptance.conftest import daily_rules
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, days_ago
from tests.acceptance.parts import read
from tests.acceptance.product import (
    ADMIN,
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    free_environment,
)
from tests.acceptance.quiet import BASE, ask_target, change, rows, work

pytestmark = pytest.mark.slow
BY_ADMIN = (*COMPANY, "--as", ADMIN)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("history")
    with quiet(Product(command, folder, free_environment()), daily_rules(folder)) as found:
        work(found)  # the run of yesterday is over: what comes now waits for the next night
        yield found


def sync(house: House, *numbers: int, **changes: Any) -> int:
    """Orders arrive, and the operator sends them as one file; the run."""
    paid = days_ago(2)  # yesterday's go at two this morning, which may be still to come
    times = {"ordered_at": paid, "paid_at": paid, "updated_at": paid}
    for number in numbers:
        house.deliver(clean(number, **times, **changes))
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
    assert 'id="import_' not in siti.get(f"{BASE}/records/netshop/order/1501?tab=pushes")
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
        for number in numbers:  # and one click from the record
            tab = f"{BASE}/records/netshop/order/{number[3:]}?tab=pushes"
            links = [
                one
                for one in read(siti.get(tab)).all("a")
                if one.attributes.get("id") == link.attributes["id"]
            ]
            assert [one.attributes["href"] for one in links] == [address], number
    assert len(set(seen.values())) == 2
    elsewhere = address.replace("CMP-1042", "CMP-9999")
    assert requests.get(elsewhere, timeout=10).status_code == 404


@pytest.mark.browser
def test_G13_the_failures_of_a_target_are_saved_as_a_picture(house: House, chromium: Any) -> None:
    customer, tax_number = buyer(1510, name="Kelab Golf Seri Alam"), "IG12345678901"
    ask_target(house, "faults", fault="closed_period")
    run = sync(house, 1510, customer=customer)
    [(error, at, call)] = rows(
        house,
        "SELECT attempt.error, attempt.at, request.id FROM attempt JOIN request"
        " ON request.id = attempt.request_id WHERE request.run_id = ? AND attempt.error <> ''",
        run,
    )
    assert "locked" in error
    kept_back = (SIMULATOR_KEY, house.secret, "abcdefgh12345678", tax_number, customer["name"])
    spoken = f" X-Api-Key: {SIMULATOR_KEY}, {house.secret}, Bearer abcdefgh12345678, TIN"
    spoken += f" {tax_number} of {customer['name']}"
    assert change(house, "UPDATE attempt SET error = error || ? WHERE error = ?", spoken, error)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC) + timedelta(hours=8)
    with Person(chromium, house.address) as person:
        person.sign_in(FINANCE, house.passwords[FINANCE])
        for path in (f"{BASE}/connections/aiaccount", f"{BASE}/runs/{run}"):
            page = person.go(path)
            with page.expect_download() as saved:
                page.click("text=Save failures as picture")
            assert saved.value.suggested_filename.endswith(".svg")
            content = Path(saved.value.path()).read_text("utf-8")
            words = " ".join("".join(ElementTree.fromstring(content).itertext()).split())
            assert f"{moment:%Y-%m-%d %H:%M:%S} MYT · Run {run} · rejected" in words
            assert "Times are MYT, UTC+8 (Asia/Kuala_Lumpur)" in words
            assert "Record NS-1510 · Sales invoice NS-1510 · attempt 1" in words
            assert f"call {call} · HTTP" in words
            assert f'AiAccount says: "{error}' in words
            assert "(secret removed)" in words
            for secret in kept_back:
                assert secret not in content, secret
            _is_drawn(page, content)
        page = person.go(f"{BASE}/runs/{run}")
        page.emulate_media(media="print")
        assert not page.is_visible("text=Save failures as picture"), "no button on paper"
        assert "Times are MYT" in page.inner_text("footer")
        assert page.pdf().startswith(b"%PDF")


def _is_drawn(page: Any, content: str) -> None:
    """Every line has its place inside the picture, also with the fonts of this machine."""
    page.set_content(content)
    inside = """() => {
        const all = document.querySelector('svg').getBoundingClientRect()
        return [...document.querySelectorAll('text')].map(one => one.getBoundingClientRect())
            .filter(r => r.left < all.left || r.right > all.right || r.bottom > all.bottom).length
    }"""
    assert page.evaluate(inside) == 0
