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
    ensure_home,
    open_installation,
    plural,
    print_json,
    print_next,
    print_note,
    refuse,
    require_actor,
    require_company,
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
"""File name of the verifier program next to a packet."""

NEW = click.Path(dir_okay=False, path_type=Path)

OLD = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Listing, short_help="Evidence packets: check one without the database.")
def evidence() -> None:
    """Check evidence packets: each is one record in a file that needs no database."""


@evidence.command("verify")
@click.argument("file", type=FILE)
@click.option(
    "--head", "head_options", multiple=True, help="A head that was noted elsewhere, as SEQ:HASH."
)
@click.option("--anchors", type=FILE, help="A copy of the file of noted heads.")
@click.option("--sha256", default="", help="The packet's hash as the audit log has it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    file: Path, head_options: tuple[str, ...], anchors: Path | None, sha256: str, *, as_json: bool
) -> int:
    """Check an evidence packet against itself, noted heads and its hash.

    Needs neither a database nor a home nor a network. What is wrong is named with its part. A head
    that was noted elsewhere proves the events before it, where the packet holds all texts between.
    The hash in the audit log alone shows that the whole file is the one that was handed out.
    """
    from holding.records.packet_file import check_packet

    known_heads = [_head(head) for head in head_options] + (
        _read_noted_heads(anchors, file) if anchors else []
    )
    expected_hash = sha256.strip().lower()
    report = check_packet(file, known_heads, sha256=expected_hash)
    if as_json:
        print_json(_report_json(report, is_whole=bool(expected_hash) and not report.faults))
    else:
        _print_report(report, is_whole=bool(expected_hash))
    return FINDINGS if report.faults else 0


def _head(text: str) -> "Known":
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(f"{text} is not a head of the chain.", "Write it as 120:9f3c….", USAGE)
    return int(seq), digest


def _read_noted_heads(anchors: Path, packet: Path) -> "list[Known]":
    """Return the noted heads of the company that the packet names."""
    import json

    from holding.records.packet_file import DATA, MOST_BYTES, UNTRUE, unpack

    try:
        company = json.loads(unpack(packet).parts[DATA])["packet"]["company"]["code"]
    except UNTRUE:
        return []  # the check reports the packet's faults
    try:
        if anchors.stat().st_size > MOST_BYTES:
            raise Stop(f"{anchors} is larger than {MOST_BYTES:,} bytes.", code=USAGE)
        lines = [json.loads(line) for line in anchors.read_text("utf-8").splitlines()]
        return [
            (int(noted_head["seq"]), str(noted_head["hash"]))
            for noted_head in lines
            if noted_head["company"] == company
        ]
    except (OSError, *UNTRUE) as problem:
        raise Stop(f"{anchors} is not a file of noted heads: {problem}.", code=USAGE) from problem


def _report_json(report: "Checked", *, is_whole: bool) -> dict[str, object]:
    return {
        "ok": not report.faults,
        "whole": is_whole,
        "sha256": report.sha256,
        "record": report.record,
        "made_at": report.made_at,
        "events": report.events,
        "texts": report.texts,
        "proved": report.proved,
        "removed": report.removed,
        "contents": report.contents.rows,
        "contents_compared": report.contents.compared,
        "contents_proved": report.contents.proved,
        "rows": report.rows.rows,
        "rows_compared": report.rows.compared,
        "rows_proved": report.rows.proved,
        "head": f"{report.head[0]}:{report.head[1]}" if report.head else None,
        "heads_compared": report.compared,
        "heads_beyond": report.beyond,
        "faults": [{"part": fault.part, "message": fault.message} for fault in report.faults],
    }


