"""Commands for backups, pruning, the key file and evidence packets."""

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    USAGE,
    Listing,
    Stop,
    actor_of,
    company_of,
    home_of,
    office,
    plural,
    print_json,
    print_next,
    print_note,
    refuse,
    settings,
)

if TYPE_CHECKING:
    from holding.records.packet_file import Checked, Known

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

UNCOMPARED = (
    "Compared with nothing: the page, the answers, the finding, the story, notes, names, and"
    " documents whose stored row is not in it. What was left out together with its events is not"
    " noticed. Compare the hash with the audit log, which has that of each packet (--sha256)."
)

VERIFIER = "verify_packet.py"
"""What the program beside a packet is called."""

NEW = click.Path(dir_okay=False, path_type=Path)

OLD = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Listing, short_help="Evidence packets: check one without the database.")
def evidence() -> None:
    """Evidence packets: one record as a file that is checked elsewhere."""


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
    """Check an evidence packet against itself, noted heads and its hash.

    Needs neither a database nor a home nor a network. What is wrong is named with its part. A head
    that was noted elsewhere proves the events before it, where the packet holds all texts between.
    The hash in the audit log alone shows that the whole file is the one that was handed out.
    """
    from holding.records.packet_file import check_packet

    known = [_head(one) for one in noted] + (_heads_in(anchors, file) if anchors else [])
    own = sha256.strip().lower()
    found = check_packet(file, known, sha256=own)
    if as_json:
        print_json(_told(found, whole=bool(own) and not found.faults))
    else:
        _say(found, whole=bool(own))
    return FINDINGS if found.faults else 0


def _head(text: str) -> "Known":
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(f"{text} is not a head of the chain.", "Write it as 120:9f3c….", USAGE)
    return int(seq), digest


def _heads_in(anchors: Path, packet: Path) -> "list[Known]":
    """The noted heads of the company that the packet names."""
    import json

    from holding.records.packet_file import DATA, MOST_BYTES, UNTRUE, unpack

    try:
        company = json.loads(unpack(packet).parts[DATA])["packet"]["company"]["code"]
    except UNTRUE:
        return []  # the check says what is wrong with the packet
    try:
        if anchors.stat().st_size > MOST_BYTES:
            raise Stop(f"{anchors} is larger than {MOST_BYTES:,} bytes.", code=USAGE)
        lines = [json.loads(line) for line in anchors.read_text("utf-8").splitlines()]
        return [(int(one["seq"]), str(one["hash"])) for one in lines if one["company"] == company]
    except (OSError, *UNTRUE) as problem:
        raise Stop(f"{anchors} is not a file of noted heads: {problem}.", code=USAGE) from problem


def _told(found: "Checked", *, whole: bool) -> dict[str, object]:
    return {
        "ok": not found.faults,
        "whole": whole,
        "sha256": found.sha256,
        "record": found.record,
        "made_at": found.made_at,
        "events": found.events,
        "texts": found.texts,
        "proved": found.proved,
        "removed": found.removed,
        "contents": found.contents.rows,
        "contents_compared": found.contents.compared,
        "contents_proved": found.contents.proved,
        "rows": found.rows.rows,
        "rows_compared": found.rows.compared,
        "rows_proved": found.rows.proved,
        "head": f"{found.head[0]}:{found.head[1]}" if found.head else None,
        "heads_compared": found.compared,
        "heads_beyond": found.beyond,
        "faults": [{"part": one.part, "message": one.message} for one in found.faults],
    }


def _say(found: "Checked", *, whole: bool) -> None:
    """In words; `whole`: its hash was given, so that without a fault it is that of the file."""
    for one in found.faults:
        click.echo(_clean(f"{one.part}: {one.message}"))
    if found.faults:
        click.echo("The packet is NOT what was handed out, or not what was sealed.")
        return
    if whole:
        click.echo(f"The packet of {_clean(found.record)} is whole: its hash is the one given.")
    else:
        named = f"It says that it is of {_clean(found.record)}. Its hash: {found.sha256}"
        click.echo(f"Nothing in the packet contradicts itself. {named}")
    _say_events(found)
    _say_contents(found)
    if not whole:
        click.echo(UNCOMPARED)
    if found.compared:
        print_note(f"Noted heads compared: {found.compared:,}.")
    elif found.head:
        print_note(
            "No noted head was compared: whoever can make the chain anew cannot be told."
            f" Compare {found.head[0]}:{found.head[1]} with one that was noted elsewhere."
        )
    if found.beyond:
        print_note(f"{found.beyond:,} noted heads lie beyond what the packet holds.")


