"""Links, decision tables and billing in parts: one way of breaking them, one code on its line."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from rules.types.symbol_table import Schemas
from tests.rules.checker.test_analyse import DocumentOf
from tests.rules.expressions.test_links import TEXT

BROKEN = tomllib.loads(Path(__file__).with_name("broken_depot.toml").read_text("utf-8"))["broken"]


def problems(text: str) -> list[Problem]:
    ruleset, broken = parse({"depot.rules": text})
    assert broken == (), broken
    return [p for p in check(ruleset) if p.code != "SYN40"]


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def test_the_depot_is_clean() -> None:
    assert problems(TEXT) == []


def test_T12b_a_link_that_only_tells_the_family_is_used() -> None:
    text = replaced(TEXT, "= count(orders)", "= 1")
    lines = "any(orders.lines where pos = line.of_line and sku = line.sku)"
    text = replaced(text, lines, "line.qty > 0")
    assert "USE05" not in {p.code for p in problems(text)}
    text = replaced(text, "by       number = order_no", "by       number = number")
    assert "USE05" in {p.code for p in problems(text)}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: f"{b['code']}-{b['new'].split()[:4]}")
def test_what_is_broken_is_found(broken: dict[str, Any]) -> None:
    text = replaced(TEXT, broken["old"], broken["new"])
    also = broken.get("also", [])
    for old, new in zip(also[::2], also[1::2], strict=True):
        text = replaced(text, old, new)
    found = [p for p in problems(text) if p.code == broken["code"]]
    assert found, [(p.code, p.message) for p in problems(text)]
    assert all(p.message and p.hint for p in found)
    assert any(broken.get("says", "") in p.message for p in found), found
    assert any(broken.get("hint", "") in p.hint for p in found), found
    if "at" in broken:
        line = text[: text.index(broken["at"])].count("\n") + 1
        assert line in {p.span.line for p in found}, found


@pytest.mark.slow
def test_the_rows_that_are_offered_close_the_gap() -> None:
    closed = 0
    for row in [line for line in TEXT.splitlines(keepends=True) if line.startswith("    | ")]:
        if " do   " in row:
            continue
        text = replaced(TEXT, row, "")
        for gap in [p for p in problems(text) if p.code in {"TAB01", "EDT06"}]:
            lines = text.splitlines(keepends=True)
            row = f"    {gap.hint.removeprefix('Add: ')}\n"
            lines.insert(gap.span.end_line, row)
            left = {p.code for p in problems("".join(lines))}
            assert not left & {"TAB02", "TAB03"}
            closed += gap.code not in left
    assert closed >= 15


def test_a_const_with_two_values_is_proved_for_each_of_its_days() -> None:
    text = replaced(
        TEXT,
        "    from 2025-01-01 = 72h\n",
        "    from 2025-01-01 = 72h\n    from 2026-01-01 = 24h\n",
    )
    text = replaced(text, "| > free_days   |", "| > 72h         |")
    (gap,) = [p for p in problems(text) if p.code == "TAB01"]
    assert "e_invoice_age between free_days and 3d" in gap.message
    assert gap.message.endswith("from 2026-01-01 on")


def test_a_cancel_table_asks_only_about_cancelled_statuses() -> None:
    text = replaced(
        TEXT,
        "    | period | do                 |\n    | open   | review by accounts |\n    | locked |",
        "    | status    | do                 |\n    | cancelled |",
    )
    assert problems(text) == []
    text = replaced(text, "    | cancelled | block", "    | loading   | block")
    assert {p.code for p in problems(text)} == {"TAB05"}


@dataclass(frozen=True)
class Able(DocumentOf):
    actions: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("actions", "lines"),
    [
        (("update", "void"), []),
        (("update",), ["| open   | <= free_days"]),
        ((), ["| party", "| open"]),
    ],
)
def test_a_table_asks_a_target_only_for_what_it_can_do(
    actions: tuple[str, ...], lines: list[str]
) -> None:
    document = Able(
        "autocount", "invoice", (), (), "DocNo", 20, "DocDate", "DebtorCode", None, actions
    )
    ruleset, _ = parse({"depot.rules": TEXT})
    found = [p for p in check(ruleset, Schemas((document,), ())) if p.code == "POS19"]
    text = TEXT.splitlines()
    assert len(found) == len(lines)
    assert all(
        text[p.span.line - 1].strip().startswith(w) for p, w in zip(found, lines, strict=True)
    )


NOTE = """
post order to autocount.packing_note as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo       = document_number
    DocDate     = ordered_on
    DebtorCode  = debtor(buyer)
"""
OWN_TABLES = """
on edit of order for autocount.packing_note
    all = lines, total, buyer, branch, ordered_on, status, version, seen_as
    | changed | period | do    |
    | -       | -      | block |

on cancel of order for autocount.packing_note
    | period | do    |
    | -      | block |
"""


def test_a_table_of_its_own_frees_a_route_from_the_general_one() -> None:
    def said(text: str) -> set[str]:
        return {p.code for p in problems(text) if p.code.startswith("POS")}

    assert said(TEXT + NOTE) == {"POS16", "POS18"}
    assert said(TEXT + NOTE + OWN_TABLES) == set()
