"""Build the `clearpost` command from its groups and set the exit code of each way to end."""

import atexit
import errno
import gc
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import NoReturn

import click

from connectors.transport.http import BrokenConnectorError
from portal.backtest import command as backtest
from portal.backtest import preflight
from portal.cli import access, answers, connections, evidence, first_run, records, server, setup
from portal.rule_tools import explain_commands, rule_files
from portal.terminal.command_frame import ENVIRONMENT, INTERNAL, INTERRUPTED, Stop

COLLECT_AFTER = 50_000  # objects; modules create many that stay, so the default of 700 wastes time


class CommandGroup(click.Group):
    """List the product's commands, and load `demo` and `bench` only when they run.

    Production needs neither, and `bench` is not part of the wheel.
    """

    _LAZY: Mapping[str, str] = {"bench": "bench.command", "demo": "sandbox.demo.command"}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, loaded or not."""
        return sorted({*super().list_commands(ctx), *self._LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command when it is run or listed; return None when there is no such command."""
        module = self._LAZY.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        try:
            command: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("bench", "sandbox"):
                raise
            return _missing_command(cmd_name)
        return command


def _missing_command(name: str) -> click.Command:
    """Return a command that reports that it is not installed and exits with 3."""
    text = f"`clearpost {name}` is not part of this installation. Run it in a checkout."

    @click.command(name, help=text, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def missing(arguments: tuple[str, ...]) -> NoReturn:  # noqa: ARG001 - click passes them
        raise Stop(text, code=ENVIRONMENT)

    return missing


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Clear business records against written rules before they are posted.

    Exit codes: 0 good, 1 findings, 2 usage, 3 environment, 4 internal, 130 interrupted.
    """


for group in (
    server,
    evidence,
    rule_files,
    explain_commands,
    backtest,
    setup,
    answers,
    access,
    connections,
    first_run,
    records,
    preflight,
):
    for command in group.COMMANDS:
        commands.add_command(command)
for command in first_run.COMPANY_COMMANDS:
    setup.company.add_command(command)


def main() -> None:
    """Run the command line and exit with the code that matches how the command ended."""
    gc.set_threshold(COLLECT_AFTER)
    atexit.register(gc.freeze)  # skips a last collection over loaded modules
    try:
        code = commands(standalone_mode=False)
    except Stop as problem:
        problem.show()
        sys.exit(problem.code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except BrokenConnectorError as problem:
        Stop(str(problem), problem.hint).show()
        sys.exit(ENVIRONMENT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as problem:  # noqa: BLE001 - what is not the environment's is a bug of ours
        stop = _environment_fault(problem)
        if stop is None:
            _exit_on_internal_error()
        stop.show()
        sys.exit(ENVIRONMENT)
    sys.exit(code if isinstance(code, int) else 0)


def _environment_fault(problem: Exception) -> Stop | None:
    """Return the message for a fault of the disk, a file or the database; None for any other."""
    from holding.db.database import UNAVAILABLE

    if isinstance(problem, UNAVAILABLE):
        hint = "Check that it answers and has room on its disk, then repeat."
        return Stop(f"The database cannot be used: {problem.orig}", hint)
    if not isinstance(problem, OSError):
        return None
    if problem.errno == errno.ENOSPC:
        return Stop("The disk is full.", "Make room, then repeat the command.")
    if problem.filename is None:
        return None
    return Stop(f"{problem.filename} cannot be used, because the system says: {problem.strerror}.")


def _exit_on_internal_error() -> NoReturn:
    traceback.print_exc()
    click.echo(
        "error: internal error in Clearpost. Please report it with the text above.", err=True
    )
    sys.exit(INTERNAL)
