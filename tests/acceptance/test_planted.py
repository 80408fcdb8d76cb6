"""Defects planted in rule files are found by the checker."""

import tomllib
from pathlib import Path

from tests.acceptance.checking import TEA, TEMPLATES, checked, errors, line_of
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
    assert set(sorts) == {
        *("gap", "overlap", "shadowed", "unreachable", "contradictory"),
        *("misplaced", "in_vain"),
    }
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
