"""Commands that tell what rule files mean: explain, diff, init. They need no database.

Here: reading the arguments, printing, copying a template. Not here: the words (`rules.explain`,
`rules.difference`), finding mistakes (`files.py`).
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.files import AS_JSON, PATHS, sound
from portal.cli.frame import FINDINGS, USAGE, Stop, say, tell
from portal.cli.rule_files import read_files

if TYPE_CHECKING:
    from rules.difference import Change

TEMPLATES = Path(__file__).parents[1] / "starters"
FOLDER = click.Path(exists=True, path_type=Path)


@click.command()
@PATHS
@click.option("--markdown", "form", flag_value="markdown", default=True, help="Markdown (default).")
@click.option("--html", "form", flag_value="html", help="One page that prints well, no scripts.")
@click.option("--topic", help="One topic only: ready, status, mapping, uom, approval, …")
def explain(paths: tuple[Path, ...], *, form: str, topic: str | None) -> int:
    """Say the rules in plain words: the rule book."""
    from rules.explain import TOPICS, book, html, markdown

    chosen = topic.lower() if topic else None
    if chosen is not None and chosen not in TOPICS:
        raise Stop(f"There is no topic '{topic}'.", f"--topic: {', '.join(TOPICS)}", USAGE)
    written = book(sound(read_files(paths)), chosen)
    title = f"Rule book: {', '.join(path.resolve().stem for path in paths)}"
    click.echo(html(written, title) if form == "html" else markdown(written, title))
    return 0


@click.command()
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@AS_JSON
def diff(old: Path, new: Path, *, as_json: bool) -> int:
    """Say what two versions of rule files decide otherwise; layout and order do not count.

    Exit code 1 if they differ.
    """
    from rules.difference import difference

    changes = difference(sound(read_files([old])), sound(read_files([new])))
    if as_json:
        tell({"changes": [_plain(change) for change in changes]})
        return FINDINGS if changes else 0
    for change in changes:
        reach = f" [{', '.join(change.routes)}]" if change.routes else ""
        click.echo(f"{change.kind:8} {change.name}{reach}")
        for detail in change.details:
            click.echo(f"           {detail}")
    if not changes:
        click.echo("The same rules.")
    return FINDINGS if changes else 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--template", default="netshop-aiaccount", show_default=True, help="Which rules.")
def init(folder: Path, *, template: str) -> int:
    """Begin a folder of rules from a template that is complete and tested."""
    known = sorted(path.name for path in TEMPLATES.iterdir() if (path / "maps").is_dir())
    if template not in known:
        raise Stop(f"There is no template '{template}'.", f"--template: {', '.join(known)}", USAGE)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} is there and not empty.", "name a new folder", USAGE)
    shutil.copytree(
        TEMPLATES / template,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "*.py"),
    )
    click.echo(f"{folder}: the rules of {template}")
    say(f"Next: clearpost check {folder}; clearpost test {folder}; clearpost explain {folder}")
    return 0


def _plain(change: "Change") -> dict[str, object]:
    return {
        "kind": change.kind,
        "name": change.name,
        "details": list(change.details),
        "routes": list(change.routes),
        "file": change.span.file,
        "line": change.span.line,
    }


COMMANDS = (explain, diff, init)
