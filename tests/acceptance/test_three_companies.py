"""Three companies on one installation, each set up in the browser from nothing to its documents."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance import from_nothing
from tests.acceptance.first_pairs import (
    netshop_to_aiaccount,
    woo_to_quickbooks,
    workbook_to_autocount,
)
from tests.acceptance.from_nothing import Desk, Pair
from tests.acceptance.product import Product, address_in, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST_MINUTES = 8
PATIENCE = 90_000
"""Milliseconds for a page: other tests may share the processors."""


@contextmanager
def counted(name: str, mei: Desk, lim: Desk) -> Iterator[None]:
    """One company: at most twelve forms, in eight minutes."""
    begun, forms = time.monotonic(), len(mei.forms) + len(lim.forms)
    yield
    used = len(mei.forms) + len(lim.forms) - forms
    assert used <= from_nothing.MOST, (name, used, mei.forms, lim.forms)
    assert time.monotonic() - begun <= MOST_MINUTES * 60, name


def first_invoice(pair: Any) -> None:
    until(lambda: len(pair.posted()) == 1, "the first invoice", 60)


def test_three_companies_are_set_up_in_the_browser_and_stay_apart(
    product: Product, chromium: Any
) -> None:
    product.env["CLEARPOST_CHECK_SECONDS"] = "60"  # other tests may share the processors
    with product.started("up", "--port", "0", forks=1):
        address = address_in(product.notes("up"))
        with (
            Desk(chromium, address, script=True, width=1280) as mei,
            Desk(chromium, address, script=True, width=390) as lim,
            netshop_to_aiaccount(product, address) as first,
            woo_to_quickbooks(product, address, "warung-dua") as second,
            workbook_to_autocount(product) as third,
        ):
            for desk in (mei, lim):
                desk.page.set_default_timeout(PATIENCE)
            with counted("first", mei, lim):
                from_nothing.walk(first, mei, lim, from_nothing.link_in(product))
                first_invoice(first)
            further: tuple[tuple[Pair, str, str], ...] = (
                (second, "Warung Dua Sdn Bhd", "202101012345"),
                (third, "Tiga Trading", "1368665-X"),
            )
            for pair, name, registration in further:
                code = name.removesuffix(" Sdn Bhd").lower().replace(" ", "-")
                with counted(name, mei, lim):
                    from_nothing.add_another(mei, lim, name, code, registration)
                    assert pair.posted() == [], "nothing is sent before its own go-live"
                    from_nothing.walk_another(pair, mei, lim)
                    first_invoice(pair)
            stay_apart(mei, first.posted(), second.posted(), third.posted())
            number = first.sell_again()
            until(lambda: number in first.posted(), number)
            assert mei.said == lim.said == []


def stay_apart(mei: Desk, *posted: list[str]) -> None:
    """Each company has its own connections, records and documents, and no other company's."""
    sources = {
        "kedai-contoh": ("netshop", "aiaccount"),
        "warung-dua": ("woocommerce", "quickbooks"),
        "tiga-trading": ("workbook", "autocount"),
    }
    assert all(len(numbers) == 1 for numbers in posted), posted
    for code, own in sources.items():
        page: Callable[[str], Any] = mei.page.goto
        for names in sources.values():
            for name in names:
                answer = page(f"{mei.address}/c/{code}/connections/{name}")
                assert answer.status == (200 if name in own else 404), (code, name)
