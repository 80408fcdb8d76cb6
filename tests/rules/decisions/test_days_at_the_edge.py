"""Days at the end of the calendar: a record that has one waits or is held, and breaks nothing."""

import pytest

from rules.facts import Facts, Subject
from rules.outcomes import Outcome
from rules.program import compile_interpreted
from tests.rules.kedai import NOW, TEXT, order, program_of, world
from tests.rules.one_meaning import in_every_way

HOURLY = "daily    at 02:00 by paid_at\n    they"
BY_DAY = TEXT.replace(HOURLY, HOURLY.replace("paid_at", "ordered_on"))
DATED = TEXT.replace("ordered_on  date     dated", "ordered_on  date").replace(
    "paid_at     moment   optional\n    customer", "paid_at     moment   dated\n    customer"
)


def told(text: str, **changes: str) -> Outcome:
    """The evaluation of an order in every way, under both engines."""
    subject = Subject("order", "netshop", order(**changes), 1)
    other = compile_interpreted(program_of(text).ruleset, hash=program_of(text).hash)
    one, same = (
        in_every_way(program, subject, Facts(NOW), world(), NOW)
        for program in (program_of(text), other)
    )
    assert one.decisions == same.decisions
    return one


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (TEXT, {"paid_at": "9999-12-31T23:30:00+00:00"}),
        (TEXT, {"paid_at": "9999-12-31T09:30:00+00:00"}),
        (BY_DAY, {"ordered_on": "9999-12-31"}),
    ],
)
def test_the_hour_after_the_last_day_never_comes(text: str, changes: dict[str, str]) -> None:
    decision = told(text, **changes).decisions[0]
    assert decision.state == "waiting", decision.findings
    assert decision.wait is not None
    assert decision.wait.text == "waits until 9999-12-31 00:00"


def test_what_is_worked_out_of_such_a_moment_is_said_in_words() -> None:
    text = TEXT.replace("InvoiceDate      = ordered_on", "InvoiceDate      = date_of(paid_at)")
    text = text.replace(HOURLY, "immediately\n    they")
    for rules in (text, DATED):  # a document that has its day, a const that is read at it
        found = told(rules, paid_at="9999-12-31T23:30:00+00:00").decisions[0].findings
        assert {f.code for f in found} == {"EVA01"}
        assert all("before the year 1 or after 9999" in f.message for f in found)
