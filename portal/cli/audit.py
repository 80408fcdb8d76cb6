"""Commands of who proves: `clearpost invariants`, `clearpost verify` and `clearpost faults`.

Here: is all as it must be, is the trail of events whole, and the points where tests break it. Not
here: the invariants (holding/integrity), the chain (holding/platform/events.py).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    USAGE,
    Listing,
    Stop,
    company_of,
    company_option,
    office,
    onward,
    say,
    tell,
)

if TYPE_CHECKING:
    from holding.db.database import DatabaseSession
    from holding.operations.content_invariants import Since
    from holding.operations.invariants import Checked
    from holding.platform.events import Head
    from portal.terminal.command_frame import Office


LEDGER = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--company", help="Only this company; else all.")
@click.option("--ledger", type=LEDGER, multiple=True, help="What a target's stand-in wrote itself.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def invariants(company: str | None, ledger: tuple[Path, ...], *, as_json: bool) -> int:
    """Check that nothing is lost, doubled, forgotten or unexplained.

    Reads only. With --ledger our account is compared with the target's own.
    """
    from holding.operations.invariants import companies

    with office() as place, place.database.read() as session:
        wanted = {company: company_of(session, company).id} if company else companies(session)
        found = {code: _check(place, session, code, key, ledger) for code, key in wanted.items()}
    if as_json:
        tell({code: _told(checked) for code, checked in found.items()})
    else:
        for code, checked in found.items():
            _say(code, checked)
        onward(f"verify --company {company or 'CODE'}")
    return FINDINGS if any(checked.breaches for checked in found.values()) else 0


def _check(
    place: "Office",
    session: "DatabaseSession",
    code: str,
    company_id: int,
    ledger: tuple[Path, ...],
) -> "Checked":
    from holding.access.actors import load_keys
    from holding.db.refusal import Refusal
    from holding.operations.invariants import check

    keys, anchors = load_keys(place.settings), noted_heads(place.settings.anchor_file, code)
    try:
        return check(
            session,
            company_id,
            now=place.now,
            settings=place.settings,
            ledger=ledger or None,
            keys=None if isinstance(keys, Refusal) else keys,
            anchors=anchors,
        )
    except OSError as problem:
        raise Stop(f"The ledger cannot be read: {problem.strerror}.", code=ENVIRONMENT) from problem
    except (ValueError, KeyError) as problem:
        hint = "A ledger has one JSON object in each line."
        raise Stop(f"This is not the ledger of a stand-in: {problem}.", hint, USAGE) from problem


def _told(checked: "Checked") -> dict[str, object]:
    breaches = [
        {"invariant": one.invariant, "say": one.say, "records": list(one.record_ids)}
        for one in checked.breaches
    ]
    return {"checked": list(checked.checked), "breaches": breaches}


def _say(code: str, checked: "Checked") -> None:
    from holding.operations.invariants import CHECKS

    click.echo(f"{code}: {len(checked.checked)} invariants, {len(checked.breaches)} breaches")
    for name in dict.fromkeys(one.invariant for one in checked.breaches):
        click.echo(f"  {name} is broken. It says: {CHECKS[name][0]}")
        for one in checked.breaches:
            if one.invariant == name:
                records = ", ".join(map(str, one.record_ids))
                click.echo(f"    {one.say}" + (f" (record {records})" if records else ""))


@click.group(cls=Listing)
def faults() -> None:
    """The points at which a test may break the program."""


@faults.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def faults_list(*, as_json: bool) -> None:
    """Name all points, and what has just happened or is about to at each."""
    from connectors.transport.strict_json import POINTS

    if as_json:
        tell(POINTS)
        return
    for name, words in POINTS.items():
        click.echo(f"{name:<26} {words}")
    onward("invariants")


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Walk the chain of events: was anything changed afterwards?")
@company_option
@click.option("--head", "noted", help="A head that was noted before, as SEQ:HASH.")
@click.option("--anchors", type=FILE, help="A copy of the noted heads; else the installation's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(company: str, noted: str | None, anchors: Path | None, *, as_json: bool) -> int:
    """Walk the chain of events of a company: was anything changed or taken away afterwards?

    The head of the chain is noted every 1,000 events or 5 minutes. What was noted, and a head given
    with --head, shows that nothing up to it was replaced. What events sealed of versions, postings,
    approvals, requests and answers is compared with the rows.
    """
    from holding.operations import content_invariants as contents
    from holding.platform import events as chain

    known = [_head(noted)] if noted else []
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        known += noted_heads(anchors or place.settings.anchor_file, company)
        stored = contents.compare(session, found.id)
        torn = chain.verify(session, found.id, now=place.now, known=known)
        breaks = [*torn, *stored.breaks]
        head = chain.head(session, found.id)
    up_to = max((one.seq for one in known), default=0)
    if as_json:
        told = [{"seq": b.seq, "event": b.event_id, "message": b.message} for b in breaks]
        since = asdict(stored.since) if stored.since else None
        shown = {"events": head.seq, "head": f"{head.seq}:{head.hash}", "noted": up_to}
        tell({**shown, "contents_since": since, "breaks": told})
    else:
        for one in breaks:
            click.echo(one.message)
        whole = "is not whole" if torn else "is whole"
        click.echo(f"The chain of {head.seq:,} events {whole}. Head: {head.seq}:{head.hash}")
        say(_sealed(stored.since))
        if known:
            say(f"Noted heads compared: {len(known):,}, the last of place {up_to:,}.")
        else:
            say("No head was noted: a chain whose end was cut off and made again cannot be told.")
        again = f"verify --company {company} --head {head.seq}:{head.hash}"
        onward(f"invariants --company {company}" if breaks else again)
    return FINDINGS if breaks else 0


def _sealed(since: "Since | None") -> str:
    """From where on contents can be compared."""
    if since is None:
        return "Versions were compared with what events sealed; no event seals other contents yet."
    place = f", place {since.seq:,} of the chain" if since.seq else ""
    told = "Versions were compared with what events sealed; postings, approvals, requests and"
    return f"{told} answers from event {since.event_id:,} on{place}."


def _head(text: str) -> "Head":
    from holding.platform.events import Head

    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(
            f"{text} is not a head of the chain.",
            "Write it as 120:9f3c…; this command prints it.",
            USAGE,
        )
    return Head(int(seq), digest)


def noted_heads(file: Path, company: str) -> "tuple[Head, ...]":
    """All that were noted of a company; a line that is no anchor is itself a finding."""
    from holding.platform.events import Anchors

    try:
        return Anchors(file).of(company)
    except OSError as problem:
        raise Stop(f"{file} cannot be read: {problem.strerror}.", code=ENVIRONMENT) from problem
    except ValueError as problem:
        told = "A person changed it, or a disk did: compare it with a copy that was kept elsewhere."
        raise Stop(f"The noted heads are damaged: {problem}.", told, FINDINGS) from problem


COMMANDS = (invariants, faults, verify)
