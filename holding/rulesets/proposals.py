"""Propose rules for corrections, releases and mapping fixes that users repeat by hand.

Counts the last three months and drafts a rule where one can be derived. A user still submits and
publishes it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from grammar.layout.written import format_text
from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from holding.db.models import Company, MappingEntry, MappingTable, Record, Release, Version
from holding.db.refusal import Refusal, plural
from holding.intake.open_fields import field_changes
from holding.mappings.fixes import PUBLISHED
from holding.rulesets.admission import Report, report, rule_sources
from holding.rulesets.publication import files_of
from rules.editing.daily_hours import add_map_entries, loosen_match, soften_check
from rules.values.cause_keys import fold_key

DAYS: Final = 90
AT_LEAST: Final = 10
Look = Callable[[Mapping[str, str]], Report | Refusal]
MOST_PAIRS: Final = 50
SPELLINGS: Final = (
    ("trimmed",),
    ("any_case",),
    ("trimmed", "any_case"),
    ("any_punctuation",),
    ("any_case", "any_punctuation"),
)
_AT: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Repeated manual work; `files` is the draft, if one passes the check.

    `key` identifies it in a URL. `examples` are the most frequent ones with counts. `why_not`
    explains a missing draft.
    """

    key: str
    what: str
    times: int
    last: datetime
    examples: tuple[tuple[str, int], ...]
    files: Mapping[str, str] | None
    why_not: str

    @property
    def say(self) -> str:
        """The count in one sentence."""
        return f"This was fixed by hand {plural(self.times, 'time')}: {self.what}."


@dataclass(frozen=True, slots=True)
class _Done:
    """One kind of manual work, with counts of each change, and the last time."""

    key: str
    what: str
    pairs: Counter[tuple[str, str]]
    last: datetime

    @property
    def times(self) -> int:
        """The number of times it was done."""
        return self.pairs.total()


def proposals(
    session: Session, company_id: int, now: datetime, look: Look = report
) -> tuple[Proposal, ...]:
    """Return manual work that was repeated often enough, most frequent first.

    `look` checks a draft.
    """
    since = now - timedelta(days=DAYS)
    repetitions = [
        *_corrections(session, company_id, since),
        *_releases(session, company_id, since),
        *_spellings(session, company_id, since),
    ]
    often = sorted(
        (repetition for repetition in repetitions if repetition.times >= AT_LEAST),
        key=lambda repetition: -repetition.times,
    )
    company = session.get_one(Company, company_id)
    version_id = company.ruleset_version_id
    files = files_of(session, version_id) if often and version_id is not None else {}
    ruleset, _ = parse(rule_sources(files))
    zone = ZoneInfo(company.zone)
    return tuple(_proposed(repetition, ruleset, files, zone, look) for repetition in often)


def _proposed(
    done: _Done, ruleset: Ruleset, files: Mapping[str, str], zone: ZoneInfo, look: Look
) -> Proposal:
    day = done.last.astimezone(zone).date()
    note = f"By hand {plural(done.times, 'time')} up to {day.isoformat()}."
    draft, why_not = _draft(done, ruleset, files, note), ""
    if draft is None:
        why_not = "Every time it was another value: no rule follows from it."
    else:
        draft = {
            path: format_text(text, path) if text != files.get(path) else text
            for path, text in draft.items()
        }
        why_not = _wrong(look(draft))
        draft = None if why_not else draft
    return Proposal(
        key=done.key,
        what=done.what,
        times=done.times,
        last=done.last,
        examples=tuple(
            (f"{before or 'nothing'} to {after}" if after else before, times)
            for (before, after), times in done.pairs.most_common(5)
        ),
        files=draft,
        why_not=why_not,
    )


def _wrong(looked: Report | Refusal) -> str:
    """Return why a draft is not valid."""
    if isinstance(looked, Refusal):
        return f"The draft was not checked: {looked.message}"
    if looked.refusal() is None:
        return ""
    fault_texts = [finding.message for finding in looked.findings if finding.is_error]
    fault_texts += [
        f"{result.title}: {result.message}" for result in looked.tests if not result.passed
    ]
    return f"The draft goes against the rules in force: {fault_texts[0]}"


