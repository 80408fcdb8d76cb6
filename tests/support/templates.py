"""The shipped templates as the tests of rules read them."""

from pathlib import Path
from typing import Final

from portal.starters.pairs import FOLDER, names, read_template

WITH_OWN_RULES: Final = [name for name in names() if any((FOLDER / name).glob("*.rules"))]
"""The templates except those that are another one with another source, and nothing more."""


def rules_of(name: str) -> dict[str, str]:
    """Return path -> text of the rule files of a template, its tests too."""
    return {path: text for path, text in read_template(name).items() if path.endswith(".rules")}


def files_in(folder: Path) -> dict[str, str]:
    """Return path -> text of the rule files in a folder; of a template also those it shares."""
    if folder.parent == FOLDER:
        return rules_of(folder.name)
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.rules"))}
