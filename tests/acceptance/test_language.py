"""Rule files on the command line, with no database anywhere."""

import json
import random
import re
import shutil
import time

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.many import run_all
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
    _ten_thousand_small_ones_are_findings_too(product)


SIGNS = ("“", "\t", "é", "\x00", "|", '"', "(", "== ", "20/11/2026", "\n", "   ", "#", ",", "--")


def spoiled(text: str, dice: random.Random) -> str:
    """A file cut short, with lines lost, doubled or moved, and signs strewn in."""
    lines = text.split("\n")
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(lines))
        lines[at:at] = dice.choice(
            ([], [lines.pop(at)] * 2, [lines.pop(dice.randrange(len(lines)))])
        )
        at = dice.randrange(len(lines))
        cut = dice.randint(0, len(lines[at]))
        lines[at] = lines[at][:cut] + dice.choice(SIGNS) + lines[at][cut + dice.randint(0, 9) :]
    return "\n".join(lines[: dice.randint(len(lines) // 3, len(lines))])


def _spoiled_files_are_findings_too(product: Product) -> None:
    """Each file alone, and all of them in one go: findings with a place, never a traceback."""
    text = "".join(path.read_text("utf-8") for path in sorted(STARTER.glob("*.rules")))
    names = []
    for number in range(60):
        file = product.folder / f"spoiled_{number}.rules"
        file.write_text(spoiled(text, random.Random(number)), "utf-8")
        names.append(file.name)
    alone = run_all(product, [["check", name, "--json"] for name in names])
    for name, one in zip(names, alone, strict=True):
        lines = (product.folder / name).read_text("utf-8").count("\n") + 1
        for found in one.json["findings"]:
            assert 1 <= found["span"]["line"] <= lines
            assert found["message"]
            assert found["hint"]
            assert re.fullmatch(r"[A-Z]{3}\d\d", found["code"])
    assert sum(one.code == 1 for one in alone) > 50
    together = product.run("check", *names, "--json", code=1)
    assert "Traceback" not in together.stdout + together.stderr
    files = {found["span"]["file"] for found in json.loads(together.stdout)["findings"]}
    assert len(files) > 50


def _ten_thousand_small_ones_are_findings_too(product: Product) -> None:
    """A declaration each, read in twenty folders: findings with a place, never a traceback."""
    text = "".join(path.read_text("utf-8") for path in sorted(STARTER.glob("*.rules")))
    parts = [part for part in text.split("\n\n") if 2 <= part.count("\n") <= 6]
    written: dict[str, int] = {}  # the file, and how many lines it has
    for number in range(10_000):
        dice = random.Random(f"small {number}")
        folder = product.folder / f"small_{number % 20}"
        folder.mkdir(exist_ok=True)
        file = folder / f"s{number}.rules"
        content = dice.choice(parts)
        for _ in range(dice.randint(1, 3)):
            at = dice.randint(0, len(content))
            content = content[:at] + dice.choice(SIGNS) + content[at + dice.randint(0, 12) :]
        file.write_text(content, "utf-8")
        written[file.name] = content.count("\n") + 1
    spoilt = set()
    for one in run_all(product, [["check", f"small_{no}", "--json"] for no in range(20)]):
        assert one.code == 1
        for found in one.json["findings"]:
            name = found["span"]["file"].rpartition("/")[2]
            assert 1 <= found["span"]["line"] <= written[name]
            assert found["message"]
            assert found["hint"]
            assert re.fullmatch(r"[A-Z]{3}\d\d", found["code"])
            spoilt.add(name)
    assert len(written) == 10_000
    assert len(spoilt) > 5_000


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
