"""A record judged with the draft of a rule file, beside its stored verdict; nothing is stored.

Here: which record and verdict a number means, and why there is nothing to try. Not here: the check
of the draft (holding/rulesets/check_processes.py), judging again (replays.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from holding.db.refusal import Refusal
from holding.rulesets.admission import Report
from holding.trials import replays, tried_rules
from holding.trials.replays import GONE, Replay
from holding.worklist import search
from holding.worklist.search import Found
from rules.outcomes.outcome import NOT_APPLICABLE, PASS, Verdict, VerdictKind

RULES: Final[frozenset[VerdictKind]] = frozenset(
    {"gate", "check", "duplicates", "approve", "when", "timing", "after", "change"}
)
"""Kinds of verdicts that are rules of their own; others are told where they stop something."""
MOST: Final = 60
NOBODY: Final = Refusal(
    "draft.no_record",
    "No record has this number.",
    "Enter the number of a record or of its document.",
    404,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A record under a draft: the replay, and what each rule said, what stops first; of many rules
    the first, and how many `more` there are.
    """

    record: Found
    replay: Replay
    told: tuple[Verdict, ...]
    more: int


def tried(
    session: Session, company_id: int, number: str, files: Mapping[str, str], found: Report
) -> Tried | Refusal:
    """The newest verdict of a record, judged again with these files, whose check found this."""
    newest = newest_verdict(session, company_id, number, found)
    if isinstance(newest, Refusal):
        return newest
    record, verdict = newest
    given = tried_rules.of_files("the draft", files, found.hash)
    replay = replays.replayed(session, company_id, verdict.evaluation_id, given)
    if isinstance(replay, Refusal):
        return replay
    told = [one for one in replay.told if one.kind in RULES or _stops(one)]
    told.sort(key=lambda one: not _stops(one))
    shown = tuple(told[:MOST])
    return Tried(record=record, replay=replay, told=shown, more=len(told) - len(shown))


def newest_verdict(
    session: Session, company_id: int, number: str, found: Report
) -> tuple[Found, replays.Verdict] | Refusal:
    """The record of a number with its newest verdict, if the check of the draft found no error."""
    first = next((one for one in found.findings if one.is_error), None)
    if first is not None:
        return Refusal(
            "draft.wrong",
            f"The draft has an error in line {first.line} of {first.file}.",
            "Correct it, then try the record.",
        )
    records = search.exact(session, company_id, number) if number else ()
    if not records:
        return NOBODY
    verdicts = replays.verdicts(session, records[0].id, 1)
    return (records[0], verdicts[0]) if verdicts else GONE


def _stops(one: Verdict) -> bool:
    return one.result not in (PASS, NOT_APPLICABLE)
