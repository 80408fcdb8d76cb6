"""Writes the reference page of every target: docs/targets/NAME.md.

Here: files alone; what stands in them is `clearpost explain --targets NAME`. A page is never
edited: python tools/target_pages.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from connectors import registry  # noqa: E402
from portal.rule_tools.target_reference import reference_page  # noqa: E402

FOLDER = ROOT / "docs" / "targets"
MADE = "Made by `tools/target_pages.py` from what the target declares. Change it there."


def pages() -> dict[str, str]:
    """All pages by the name of their target."""
    found = {}
    for name, target in sorted(registry.targets().items()):
        head, _, rest = reference_page(target, registry.other_ways(name)).partition("\n\n")
        found[name] = f"{head}\n\n{MADE}\n\n{rest}"
    return found


def main() -> int:
    """Write all pages; those of targets that are gone go, too."""
    made = pages()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        if old.stem not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / f"{name}.md").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
