"""Two people, a browser each, and no command line: from an empty home to the first posted invoice.

Each pair once in CI, one with scripts and one without; `make walk` takes both pairs
through all four, and looks at each page with axe.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance import from_nothing
from tests.acceptance.first_pairs import netshop_to_aiaccount, woo_to_quickbooks
from tests.acceptance.from_nothing import Desk
from tests.acceptance.product import Product, address_in, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WALK = os.environ.get("CLEARPOST_WALK") == "all"
PAIRS: dict[str, Callable[..., Any]] = {"woo": woo_to_quickbooks, "netshop": netshop_to_aiaccount}
ALL = [(pair, width, script) for pair in PAIRS for width in (1280, 390) for script in (True, False)]
SHORT = [("woo", 1280, True), ("netshop", 390, False)]


@pytest.mark.parametrize(("pair", "width", "script"), ALL if WALK else SHORT)
def test_from_an_empty_home_to_posted_invoices_in_twelve_forms(
    product: Product, chromium: Any, pair: str, width: int, script: bool
) -> None:
    opened: Callable[..., Any] = PAIRS[pair]
    with product.started("up", "--port", "0", forks=1):
        address = address_in(product.notes("up"))
        with (
            opened(product, address) as its,
            Desk(chromium, address, script=script, width=width, axe=WALK) as mei,
            Desk(chromium, address, script=script, width=width, axe=WALK) as lim,
        ):
            from_nothing.walk(its, mei, lim, from_nothing.link_in(product))
            forms = [*mei.forms, *lim.forms]
            assert len(forms) <= from_nothing.MOST, forms
            assert sum("/mappings/" in form for form in forms) == 1, "one form maps all values"
            until(lambda: len(its.posted()) == 1, "first invoice")
            number = its.sell_again()
            until(lambda: number in its.posted(), number)
            assert len(its.posted()) == 2
            assert mei.said == lim.said == []
