"""A person who carries a file to AutoCount is told what changed in it before it is imported."""

from pathlib import Path

import pytest

from tests.acceptance.desktop import opened_desktop
from tests.acceptance.orders import later
from tests.acceptance.product import FINANCE, Product, free_environment, order
from tests.acceptance.quiet import record, rows

pytestmark = pytest.mark.slow
HELD = "SELECT number, code, class FROM hold WHERE closed_at IS NULL"
NOTE = "Changed in the source after this file was made: NS-1"


def test_a_cancelled_order_is_named_on_the_file_and_held_until_its_import_is_told(
    command: Path, tmp_path: Path
) -> None:
    product = Product(command, tmp_path, free_environment())
    with opened_desktop(product) as house:
        file = house.export(order(1), order(2))
        body = house.act(file, "download").content
        assert "Changed in the source" not in house.file(file).text
        house.order(later(order(1), status="cancelled"))
        page = house.file(file)
        assert NOTE in page.text
        assert "version 2" in page.text
        assert "status cancelled" in page.text
        assert rows(house, HELD) == [("NS-1", "TGT08", "stale_version")]
        told = record(house.visitor(FINANCE), 1).text
        assert "withdraw the file if it was not imported" in told

        imported = house.imports(body)  # it was imported all the same
        house.act(file, "outcome", new=str(len(imported)))
        assert "Changed in the source after" not in house.file(file).text
        house.upload(file, house.listing())
        assert house.states() == {"NS-1": "posted", "NS-2": "posted"}
        product.shift_clock(120)
        house.order(order(3))
        held = [(number, code) for number, code, _ in rows(house, HELD)]
        assert held == [("NS-1", "STL01")], "the rules say what follows on the cancellation"
