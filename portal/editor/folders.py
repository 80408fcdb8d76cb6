"""Which rule files belong together.

Here: the folder of a file's rule set, and the files of that folder. Not here: reading them
(`portal.cli.rule_files`), what the editor has open (rule_set.py).
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from portal.cli.rule_files import RULES


def folder_of(file: Path, roots: Collection[Path]) -> Path:
    """The folder whose rules a file belongs to.

    It is the folder of the file, or the highest one above it that is reached through folders which
    hold rule files or maps themselves; never one outside the folders that the editor has open.
    """
    folder = file.parent
    inside = [root for root in roots if root == folder or root in folder.parents]
    found = folder
    while folder.parent != folder and (not inside or folder not in inside):
        folder = folder.parent
        if not (_holds_rules(folder) or (folder / "maps").is_dir()):
            break
        found = folder
    return found


def files_of(folder: Path) -> Iterator[Path]:
    """The rule files of a folder, and of the folders below that hold some without a gap.

    So a rule file in a large folder, such as a person's home, does not bring all of it along.
    """
    yield from sorted(folder.glob(f"*{RULES}"))
    for below in sorted(folder.iterdir()) if folder.is_dir() else ():
        if below.is_dir() and not below.is_symlink() and _holds_rules(below):
            yield from files_of(below)


def _holds_rules(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*{RULES}"))
    except OSError:
        return False
