"""`clearpost preflight`: list the codes that a target lacks, and documents beyond its limits.

Rule files with records need no database; a company is checked on its stored records.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.rule_tools.rule_files import AS_JSON, read_files, require_sound
from portal.terminal.command_frame import (
    FINDINGS,
    USAGE,
    Stop,
    granted,
    open_installation,
    print_json,
    print_next,
    require_actor,
    require_company,
)

if TYPE_CHECKING:
    from rules.comparison.preflight import Beyond, Need, Tally
    from rules.comparison.two_sides import Bad
    from rules.outcomes import Outcome

MAX_NEAR_CODES: Final = 3
PATH = click.Path(exists=True, path_type=Path)


@click.command(short_help="Look before the first delivery: what RULES do not know.")
@click.argument("rules", type=PATH, required=False)
@click.argument("records", type=PATH, required=False)
@click.option("--company", default="", help="Look at its waiting records, instead of files.")
@click.option("--as", "email", default="", help="Your account's e-mail, with --company.")
@click.option("--at", type=click.DateTime(), help="The time (UTC) for records without one.")
@AS_JSON
def preflight(
    rules: Path | None,
    records: Path | None,
    *,
    company: str,
    email: str,
    at: datetime | None,
    as_json: bool,
) -> int:
    """List missing master data and blocked records before the first delivery.

    For every target it lists accounts, taxes, customers, vendors, items, warehouses, payment
    methods and payment terms: whether a document must name one, which table fills it, how many
    records need it, and how many are blocked. Then it lists documents that a target could never
    take, with the value and the limit: a text that is too long, a quantity of 0, a number that
    another document of the company has. RECORDS are as for `clearpost backtest`; an export of
    `clearpost records export` brings the company's entries and its targets' codes.

    With --company and --as it checks that company's records without a posting, by its present
    rules, mappings and lists. No other system is called.

    Exit code 1 if a record is blocked or a line could not be used.
    """
    if company or email:
        if not (company and email) or rules or at:
            raise click.UsageError("Name --company and --as alone, or RULES and RECORDS.")
        tally, bad = _check_company(company, email), list["Bad"]()
    elif rules is None or records is None:
        raise click.UsageError("Name RULES and RECORDS, or --company and --as.")
    else:
        tally, bad = _check_files(
            rules, records, at.replace(tzinfo=UTC) if at else datetime.now(UTC)
        )
    if as_json:
        print_json(_report_json(tally, bad))
    else:
        for line in (
            *_report_lines(tally),
            *(f"{b.where[0]}:{b.where[1]}: {b.message}" for b in bad),
        ):
            click.echo(line)
        print_next(
            f"company dry-run {company} --as {email}"
            if company
            else f"rules push {rules} --company CODE --as EMAIL"
        )
    return FINDINGS if tally.blocked or bad else 0


def _check_company(code: str, email: str) -> "Tally":
    from holding.access.actors import may
    from holding.trials.fixed_codes import named_codes

    with open_installation() as place, place.database.read(many=True) as session:
        company_row = require_company(session, code)
        granted(may(require_actor(session, email, company_row.id), "record.read"))
        return granted(named_codes(session, company_row.id, place.now))


def _check_files(rules: Path, records: Path, now: datetime) -> "tuple[Tally, list[Bad]]":
    from portal.backtest.record_files import UnreadableError

    try:
        return _judge_records(rules, records, now)
    except UnreadableError as problem:
        raise Stop(str(problem), problem.hint, USAGE) from problem


def _judge_records(rules: Path, records: Path, now: datetime) -> "tuple[Tally, list[Bad]]":
    """Judge all records under the rules, each in the world it names, else in the files' world."""
    from connectors.contract.schema import MASTER_DATA
    from holding.programs.known_schemas import schemas
    from portal.backtest.parallel_run import RecordReader, SideWorlds, StoredWorlds
    from portal.backtest.record_files import RecordFiles
    from rules.comparison.preflight import Tally, references
    from rules.comparison.two_sides import Bad
    from rules.facts import load_seeds
    from rules.program import compile_ruleset, hash_files

    files = read_files([rules])
    ruleset, known_schemas = require_sound(files), schemas()
    program = compile_ruleset(ruleset, hash=hash_files(files.rules), schemas=known_schemas)
    stored = RecordFiles.at(records)
    stored_worlds = StoredWorlds.read(stored.worlds) if stored.worlds else StoredWorlds()
    worlds = SideWorlds(ruleset, load_seeds(ruleset, files.csv), stored_worlds)
    lines = RecordReader({r.name: r.source for r in ruleset.records if r.source}, now)
    tally, bad = Tally(references(ruleset, known_schemas), MASTER_DATA), []
    for block in stored.blocks():
        for past in lines.read(block.raw, block.file, block.first):
            if isinstance(past, Bad):
                bad.append(past)
                continue
            world = worlds(past)
            try:
                outcome = program.evaluate(past.subject, past.facts, world, past.now)
            except Exception as error:  # noqa: BLE001 - one record must not stop the others
                problem = f"the rules failed on it: {type(error).__name__}: {error}"
                bad.append(Bad(past.where, problem))
                continue
            tally.add(past.subject.kind, outcome, world, tuple(_find_beyond_limits(outcome)))
    return tally, bad


