"""The bench: one run, one JSON line, and the two ratios that were promised."""

import json

import pytest

from tests.acceptance.product import Product

pytestmark = pytest.mark.slow


def test_the_bench_ends_with_one_line_that_keeps_its_promises(product: Product) -> None:
    told = product.run("bench", "--json", "--records", "1500").stdout.splitlines()
    assert len(told) == 1
    result = json.loads(told[0])
    assert result["stored_vs_bare"] >= 0.25
    assert result["webhook_to_posted_p95_seconds"] <= 2
    assert result["stored_records_per_second"] > 0
    assert result["bare_records_per_second"] > 0
    assert (result["records"], result["webhooks"]) == (1500, 100)
