"""The dry run and going live from the command line: what the pages do, for scripts."""

import json
from datetime import date

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from holding.db.models import Company, Event
from holding.evaluation.evaluate_due import judge_due
from portal import cli
from tests.portal.company.house import order, receive, target_passed
from tests.portal.company.test_rules_and_dry_run import House, house

__all__ = ["house"]
pytestmark = [pytest.mark.sqlite, pytest.mark.slow]
OCTOBER = ("--from", "2026-10-01", "--to", "2026-10-31")


def run(*words: str, who: str = "mei") -> Result:
    return CliRunner().invoke(cli.commands, ["company", *words, "--as", f"{who}@x.my"])


def test_a_script_goes_from_the_dry_run_to_go_live(house: House) -> None:
    assert "no rules are in force" in run("dry-run", "kedai", *OCTOBER).output
    receive(house.database, house.clock, order("NS-1"), order("NS-2", status="draft"))
    house.publish()
    told = run("dry-run", "kedai", *OCTOBER)
    assert told.exit_code == 0, told.output
    assert "2026-10-01 to 2026-10-31: 2 records, RM 75.00. Nothing was sent." in told.output
    assert "  on hold: 1 record, RM 37.50" in told.output
    assert "  not posted (by rule): 1 record, RM 37.50" in told.output
    seen = json.loads(run("dry-run", "kedai", *OCTOBER, "--json").output)
    assert seen["all"] == {"records": 2, "money": {"": 7500}}
    assert {one["class"] for one in seen["causes"]} == {"mapping_missing", "missing_field"}

    early = run("go-live", "kedai")
    assert "accounting system and cutover are not done" in early.output
    target_passed(house.database, house.clock)
    refused = run("cutover", "kedai", "2026-10-01", who="aisyah")
    assert refused.exit_code == 1
    assert "no role of theirs includes it" in refused.output
    assert run("cutover", "kedai", "2026-10-01").exit_code == 0
    with house.database.read() as session:
        assert session.scalars(select(Company.starts_on)).one() == date(2026, 10, 1)
    judge_due(house.database, house.clock, company_id=house.company_id, owner="test")
    first = run("go-live", "kedai")
    assert first.exit_code == 0, (first.output, first.exception)
    assert "First run: 0 documents, RM 0.00." in first.output
    seen = "--documents 0 --expect-total 0.00"
    assert first.output.endswith(f"Next: clearpost company go-live kedai --as mei@x.my {seen}\n"), (
        first.output
    )
    assert "changed" in run("go-live", "kedai", "--documents", "3").output
    other = run("go-live", "kedai", "--expect-count", "0", "--expect-total", "98.10")
    assert "the first run changed: 0 documents, RM 0.00." in other.output
    assert other.exit_code == 1
    refused = run("go-live", "kedai", "--documents", "0", who="aisyah")
    assert "no role of theirs includes it" in refused.output
    assert json.loads(run("go-live", "kedai", "--json").output)["live"] is False

    done = run("go-live", "kedai", "--documents", "0", "--expect-total", "0.00")
    assert "Kedai is live." in done.output, (done.output, done.exception)
    with house.database.read() as session:
        assert session.scalars(select(Company.live)).one() is True
        body = session.scalars(select(Event.body).where(Event.act == "company.went_live")).one()
    assert body["via"] == "command line"
