"""A page of docs/connectors followed as it is written: its commands run, its code put in place.

Here: reading the blocks, and what a person does with each. Not here: what must come of it.
"""

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from portal.cli import main; main()"


@dataclass
class Follower:
    """Somebody in a folder, with a page: `at` is where the connector's files lie."""

    page: Path
    folder: Path
    at: str
    said: list[tuple[str, str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("REQUIRE_", "PYTEST_"))}
        home = {"CLEARPOST_HOME": str(self.folder / "home"), "PYTHONPATH": str(ROOT)}
        self.env = {**kept, **home}

    def follow(self) -> None:
        """Every block, in the order of the page."""
        for kind, text in re.findall(
            r"^```(\S+(?: \S+)?)\n(.*?)^```", self.page.read_text(), re.M | re.S
        ):
            if kind == "sh":
                for line in text.splitlines():
                    self.command(line)
            else:
                put(self.folder / self.at / kind.removeprefix("python "), text)

    def command(self, line: str) -> None:
        """One line of a shell; a comment says how it ends, else it ends well."""
        words, _, comment = line.partition("  # ends with ")
        if words.startswith("export "):
            name, _, value = words.removeprefix("export ").partition("=")
            self.env[name] = value.replace("$PWD", str(self.folder))
            return
        first, *rest = words.split()
        assert first == "clearpost", line
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *rest],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append((words.strip(), done.stdout + done.stderr))
        assert done.returncode == int(comment or 0), done.stdout + done.stderr


def put(file: Path, block: str) -> None:
    """Put each function and table of a block in the place of the one of its name; imports go above
    the others.
    """
    for new in ast.parse(block).body:
        text = file.read_text("utf-8")
        lines, told = text.splitlines(), ast.get_source_segment(block, new) or ""
        if isinstance(new, ast.Import | ast.ImportFrom):
            first = next(n.lineno for n in ast.parse(text).body if isinstance(n, ast.ImportFrom))
            lines[first - 1 : first - 1] = [told]
        else:
            (old,) = (one for one in ast.parse(text).body if _name(one) == _name(new))
            assert old.end_lineno is not None
            lines[old.lineno - 1 : old.end_lineno] = told.splitlines()
        file.write_text("\n".join(lines) + "\n", "utf-8")


def _name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]):
            return name
    return ""
