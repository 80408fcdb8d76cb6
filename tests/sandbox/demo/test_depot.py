"""The sample distributor: the same on every day, under rules that AutoCount's cloud takes."""

import json
from collections import Counter
from datetime import date

from grammar.parsing.parser import parse
from sandbox.demo.setup import depot_sample as sample
from sandbox.demo.setup import plan_steps

TODAY = date(2026, 11, 20)


def test_its_rules_post_no_goods() -> None:
    files = sample("http://127.0.0.1:1").files
    rules = {path: text for path, text in files.items() if path.endswith(".rules")}
    assert "goods.rules" not in rules
    assert "after    autocount.delivery_order" not in rules["posting.rules"]
    assert parse(rules)[1] == ()


def test_no_two_orders_look_alike() -> None:
    found = plan_steps(TODAY)
    orders = [r for step in (found.month, found.refused) for r in step if r["kind"] == "order"]
    alike = Counter((order["customer"], order["ordered_on"], order["total"]) for order in orders)
    assert (len(orders), set(alike.values())) == (5, {1})


def test_only_dates_move_with_the_day() -> None:
    told = [json.dumps(plan_steps(day).month) for day in (TODAY, date(2027, 1, 2))]
    days = [("2026-11-16", "2026-11-18"), ("2026-12-29", "2026-12-31")]
    for text, (ordered, delivered) in zip(told, days, strict=True):
        assert text.count(f'"ordered_on": "{ordered}"') == 4
        assert text.count(f'"delivered_on": "{delivered}"') == 4
    assert (
        told[0].replace("2026-11-16", "2026-12-29").replace("2026-11-18", "2026-12-31") == told[1]
    )
