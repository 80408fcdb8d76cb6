"""The command that an editor starts: lsp. It needs no database.

Here: the command. Not here: what it answers (`portal.editor`).
"""

import sys

import click

from portal.cli.frame import say


@click.command(short_help="Help an editor with rule files (language server).")
@click.option("--stdio", is_flag=True, help="As many editors add it: there is no other way.")
def lsp(*, stdio: bool) -> None:
    """Help an editor with rule files: findings, names, meanings (language server).

    Speaks the Language Server Protocol over standard input and output until the editor ends it.
    """
    from portal.editor import serve

    del stdio
    if sys.stdin.isatty():
        say("An editor starts this and speaks to it; Ctrl+C ends it. See docs/editor.md.")
    serve()


COMMANDS = (lsp,)
