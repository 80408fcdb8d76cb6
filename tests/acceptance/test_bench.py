"""The bench: one run ends with one JSON line whose figures belong together."""

import json

import pytest

from tests.acceptance.product import Product

pytestmark = pytest.mark.slow


def test_the_bench_ends_with_one_line_of_figures(product: Product) -> None:
    few = ("--records", "300", "--backtest-records", "1000", "--rule-records", "200")
    few += ("--part", "judging", "--part", "rules", "--part", "backtest")
    told = product.run("bench", "--json", *few).stdout.splitlines()
    assert len(told) == 1
    result = json.loads(told[0])
    stored, bare = result["stored_records_per_second"], result["bare_records_per_second"]
    assert 0 < stored < bare
    assert result["stored_vs_bare"] == pytest.approx(stored / bare, rel=0.02)
    assert result["webhook_to_posted_p95_seconds"] > 0
    assert (result["records"], result["webhooks"]) == (300, 100)
    assert result["traced_vs_handwritten"] > 0.5
    assert result["ruleset_1000_seconds"] > 0
    assert "traced_vs_zen_engine" in result
    assert result["backtest_records"] == 1000
    assert result["backtest_1m_seconds"] > 0
    assert result["backtest_1m_processor_seconds"] > 0
    assert 0 < result["backtest_peak_mb"] <= 300
