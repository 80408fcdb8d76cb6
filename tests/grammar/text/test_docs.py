"""The pages tell the truth: examples are read, every code has a page that shows its mistake."""

import re
from pathlib import Path

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from grammar.text.finding_codes import CODES

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"```rules( wrong)?\n(.*?)```", re.DOTALL)
PARSER = sorted(code for code in CODES if code.startswith("SYN") and code != "SYN40")
"""All that are said of one declaration alone; SYN40 is said of a ruleset that parsed."""


def blocks(page: Path, *, wrong: bool = False) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for mark, text in found if bool(mark) == wrong]


@pytest.mark.parametrize("text", blocks(DOCS / "rules" / "language.md"))
def test_an_example_of_the_language_page_parses_and_has_the_one_layout(text: str) -> None:
    assert parse({"a": text})[1] == ()
    assert format_text(text, "a") == text


def test_the_language_page_shows_every_declaration() -> None:
    from grammar.text.vocabulary import DECLARATIONS

    lines = [line for text in blocks(DOCS / "rules" / "language.md") for line in text.split("\n")]
    shown = {line.split()[0] for line in lines if line[:1].strip()}
    assert shown == set(DECLARATIONS)


def test_every_code_has_its_page_and_every_page_its_code() -> None:
    pages = {page.stem: page for page in (DOCS / "findings").glob("*.md")}
    assert set(pages) == set(CODES)
    for code, page in pages.items():
        text = page.read_text(encoding="utf-8")
        assert re.match(rf"# {code} .+\n\n`{re.escape(CODES[code])}`\n\n", text), code
        parts = ("Wrong", "Right") if "```rules wrong" in text else ("Held", "Passing")
        assert all(f"\n## {part}\n\n" in text for part in (*parts, "Repair"))


@pytest.mark.parametrize("code", PARSER)
def test_a_page_shows_the_mistake_and_its_repair(code: str) -> None:
    page = DOCS / "findings" / f"{code}.md"
    assert [problem.code for problem in parse({"a": blocks(page, wrong=True)[0]})[1]] == [code]
    assert parse({"a": blocks(page)[0]})[1] == ()


def test_codes_are_a_family_and_two_digits() -> None:
    assert all(re.fullmatch(r"[A-Z]{3}\d\d", code) for code in CODES)
    assert len(set(CODES.values())) == len(CODES)
