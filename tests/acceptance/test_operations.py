"""How the work flows: what waits and for which part, what is stuck, and the figures of a monitor.

One company whose work waits until a test lets a worker run, under a clock that a test moves.
"""

import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    ADMIN,
    FINANCE,
    MALAYSIA,
    House,
    Product,
    address_in,
    free_environment,
)
from tests.acceptance.quiet import BASE, ask_target, record, rows, until_shown, work, writes

MINUTE = 60
MB = 10**6
OPERATOR = "operator@kedai.example"


@dataclass
class Plant:
    """The company, and how far its clock was moved."""

    house: House
    moved: float = 0.0

    def goes_by(self, seconds: float) -> None:
        """Time passes, and nobody works."""
        self.moved += seconds
        self.house.product.shift_clock(self.moved)

    @property
    def now(self) -> datetime:
        """The moment of the product."""
        return datetime.now(UTC) + timedelta(seconds=self.moved)

    def deliver(self, number: int, **changes: Any) -> None:
        """An order that changed at its shop a moment ago, unless something else is said."""
        stamp = self.now.astimezone(MALAYSIA).isoformat(timespec="seconds")
        order = clean(number, **{"updated_at": stamp, **changes})
        raw = json.dumps({"event": "order.updated", "orders": [order]}).encode()
        at = time.time() + self.moved
        answer = self.house.post_hook(raw, event_id=f"evt_{number}", at=at)
        assert answer.status_code == 202, answer.text

    def page(self, path: str, email: str = FINANCE) -> Part:
        """A page as somebody reads it."""
        return read(self.house.visitor(email).get(f"{BASE}{path}"))

    def waits(self) -> list[str]:
        """What the board says of long waits."""
        board = self.page("/")
        notes = [note for note in board.all("div", cls="note") if "id" in note.attributes]
        return [
            note.text.removesuffix(" Operations")
            for note in notes
            if note.attributes["id"].startswith("longwait")
        ]


@pytest.fixture(scope="module")
def plant(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    product = Product(command, tmp_path_factory.mktemp("plant"), free_environment())
    with quiet(product, STARTER) as house:
        plant = Plant(house)
        midnight = (datetime.now(MALAYSIA) + timedelta(days=1)).replace(hour=0, minute=0)
        left = (midnight - datetime.now(MALAYSIA)).total_seconds()
        if left < 4 * 60 * MINUTE:  # the tests let hours pass, and a new day makes work of its own
            plant.goes_by(left + 10 * MINUTE)
            work(house)
        yield plant


def test_E27_what_it_says_the_time_of_each_record_and_the_part_that_waits(plant: Plant) -> None:
    """Our queue while no worker runs, then the source, the quota and the target, each alone."""
    for number in (2701, 2702, 2703):
        plant.deliver(number)
        work(plant.house)
    assert plant.waits() == []
    latency = plant.page("/operations").one("section", id="latency")
    times = [cell.text for cell in latency.all("dd")]
    assert len(times) == 2
    assert all(float(time.removesuffix(" s")) < 10 for time in times), times
    assert "3 records of the last 24 h" in latency.text

    plant.deliver(2704)
    plant.goes_by(9 * MINUTE)
    assert plant.waits() == []
    plant.goes_by(2 * MINUTE)
    ours = "Our queue. 1 item waits for a worker, the oldest for 11 min. Check the workers."
    assert plant.waits() == [ours]
    work(plant.house)
    assert plant.waits() == []
    latency = plant.page("/operations").one("section", id="latency")
    assert latency.all("dd")[1].text == "11 min"
    assert "4 records of the last 24 h" in latency.text

    made = (plant.now - timedelta(minutes=25)).astimezone(MALAYSIA).isoformat(timespec="seconds")
    plant.deliver(2705, updated_at=made)
    work(plant.house)
    late = "Source queue: NetShop. 1 change arrived late in the last hour, the latest 25 min after"
    (said,) = plant.waits()
    assert said.startswith(late), said
    plant.goes_by(61 * MINUTE)
    work(plant.house)
    assert plant.waits() == []

    ask_target(plant.house, "quota", limit=5, used=0)
    plant.house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN, code=3)
    plant.deliver(2706)
    work(plant.house)
    plant.goes_by(11 * MINUTE)
    (said,) = plant.waits()
    assert said.startswith(
        "Quota: AiAccount. 1 document waits beyond the monthly limit, the oldest for 11 min."
    ), said
    ask_target(plant.house, "quota", limit=10_000)
    plant.house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    work(plant.house)
    assert plant.waits() == []

    ask_target(plant.house, "faults", fault="invalid_key")
    for number in (2707, 2708):  # the first is held by the refused key, the second waits
        plant.deliver(number)
        work(plant.house)
    plant.goes_by(11 * MINUTE)
    (said,) = plant.waits()
    assert said.startswith(
        "Accounting system: AiAccount. 1 document waits for its answer, the oldest for 11"
    )
    plant.house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    work(plant.house)
    assert plant.waits() == []
    assert sorted(plant.house.created()) == [f"NS-{number}" for number in range(2701, 2709)]


