"""`clearpost verify`: whether the trail of events is whole.

Here: reading the arguments and telling what was found. Not here: the chain (holding/chain.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.admin import company_option
from portal.cli.anchored import noted_heads
from portal.cli.frame import FINDINGS, USAGE, Stop, company_of, office, say, tell

if TYPE_CHECKING:
    from holding.chain import Head


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Walk the chain of events: was anything changed afterwards?")
@company_option
@click.option("--head", "noted", help="A head that was noted before, as SEQ:HASH.")
@click.option("--anchors", type=FILE, help="A copy of the noted heads; else the installation's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(company: str, noted: str | None, anchors: Path | None, *, as_json: bool) -> int:
    """Walk the chain of events of a company: was anything changed or taken away afterwards?

    The head of the chain is noted every hour. What was noted, and a head given with --head, shows
    that nothing up to it was replaced.
    """
    from holding import chain

    known = [_head(noted)] if noted else []
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        known += noted_heads(anchors or place.settings.anchor_file, company)
        breaks = chain.verify(session, found.id, now=place.now, known=known)
        head = chain.head(session, found.id)
    up_to = max((one.seq for one in known), default=0)
    if as_json:
        told = [{"seq": b.seq, "event": b.event_id, "message": b.message} for b in breaks]
        tell(
            {"events": head.seq, "head": f"{head.seq}:{head.hash}", "noted": up_to, "breaks": told}
        )
    else:
        for one in breaks:
            click.echo(one.message)
        whole = "is not whole" if breaks else "is whole"
        click.echo(f"The chain of {head.seq:,} events {whole}. Head: {head.seq}:{head.hash}")
        if known:
            say(f"Noted heads compared: {len(known):,}, the last of place {up_to:,}.")
        else:
            say("No head was noted: a chain whose end was cut off and made anew cannot be told.")
    return FINDINGS if breaks else 0


def _head(text: str) -> "Head":
    from holding.chain import Head

    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(f"{text} is no head.", "It looks like 120:9f3c… and is printed here.", USAGE)
    return Head(int(seq), digest)


COMMANDS = (verify,)
