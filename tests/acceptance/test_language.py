"""Rule files on the command line, with no database anywhere."""

import json
import shutil
import time

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.product import Product

MISTAKES = """\
language 1

role accounts "Accounts team"

source netshop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "NetShop sent no {field}."

chek total_adds on order
    require  total > 0.00

record order from netshop
    number  text  key
    status  one of draft, paid
    total   money

gate order
    ready    paid
    hold     draft  say "Nobody is told."

check big on order
    requires total < 10000.00
    else     warn
    say      "Large."
    clears   never

check dated on order
    require  total >= 20/11/2026
    else     warn
    say      "Odd."
    clears   never

check owed on order
    require  total > 1,000.00
    else     hold for accounts
    say      "Too much."
    clears   never
"""
RECORD = {
    "number": "NS-1",
    "status": "paid",
    "ordered_on": "2026-11-18",
    "paid_at": "2026-11-18T06:30:00Z",
    "channel": "FPX",
    "currency": "MYR",
    "customer": "C-101",
    "customer_name": "Warung Melati",
    "subtotal": "11.00",
    "tax_total": "1.10",
    "round_off": "0.00",
    "total": "12.10",
    "version": 1,
    "lines": [
        {
            "pos": 1,
            "sku": "CUP-GLASS-20",
            "name": "Kopitiam glass",
            "uom": "PCS",
            "qty": "2",
            "price": "5.50",
            "tax": "SST",
        }
    ],
}
SMALL = """\
language 1

role accounts "Accounts team"

source netshop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "NetShop sent no {{field}}."

record order from netshop
    number  text  key
    status  one of draft, paid
    total   money
    twice   = total * 2
    ring    = spin + 0.00
    spin    = ring + 0.00

gate order
    ready    paid
    ignore   draft

check big on order
    require  {condition}
    else     warn
    say      "Large."
    clears   never
"""
ENDLESS = (
    "total < " + "9" * 5000,
    "(" * 3000 + "total" + ")" * 3000 + " < 1.00",
    "total" + " * total" * 3000 + " < 1.00",
)
PLACES = [(10, 1), (20, 21), (23, 5), (29, 23), (35, 22)]


def test_B18_five_mistakes_are_five_findings(product: Product) -> None:
    file = product.folder / "orders.rules"
    file.write_text(MISTAKES, "utf-8")
    told = product.run("check", str(file), code=1)
    assert "Traceback" not in told.stdout + told.stderr
    assert told.stdout.count("^") >= 5

    found = json.loads(product.run("check", str(file), "--json", code=1).stdout)["findings"]
    places = [(each["span"]["line"], each["span"]["column"]) for each in found]
    assert places == PLACES
    assert all(each["hint"] for each in found)
    assert all(each["code"] for each in found)

    _spoiled_files_are_findings_too(product)


def _spoiled_files_are_findings_too(product: Product) -> None:
    text = (STARTER / "clearing.rules").read_text("utf-8")
    for place in range(100, len(text), len(text) // 12):
        file = product.folder / "spoiled.rules"
        file.write_text(text[:place] + "“" + text[place + 7 :], "utf-8")
        told = product.run("check", str(file), code=1)
        assert "error[" in told.stdout
        assert "Traceback" not in told.stdout + told.stderr


def test_B26_judging_is_pure_and_always_ends(product: Product) -> None:
    file = product.folder / "order.json"
    file.write_text(json.dumps(RECORD), "utf-8")
    words = ("try", str(STARTER), str(file), "--trace", "--at", "2026-11-20 02:00:00")
    places = [{"TZ": "UTC"}, {"TZ": "America/New_York", "LANG": "C", "PYTHONHASHSEED": "7"}]
    told = [product.run(*words, env=env).stdout for env in places]
    assert told[0] == told[1]
    assert "ready" in told[0]
    assert not product.home.exists(), "judging a file leaves nothing behind"

    for condition in ENDLESS:
        rules = product.folder / "endless.rules"
        rules.write_text(SMALL.format(condition=condition), "utf-8")
        started = time.monotonic()
        product.run("check", str(rules), code=1)
        assert time.monotonic() - started < 10, "it ends, whatever it is asked"


@pytest.mark.parametrize("word", ["check", "test"])
def test_the_starter_rules_are_clean(product: Product, word: str) -> None:
    folder = product.folder / "rules"
    shutil.copytree(STARTER, folder)
    told = product.run(word, str(folder))
    assert "nothing to repair" in told.stdout or " 0 failed" in told.stdout
