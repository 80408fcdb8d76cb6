"""`clearpost invariants` and `clearpost faults`: is all as it must be, and where tests break it.

Here: reading the arguments and telling. Not here: the checks (holding/invariants).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.anchored import noted_heads
from portal.cli.frame import ENVIRONMENT, FINDINGS, USAGE, Stop, company_of, office, tell

if TYPE_CHECKING:
    from holding.invariants.check import Checked

LEDGER = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--company", help="Only this company; else all.")
@click.option("--ledger", type=LEDGER, multiple=True, help="What a target's stand-in wrote itself.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def invariants(company: str | None, ledger: tuple[Path, ...], *, as_json: bool) -> int:
    """Check that nothing is lost, doubled, forgotten or unexplained.

    Reads only. With --ledger our account is compared with the target's own.
    """
    from holding.invariants.check import companies

    with office() as place, place.database.read() as session:
        wanted = {company: company_of(session, company).id} if company else companies(session)
        found = {code: _check(place, session, code, key, ledger) for code, key in wanted.items()}
    if as_json:
        tell({code: _told(checked) for code, checked in found.items()})
    else:
        for code, checked in found.items():
            _say(code, checked)
    return FINDINGS if any(checked.breaches for checked in found.values()) else 0


def _check(
    place: Any, session: Any, code: str, company_id: int, ledger: tuple[Path, ...]
) -> "Checked":
    from holding.invariants.check import check
    from holding.refusal import Refusal
    from holding.secrets import load_keys

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
        raise Stop(f"This is no ledger of a stand-in: {problem}.", hint, USAGE) from problem


def _told(checked: "Checked") -> dict[str, Any]:
    breaches = [
        {"invariant": one.invariant, "say": one.say, "records": list(one.record_ids)}
        for one in checked.breaches
    ]
    return {"checked": list(checked.checked), "breaches": breaches}


def _say(code: str, checked: "Checked") -> None:
    from holding.invariants.check import CHECKS

    click.echo(f"{code}: {len(checked.checked)} invariants, {len(checked.breaches)} breaches")
    for name in dict.fromkeys(one.invariant for one in checked.breaches):
        click.echo(f"  {name} is broken. It says: {CHECKS[name][0]}")
        for one in checked.breaches:
            if one.invariant == name:
                records = ", ".join(map(str, one.record_ids))
                click.echo(f"    {one.say}" + (f" (record {records})" if records else ""))


@click.group()
def faults() -> None:
    """The points at which a test may break the program."""


@faults.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def faults_list(*, as_json: bool) -> None:
    """Name all points, and what has just happened or is about to at each."""
    from connectors.kit.faults import POINTS

    if as_json:
        tell(POINTS)
        return
    for name, words in POINTS.items():
        click.echo(f"{name:<26} {words}")


COMMANDS = (invariants, faults)
