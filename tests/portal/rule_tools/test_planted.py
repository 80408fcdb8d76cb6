"""Two planted defects for each finding, at least: each is told on its line, whoever tells it.

What needs schemas, CSV files or a question of its own is planted here; all else in tests/grammar
and tests/rules. Together they are the corpus that the last test counts.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from grammar.text.finding_codes import CODES
from portal.rule_tools.rule_files import Files, examine, read_files
from rules.checker.guards import guard_notes
from rules.rulebook.coverage import coverage_gaps
from tests.grammar.advice.test_problems import IN_TABLES, MISTAKES
from tests.rules.checker.test_analyse import BROKEN
from tests.rules.checker.test_analyse_depot import BROKEN as BROKEN_DEPOT

ROOT = Path(__file__).parents[3]
STARTERS = ROOT / "portal" / "starters"
TEMPLATE = "netshop-aiaccount"
"""Where it is planted, unless the defect names another."""
PLANTED = tomllib.loads(Path(__file__).with_name("planted.toml").read_text("utf-8"))["planted"]
LATER = {"SYN40"}
"""Said of what is right and not carried out yet (tests/rules/checker/test_later.py)."""
ELSEWHERE = {"TST10"}
"""A test that fails: `clearpost test` says so (tests/portal/rule_tools/test_cli_files.py)."""


@cache
def base(template: str) -> Files:
    """The rule files of a template as they are."""
    return read_files([STARTERS / template])


def found_in(files: Files) -> Counter[tuple[str, str, int]]:
    """How often each code is told on a line of a file."""
    ruleset, problems = examine(files)
    told = (*problems, *coverage_gaps(ruleset), *guard_notes(ruleset))
    assert all(p.message and p.hint for p in told)
    return Counter((p.code, Path(p.span.file).name, p.span.line) for p in told)


def planted_in(defect: Mapping[str, Any]) -> dict[str, str]:
    """The rule files with the defect in them, by name."""
    right = base(defect.get("template", TEMPLATE))
    texts = {Path(name).name: text for name, text in right.rules.items()}
    pieces = (defect.get("old", ""), defect.get("new", ""), *defect.get("also", ()))
    for old, new in zip(pieces[::2], pieces[1::2], strict=True):
        assert old in texts[defect["file"]]
        texts[defect["file"]] = texts[defect["file"]].replace(old, new, 1)
    return texts


@pytest.mark.parametrize("defect", PLANTED, ids=lambda d: f"{d['code']}-{d['at'].split()[0]}")
def test_what_is_planted_is_found_on_its_line(defect: dict[str, Any]) -> None:
    texts, right = planted_in(defect), base(defect.get("template", TEMPLATE))
    csv = {name: text for name, text in {**right.csv, **defect.get("csv", {})}.items() if text}
    name = defect.get("in", defect["file"])
    line = texts[name][: texts[name].index(defect["at"])].count("\n") + 1
    place = (defect["code"], name, line)
    as_it_was = sum(many for (code, *_), many in found_in(right).items() if code == defect["code"])
    found = found_in(Files(texts, csv))
    assert found[place] >= 1
    assert sum(many for (code, *_), many in found.items() if code == defect["code"]) > as_it_was


def test_every_finding_before_judging_has_two_planted_defects() -> None:
    """Codes of judging and pushing have pages with a held record instead of a wrong rule."""
    pages = ROOT / "docs" / "findings"
    of_rules = {
        code for code in CODES if "```rules wrong" in (pages / f"{code}.md").read_text("utf-8")
    }
    planted = Counter(defect["code"] for defect in (*PLANTED, *BROKEN, *BROKEN_DEPOT))
    planted += Counter(mistake[3] for mistake in (*MISTAKES, *IN_TABLES))
    said = {
        code
        for folder in ("grammar", "rules/checker")
        for file in (ROOT / folder).rglob("*.py")
        if file.name != "finding_codes.py"
        for code in re.findall(r'"([A-Z]{3}[0-9]{2})"', file.read_text("utf-8"))
    }
    wanted = (of_rules | said) - LATER - ELSEWHERE
    assert {code: planted[code] for code in wanted if planted[code] < 2} == {}
    assert len(wanted) >= 110
    assert planted.total() >= 2 * len(wanted)