def _print_report(report: "Checked", *, is_whole: bool) -> None:
    """Print the report; `is_whole` means that the packet's hash was entered and is equal."""
    for fault in report.faults:
        click.echo(_clean(f"{fault.part}: {fault.message}"))
    if report.faults:
        click.echo("The packet is NOT what was handed out, or not what was sealed.")
        return
    if is_whole:
        click.echo(f"The packet of {_clean(report.record)} is whole: its hash is the one given.")
    else:
        summary = f"It says that it is of {_clean(report.record)}. Its hash: {report.sha256}"
        click.echo(f"Nothing in the packet contradicts itself. {summary}")
    _print_events(report)
    _print_contents(report)
    if not is_whole:
        click.echo(UNCOMPARED)
    if report.compared:
        print_note(f"Noted heads compared: {report.compared:,}.")
    elif report.head:
        print_note(
            "No noted head was compared: whoever can make the chain anew cannot be told."
            f" Compare {report.head[0]}:{report.head[1]} with one that was noted elsewhere."
        )
    if report.beyond:
        print_note(f"{report.beyond:,} noted heads lie beyond what the packet holds.")


def _clean(text: str) -> str:
    """Return the text on one line, without characters that a terminal would act on."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _print_events(report: "Checked") -> None:
    click.echo(f"{report.proved:,} of {plural(report.events, 'event')} proved by a noted head.")
    if unproved := report.texts - report.proved:
        agree = "agrees only with itself" if unproved == 1 else "agree only with themselves"
        why = "no head that was given stands after, with each text up to it"
        click.echo(f"{plural(unproved, 'event')} {agree}: {why}.")
    if without_text := report.events - report.texts:
        words = "is" if without_text == 1 else "are"
        click.echo(
            f"{plural(without_text, 'event')} {words} listed without the text that was sealed:"
            " compared with nothing."
        )
    if report.removed:
        click.echo(
            f"Places without their text: {report.removed:,}. They prove nothing before them."
        )


def _print_contents(report: "Checked") -> None:
    contents = report.contents
    summary = f"{contents.compared:,} of {contents.rows:,} contents agree with what events sealed"
    click.echo(
        f"{summary}, {contents.proved:,} of them with events proved (versions, pushes, approvals,"
        " calls)."
    )
    if uncompared := contents.rows - contents.compared:
        words = "is" if uncompared == 1 else "are"
        click.echo(
            f"{plural(uncompared, 'content')} {words} not in the packet as it was sealed, or no"
            " event in it seals it: compared with nothing."
        )
    rows = report.rows
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
    """Write RECORD's evidence packet into a folder, and a program that verifies the packet.

    The program is one file that needs only Python 3.11: copy both to any machine. The packet equals
    the download on the record's page, and is recorded in the audit trail likewise.
    """
    from holding.db.refusal import Refusal
    from holding.records import packet_file, record_rows
    from portal.app import create_app
    from portal.records.packet_pages import write_packet

    with open_installation() as place:
        with place.database.read() as session:
            company_id = require_company(session, company).id
            record_row = record_rows.with_number(session, company_id, record)
            actor = require_actor(session, email, company_id)
        if record_row is None:
            raise Stop(f'No record or document "{record}" found.')
        app = create_app(place.database, place.clock, place.settings)
        zip_file = write_packet(
            app, company, actor, record_row.id, personal=personal, others=others
        )
    if isinstance(zip_file, Refusal):
        refuse(zip_file)
    out.mkdir(parents=True, exist_ok=True)
    file, program = out / f"evidence-{record_row.id}.zip", out / VERIFIER
    file.write_bytes(zip_file.content)
    program.write_bytes(Path(packet_file.__file__).read_bytes())
    click.echo(f"{file} {zip_file.sha256}")
    print_note(f"On any machine: python {program.name} {file.name} --sha256 {zip_file.sha256}")
    print_next(f"evidence verify {file}")


@click.command(short_help="Copy the database into a file, while everything runs.")
@click.argument("file", type=NEW)
def backup(file: Path) -> None:
    """Copy the database into FILE as of one moment, while everything runs.

    The key file is not in it: keep a copy of that elsewhere.
    """
    from holding.platform import backup as copies

    environment = settings()
    refusal = copies.back_up(environment.database_url, file)
    if refusal:
        refuse(refusal, FINDINGS if refusal.status == 409 else ENVIRONMENT)
    with file.open("rb") as copy:
        digest = file_digest(copy, "sha256").hexdigest()
    click.echo(f"{file} {digest}")
    if not copies.note_backup(environment.database_url, file, digest, datetime.now(UTC)):
        print_note(
            "The page Operations does not tell of it: this could not be noted in the database."
        )
    print_note("The key file is not in it: keep a copy of that in another place.")
    print_next(f"restore {file}, in an empty place: a backup counts once that worked")


@click.command(short_help="Put a backup back into an empty place; every target is paused.")
@click.argument("file", type=OLD)
def restore(file: Path) -> None:
    """Restore the backup FILE into an empty place: a new home, or an empty database.

    Every target is paused. Nothing is sent until a person resumes it with `clearpost connection
    resume NAME`.
    """
    from holding.db.refusal import Refusal
    from holding.platform import backup as restoring
    from holding.platform.backup import VERSION

    environment = settings()
    ensure_home(environment)
    restored = restoring.restore(environment.database_url, file, datetime.now(UTC))
    if isinstance(restored, Refusal):
        refuse(restored, ENVIRONMENT if restored.status == 503 else FINDINGS)
    click.echo(f"{file} is restored; its schema was {restored.version}, and is {VERSION} now.")
    paused = plural(restored.paused, "target")
    print_note(f"{paused} paused. Resume each with `clearpost connection resume NAME`.")
    print_next("invariants")


@click.command(short_help="Take away the raw bytes of what is older than CLEARPOST_KEEP_YEARS.")
@click.option("--company", help="Only this company; else all.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def prune(company: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove the raw bytes of deliveries, calls and uploads older than CLEARPOST_KEEP_YEARS (7).

    Only records that came to their end are pruned. Hashes, versions, verdicts, pushes, answers and
    events stay, and `clearpost verify` passes as before.
    """
    from holding.operations import pruning
    from holding.operations.invariants import companies

    with open_installation() as place:
        cutoff = pruning.before(place.now, place.settings.keep_years)
        with place.database.read() as session:
            company_ids = (
                {company: require_company(session, company).id} if company else companies(session)
            )
            reports = [pruning.due(session, key, code, cutoff) for code, key in company_ids.items()]
        if not dry_run:
            reports = [
                pruning.prune(place.database, key, cutoff, place.now)
                for key in company_ids.values()
            ]
    if as_json:
        print_json(
            {
                "before": cutoff,
                "dry_run": dry_run,
                "companies": [asdict(report) for report in reports],
            }
        )
        return
    what = "would be removed" if dry_run else "were removed"
    for report in reports:
        counts_text = (
            f"{report.deliveries:,} deliveries, {report.calls:,} calls, {report.uploads:,} uploads"
        )
        click.echo(
            f"{report.company}: raw bytes of {counts_text} {what}, from before {cutoff.date()}."
        )
    company_option = f" --company {company}" if company else ""
    print_next(f"prune{company_option}" if dry_run else f"invariants{company_option}")


