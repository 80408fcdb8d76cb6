"""A project with NetShop rehearsed offline: its stand-in sends, each change is taken once."""

import json
from pathlib import Path

import pytest
import requests

from tests.acceptance.houses import quiet
from tests.acceptance.product import CURRENT_COMPANY, Product, free_environment
from tests.acceptance.quiet import rows, work
from tests.support.simulator import ledger_lines

pytestmark = pytest.mark.slow
RULES = Path(__file__).parents[2] / "portal" / "starters" / "netshop-aiaccount"
STANDS = "SELECT r.number, r.status, count(v.id) FROM record r JOIN version v ON v.record_id = r.id"


def test_what_the_stand_in_of_netshop_sends_is_taken_once_and_what_is_forged_never(
    command: Path, tmp_path: Path
) -> None:
    product = Product(command, tmp_path, free_environment())
    with quiet(product, RULES) as house:
        to = f"{house.address}/hooks/{CURRENT_COMPANY}/netshop"
        ledger = tmp_path / "shop.jsonl"
        where = ("--port", "0", "--ledger", str(ledger), "--home", str(product.home))
        words = ("simulate", "netshop", *where, "--to", to, "--secret", house.secret)
        with product.started(*words) as child:
            assert child.stdout
            told = json.loads(child.stdout.readline())

            def ask(deed: str, **given: object) -> None:
                answer = requests.post(f"{told['url']}/_sim/{deed}", json=given, timeout=20)
                assert answer.ok, answer.text

            ask("faults", plan=["twice", "forged", "late"])
            ask("act", act="create", id=1)  # twice
            ask("act", act="create", id=2)  # forged first
            ask("act", act="edit", id=2)  # late: after the cancel that follows
            ask("act", act="cancel", id=2)
            ask("act", act="create", id=3)
            ask("act", act="refund", id=3, returned=True)
        sent = [one for one in ledger_lines(ledger) if one["call"] == "webhook"]
        assert [(one["effect"], one["status"]) for one in sent] == [
            ("sent", 202), ("sent", 200), ("forged", 401), ("sent", 202), ("kept_back", -1),
            ("sent", 202), ("late", 202), ("sent", 202), ("sent", 202),
        ]  # fmt: skip
        work(house)
        found = rows(house, f"{STANDS} GROUP BY r.id, r.number, r.status ORDER BY r.number")
        assert [(number, status) for number, status, _ in found] == [
            ("NS-1", "paid"), ("NS-2", "cancelled"), ("NS-3", "returned"),
        ]  # fmt: skip
        assert found[0][2] == 1