def _draft(
    done: _Done, ruleset: Ruleset, files: Mapping[str, str], note: str
) -> dict[str, str] | None:
    kind, _, subject = done.key.partition(":")
    if kind == "release":
        return soften_check(ruleset, files, subject, note)
    if kind == "spelling":
        options = _loosest(done.pairs)
        return loosen_match(ruleset, files, subject, options, note) if options else None
    record, _, path = subject.partition(":")
    pairs = dict(done.pairs)
    befores = Counter(before for before, _ in pairs)
    certain = {before: after for before, after in pairs if before and befores[before] == 1}
    if not certain or len(certain) > MOST_PAIRS or len(certain) * 2 > done.times:
        return None
    return add_map_entries(ruleset, files, record, path, certain, note)


def _loosest(pairs: Mapping[tuple[str, str], int]) -> tuple[str, ...] | None:
    """Return the strictest match under which all these keys equal the known ones."""
    return next(
        (how for how in SPELLINGS if all(fold_key(a, how) == fold_key(b, how) for a, b in pairs)),
        None,
    )


def _corrections(session: Session, company_id: int, since: datetime) -> list[_Done]:
    """Return the corrections by field, with old and new values."""
    before = aliased(Version)
    rows = session.execute(
        select(Record.type, before.body.label("old"), Version.body.label("new"), Version.at)
        .join(Record, Record.id == Version.record_id)
        .join(before, before.id == Version.corrects_id)
        .where(Record.company_id + 0 == company_id)  # by the corrections, not by all of the company
        .where(Version.corrects_id.is_not(None), Version.at >= since)
        .order_by(Version.at)
    )
    pairs: defaultdict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    last: dict[tuple[str, str], datetime] = {}
    for row in rows:
        for change in field_changes(row.old, row.new):
            field = row.type, _AT.sub("", change.path)
            pairs[field][change.before or "", change.after or ""] += 1
            last[field] = row.at
    return [
        _Done(
            f"correction:{kind}:{path}",
            f"{path} of {kind} corrected",
            pair_counts,
            last[kind, path],
        )
        for (kind, path), pair_counts in pairs.items()
    ]


def _releases(session: Session, company_id: int, since: datetime) -> list[_Done]:
    """Return how often each rule's holds were released."""
    rows = session.execute(
        select(Release.rule, func.count(), func.max(Release.at))
        .join(Record, Record.id == Release.record_id)
        .where(Record.company_id + 0 == company_id)  # by the releases, not by all of the company
        .where(Release.at >= since, Release.kind == "release")
        .where(Release.voided_at.is_(None))
        .group_by(Release.rule)
    )
    return [
        _Done(f"release:{rule}", f"released what {rule} held", Counter({("released", ""): n}), last)
        for rule, n, last in rows
    ]


def _spellings(session: Session, company_id: int, since: datetime) -> list[_Done]:
    """Return by table the keys users added that are only other spellings of a known key."""
    rows = session.execute(
        select(MappingTable.name, MappingEntry.key, MappingEntry.value, MappingEntry.at)
        .add_columns(MappingEntry.reason)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingTable.kind == "map")
        .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None))
        .order_by(MappingEntry.from_revision, MappingEntry.id)
    )
    first_keys: dict[tuple[str, str, str | None], str] = {}
    pairs: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    last: dict[str, datetime] = {}
    for row in rows:
        bare = row.name, fold_key(row.key, ("any_case", "any_punctuation")), row.value
        first = first_keys.setdefault(bare, row.key)
        if first != row.key and row.reason != PUBLISHED and row.at >= since:
            pairs[row.name][row.key, first] += 1
            last[row.name] = row.at
    return [
        _Done(f"spelling:{name}", f"another spelling added to {name}", pair_counts, last[name])
        for name, pair_counts in pairs.items()
    ]