@click.group(cls=Listing, short_help="The key file: make it, and replace its key.")
def key() -> None:
    """Create the key file, which encrypts the secrets in the database, or replace its key."""


@key.command("new")
def new() -> None:
    """Create the key file, unless one exists.

    Every machine of one installation needs an equal file: create it once and copy it.
    """
    from holding.access.actors import key_path, make_key_file
    from holding.db.refusal import Refusal

    environment = settings()
    ensure_home(environment)
    path = key_path(environment)
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
    again. All sessions stay open. Exit code 1 if the old key could not read a secret.
    """
    from holding.access.actors import key_path
    from holding.db.refusal import Refusal
    from holding.operations.key_file_rotation import rotate_key_file

    with open_installation() as place:
        rotation = rotate_key_file(place.database, place.settings, place.now)
        path = key_path(place.settings)
    if isinstance(rotation, Refusal):
        refuse(rotation)
    click.echo(f"{plural(rotation.count, 'secret')} encrypted with the new key of {path}.")
    for title in rotation.unreadable:
        click.echo(f"Not readable before, and left as it is: {title}. Enter it again.", err=True)
    print_note("Keep a copy of the new file, and copy it to each machine.")
    print_next("doctor")
    return FINDINGS if rotation.unreadable else 0


COMMANDS = (backup, restore, prune, key, evidence, packet)
