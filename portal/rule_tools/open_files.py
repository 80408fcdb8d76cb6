"""The rule files that belong together, as they stand on the disk and in the editor.

Here: RuleSet, what is known of it at one moment, the folder of a file's rule set, and the files of
that folder. Not here: the protocol (language_server.py), what is right or wrong (`grammar`,
`rules`), reading files (rule_files.py).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from grammar.nodes import Ruleset
from grammar.parsing.incremental import Reader
from grammar.text.problem import Problem, broken_blocks
from grammar.text.vocabulary import clean
from portal.rule_tools.rule_files import RULES, Files, findings, maps_of, read_files
from portal.terminal.command_frame import Stop
from rules.checker.places import Memory
from rules.editing.mentions import Mention, Symbol
from rules.editing.symbols import mentions
from rules.types.symbol_table import Index

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Known:
    """What a rule set says at one moment."""

    files: Files
    ruleset: Ruleset
    unread: tuple[Problem, ...]
    """What is wrong with the declarations that cannot be read."""
    memory: Memory = field(default_factory=Memory)
    """What is known of its checks from the moments before."""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong; asked for when it is told, not to complete a word."""
        return findings(self.files, self.ruleset, self.unread, memory=self.memory)

    @cached_property
    def index(self) -> Index:
        """Its declarations by name."""
        return Index(self.ruleset)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every name with its place."""
        return mentions(self.index, self.files.rules)

    def meant(self, file: str, line: int, column: int) -> set[Symbol]:
        """What the name at a place means; where its declaration cannot be read, what the word there
        can only mean.
        """
        found = {mention.symbol for mention in self.at(file, line, column)}
        if found or not self._is_unread(file, line):
            return found
        written = clean(self.files.rules[file]).split("\n")[line - 1]
        said = {w.group() for w in _WORD.finditer(written) if w.start() < column <= w.end() + 1}
        named = {m.symbol for m in self.mentions if m.declares and m.symbol.name in said}
        return named if len(named) == 1 else set()

    def _is_unread(self, file: str, line: int) -> bool:
        here = [problem for problem in self.unread if problem.span.file == file]
        broken = broken_blocks(here, {file: self.files.rules.get(file, "")})
        return any(block.first <= line < block.first + len(block.lines) for block in broken)

    def at(self, file: str, line: int, column: int) -> list[Mention]:
        """The names at a place; a place behind the last letter of one counts."""
        return [
            mention
            for mention in self.mentions
            if mention.span.file == file
            and mention.span.line == line
            and mention.span.column <= column <= mention.span.end_column
        ]


class RuleSet:
    """One folder of rules; files are called by their path within it.

    What the editor has open counts, not what the disk holds. `trouble` says why files of the disk
    could not be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader, self.memory = Reader(), Memory()
        self.trouble = ""
        self._disk = Files({}, {})
        self._open: dict[str, str] = {}
        self._uris: dict[str, str] = {}
        self._known: Known | None = None
        self.reload()

    def name(self, path: Path) -> str:
        """What a file is called here."""
        return path.relative_to(self.folder).as_posix()

    def has(self, path: Path) -> bool:
        """Whether a file is one of these, or open as such."""
        if self.folder not in path.parents:
            return False
        name = self.name(path)
        return name in self._disk.rules or name in self._disk.csv or name in self._open

    def uri(self, name: str) -> str:
        """Where a file is, as the client writes it where it told us."""
        return self._uris.get(name) or (self.folder / name).as_uri()

    def reload(self) -> None:
        """Read the disk again; what cannot be read leaves what was read before."""
        self._known, self.trouble = None, ""
        try:
            found = read_files(list(files_of(self.folder))).rules
            self._disk = Files(
                {self.name(Path(k)): v for k, v in found.items()}, maps_of(self.folder)
            )
        except Stop as stop:
            self.trouble = stop.message

    def write(self, name: str, text: str, uri: str = "") -> None:
        """Take what the editor has for a file, and how it calls it."""
        self._known = None
        self._open[name] = text
        if uri:
            self._uris[name] = uri

    def close(self, name: str) -> None:
        """Take what the disk has for a file."""
        self._open.pop(name, None)
        self.reload()

    @property
    def known(self) -> Known:
        """What the files say now."""
        if self._known is None:
            rules = {k: v for k, v in self._open.items() if k.endswith(RULES)}
            csv = {k: v for k, v in self._open.items() if not k.endswith(RULES)}
            files = Files({**self._disk.rules, **rules}, {**self._disk.csv, **csv})
            self._known = Known(files, *self.reader.parse(files.rules), self.memory)
        return self._known


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
