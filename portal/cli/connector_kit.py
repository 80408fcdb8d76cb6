"""Commands for connectors of one's own: begin one, and try it by the contract suite.

Here: reading the arguments, starting the suite. Not here: the files and the suite
(connectors/conformance), connections of a company (connections.py).
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

import click

from connectors.transport.http import SETTING
from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    USAGE,
    Listing,
    Stop,
    onward,
)

PACKAGE = Path(__file__).resolve().parents[2]
INTO = click.option(
    "--in",
    "into",
    default="connectors",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder with `targets`, `sources` and `simulators`; in a checkout, its own.",
)


@click.group(cls=Listing)
def connector() -> None:
    """Create a connector of your own, and test it."""


@connector.command()
@click.argument("name")
@click.option("--like", required=True, help="The target or source whose documents it begins with.")
@INTO
def new(name: str, *, like: str, into: Path) -> int:
    """Make the folder of a target or a source, with a stand-in, to fill in."""
    from connectors import registry
    from sandbox.conformance.new_connector import NAME, TakenError, new_source, new_target

    if not NAME.fullmatch(name) or iskeyword(name):  # its modules are imported by it
        raise Stop(
            f"'{name}' cannot be a name.", "Use small letters, digits and _: my_books.", USAGE
        )
    targets, sources = registry.targets(), registry.sources()
    if name in {*targets, *sources}:
        raise Stop(f"A connector {name} exists already.", "Give it another name.", USAGE)
    if like not in {*targets, *sources}:
        known = ", ".join(sorted({*targets, *sources}))
        raise Stop(f"Unknown connector '{like}'.", f"--like: {known}", USAGE)
    try:
        if like in targets:
            made = new_target(name, targets[like], into)
        else:
            made = new_source(name, sources[like], into)
    except (TakenError, OSError) as problem:
        raise Stop(
            f"Nothing was made: {problem}", "Name another folder with --in.", USAGE
        ) from problem
    for path in made:
        click.echo(str(path))
    onward(f"connector test {name} --in {into}; it names the places to fill in.")
    return 0


@connector.command()
@click.argument("name")
@INTO
def test(name: str, *, into: Path) -> int:
    """Try a connector by the contract suite that all have to pass; needs pytest."""
    side = next((one for one in ("targets", "sources") if (into / one / name).is_dir()), "")
    if not side:
        raise Stop(f"{into} has no connector {name}.", f"clearpost connector new {name} …", USAGE)
    if find_spec("pytest") is None:
        raise Stop("The suite needs pytest.", "pip install 'clearpost[dev]'", ENVIRONMENT)
    suite = PACKAGE / "connectors" / "conformance" / f"own_{side.removesuffix('s')}_suite.py"
    plugin = "sandbox.conformance.new_connector"
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider"]
    fixed = ["-c", os.devnull, "--rootdir", str(PACKAGE), "--import-mode", "importlib"]
    told = ["--tb", "short", "--connector", name, str(suite)]
    done = subprocess.run([*command, *fixed, *told], env=_environment(into), check=False)
    if done.returncode:
        return FINDINGS
    onward(f"connection add {name} --company CODE --as EMAIL --side {side.removesuffix('s')}")
    return 0


def _environment(into: Path) -> dict[str, str]:
    """That of the suite: the folder is looked into, and this machine may be called."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REQUIRE_", "PYTEST_"))
    }
    paths = [str(PACKAGE), *filter(None, [kept.get("PYTHONPATH")])]
    own = into.resolve()
    known = [one for one in kept.get(SETTING, "").split(os.pathsep) if one]
    if own != PACKAGE / "connectors" and str(own) not in known:
        known = [*known, str(own)]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        SETTING: os.pathsep.join(known),
        "CLEARPOST_ENV": "test",
        "CLEARPOST_ALLOW_LOOPBACK": "1",
    }


COMMANDS = (connector,)
