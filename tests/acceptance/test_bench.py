"""The bench: one run ends with one JSON line whose figures belong together."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.product import Product, free_environment
from tests.installed import ROOT

pytestmark = pytest.mark.slow
BUILT = int(os.environ.get("CLEARPOST_BUILT", "100"))
PATIENCE = 300 + BUILT / 5
"""Seconds that the bench may take, on a machine that is busy, too."""


@pytest.fixture(scope="module")
def result(
    command: Path, postgresql_url: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What a small bench prints; on PostgreSQL as well where there is a server.

    The wheel leaves `bench` out, so the command runs in the checkout.
    """
    product = Product(command, tmp_path_factory.mktemp("bench"), free_environment())
    few = ["--records", str(BUILT), "--webhooks", "5", "--backtest-records", "1000"]
    few += [
        "--rule-records",
        "100",
        *("--part", "judging", "--part", "rules", "--part", "backtest"),
    ]
    if postgresql_url:
        few += ["--postgresql", postgresql_url]
    checkout = {"PYTHONPATH": str(ROOT)}
    done = product.run("bench", "--json", *few, env=checkout, patience=PATIENCE)
    told = done.stdout.splitlines()
    assert len(told) == 1
    return json.loads(told[0])


def test_the_bench_ends_with_one_line_of_figures(result: Any, postgresql_url: str | None) -> None:
    for name in ("sqlite", "postgresql") if postgresql_url else ("sqlite",):
        rates = [
            result[f"{what}_records_per_second_{name}"] for what in ("stored", "bare", "written")
        ]
        assert all(rate > 0 for rate in rates)
        stored, bare, written = rates
        assert result[f"stored_vs_bare_{name}"] == pytest.approx(stored / bare, rel=0.05)
        assert result["stored_vs_ceiling"] <= 1.05 * stored / min(bare, written)
    if not postgresql_url:
        assert result["stored_vs_bare_postgresql"] is None
    assert 0 < result["webhook_to_posted_median_seconds"] <= result["webhook_to_posted_p95_seconds"]
    assert (result["records"], result["webhooks"], result["workers"]) == (BUILT, 5, 2)
    assert result["traced_vs_handwritten"] > 0.5
    assert result["ruleset_1000_seconds"] > 0
    assert "traced_vs_zen_engine" in result
    assert result["backtest_records"] == 1000
    assert result["backtest_1m_seconds"] > 0
    assert result["backtest_1m_processor_seconds"] > 0
    assert 0 < result["backtest_peak_mb"] <= 300


def test_H09_orders_are_judged_and_built_into_workbooks_in_a_measured_time(result: Any) -> None:
    assert result["built_orders"] == BUILT
    assert result["built_documents"] >= 0.9 * BUILT, "as the stand-in counts; a chance twin waits"
    assert result["built_workbooks"] == -(-result["built_documents"] // 500)
    rate = result["built_orders"] / result["built_seconds"]
    bare = result["bare_records_per_second_sqlite"]
    assert result["built_vs_bare"] == pytest.approx(rate / bare, rel=0.05, abs=0.001)
    assert result["built_vs_bare"] > 0
    for page in ("README.md", "docs/speed.md"):
        told = " ".join((ROOT / page).read_text("utf-8").split())
        (share, command) = re.findall(
            r"10,000 orders are .* at about (a \w+) of [^`]*`([^`]*)`", told
        )[0]
        assert (share, command) == ("a third", 'make bench ARGS="--part judging --records 10000"')
        assert "built_vs_bare" in told
        assert not re.search(r"10,000 orders [^.]*\d seconds", told), "seconds of another machine"
