"""At the cutover it is seen what the accounting system has already; going live makes none twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance import from_nothing
from tests.acceptance.first_pairs import netshop_to_aiaccount
from tests.acceptance.from_nothing import BASE, Desk, last_month
from tests.acceptance.product import Product, address_in, order, until
from tests.acceptance.typed_in_aiaccount import typed

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_what_somebody_typed_there_is_told_before_go_live_and_then_held(
    product: Product, chromium: Any
) -> None:
    opened: Callable[..., Any] = netshop_to_aiaccount
    with product.started("up", "--port", "0", forks=1):
        address = address_in(product.notes("up"))
        with (
            opened(product, address) as its,
            Desk(chromium, address, script=True, width=390, axe=True) as mei,
            Desk(chromium, address, script=True, width=1280) as lim,
        ):
            from_nothing.begin(mei, from_nothing.link_in(product))
            from_nothing.connect(its, mei)
            from_nothing.choose_rules(its, mei)
            from_nothing.publish(mei, lim)
            its.map(lim)
            from_nothing.rehearse(mei)
            assert looked(mei) == "Looked up 1 Not there 1", "nobody typed anything yet"

            day = f"{last_month()[1]}T11:00:00+08:00"
            typed(its.url, order(1, ordered_at=day), "12.00")
            told = looked(mei)
            assert told.startswith("Looked up 1 Not there 0"), told
            row = " ".join(mei.page.inner_text("#standing tbody tr").split())
            assert "NS-1" in row
            assert "It goes on hold when you go live" in row
            assert its.posted() == ["NS-1"], "the one that was typed"

            from_nothing.go_live(mei)
            record = f"{BASE}/records/netshop/order/1"
            until(lambda: "with other content" in mei.go(record).inner_text("main"), "the hold", 60)
            assert its.posted() == ["NS-1"], "ours was not made beside it"
            assert mei.said == []


def looked(mei: Desk) -> str:
    """What the look came to, in its sum."""
    page = mei.step("cutover")
    page.click("#looksthere")
    page.wait_for_selector("#standing dl")
    mei.looked("standing")
    text = " ".join(page.inner_text("#standing dl").split())
    return text.partition(" There already, the same 0")[0]
