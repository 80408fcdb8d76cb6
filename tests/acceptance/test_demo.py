"""The sample month, headless: everything ends in one state, nothing is lost, nothing doubled."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.product import CURRENT_COMPANY, Product, free_environment
from tests.installed import ROOT

pytestmark = pytest.mark.slow
STATES = ("posted", "held", "failed", "waiting", "ignored", "dropped", "uncertain")
CHANGED = 8  # posted, then changed in NetShop: the document stands, the record is held


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, command: Path) -> tuple[Product, Any]:
    product = Product(command, tmp_path_factory.mktemp("demo"), free_environment())
    told = product.json("demo", "--once", "--json", "--keep", str(product.home))
    return product, told


def test_the_month_ends_with_nothing_lost_and_nothing_doubled(kept: tuple[Product, Any]) -> None:
    """The counts are those that the tour promises: the same in every run."""
    _, told = kept
    assert told["received"] >= 600
    assert sum(told[state] for state in STATES) == told["received"]
    assert told["posted"] > 0
    assert told["held"] > 0
    assert (told["uncertain"], told["lost"], told["doubled"]) == (0, 0, 0)
    assert told["seconds"] < 60

    tour = (ROOT / "docs" / "tour.md").read_text("utf-8")
    promised = json.loads(tour.split("```json\n")[1].split("```")[0])
    assert {**told, "seconds": 0} == {**promised, "seconds": 0}


def test_answers_were_really_withheld(kept: tuple[Product, Any]) -> None:
    lines = _ledger(kept[0])
    made = [line for line in lines if line["effect"] == "created"]
    withheld = [line for line in made if line["answer"] == "withheld"]
    assert len(withheld) >= 40
    assert len({line["number"] for line in made}) == len(made) == kept[1]["posted"] + CHANGED


def test_a_ledger_line_taken_out_or_copied_is_noticed(
    kept: tuple[Product, Any], tmp_path: Path
) -> None:
    product, _ = kept
    lines = (product.home / "aiaccount.ledger").read_text("utf-8").splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if json.loads(line)["effect"] == "created")

    assert _compared(product, tmp_path / "as-it-is", lines) == {"lost": 0, "doubled": 0}
    without = [*lines[:place], *lines[place + 1 :]]
    assert _compared(product, tmp_path / "without", without)["lost"] == 1
    twice = [*lines, lines[place]]
    assert _compared(product, tmp_path / "twice", twice)["doubled"] == 1


def test_all_verdicts_of_the_month_come_out_the_same(kept: tuple[Product, Any]) -> None:
    """In a new process, from the database alone."""
    product, told = kept
    words = ("replay", "--company", CURRENT_COMPANY, "--limit", "5000", "--json")
    found = product.json(*words)
    assert found["replayed"] >= told["received"]
    assert found["different"] == []


def _compared(product: Product, file: Path, lines: list[str]) -> Any:
    file.write_text("".join(lines), "utf-8")
    words = ("ledger", str(file), "--company", CURRENT_COMPANY, "--json")
    code = 0 if file.name == "as-it-is" else 1
    return json.loads(product.run(*words, code=code).stdout)


def _ledger(product: Product) -> list[dict[str, Any]]:
    text = (product.home / "aiaccount.ledger").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]
