"""The `clearpost` command: its groups of commands, and how each ends.

Here: putting the commands together and the exit codes. Not here: any command.
"""

import atexit
import gc
import sys
import traceback
from typing import NoReturn

import click

from bench import command as bench
from connectors.transport.http import BrokenConnectorError
from portal.backtest import command as backtest
from portal.backtest import export_command, preflight
from portal.cli import (
    access,
    answers,
    audit,
    backups,
    connections,
    connector_kit,
    evidence,
    first_run,
    records,
    server,
    setup,
)
from portal.rule_tools import check_commands, explain_commands, test_commands
from portal.terminal.command_frame import ENVIRONMENT, INTERNAL, INTERRUPTED, Stop
from sandbox.demo import command as demo

COLLECT_AFTER = 50_000  # objects; loading modules makes many that stay, so 700 costs a sixth of it


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Clear business records against written rules before they are posted.

    Exit codes: 0 good, 1 findings, 2 usage, 3 environment, 4 internal, 130 interrupted.
    """


for group in (
    server,
    backups,
    demo,
    check_commands,
    test_commands,
    explain_commands,
    backtest,
    setup,
    answers,
    access,
    connections,
    connector_kit,
    records,
    export_command,
    audit,
    evidence,
    preflight,
    bench,
):
    for command in group.COMMANDS:
        commands.add_command(command)
for command in first_run.COMMANDS:
    setup.company.add_command(command)


def main() -> None:
    """Run the command line; every way to end has its own exit code."""
    gc.set_threshold(COLLECT_AFTER)
    atexit.register(gc.freeze)  # what was loaded is not looked through once more at the end
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
    except OSError as problem:
        if problem.filename is None:
            _our_fault()
        Stop(
            f"{problem.filename} cannot be used, because the system says: {problem.strerror}."
        ).show()
        sys.exit(ENVIRONMENT)
    except Exception:  # noqa: BLE001 - the door: our own bug, told as such
        _our_fault()
    sys.exit(code if isinstance(code, int) else 0)


def _our_fault() -> NoReturn:
    traceback.print_exc()
    click.echo(
        "error: internal error in Clearpost. Please report it with the text above.", err=True
    )
    sys.exit(INTERNAL)