def _find_beyond_limits(outcome: "Outcome") -> Iterator["Beyond"]:
    """Yield the new documents that their target could never take, with its usual settings."""
    from connectors.registry import targets
    from holding.evaluation.target_limits import limit_of
    from holding.platform.states import TARGET_LIMIT
    from rules.comparison.preflight import NOT_SENT, Beyond

    for decision in outcome.decisions:
        document = decision.document
        if document is None or decision.state in NOT_SENT:
            continue
        system = document.target
        limit = limit_of(targets().get(system), system, {}, document, outcome.number, "create")
        if limit is not None:
            number, words = document.number, limit.words
            yield Beyond(TARGET_LIMIT, f"{system}:{limit.cause}", number, words, limit.owner)


def _report_lines(tally: "Tally") -> Iterator[str]:
    from rules.values.cause_keys import describe_near_spelling

    records_text = "1 record" if tally.records == 1 else f"{tally.records} records"
    yield f"{records_text}, {tally.blocked} blocked."
    target = ""
    for need in tally.needs():
        if need.target != target:
            target = need.target
            yield f"\n{target:18}{'must':6}{'records':>8}{'blocked':>9}  filled by"
        required_text = ("yes" if need.required else "no") if need.references else "-"
        counts = f"{need.records:>8}{need.blocked:>9}" if need.references else f"{'':17}"
        kind = need.kind.replace("_", " ")
        yield f"  {kind:16}{required_text:6}{counts}  {_sources_text(need)}".rstrip()
    for number, lack in enumerate(tally.lacks()):
        if not number:
            yield "\nMissing:"
        yield f'  {lack.table} "{lack.key}": {lack.records}, {lack.owner}. {lack.message}'
    for position, limit in enumerate(tally.beyond()):
        if not position:
            yield "\nBeyond what the accounting system takes:"
        owner = limit.owner or "who writes the rules"
        yield f"  {limit.number}: {limit.message} {limit.records}, {owner}. ({limit.code})"
    for number, code in enumerate(tally.unlisted()):
        if not number:
            yield "\nNot in the accounting system, when it was last asked:"
        near_text = "; ".join(
            f'"{near_code}" is: {describe_near_spelling(code.value, near_code)}'
            for near_code in code.near[:MAX_NEAR_CODES]
        )
        code_text = f'  {code.target} {code.kind} "{code.value}": {code.records}'
        yield f"{code_text}. {near_text}." if near_text else code_text


def _sources_text(need: "Need") -> str:
    """Return the tables that fill a reference, and the fields without a table."""
    if not need.references:
        return "nothing posted here names one"
    plain_fields = [
        f"{ref.field} = {ref.formula}" + ("" if ref.fixed else " (as it comes, unchecked)")
        for ref in need.references
        if not ref.tables
    ]
    return ", ".join((*need.tables, *dict.fromkeys(plain_fields)))


def _report_json(tally: "Tally", bad: "list[Bad]") -> dict[str, object]:
    return {
        "records": tally.records,
        "blocked": tally.blocked,
        "needs": [
            {
                "target": need.target,
                "kind": need.kind,
                "named": bool(need.references),
                "required": need.required,
                "tables": list(need.tables),
                "fields": [f"{ref.route}.{ref.field}" for ref in need.references],
                "records": need.records,
                "blocked": need.blocked,
            }
            for need in tally.needs()
        ],
        "missing": [
            {
                "table": lack.table,
                "key": lack.key,
                "code": lack.code,
                "owner": lack.owner,
                "message": lack.message,
                "records": lack.records,
            }
            for lack in tally.lacks()
        ],
        "beyond": [
            {
                "code": limit.code,
                "number": limit.number,
                "message": limit.message,
                "owner": limit.owner,
                "records": limit.records,
            }
            for limit in tally.beyond()
        ],
        "unlisted": [
            {
                "target": code.target,
                "kind": code.kind,
                "value": code.value,
                "records": code.records,
                "near": list(code.near),
            }
            for code in tally.unlisted()
        ],
        "entries": [
            {
                "table": table,
                "key": key,
                "value": value,
                "records": group.records,
                "numbers": group.numbers,
            }
            for (table, key, value), group in sorted(tally.groups.items())
        ],
        "unusable": [{"where": f"{b.where[0]}:{b.where[1]}", "message": b.message} for b in bad],
    }


COMMANDS = (preflight,)
