"""`clearpost setup` asks who makes a marketplace's e-Invoices; preflight tells what is open."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.portal.cli.test_answers import ANSWERS, answers, rows

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]
Run = Callable[..., int]
SHOP = """
[[connections]]
name = "shopee"
side = "source"
settings = {{ base_url = "https://shop.example", partner_id = "1", shop_id = "88"{answer} }}

[[connections]]
name = "autocount"
side = "target"
[connections.settings]
base_url = "https://books.example"
company_id = "1042"
key_id = "k"
locked_through = "none"
{module}
"""
BY = ("--company", "kedai-contoh", "--as", "meiling@kedai.example")


def told(answer: str = "", module: str = "") -> str:
    issuer = f', e_invoice_issuer = "{answer}"' if answer else ""
    booked = f'marketplace_module = "{module}"' if module else ""
    return ANSWERS + SHOP.format(answer=issuer, module=booked)


def test_a_marketplace_without_an_answer_is_not_set_up(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("setup", "--answers", answers(tmp_path, told())) == 2
    assert "e_invoice_issuer" in capsys.readouterr().err
    assert rows(tmp_path, "SELECT count(*) FROM company") == [(0,)]


@pytest.mark.parametrize(
    ("answer", "module", "codes"),
    [
        ("us", "off", set()),
        ("platform", "off", set()),
        ("unknown", "off", {"connection.e_invoice_issuer"}),
        ("us", "on", {"connection.marketplace_module"}),
        ("us", "", {"connection.marketplace_module"}),
    ],
)
def test_what_is_open_is_printed_and_told_by_preflight(
    terminal: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    module: str,
    codes: set[str],
) -> None:
    assert terminal("setup", "--answers", answers(tmp_path, told(answer, module))) == 0
    printed = capsys.readouterr().out
    assert ("shopee: it is not known who makes" in printed) is (answer == "unknown")
    assert ("autocount: " in printed) is (module != "off")
    terminal("connection", "preflight", *BY, "--json")
    found = {one["code"] for one in json.loads(capsys.readouterr().out)["findings"]}
    open_codes = {"connection.e_invoice_issuer", "connection.marketplace_module"}
    assert found & open_codes == codes
