"""What the bench of intake brings in is right, and what it says of processes is so."""

import os
import subprocess
import sys
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bench import command, intake_bench, shop_bench
from bench.intake_bench import descendants, workbook
from bench.shop_bench import orders, receive
from connectors import registry
from connectors.contract import Accepted
from tests.installed import ROOT

ROWS = 30


def test_every_row_of_the_workbook_is_an_order() -> None:
    read = registry.sources()["workbook"].read(
        "orders.xlsx", workbook("2026-11-20", ROWS), ZoneInfo("Asia/Kuala_Lumpur")
    )
    assert isinstance(read, Accepted)
    assert not read.errors
    assert len({one.external_id for one in read.records}) == ROWS
    assert {len(one.body["lines"]) for one in read.records} == {1}


def test_calls_after_the_workers_are_done_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [True, True, False]
    shop: Any = type("Shop", (), {"company_id": 0})()
    monkeypatch.setattr(intake_bench, "_call_seconds", lambda _, calls: [0.25 for _ in calls])
    monkeypatch.setattr(shop_bench, "busy", lambda _: busy.pop(0))
    monkeypatch.setattr("holding.platform.processes.ring", lambda *_: None)
    calls: Any = iter([("a",), ("b",), ("c",), ("d",)])
    assert intake_bench._while_busy(shop, calls) == [0.25, 0.25]
    busy[:] = [False]
    with pytest.raises(RuntimeError, match="before the first call"):
        intake_bench._while_busy(shop, iter([("a",)]))  # type: ignore[arg-type]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_the_processes_of_a_process_are_found() -> None:
    words = "import os, subprocess, sys; subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants(os.getpid())
        assert child.pid not in descendants(child.pid)
        child.terminate()


def test_each_part_of_the_bench_has_its_row_in_the_documentation() -> None:
    told = (ROOT / "docs/speed.md").read_text("utf-8")
    assert "intake" in command.PARTS
    assert "`--workbook-rows`" in told


def test_calls_at_a_pace_are_due_whether_those_before_were_answered_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is held up holds up none, and its waiting counts from when it was due."""
    monkeypatch.setattr(intake_bench, "PACE", 200)
    gate, sent = threading.Event(), list[tuple[int, float]]()

    def send(one: int, at: float) -> None:
        if one == 0:
            gate.wait(20)
        sent.append((one, at))
        if one == 19:
            gate.set()

    ended = intake_bench.at_a_pace(range(20), send, lambda: True)
    assert sorted(one for one, _ in sent) == list(range(20))
    assert sent[-1][0] in (0, 19), "the others did not wait for the first"
    due = dict(sent)
    assert due[19] - due[0] == pytest.approx(19 / 200)
    assert ended >= due[19]


def test_calls_at_a_pace_end_with_the_work_and_what_fails_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake_bench, "PACE", 1000)
    sent, looks = [], iter([False])
    assert intake_bench.at_a_pace([1, 2], lambda one, _: sent.append(one), lambda: next(looks)) == 0
    assert sent == [1]

    def refused(one: int, at: float) -> None:
        raise RuntimeError(f"{one}: 503, {at > 0}")

    with pytest.raises(RuntimeError, match="7: 503, True"):
        intake_bench.at_a_pace([7], refused, lambda: True)


def test_the_figures_of_paced_calls_are_of_all_that_were_answered_in_time() -> None:
    told = intake_bench.figures_of([0.01] * 18 + [0.4, 0.9])
    assert told == {
        "intake_paced_webhook_median_ms": 10.0,
        "intake_paced_webhook_p95_ms": 400.0,
        "intake_paced_webhooks_within_300_ms": 0.9,
        "intake_paced_webhooks": 20,
        "intake_paced_webhooks_per_second": 50,
    }
    documented = (ROOT / "docs/speed.md").read_text("utf-8")
    assert all(f"`{name}`" in documented for name in told)


@pytest.mark.slow
def test_paced_calls_are_those_of_the_running_product(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is answered by the portal and stored while its workers are at work."""
    from holding.db.models import Delivery

    monkeypatch.setattr(intake_bench, "PACED", 20)
    with shop_bench.bench_shop("") as shop:
        shop_bench.pause(shop)
        receive(shop, orders(shop, 1_000, 12_000_001))
        found = intake_bench.paced_while_busy(shop, intake_bench._calls(shop, 20, 1, 16_000_001))
        with shop.place.database.read() as session:
            stored = session.query(Delivery).filter(Delivery.key.like("evt_160000%")).count()
    capsys.readouterr()
    assert 0 < len(found) <= stored <= 20
    assert all(0 < one < 60 for one in found)
