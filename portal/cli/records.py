"""Commands that read: the story of one record, rule files, replays, ledgers, fault points.

Here: finding what is asked for and printing it. Not here: working it out (holding).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.setup import rules
from portal.terminal.command_frame import (
    FINDINGS,
    USAGE,
    Stop,
    company_of,
    company_option,
    office,
    onward,
    tell,
)

if TYPE_CHECKING:
    from holding.programs.replay import Replays

SHOWN = 20  # lines of one sort, where nobody asks for all


@click.command(short_help="Answer the seven questions about RECORD.")
@click.argument("record")
@company_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(record: str, company: str, *, as_json: bool) -> None:
    """Show the audit answers for RECORD, named by its number or that of its document."""
    from holding.platform.states import state_label
    from holding.records import checklist_and_finding, record_rows
    from holding.records import trace as story

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        row = record_rows.with_number(session, found.id, record)
        if row is None:
            raise Stop(f'No record or document "{record}" found.')
        answers = story.seven(session, row.id)
        found_out = checklist_and_finding.finding(session, row.id)
        head = {"number": row.number, "state": row.state, "source": row.external_id}
    if as_json:
        told = [{"no": a.no, "question": a.question, "answer": a.text} for a in answers]
        reasons = [
            {"side": one.side, "reason": one.say, "over": one.over} for one in found_out.reasons
        ]
        tell({**head, "answers": told, "finding": found_out.verdict, "reasons": reasons})
        return
    click.echo(f"{head['number']}  {state_label(head['state'])}")
    for answer in answers:
        click.echo(f"\n{answer.no}. {answer.question}\n   {answer.text}")
    click.echo(f"\nFinding: {found_out.verdict}")
    for one in found_out.reasons:
        click.echo(f"   {one.side}{', over' if one.over else ''}: {one.say}")
    onward(f"replay --company {company}")


@rules.command("pull")
@click.argument("folder", type=click.Path(path_type=Path))
@company_option
@click.option("--version", "no", type=int, help="An earlier version. [default: that in force]")
def rules_pull(folder: Path, company: str, no: int | None) -> None:
    """Write the rule files in force, and their CSV files, into a new FOLDER."""
    from holding.db.refusal import plural
    from holding.rulesets import publication, rulebook

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        in_force = rulebook.version_in_force(session, found.id)
        version = in_force if no is None else rulebook.published(session, found.id, no)
        if version is None:
            raise Stop(f"{company} has no rules." if no is None else f"No rule version {no}.")
        files = publication.files_of(session, version.version_id)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="")
    click.echo(f"{folder}: {plural(len(files), 'file')} of rule version {version.no}.")
    onward(f"check {folder}")


@click.command(short_help="Check stored evaluations again, and compare.")
@company_option
@click.option("--limit", type=int, default=200, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay(company: str, limit: int, *, as_json: bool) -> int:
    """Check stored evaluations again from the database alone, and compare."""
    from holding.programs.replay import replay_all

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        result = replay_all(session, found.id, limit)
    different = [each.evaluation_id for each in result.differences]
    reworded = [each.evaluation_id for each in result.reworded]
    if as_json:
        tell(
            {
                "replayed": result.replayed,
                "verdicts": result.verdicts,
                "by_digest": {str(int(by)): count for by, count in sorted(result.counted.items())},
                "different": different,
                "reworded": reworded,
            }
        )
    else:
        _say_replays(result)
        onward(f"verify --company {company}")
    return FINDINGS if different else 0


def _say_replays(result: "Replays") -> None:
    click.echo(
        f"{result.replayed} evaluations with {result.verdicts} verdicts replayed, "
        f"{len(result.differences)} different."
    )
    otherwise = Counter(each.digest for each in (*result.differences, *result.reworded))
    for by, count in sorted(result.counted.items()):
        same = count - otherwise[by]
        click.echo(f"  {same} of {count} verified by digest {by:d} ({_DIGESTS[by]})")
    for each in result.differences:
        click.echo(f"  evaluation {each.evaluation_id} has a different result")
    if result.reworded:
        click.echo(
            f"  {len(result.reworded)} of digest 1 have the same states, findings and verdicts, "
            "but a text differs from the version that stored them"
        )


_DIGESTS = {
    1: "decision and wording",
    2: "decision, without wording",
    3: "what came of it, without wording and verdicts",
}
"""What each digest counts (`rules.outcome_hash.Digest`), for who reads a replay."""


@click.command(short_help="Compare our postings with the ledger FILE of a stand-in.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@company_option
@click.option("--all", "whole", is_flag=True, help=f"Every line; {SHOWN} of each sort otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def ledger(file: Path, company: str, *, whole: bool, as_json: bool) -> int:
    """Compare our postings with the ledger FILE of a target's stand-in: lost and doubled ones.

    Documents that another program made are counted beside them; they are no fault.
    """
    from holding.reconciliation import ledger_check

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        compared = ledger_check.compare(session, found.id, file, None)
    if as_json:
        counts = {name: getattr(compared, name) for name in ("lost", "doubled", "strange")}
        tell(counts)
    else:
        click.echo(
            f"lost {compared.lost:,}, doubled {compared.doubled:,}, not ours {compared.strange:,}"
        )
        for lines in (compared.details, compared.strangers):
            _some(lines, len(lines) if whole else SHOWN)
        onward(f"invariants --company {company}")
    return FINDINGS if compared.lost or compared.doubled else 0


def _some(lines: Sequence[str], most: int) -> None:
    """The first lines, and how many are left out."""
    for line in lines[:most]:
        click.echo(f"  {line}")
    if len(lines) > most:
        click.echo(f"  and {len(lines) - most:,} more: --all shows them")


COMMANDS = (trace, replay, ledger)
