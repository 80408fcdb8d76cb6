"""The pages of the checker's findings: the wrong example fires the code, the right one does not."""

import re
from pathlib import Path

import pytest

from grammar.text.finding_codes import CODES
from grammar.text.vocabulary import Block, split_blocks
from portal.help.topics import topics
from portal.rule_tools.rule_files import Files, examine, read_files

ROOT = Path(__file__).parents[3]
BASE = read_files([ROOT / "portal" / "starters" / "netshop-aiaccount"])
EXAMPLE = re.compile(r"```rules( wrong)?\n(.*?)```", re.DOTALL)
LANGUAGE = "language 1"
WHOLE = {"gate", "duplicates", "approve", "units", "post"}
PAGES = {
    page.stem: dict(EXAMPLE.findall(page.read_text("utf-8")))
    for page in sorted((ROOT / "docs" / "findings").glob("*.md"))
}
CHECKED = [code for code, found in PAGES.items() if found and not code.startswith("SYN")]


def key(block: Block) -> str:
    """Which declarations a declaration of an example stands for."""
    return block.head if block.head in WHOLE else " ".join(block.lines[0].split()[:2])


def found_with(example: str) -> set[str]:
    """The codes that the starter rules have when the example stands in them."""
    keys = {key(block) for block in split_blocks(example)}
    kept = [
        block.text
        for name, text in BASE.rules.items()
        for block in split_blocks(text)
        if key(block) not in keys and not name.endswith("_test.rules")
    ]
    apart = re.sub(r"(?m)^language .*\n?", "", "\n".join([*kept, example]))
    files = Files({"all.rules": f"{LANGUAGE}\n{apart}"}, BASE.csv)  # one file says it once
    _, problems = examine(files, in_force=True)
    broken = {problem.code for problem in problems if problem.code.startswith("SYN")}
    assert broken <= {"SYN40"}, problems
    assert all(problem.hint for problem in problems), problems
    return {each.code for problem in problems for each in (problem, *problem.follows)}


@pytest.mark.parametrize("code", CHECKED)
def test_the_wrong_example_fires_and_the_right_one_does_not(code: str) -> None:
    assert code in found_with(PAGES[code][" wrong"])
    assert code not in found_with(PAGES[code][""])


def test_every_code_that_the_rules_may_say_is_registered() -> None:
    said = {
        code
        for file in (ROOT / "rules").rglob("*.py")
        for code in re.findall(r'"([A-Z]{3}[0-9]{2})"', file.read_text("utf-8"))
    }
    assert said <= set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_it_is_headed_by_words_and_the_help_says_the_same(code: str) -> None:
    page = (ROOT / "docs" / "findings" / f"{code}.md").read_text("utf-8")
    head, nothing, name, after = page.split("\n")[:4]
    assert (nothing, name, after) == ("", f"`{CODES[code]}`", "")
    title = head.removeprefix(f"# {code} ")
    assert re.fullmatch(r'["A-Z][^._]+[^._:]', title)
    topic = topics()[code]
    assert (topic.key, topic.title) == (code, title)
    assert CODES[code] not in topic.means