def _clean(text: str) -> str:
    """What a file says, on one line and without what a terminal would act on."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _say_events(found: "Checked") -> None:
    click.echo(f"{found.proved:,} of {plural(found.events, 'event')} proved by a noted head.")
    if alone := found.texts - found.proved:
        agree = "agrees only with itself" if alone == 1 else "agree only with themselves"
        why = "no head that was given stands after, with each text up to it"
        click.echo(f"{plural(alone, 'event')} {agree}: {why}.")
    if bare := found.events - found.texts:
        words = "is" if bare == 1 else "are"
        click.echo(
            f"{plural(bare, 'event')} {words} listed without the text that was sealed:"
            " compared with nothing."
        )
    if found.removed:
        click.echo(f"Places without their text: {found.removed:,}. They prove nothing before them.")


def _say_contents(found: "Checked") -> None:
    made = found.contents
    agree = f"{made.compared:,} of {made.rows:,} contents agree with what events sealed"
    click.echo(
        f"{agree}, {made.proved:,} of them with events proved (versions, pushes, approvals, calls)."
    )
    if rest := made.rows - made.compared:
        words = "is" if rest == 1 else "are"
        click.echo(
            f"{plural(rest, 'content')} {words} not in the packet as it was sealed, or no event in"
            " it seals it: compared with nothing."
        )
    rows = found.rows
    click.echo(
        f"{rows.compared:,} of {rows.rows:,} stored rows equal their seals, {rows.proved:,} of them"
        " with events proved."
    )


@click.command(short_help="Write the evidence packet of RECORD, and the program that verifies it.")
@click.argument("record")
@click.option("--company", required=True, help="The company's code.")
@click.option("--as", "email", required=True, help="The email address of who exports it.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(),
              help="The folder for both files; else this one.")  # fmt: skip
@click.option("--personal", is_flag=True, help="With personal data, and what calls carried.")
@click.option("--others", is_flag=True, help="With other records' events up to a noted head.")
def packet(
    record: str, company: str, email: str, out: Path, *, personal: bool, others: bool
) -> None:
    """Write the evidence packet of RECORD into a folder, and a program that verifies it.

    The program is one file that needs only Python 3.11: copy both to any machine. The packet is the
    one of the record's page, and the audit trail notes it in the same way.
    """
    from holding.db.refusal import Refusal
    from holding.records import packet_file, record_rows
    from portal.app import create_app
    from portal.records.packet_pages import write_packet

    with office() as place:
        with place.database.read() as session:
            company_id = company_of(session, company).id
            found = record_rows.with_number(session, company_id, record)
            actor = actor_of(session, email, company_id)
        if found is None:
            raise Stop(f'No record or document "{record}" found.')
        app = create_app(place.database, place.clock, place.settings)
        made = write_packet(app, company, actor, found.id, personal=personal, others=others)
    if isinstance(made, Refusal):
        refuse(made)
    out.mkdir(parents=True, exist_ok=True)
    file, program = out / f"evidence-{found.id}.zip", out / VERIFIER
    file.write_bytes(made.content)
    program.write_bytes(Path(packet_file.__file__).read_bytes())
    click.echo(f"{file} {made.sha256}")
    print_note(f"On any machine: python {program.name} {file.name} --sha256 {made.sha256}")
    print_next(f"evidence verify {file}")


@click.command(short_help="Copy the database into a file, while everything runs.")
@click.argument("file", type=NEW)
def backup(file: Path) -> None:
    """Copy the database into FILE as of one moment, while everything runs.

    The key file is not in it: keep a copy of that elsewhere.
    """
    from holding.platform import backup as copies

    found = settings()
    refusal = copies.back_up(found.database_url, file)
    if refusal:
        refuse(refusal, FINDINGS if refusal.status == 409 else ENVIRONMENT)
    with file.open("rb") as copy:
        digest = file_digest(copy, "sha256").hexdigest()
    click.echo(f"{file} {digest}")
    if not copies.note_backup(found.database_url, file, digest, datetime.now(UTC)):
        print_note(
            "The page Operations does not tell of it: this could not be noted in the database."
        )
    print_note("The key file is not in it: keep a copy of that in another place.")
    print_next(f"restore {file}, in an empty place: a backup counts once that worked")


@click.command(short_help="Put a backup back into an empty place; every target is paused.")
@click.argument("file", type=OLD)
def restore(file: Path) -> None:
    """Put the backup FILE back into an empty place: a new home, or an empty database.

    Every target is paused: nothing is sent before somebody resumes it with `clearpost connection
    resume NAME`.
    """
    from holding.db.refusal import Refusal
    from holding.platform import backup as restoring
    from holding.platform.backup import VERSION

    found = settings()
    home_of(found)
    answer = restoring.restore(found.database_url, file, datetime.now(UTC))
    if isinstance(answer, Refusal):
        refuse(answer, ENVIRONMENT if answer.status == 503 else FINDINGS)
    click.echo(f"{file} is restored; its schema was {answer.version}, and is {VERSION} now.")
    paused = plural(answer.paused, "target")
    print_note(f"{paused} paused. Resume each with `clearpost connection resume NAME`.")
    print_next("invariants")


@click.command(short_help="Take away the raw bytes of what is older than CLEARPOST_KEEP_YEARS.")
@click.option("--company", help="Only this company; else all.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def prune(company: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Take away the raw bytes of deliveries, calls and uploads older than CLEARPOST_KEEP_YEARS (7).

    Only of records that came to their end. Hashes, versions, verdicts, pushes, answers and events
    stay, and `clearpost verify` passes as before.
    """
    from holding.operations import pruning
    from holding.operations.invariants import companies

    with office() as place:
        cutoff = pruning.before(place.now, place.settings.keep_years)
        with place.database.read() as session:
            wanted = {company: company_of(session, company).id} if company else companies(session)
            found = [pruning.due(session, key, code, cutoff) for code, key in wanted.items()]
        if not dry_run:
            found = [
                pruning.prune(place.database, key, cutoff, place.now) for key in wanted.values()
            ]
    if as_json:
        print_json(
            {"before": cutoff, "dry_run": dry_run, "companies": [asdict(one) for one in found]}
        )
        return
    what = "would be removed" if dry_run else "were removed"
    for one in found:
        told = f"{one.deliveries:,} deliveries, {one.calls:,} calls, {one.uploads:,} uploads"
        click.echo(f"{one.company}: raw bytes of {told} {what}, from before {cutoff.date()}.")
    whose = f" --company {company}" if company else ""
    print_next(f"prune{whose}" if dry_run else f"invariants{whose}")


