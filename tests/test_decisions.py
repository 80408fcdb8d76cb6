"""Check the form of decision records and the links to them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*?\d{4}-[a-z0-9-]+\.md)")
RECORDS = tuple(sorted((ROOT / "docs" / "decisions").glob("*.md")))
MOST_RECORDS = 50
MOST_WORDS = 200
SECTIONS = ["Context", "Decision", "Consequences"]
PAGES = tuple(
    path
    for folder in (".", "docs", "connectors")
    for path in sorted((ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_decision_resolves(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_there_are_few_decision_records_with_a_number_each() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert len(numbers) == len(set(numbers))
    assert 0 < len(numbers) <= MOST_RECORDS


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_decision_record_is_short_and_has_its_three_sections(record: Path) -> None:
    text = record.read_text("utf-8")
    assert re.match(r"# [A-Z][a-z]+ .+[^.]\n\n\*\*Context\.\*\* ", text)
    assert re.findall(r"(?m)^\*\*([A-Za-z ]+)\.\*\*", text) == SECTIONS
    assert len(text.split()) <= MOST_WORDS
