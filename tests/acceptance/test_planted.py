"""Defects planted in rule files: found by the checker, or by the tests beside the rules."""

import re
import tomllib
from pathlib import Path

from tests.acceptance.checking import TEA, TEMPLATES, checked, errors, line_of, ran
from tests.acceptance.many import run_all
from tests.acceptance.product import Product

DEFECTS = [
    defect | {"sort": sort}
    for sort, planted in tomllib.loads(
        Path(__file__).with_name("defects.toml").read_text("utf-8")
    ).items()
    for defect in planted
]


def test_B19_thirty_planted_defects_are_found_and_no_other(product: Product) -> None:
    sorts = {sort: sum(d["sort"] == sort for d in DEFECTS) for sort in (d["sort"] for d in DEFECTS)}
    assert set(sorts) == {"gap", "overlap", "shadowed", "unreachable", "contradictory"}
    assert min(sorts.values()) >= 4
    assert len(DEFECTS) >= 30
    assert all(TEA.count(defect["old"]) >= 1 for defect in DEFECTS)
    texts = [TEA.replace(defect["old"], defect["new"], 1) for defect in DEFECTS]
    for defect, text, one in zip(DEFECTS, texts, checked(product, texts, "--json"), strict=True):
        place = (defect["code"], line_of(text, defect["at"]))
        assert place in errors(one), (defect, one.json["findings"])
        assert {code for code, _ in errors(one)} <= {defect["code"], *defect.get("also", ())}, one
        severe = any(each["severity"] == "error" for each in one.json["findings"])
        assert one.code == (1 if severe else 0)
        assert all(each["message"] and each["hint"] for each in one.json["findings"])

    clean = checked(product, [TEA], "--json")
    clean += run_all(product, [["check", str(folder), "--json"] for folder in TEMPLATES])
    assert len(clean) > 4
    assert [(one.code, one.json["findings"]) for one in clean] == [(0, [])] * len(clean)


BREAKS: tuple[tuple[str, str, set[str]], ...] = (
    # what stands in a line, what somebody made of it, the tests that must turn red
    ("require  period = open", "require  period in (open, locked)", {"a locked period is held"}),
    ("+ tax_total = total", "+ tax_total <= total", {"one sen off is held"}),
    ("= 3000.00", "= 90000.00", {"above the limit a second person approves"}),
    ("try 5 times", "try 6 times", {"a target that is busy is asked again"}),
    (
        "    | locked | block              |\n\nretry",
        "    | locked | review by accounts |\n\nretry",
        {"cancelled in a locked period it stays as it is"},
    ),
    (
        "    wait     draft, pending_approval, partially_delivered",
        "    ignore   draft, pending_approval, partially_delivered",
        {"a part of a delivery waits for the rest"},
    ),
    ('"SST"   -> "MY-SALES10"', '"SST"   -> "SST-10"', set()),
)


def test_B20_tests_beside_the_rules_turn_red_where_they_are_broken(product: Product) -> None:
    titles = re.findall(r'(?m)^test "(.*)"$', TEA)
    texts = [TEA, *(TEA.replace(right, wrong, 1) for right, wrong, _ in BREAKS)]
    whole, *broken = ran(product, "test", texts, "--json")
    assert (whole.code, whole.json["tests"], whole.json["failed"]) == (0, len(titles), 0)
    for (right, _, red), one in zip(BREAKS, broken, strict=True):
        failed = {each["test"] for each in one.json["results"] if not each["passed"]}
        assert failed == red, right
        assert one.code == (1 if red else 0)

    (covered,) = ran(product, "test", [TEA], "--coverage", "--json")
    told = covered.json["coverage"]
    for right, _, red in BREAKS:
        line = line_of(TEA, right)
        by = {each["by"] for each in told if each["line"] == line and each["covered"]}
        assert by == red, right
    open_ = {each["name"] for each in told if not each["covered"]}
    assert 'map tax_code: "SST"' in open_
    calm, annotated = ran(product, "test", texts[:2], "--format", "github")
    assert (calm.code, calm.out) == (0, "")
    line = line_of(texts[1], 'test "a locked period is held"')
    assert annotated.code == 1
    assert annotated.out.startswith(f"::error file=rules_1.rules,line={line},")
    assert "a locked period is held" in annotated.out
