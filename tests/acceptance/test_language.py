"""Rule files on the command line, with no database anywhere."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

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

    def check(place: int) -> None:
        file = product.folder / f"spoiled_{place}.rules"
        file.write_text(text[:place] + "“" + text[place + 7 :], "utf-8")
        told = product.run("check", str(file), code=1)
        assert "error[" in told.stdout
        assert "Traceback" not in told.stdout + told.stderr

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(check, range(100, len(text), len(text) // 12)))


@pytest.mark.parametrize("condition", ENDLESS, ids=["digits", "brackets", "factors"])
def test_checking_ends_whatever_it_is_asked(product: Product, condition: str) -> None:
    rules = product.folder / "endless.rules"
    rules.write_text(SMALL.format(condition=condition), "utf-8")
    started = time.monotonic()
    told = product.run("check", str(rules), code=1)
    assert time.monotonic() - started < 10
    assert "Traceback" not in told.stdout + told.stderr


@pytest.mark.parametrize("word", ["check", "test"])
def test_the_starter_rules_are_clean(product: Product, word: str) -> None:
    folder = product.folder / "rules"
    shutil.copytree(STARTER, folder)
    told = product.run(word, str(folder))
    assert "nothing to repair" in told.stdout or " 0 failed" in told.stdout
