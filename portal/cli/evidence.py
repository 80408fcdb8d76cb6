"""Commands on evidence packets: `clearpost evidence verify`.

Here: checking a file where there is neither a database nor a home. Not here: making a packet (the
page of a record), what is proved (holding/evidence/packet_check.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.terminal.command_frame import FINDINGS, USAGE, Stop, plural, say, tell

if TYPE_CHECKING:
    from holding.evidence.packet_check import Checked, Known

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def evidence() -> None:
    """Evidence packets: one record as a file that proves itself."""


@evidence.command("verify")
@click.argument("file", type=FILE)
@click.option(
    "--head", "noted", multiple=True, help="A head that was noted elsewhere, as SEQ:HASH."
)
@click.option("--anchors", type=FILE, help="A copy of the file of noted heads.")
@click.option("--sha256", default="", help="The packet's hash as the audit log has it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    file: Path, noted: tuple[str, ...], anchors: Path | None, sha256: str, *, as_json: bool
) -> int:
    """Check an evidence packet: is it what was handed out, and what was sealed?

    Needs neither a database nor a home nor a network. What is wrong is named with its part. A head
    that was noted elsewhere shows that the events were not made anew as a whole.
    """
    from holding.evidence.packet_check import check

    known = [_head(one) for one in noted] + (_heads_in(anchors, file) if anchors else [])
    found = check(file, known, sha256=sha256.strip().lower())
    if as_json:
        tell(_told(found))
    else:
        _say(found)
    return FINDINGS if found.faults else 0


def _told(found: "Checked") -> dict[str, object]:
    return {
        "ok": not found.faults,
        "sha256": found.sha256,
        "record": found.record,
        "made_at": found.made_at,
        "events": found.events,
        "proved": found.proved,
        "contents": found.contents,
        "head": f"{found.head[0]}:{found.head[1]}" if found.head else None,
        "heads_compared": found.compared,
        "heads_beyond": found.beyond,
        "faults": [{"part": one.part, "message": one.message} for one in found.faults],
    }


def _say(found: "Checked") -> None:
    for one in found.faults:
        click.echo(f"{one.part}: {one.message}")
    if found.faults:
        click.echo("The packet is NOT what was handed out, or not what was sealed.")
        return
    click.echo(f"The packet of {found.record} is whole. Its hash: {found.sha256}")
    others = found.events - found.proved
    beside = f", {others:,} stand by their hash alone" if others else ""
    click.echo(f"{found.proved:,} of {plural(found.events, 'event')} proved{beside}.")
    if found.compared:
        say(f"Noted heads compared: {found.compared:,}.")
    elif found.head:
        say(
            "No noted head was compared: whoever can make the whole chain anew cannot be told."
            f" Compare {found.head[0]}:{found.head[1]} with one that was noted elsewhere."
        )
    if found.beyond:
        say(f"{found.beyond:,} noted heads lie beyond what the packet holds.")


def _head(text: str) -> "Known":
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(f"{text} is no head.", "It looks like 120:9f3c….", USAGE)
    return int(seq), digest


def _heads_in(anchors: Path, packet: Path) -> "list[Known]":
    """The noted heads of the company that the packet names."""
    import json

    from holding.evidence.packet_check import UNTRUE
    from holding.evidence.packet_file import DATA, MOST_BYTES, unpacked

    try:
        company = json.loads(unpacked(packet).parts[DATA])["packet"]["company"]["code"]
    except UNTRUE:
        return []  # the check says what is wrong with the packet
    try:
        if anchors.stat().st_size > MOST_BYTES:
            raise Stop(f"{anchors} is larger than {MOST_BYTES:,} bytes.", code=USAGE)
        lines = [json.loads(line) for line in anchors.read_text("utf-8").splitlines()]
        return [(int(one["seq"]), str(one["hash"])) for one in lines if one["company"] == company]
    except (OSError, *UNTRUE) as problem:
        raise Stop(f"{anchors} is no file of noted heads: {problem}.", code=USAGE) from problem


COMMANDS = (evidence,)
