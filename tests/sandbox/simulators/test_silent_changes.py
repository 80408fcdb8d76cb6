"""What is deleted or changed in a stand-in without a sign is listed so by its source."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.contract.pulls import ListsAll
from connectors.registry import sources
from sandbox.simulators.base.server import Request
from sandbox.simulators.base.shop import Life, Shop
from tests.connectors.sources import test_netshop_changes, test_woocommerce_pages
from tests.sandbox.simulators import test_marketplaces, test_shopify

Listed = Mapping[str, tuple[str | None, Mapping[str, Any]]]
"""Id -> the change stamp and the content of each listed order."""

CHANGED: dict[str, dict[str, Any]] = {
    "woocommerce": {"total": "9.99"},
    "shopify": {"source_name": "pos"},
    "shopee": {"total_amount": 9},
    "lazada": {"customer_first_name": "Another"},
    "netshop": {"total": "9.99"},
}


@pytest.fixture(params=sorted(CHANGED))
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Shop, Callable[[], Listed]]:
    """Return a shop's name, its stand-in, and what lists its orders."""
    name: str = request.param
    shop: Any
    pages: Callable[[], Any]
    if name in test_marketplaces.MAKE:
        sent = test_marketplaces.shop_of(tmp_path, name, Life(), monkeypatch)
        sent.renew()
        shop, pages = sent.shop, sent.read
    elif name == "shopify":
        seller = test_shopify.shop_of(tmp_path, Life(), monkeypatch)
        shop, pages = seller.shop, seller.read
    else:
        module: Any = test_netshop_changes if name == "netshop" else test_woocommerce_pages
        shop = module.shop.__wrapped__(tmp_path)
        cursor = sources()[name].begin(shop.now())  # type: ignore[attr-defined]
        pages = lambda: _pages(module, cursor, module.Line(shop))  # noqa: E731
    return name, shop, lambda: _listed(pages())


def _pages(module: Any, cursor: str, line: Any) -> Any:
    more = True
    while more:
        netshop = module is test_netshop_changes
        page = module.ask(line, cursor) if netshop else module.ask(cursor, line)
        yield page
        cursor, more = page.after, page.more


def _listed(pages: Any) -> Listed:
    records = [one for page in pages for each in page.found for one in each.records]
    return {one.external_id: (one.stamp, one.body) for one in records if one.kind == "order"}


def control(shop: Shop, deed: str, **given: Any) -> None:
    raw = json.dumps(given).encode()
    told = Request(method="POST", path=f"/_sim/{deed}", query={}, headers={}, body=raw)
    assert shop.handle(told).status == 200


def test_a_hidden_order_is_listed_no_more_and_a_rewritten_one_with_its_old_stamp(
    pair: tuple[str, Shop, Callable[[], Listed]],
) -> None:
    name, shop, listed = pair
    source = sources()[name]
    assert isinstance(source, ListsAll)
    assert "order" in source.listed_kinds({})
    for number in (1, 2, 3):
        control(shop, "act", act="create", id=number)
        shop._clock.advance(60)  # type: ignore[attr-defined]
    before = listed()
    assert len(before) == 3
    sent = [one for one in shop.ledger.lines() if one["call"] == "webhook"]
    control(shop, "hide", id=1)
    control(shop, "rewrite", id=2, fields=CHANGED[name])
    after = listed()
    (gone,) = before.keys() - after.keys()
    assert gone == next(iter(before))
    (other,) = [key for key in after if after[key] != before[key]]
    assert after[other][0] == before[other][0]
    assert [one for one in shop.ledger.lines() if one["call"] == "webhook"] == sent
