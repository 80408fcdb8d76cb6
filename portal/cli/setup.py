"""Set up an installation: companies, people, rules and delivered files.

`--as` is trusted: a user who can run the command can write to the database anyway.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.terminal.command_frame import (
    Listing,
    Stop,
    as_option,
    company_option,
    first_command,
    granted,
    open_installation,
    print_json,
    print_next,
    print_note,
    refuse,
    require_actor,
    require_company,
    require_person_id,
    rule_files,
)

if TYPE_CHECKING:
    from connectors.contract import Accepted
    from holding.db.database import DatabaseSession
    from holding.rulesets.admission import RulesRefusal

_FIXED: Final = f"{__name__}.fixed"
"""Key of the values of `--set` in a command's context."""


@click.group(cls=Listing)
def company() -> None:
    """Manage companies."""


@company.command("add")
@click.argument("code")
@click.option("--name", required=True)
@click.option("--zone", default="Asia/Kuala_Lumpur", show_default=True)
@click.option("--currency", default="MYR", show_default=True)
@click.option("--like", metavar="CODE", help="Copy people, roles and notices of this company.")
def company_add(code: str, name: str, zone: str, currency: str, like: str | None) -> None:
    """Add a company; CODE is part of every address. Nothing is sent before its go-live."""
    from holding.access import actors, people
    from holding.db.refusal import plural
    from holding.operations.another_company import Pattern, copy_setup

    with open_installation() as place, place.database.write() as session:
        source = require_company(session, like) if like else None
        company_id = granted(
            people.add_company(
                session, code=code, name=name, zone=zone, currency=currency, now=place.now
            )
        )
        copy_counts = None
        if source is not None:
            pattern = Pattern(source.id, people=True, notices=True)
            copy_counts = granted(
                copy_setup(session, actors.OPERATOR, company_id, pattern, place.now)
            )
    click.echo(f"Company {code} created: {name}. It is not live yet.")
    if copy_counts is not None:
        people_text = plural(copy_counts.people, "person", "people")
        click.echo(
            f"Copied: {people_text}, {plural(copy_counts.recipients, 'recipient')} of notices."
        )
    print_next(f"user add EMAIL --company {code} --role admin")


@company.command("due")
@click.argument("code")
@click.argument("error_class", metavar="CLASS")
@click.argument("hours", type=int)
def company_due(code: str, error_class: str, hours: int) -> None:
    """Set the due time of a hold CLASS, such as `mapping_missing`: HOURS, 24 by default."""
    from holding.access import actors
    from holding.holds import retries

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, code)
        refusal = retries.set_hours(
            session, actors.OPERATOR, company_row.id, error_class, hours, place.now
        )
        if refusal:
            refuse(refusal)
    click.echo(f"{code}: {retries.due_time_text(error_class, hours)}")
    print_next(f"trace NUMBER --company {code}")


@click.group(cls=Listing)
def user() -> None:
    """Manage people and their roles."""


@user.command("add")
@click.argument("email")
@company_option
@click.option("--role", "roles", required=True, multiple=True)
@click.option("--team", "teams", multiple=True, help="Teams of the rules they answer for.")
@click.option("--name", default=None, help="Default: the part before the @.")
def user_add(
    email: str, company: str, roles: tuple[str, ...], teams: tuple[str, ...], name: str | None
) -> None:
    """Give EMAIL a role in a company; a new person's password is printed, once."""
    from holding.access import actors, people

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        person_id, password = people.id_of_address(session, email), None
        if person_id is None:
            added = granted(
                people.add_person(session, email=email, name=name or email.split("@")[0])
            )
            person_id, password = added.person_id, added.password
        for role in roles:
            refusal = people.add_membership(
                session,
                company_id=company_row.id,
                person_id=person_id,
                role=role,
                actor=actors.OPERATOR,
                now=place.now,
            )
            if refusal:
                refuse(refusal)
        for team in teams:
            people.add_to_team(session, company_id=company_row.id, name=team, person_id=person_id)
    click.echo(f"{email} now has these roles in {company}: {', '.join(roles)}.")
    if password:
        click.echo(f"Password, shown only now: {password}")
    print_next(first_command(roles, email, company))


@user.command("password")
@click.argument("email")
def user_password(email: str) -> None:
    """Give EMAIL a new password, which is printed once. All sessions of this person end."""
    from holding.access import actors, people

    with open_installation() as place, place.database.write() as session:
        person_id = require_person_id(session, email)
        password = people.renew_password(session, actors.OPERATOR, person_id, place.now)
    click.echo(f"Password of {email}, shown only now: {password}")
    print_next("user roles")


