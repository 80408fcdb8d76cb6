"""Rule files on disk and what is wrong with them, for the commands that need no database.

Here: finding the files, reading them, checking them as one ruleset. Not here: any command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portal.terminal.command_frame import USAGE, Stop

if TYPE_CHECKING:
    from grammar.nodes import Ruleset
    from grammar.text.problem import Problem
    from rules.checker.places import Memory

RULES = ".rules"


@dataclass(frozen=True, slots=True)
class Files:
    """Rule files by the path people see, CSV files by the path that rules name."""

    rules: Mapping[str, str]
    csv: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The hash of the rules, whatever folder they are in."""
        from rules.program import hash_of

        return hash_of({Path(path).name: text for path, text in self.rules.items()})


def read_files(paths: Sequence[Path]) -> Files:
    """The rule files named, or below the folders named, and the CSV files in `maps` beside."""
    rules: dict[str, str] = {}
    csv: dict[str, str] = {}
    for path in paths:
        found = sorted(path.rglob(f"*{RULES}")) if path.is_dir() else [path]
        if not found:
            raise Stop(f"{path} holds no {RULES} file.", code=USAGE)
        rules |= {str(file): _text(file) for file in found}
        csv |= maps_of(path if path.is_dir() else path.parent)
    return Files(rules, csv)


def maps_of(folder: Path) -> dict[str, str]:
    """The CSV files in `maps` of a folder, by the path that rules name."""
    found = sorted((folder / "maps").glob("*.csv"))
    return {file.relative_to(folder).as_posix(): _text(file) for file in found}


def examine(files: Files, *, in_force: bool = False) -> "tuple[Ruleset, tuple[Problem, ...]]":
    """The ruleset of the files, and all that is wrong with it, by file and line.

    With `in_force` also what nothing carries out yet, as publishing sees it.
    """
    from grammar.parsing.parser import parse

    ruleset, syntax = parse(files.rules)
    return ruleset, findings(files, ruleset, syntax, in_force=in_force)


def findings(
    files: Files,
    ruleset: "Ruleset",
    syntax: "Sequence[Problem]",
    *,
    in_force: bool = False,
    memory: "Memory | None" = None,
) -> "tuple[Problem, ...]":
    """All that is wrong with a ruleset that was read from files, `syntax` and what follows."""
    from holding.programs.world import schemas
    from rules.checker.all_checks import findings as all_of
    from rules.facts import seeds

    rows = seeds(ruleset, files.csv)
    return all_of(ruleset, files.rules, syntax, rows, schemas(), in_force=in_force, memory=memory)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise Stop(f"{path} is not UTF-8 text: {problem}", code=USAGE) from problem
    except OSError as problem:
        raise Stop(f"{path} cannot be read: {problem.strerror}", code=USAGE) from problem
