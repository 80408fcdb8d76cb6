"""A record whose rules failed opens on every page, and each page says that judging failed."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select, text

from holding.db.database import Database
from holding.db.models import Record
from holding.evaluation.evaluate_due import judge_due
from holding.records.seven_answers import answer_all
from holding.records.story import load_case
from portal.records.records import TABS
from rules.facts import Subject
from rules.program import Program
from tests.portal.reading import hold_of, one
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
NUMBER = "SO-10203"
HOLDING = "/c/kedai/holding"


def _break_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every evaluation of the record raise an error, as a bug in the rules would."""

    def fail_for(name: str) -> None:
        original = getattr(Program, name)

        def evaluate(program: Program, subject: Subject, *args: Any) -> Any:
            if subject.body.get("number") == NUMBER:
                raise TypeError("planted")
            return original(program, subject, *args)

        monkeypatch.setattr(Program, name, evaluate)

    for name in ("evaluate", "decision", "glance", "restated"):
        fail_for(name)
    decisions = Program.decisions

    def decide_all(program: Program, inputs: Sequence[Any]) -> list[Any]:
        return [
            TypeError("planted") if item[0].body.get("number") == NUMBER else outcome
            for item, outcome in zip(inputs, decisions(program, inputs), strict=True)
        ]

    monkeypatch.setattr(Program, "decisions", decide_all)


@pytest.fixture
def failed_hold(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the open hold of the record whose rules failed."""
    _break_rules(monkeypatch)
    with database.write() as session:
        session.execute(
            text("UPDATE record SET due_at = :now WHERE number = :number"),
            {"now": clock.now(), "number": NUMBER},
        )
    while judge_due(database, clock, company_id=1, owner="test").count:
        pass
    hold = hold_of(database, NUMBER, "EVA02")
    assert hold is not None
    return int(hold)


def _record_page(database: Database) -> str:
    external_id = one(database, f"SELECT external_id FROM record WHERE number = '{NUMBER}'")
    return f"/c/kedai/records/netshop/order/{external_id}"


@pytest.mark.parametrize("tab", TABS)
def test_the_record_page_opens(
    tab: str, failed_hold: int, database: Database, visit: Callable[[str], Any]
) -> None:
    assert failed_hold
    visit("farah").get(f"{_record_page(database)}?tab={tab}")


@pytest.mark.parametrize(
    "page", ["", "/{hold}", "?view=all", "/many?act=snooze&view=all", "/ageing"]
)
def test_the_holding_area_opens(page: str, failed_hold: int, visit: Callable[[str], Any]) -> None:
    visit("farah").get(HOLDING + page.format(hold=failed_hold))


@pytest.mark.usefixtures("failed_hold")
def test_the_trace_says_not_known_instead_of_none(database: Database) -> None:
    with database.read() as session:
        record_id = session.scalars(select(Record.id).where(Record.number == NUMBER)).one()
        case = load_case(session, record_id)
        assert case is not None
        answers = answer_all(case, None)
    unknown = [answer.no for answer in answers if answer.text.startswith("Not known: ")]
    assert unknown == [1, 2, 3, 4, 6]
    assert "no duplicate rule" not in " ".join(answer.text for answer in answers)
    assert answers[6].text.startswith("Yes: ")