@user.command("two-factor-off")
@click.argument("email")
@click.option("--reason", required=True, help="Recorded in the audit log.")
def user_two_factor_off(email: str, reason: str) -> None:
    """End EMAIL's two-factor authentication (a lost phone), and all sessions of this person."""
    from holding.access import actors
    from holding.company import access_links

    with open_installation() as place, place.database.write() as session:
        person_id = require_person_id(session, email)
        granted(access_links.end_of(session, actors.OPERATOR, person_id, reason, place.now))
    click.echo(f"Two-factor authentication of {email} ended.")
    click.echo("Where a company requires it, they set it up again when they next sign in.")


@user.command("sources")
@click.argument("email")
@company_option
@click.option("--source", "names", multiple=True, help="A source whose records EMAIL sees.")
@click.option("--all", "everything", is_flag=True, help="Records of all sources again.")
def user_sources(email: str, company: str, names: tuple[str, ...], *, everything: bool) -> None:
    """Limit EMAIL to records of some sources, or remove the limit."""
    from holding.access import actors
    from holding.company import directory

    if bool(names) == everything:
        raise Stop("Choose sources with --source, or all with --all.")
    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        source_ids = {
            source.name: source.id for source in directory.sources(session, company_row.id)
        }
        if unknown_names := sorted(set(names) - source_ids.keys()):
            known_names = ", ".join(source_ids) or "none"
            raise Stop(f"Unknown source {', '.join(unknown_names)}. Sources: {known_names}.")
        change = granted(
            directory.limit(
                session,
                actors.OPERATOR,
                company_id=company_row.id,
                person_id=require_person_id(session, email),
                source_ids=[source_ids[name] for name in names],
                now=place.now,
            )
        )
    click.echo(change.say)
    print_next("user roles")


@user.command("remove")
@click.argument("email")
@company_option
def user_remove(email: str, company: str) -> None:
    """Remove EMAIL from a company; their holds go back to the teams."""
    from holding.access import actors, people
    from holding.db.refusal import plural
    from holding.holds import assignments

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        person_id = people.id_of_address(session, email)
        if person_id is None:
            raise Stop(f"No user with the email {email}.")
        reassigned_holds = granted(
            assignments.remove_member(
                session, actors.OPERATOR, company_row.id, person_id, place.now
            )
        )
    click.echo(f"{email} was removed from {company}.")
    click.echo(f"{plural(reassigned_holds, 'hold is', 'holds are')} with their teams again.")
    print_next(f"user add EMAIL --company {company} --role ROLE")


@click.group(cls=Listing)
def rules() -> None:
    """Manage the rule files of a company."""


@rules.command("push")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@company_option
@as_option
@click.option("--title", default=None, help="What the change is about.")
def rules_push(folder: Path, company: str, email: str, title: str | None) -> None:
    """Check and test the rule files of FOLDER, and store them as a change to be published."""
    from holding.rulesets import admission, publication

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        files = rule_files(folder)
        push_result = publication.push_change(
            session, company_row.id, actor, files, title or folder.name, place.now
        )
        if isinstance(push_result, admission.RulesRefusal):
            _print_rule_problems(push_result, files)
        change = granted(push_result)
        click.echo(f"Change {change} saved. Another person must publish it before it takes effect.")
        print_next(f"publish {change} --company {company} --as EMAIL")


@click.command()
@click.argument("change", type=int)
@company_option
@as_option
def publish(change: int, company: str, email: str) -> None:
    """Publish CHANGE; its author cannot."""
    from holding.db.refusal import plural
    from holding.platform import processes
    from holding.rulesets import publication

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        publication_result = granted(publication.publish_change(session, change, actor, place.now))
    processes.ring(company_row.id, "evaluate")
    click.echo(
        f"Rule version {publication_result.no} ({publication_result.hash[:12]}) is in force."
    )
    click.echo(f"{publication_result.decided[0].upper()}{publication_result.decided[1:]}.")
    added_text = plural(publication_result.seeded.added, "mapping entry is", "mapping entries are")
    click.echo(
        f"{added_text} new; {plural(publication_result.woken, 'record is', 'records are')} due."
    )
    for difference in publication_result.seeded.differences:
        print_note(f"  {difference.said}")
    print_next(f"ingest FILE --company {company} --source NAME --check")


def _store_fixed_values(
    context: click.Context, _option: click.Parameter, values: Sequence[str]
) -> None:
    """Store the FIELD=VALUE pairs of options such as `--set status=paid` for the command."""
    pairs = [value.partition("=") for value in values]
    if any(not name.strip() or not sign for name, sign, _ in pairs):
        raise click.BadParameter("write it as FIELD=VALUE, such as status=paid")
    context.meta[_FIXED] = {name.strip(): value.strip() for name, _, value in pairs}