@pytest.mark.browser
def test_H06_what_it_says_a_dead_job_is_requeued_in_the_browser(
    plant: Plant, chromium: Any
) -> None:
    """Queues, workers, leases and ages are shown; the one act is for its roles, once, and told."""
    plant.deliver(601)
    plan = {"CLEARPOST_FAULTS": "push.after_send=kill"}
    work(plant.house, code=-signal.SIGKILL, env=plan)
    ((worker, fence),) = rows(
        plant.house, "SELECT lease_owner, fence FROM posting WHERE number = 'NS-601'"
    )
    plant.deliver(602)
    shown = plant.page("/operations")
    assert "2 items" not in shown.one("h1").text
    assert not shown.all("section", id="stuck")
    first = next(row for row in shown.one("section", id="workers").all("tr", role="row"))
    assert [cell.text for cell in first.all("td")][:2] == [worker, "Working"]
    assert [cell.text for cell in first.all("td")][4] == "1"
    room = [cell.text for cell in first.all("td")][6:8]
    ((memory, disk),) = rows(
        plant.house,
        "SELECT memory_bytes, disk_free_bytes FROM heartbeat WHERE owner = ?",
        worker,
    )
    assert 30 * MB < memory < 1000 * MB
    assert disk == pytest.approx(shutil.disk_usage(plant.house.product.home).free, rel=0.5)
    assert room == [f"{memory / MB:,.0f} MB", f"{disk / 1000 / MB:,.1f} GB"]
    assert re.search(r"Free disk space of the portal: [\d,.]+ GB\.", shown.text)

    plant.goes_by(10 * MINUTE + 1)
    shown = plant.page("/operations")
    assert shown.one("h1").text == "1 item is stuck with a worker that is gone"
    assert worker in shown.one("section", id="stuck").text
    queues = {
        cells[0].text: [cell.text for cell in cells[1:]]
        for cells in (r.all("td") for r in shown.one("section", id="queues").all("tr", role="row"))
    }
    assert queues["Checks"] == ["1", "0", "10 min", "0 per h", "stopped"]
    assert queues["Look-ups, AiAccount"] == ["0", "1", "none", "0 per h", "not known yet"]
    ages = [row.text for row in shown.one("section", id="dueages").one("tbody").all("tr")]
    assert ages[3].split() == ["10", "min", "to", "1", "h", "1"]
    assert "Master data of" in shown.one("section", id="opstargets").text
    form = shown.one("section", id="stuck").one("form")
    assert form.one("button").attributes["aria-disabled"] == "true"
    finance = plant.house.visitor(FINANCE)
    page = finance.get(f"{BASE}/operations")
    path, fields = form.attributes["action"], form.fields()
    fields.pop("csrf_token")
    assert finance.post(path, page, **fields).status_code == 403

    said = f"operator put NS-601 back into the queue: its worker {worker} is gone."
    with Person(chromium, plant.house.address) as person:
        person.sign_in(OPERATOR, plant.house.passwords[OPERATOR])
        person.go(f"{BASE}/operations")
        person.page.click("button:has-text('Requeue NS-601')")
        person.page.wait_for_selector(f"text={said}")
        assert person.page.locator("#stuck").count() == 0
        assert person.violations() == []
        assert person.said == []
    assert said in record(finance, 601, "trace").text
    operator = plant.house.visitor(OPERATOR)
    again = operator.post(path, operator.get(f"{BASE}/operations"), **fields)
    assert again.status_code == 409
    assert "not stuck any more" in read(again.text).text
    (after,) = rows(plant.house, "SELECT fence, crashes FROM posting WHERE number = 'NS-601'")
    assert after == (fence + 1, 1)

    work(plant.house)
    until_shown(finance, 601, "Posted")
    assert [call["effect"] for call in writes(plant.house, "NS-601")] == ["created"]
    assert plant.house.product.json("invariants", "--json")["kedai"]["breaches"] == []


