"""What the bench of intake brings in is right, and what it says of processes is so."""

import os
import subprocess
import sys
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors import registry
from connectors.contract import Accepted
from portal.bench import command, intake_bench, shop_bench
from portal.bench.intake_bench import descendants, workbook
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
    monkeypatch.setattr(intake_bench, "_seconds", lambda _, calls: [0.25 for _ in calls])
    monkeypatch.setattr(shop_bench, "busy", lambda _: busy.pop(0))
    monkeypatch.setattr("holding.runtime.doorbell.ring", lambda *_: None)
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
    told = (ROOT / "docs/operations.md").read_text("utf-8")
    assert "intake" in command.PARTS
    assert "`--workbook-rows`" in told