@click.command(short_help="Read a delivery from FILE (.json, .xlsx, .csv).")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@company_option
@click.option("--source", required=True, help="The name of the source's connection.")
@click.option("--as", "email", help="Who enters it: they cannot approve what comes of it.")
@click.option(
    "--set",
    multiple=True,
    expose_value=False,
    callback=_store_fixed_values,
    metavar="FIELD=VALUE",
    help="One value for all rows of a sheet, such as status=paid.",
)
@click.option("--check", is_flag=True, help="Read it, say what is wrong, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def ingest(
    file: Path, company: str, source: str, email: str | None, *, check: bool, as_json: bool
) -> None:
    """Read a delivery from FILE (.json, .xlsx, .csv).

    A record with wrong values is stored on hold. Nothing is stored if a value belongs to no record.
    """
    from holding.platform import processes
    from portal.terminal.command_frame import plural, store_delivery

    with open_installation() as place:
        with place.database.read() as session:
            company_row = require_company(session, company)
            delivery = _read_delivery(session, company_row.id, source, file, to_stderr=as_json)
        if check:
            held_count = sum(bool(delivered_record.faults) for delivered_record in delivery.records)
            held_text = f", {held_count:,} of them would be held" if held_count else ""
            summary = f"{plural(len(delivery.records), 'record')} can be read{held_text}"
            click.echo(f"{summary}; nothing was stored.")
            print_next(f"ingest {file} --company {company} --source {source}")
            return
        with place.database.write() as session:
            actor = require_actor(session, email, company_row.id) if email else None
            receipt = granted(
                store_delivery(session, company_row.id, source, file, delivery, place.now, actor)
            )
        processes.ring(company_row.id, "evaluate")
    counts = {
        "records": len(delivery.records),
        "new_records": receipt.new_records,
        "new_versions": receipt.new_versions,
        "unchanged": receipt.unchanged,
        "stale": receipt.stale,
    }
    if as_json:
        print_json(counts)
    else:
        click.echo(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()))
        print_next(f"trace NUMBER --company {company}")


def _read_delivery(
    session: "DatabaseSession", company_id: int, source: str, file: Path, *, to_stderr: bool
) -> "Accepted":
    """Return the file's content, after printing a report of its wrong, held and missing values.

    With `to_stderr` the report goes to standard error, so that standard output has only the result.
    A wrong value that belongs to no record ends the command.
    """
    from connectors.contract.pulls import FIXED
    from holding.connections import connections
    from holding.db.refusal import plural
    from holding.intake.deliveries import zone_of_source
    from holding.uploads.file_check import filled_by_records, needed_by_rules
    from holding.uploads.upload_turns import load_layouts
    from portal.terminal.command_frame import read_file, require_named

    row = require_named(connections.find_connection(session, company_id, source), source)
    zone, remembered = zone_of_source(session, row.id), load_layouts(session, row.id)
    fixed: Mapping[str, str] = click.get_current_context().meta.get(_FIXED, {})
    values = {f"{FIXED}{name}": value for name, value in fixed.items()}
    delivery = read_file(
        file,
        row.connector,
        zone,
        lambda kind, columns: {**remembered(kind, columns), **values},
        sets_values=bool(values),
    )
    report = partial(click.echo, err=to_stderr)
    for skipped in delivery.skipped:
        report(f"{skipped.where}: {skipped.message} ({skipped.value})")
    for error in delivery.errors:
        report(f"{error.where}: {error.message} ({error.value})  {error.hint}")
    if delivery.errors:
        wrong_places = plural(len(delivery.errors), "place is", "places are")
        raise Stop(
            f"{wrong_places} wrong, so nothing was stored. Correct the file and send it again."
        )
    for record in delivery.records:
        for error in record.errors:
            words = f"{record.number} is held: {error.message} ({error.value})"
            report(f"{error.where}: {words}  {error.hint}")
    for (name, value), count in delivery.filled.items():
        report(f"{name} is set to {value} in {plural(count, 'blank cell')}.")
    for kind in sorted({record.kind for record in delivery.records}):
        kind_records = [record for record in delivery.records if record.kind == kind]
        missing_fields = needed_by_rules(session, row.id, kind, filled_by_records(kind_records))
        if missing_fields:
            report(f"The rules also need: {', '.join(missing_fields)}.")
    return delivery


def _print_rule_problems(refusal: "RulesRefusal", files: Mapping[str, str]) -> None:
    from grammar.text.problem import show

    for problem in refusal.problems:
        click.echo(show(problem, files.get(problem.span.file, "")))
    for line in refusal.failed_tests:
        click.echo(line)


COMMANDS = (company, user, rules, publish, ingest)
