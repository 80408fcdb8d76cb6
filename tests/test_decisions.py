"""Check the links to decision records."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*?\d{4}-[a-z0-9-]+\.md)")
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