@click.group(cls=Listing, short_help="The key file: make it, and replace its key.")
def key() -> None:
    """The key file, which encrypts the secrets in the database."""


@key.command("new")
def new() -> None:
    """Make the key file, where there is none.

    Every machine of one installation needs the same file: make it once, and copy it.
    """
    from holding.access.actors import key_path, make_key_file
    from holding.db.refusal import Refusal

    found = settings()
    home_of(found)
    path = key_path(found)
    try:
        is_new = make_key_file(path)
    except OSError as error:
        refuse(Refusal("key.folder", f"{path} cannot be written: {error.strerror}."), ENVIRONMENT)
    if not is_new:
        words = f"There is a key file already: {path}. Nothing was changed."
        refuse(Refusal("key.exists", words, "`clearpost key rotate` replaces its key.", 409))
    click.echo(f"{path} is made, readable by its owner only.")
    print_note("Keep a copy apart from the database: stored secrets cannot be read without it.")
    print_next("migrate")


@key.command("rotate")
def rotate() -> int:
    """Replace the key of the key file and encrypt every stored secret again.

    Stop all workers and portals first, and copy the file to each machine before you start them
    again. Nobody is signed out. Exit code 1 if a secret could not be read with the old key.
    """
    from holding.access.actors import key_path
    from holding.db.refusal import Refusal
    from holding.operations.key_file_rotation import rotate_key_file

    with office() as place:
        answer = rotate_key_file(place.database, place.settings, place.now)
        path = key_path(place.settings)
    if isinstance(answer, Refusal):
        refuse(answer)
    click.echo(f"{plural(answer.count, 'secret')} encrypted with the new key of {path}.")
    for title in answer.unreadable:
        click.echo(f"Not readable before, and left as it is: {title}. Enter it again.", err=True)
    print_note("Keep a copy of the new file, and copy it to each machine.")
    print_next("doctor")
    return FINDINGS if answer.unreadable else 0


COMMANDS = (backup, restore, prune, key, evidence, packet)