def test_H05_what_it_says_the_figures_of_a_monitor_equal_the_database(plant: Plant) -> None:
    """Each figure beside a query of its own; who may read them; two addresses of health."""
    plant.deliver(500)
    plant.deliver(501, items=with_sku("NO-SUCH-501"))
    work(plant.house)
    plant.goes_by(5 * MINUTE)
    plant.deliver(502)
    found = _figures(requests.get(f"{plant.house.address}/metrics", timeout=30))
    company = 'company="kedai"'
    checks = f'{{{company},connection="",queue="checks"}}'
    ((held, money, opened),) = rows(
        plant.house,
        "SELECT count(DISTINCT record.id), sum(record.amount), min(hold.opened_at) FROM record"
        " JOIN hold ON hold.record_id = record.id WHERE hold.state = 'open'",
    )
    assert held >= 1
    assert found[f"clearpost_held_records{{{company}}}"] == held
    assert found[f'clearpost_held_money{{{company},currency="MYR"}}'] == money / 100
    age = (plant.now - datetime.fromisoformat(opened)).total_seconds()
    assert found[f"clearpost_exception_oldest_seconds{{{company}}}"] == pytest.approx(age, abs=20)
    ((due, since),) = rows(
        plant.house,
        "SELECT count(*), min(due_at) FROM record WHERE due_at <= ? AND lease_until IS NULL",
        plant.now.isoformat().replace("+00:00", "Z"),
    )
    assert found[f"clearpost_queue_due{checks}"] == due == 1
    waited = (plant.now - datetime.fromisoformat(since)).total_seconds()
    oldest = found[f"clearpost_queue_oldest_seconds{checks}"]
    assert oldest == pytest.approx(waited, abs=20)
    target = f'{{{company},connection="aiaccount"}}'
    ((sent, failed),) = rows(
        plant.house,
        "SELECT count(*), sum(CASE WHEN attempt.state IN ('refused', 'temporary', 'uncertain')"
        " THEN 1 ELSE 0 END) FROM attempt JOIN request ON request.id = attempt.request_id"
        " WHERE request.kind = 'push' AND request.made_at > ?"
        " AND attempt.state IN ('accepted', 'existing', 'refused', 'temporary', 'uncertain')",
        (plant.now - timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    )
    assert found[f"clearpost_documents_sent{target}"] == sent >= 1
    assert found[f"clearpost_failure_share{target}"] == pytest.approx(failed / sent)
    ((limit, used, read_at),) = rows(
        plant.house,
        "SELECT quota_limit, quota_used, (SELECT min(checked_at) FROM snapshot) FROM throttle"
        " JOIN connection ON connection.id = throttle.connection_id WHERE side = 'target'",
    )
    assert found.get(f"clearpost_quota_limit{target}") == limit
    assert limit is None or found[f"clearpost_quota_used{target}"] == used
    old = (plant.now - datetime.fromisoformat(read_at)).total_seconds()
    assert found[f"clearpost_master_data_age_seconds{target}"] == pytest.approx(old, abs=20)
    count = found[f"clearpost_latency_seconds_count{{{company}}}"]
    assert count >= 1
    assert found[f'clearpost_latency_seconds{{{company},quantile="0.5"}}'] > 0
    assert found["clearpost_workers_running"] == 0
    ((silent, seen_at),) = rows(
        plant.house,
        "SELECT sum(CASE WHEN left_at IS NULL AND next_by <= ? THEN 1 ELSE 0 END), max(seen_at)"
        " FROM heartbeat",
        plant.now.isoformat().replace("+00:00", "Z"),
    )
    assert found["clearpost_workers_silent"] == silent
    gone = (plant.now - datetime.fromisoformat(seen_at)).total_seconds()
    assert found["clearpost_worker_seen_seconds"] == pytest.approx(gone, abs=20)
    ages = {key: value for key, value in found.items() if "clearpost_due_by_age" in key}
    waits = [value for key, value in found.items() if key.startswith("clearpost_queue_due{")]
    assert (len(ages), sum(ages.values())) == (5, sum(waits))
    under = 10 if waited < 10 else 60 if waited < 60 else 600
    assert ages[f'clearpost_due_by_age{{{company},under_seconds="{under}"}}'] >= due
    ((leased,),) = rows(plant.house, "SELECT count(*) FROM record WHERE lease_until IS NOT NULL")
    assert found[f"clearpost_stuck_items{{{company}}}"] == leased == 0
    ((checked,),) = rows(
        plant.house,
        "SELECT count(*) FROM evaluation WHERE at > ?",
        (plant.now - timedelta(minutes=10)).isoformat().replace("+00:00", "Z"),
    )
    rate = found[f"clearpost_queue_done_per_second{checks}"]
    assert checked >= 2
    assert rate == pytest.approx(checked / 600)

    proxied = {"Host": "books.example"}
    asked = requests.get(f"{plant.house.address}/metrics", headers=proxied, timeout=30)
    assert asked.status_code == 403
    assert "kedai" not in asked.text
    health = requests.get(f"{plant.house.address}/healthz/worker", timeout=30)
    assert (health.status_code, health.json()["records"]) == (503, due)
    product = plant.house.product
    env = {"CLEARPOST_METRICS_TOKEN": "scrape-9"}
    with product.started("portal", "--port", "0", env=env):
        url = f"{address_in(product.notes('portal'))}/metrics"
        codes = [
            requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code
            for key in ("scrape-9", "scrape-8", "")
        ]
    assert codes == [200, 401, 401]


def _figures(answer: requests.Response) -> dict[str, float]:
    """Return name with labels -> value, as the Prometheus client reads the page."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    figures = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
        figures[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return figures
