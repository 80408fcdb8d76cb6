"""A record that is tried with a draft, saved as a test in the text of the draft.

Here: the text with its test, and why there is none. Personal values are written as neutral ones,
for who may read rules need not see them. Not here: which record a number means (draft_trials.py),
the test itself (rules/testing/recorded_cases.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from grammar.layout.written import written
from holding.access.actors import NEUTRAL, NEUTRAL_FIELDS
from holding.db.refusal import Refusal
from holding.programs.world import schemas
from holding.rulesets.admission import Report
from holding.trials import draft_trials, replays, tried_rules
from holding.trials.replays import GONE
from rules.testing.recorded_cases import MOST_LINES, Case, case_of
from rules.testing.recorded_values import Neutral

TOO_LONG: Final = Refusal(
    "draft.long_record",
    f"A record of more than {MOST_LINES} lines cannot be saved as a test.",
    "Try a shorter record, or write the test by hand.",
)
PERSONAL: Final = Refusal(
    "draft.personal_test",
    "This record cannot be saved as a test: its result depends on a name, an address, a TIN,"
    " an e-mail address or a phone number, and these are not written into rule files.",
    "Write the test by hand, with a value of your own.",
)


@dataclass(frozen=True, slots=True)
class Saved:
    """The text of the draft with the test at its end; the title of the test, and the line in which
    its sample begins.
    """

    text: str
    title: str
    line: int


def with_test(
    session: Session,
    company_id: int,
    number: str,
    files: Mapping[str, str],
    path: str,
    found: Report,
) -> Saved | Refusal:
    """The draft of a path with a test of this record, which expects what the draft says of it."""
    newest = draft_trials.newest_verdict(session, company_id, number, found)
    if isinstance(newest, Refusal):
        return newest
    stored = replays.kept(session, company_id, newest[1].evaluation_id)
    if stored is None or not stored.replayable:
        return GONE
    given = tried_rules.of_files("the draft", files, found.hash)
    known = tried_rules.looked_for(session, given, stored).facts
    judged = tried_rules.judged_with(session, given, stored, known)
    if not judged.outcome.decisions:
        return _nothing_decided(number)
    case = case_of(given.program, judged, Neutral(NEUTRAL, NEUTRAL_FIELDS), schemas())
    if isinstance(case, Case):
        before = f"{files[path].rstrip()}\n\n".lstrip("\n")
        text = before + written(case.samples, case.test)
        return Saved(text, case.test.title, before.count("\n") + 1)
    if case.route is None:
        return TOO_LONG
    if isinstance(case_of(given.program, judged, Neutral({}, {}), schemas()), Case):
        return PERSONAL
    return _needs_more(case.route)


def _nothing_decided(number: str) -> Refusal:
    return Refusal(
        "draft.nothing_decided",
        f"These rules decide nothing about {number}, so there is nothing that a test could expect.",
        "Try a record of a kind that is posted.",
    )


def _needs_more(route: str) -> Refusal:
    return Refusal(
        "draft.untold_test",
        f"This record cannot be saved as a test: in a test {route} would come to another result."
        " A test knows no releases of people, no lists of codes of an accounting system, no unit"
        " rates outside the rule files, and no parts that were billed before.",
        "Write the test by hand, for the part of it that matters.",
    )
