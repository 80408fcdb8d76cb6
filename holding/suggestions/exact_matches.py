"""Which missing values have exactly one value that fits, why, and why the others are left out.

Here: the evidence for each missing value (numbers, code and name in a target's lists, another
spelling in use, the other side of a check), and the verdict on it. Not here: the lists (choices.py,
holding/code_lists), what accepting does (bulk_acceptance.py).

Nothing is exact that anything contradicts: a number, a name, a value that another party has.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.code_lists import file_codes
from holding.code_lists.file_codes import FileCode, Identity
from holding.code_lists.list_rows import name_key, registration_key, short_name_key, tin_key
from holding.mappings.entries import table_of
from holding.mappings.fixes import Missing, missing
from holding.parties import party_merge
from holding.store import bulk
from holding.suggestions import choices, said_identities
from holding.suggestions.choices import Purpose
from holding.tables import MappingEntry, MappingTable, SnapshotItem
from holding.tables.row_states import ListKind
from rules.values.cause_keys import UNITS
from rules.values.spelling import match_key

MOST: Final = 100
"""So many missing values are looked at, those with the most money."""
SAME_TIN, SAME_REGISTRATION = "Same TIN", "Same registration number"
OTHER_TIN, OTHER_REGISTRATION = "another TIN", "another registration number"
STRONG: Final = frozenset({SAME_TIN, SAME_REGISTRATION})
OWN: Final = "It has, or had, a value of its own"
NOTHING: Final = "No list and no value in use has its number, code or name"


@dataclass(frozen=True, slots=True)
class Match:
    """A missing value with the one value that fits it, and why; `name` is the target's."""

    row: Missing
    who: Identity
    value: str
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A missing value that a person has to look at, and why."""

    row: Missing
    who: Identity
    why: str


@dataclass(frozen=True, slots=True)
class Matches:
    """All missing values that were looked at; `more` were not."""

    exact: tuple[Match, ...]
    left: tuple[LeftOut, ...]
    more: int = 0


@dataclass(slots=True)
class _Candidate:
    """A value that something speaks for; `against`: what contradicts it, `hint`: not enough."""

    name: str = ""
    reasons: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def strong(self) -> bool:
        return bool(STRONG & set(self.reasons))

    @property
    def other_number(self) -> bool:
        return bool({OTHER_TIN, OTHER_REGISTRATION} & set(self.against))


Candidates = Mapping[str, _Candidate]


def exact_matches(session: Session, company_id: int) -> Matches:
    """The missing values of all maps, those with the most money first; units are left to people."""
    every = [row for row in missing(session, company_id, most=None) if row.table != UNITS]
    rows = every[:MOST]
    said = said_identities.said_identities(session, company_id, rows)
    verdicts: dict[int, Match | LeftOut] = {}
    for name in dict.fromkeys(row.table for row in rows):
        table = table_of(session, company_id, name)
        mine = [row for row in rows if row.table == name]
        if table is not None:
            verdicts |= _of_table(session, table, mine, said)
    found = [verdicts[row.cause_id] for row in rows if row.cause_id in verdicts]
    return Matches(
        exact=tuple(one for one in found if isinstance(one, Match)),
        left=tuple(one for one in found if isinstance(one, LeftOut)),
        more=len(every) - len(rows),
    )


def _of_table(
    session: Session,
    table: MappingTable,
    rows: Sequence[Missing],
    said: Mapping[int, said_identities.Said],
) -> dict[int, Match | LeftOut]:
    told = choices.purpose(session, table.company_id, table.name)
    found = _candidates(session, table, rows, said, told)
    had = _had_before(session, table, [row.key for row in rows])
    verdicts: dict[int, Match | LeftOut] = {}
    for row in rows:
        one, who = said[row.cause_id], said[row.cause_id].newest
        why = one.torn or (OWN if row.key in had else "")
        value, left = ("", why) if why else _chosen(found[row.cause_id])
        if left:
            verdicts[row.cause_id] = LeftOut(row, who, left)
        else:
            fits = found[row.cause_id][value]
            verdicts[row.cause_id] = Match(row, who, value, fits.name, tuple(fits.reasons))
    matches = [one for one in verdicts.values() if isinstance(one, Match)]
    unfit = {**_shared(session, table, matches, told), **_unlisted(session, table, matches, told)}
    verdicts |= {m.row.cause_id: LeftOut(m.row, m.who, unfit[m.row.cause_id]) for m in matches
                 if m.row.cause_id in unfit}  # fmt: skip
    return verdicts


def _candidates(
    session: Session,
    table: MappingTable,
    rows: Sequence[Missing],
    said: Mapping[int, said_identities.Said],
    told: Purpose,
) -> dict[int, dict[str, _Candidate]]:
    """Cause -> value -> what speaks for it and against it."""
    found: dict[int, dict[str, _Candidate]] = {row.cause_id: {} for row in rows}
    for file in told.files:
        entries = file_codes.fitting(session, file, [said[row.cause_id].newest for row in rows])
        party = file.kind != ListKind.ITEM
        for row in rows:
            for entry in entries:
                one = _compared(entry, said[row.cause_id].newest, party=party)
                if one.reasons or one.hints:
                    found[row.cause_id][entry.code] = one
    codes = _told_codes(session, told, [row.key for row in rows])
    spelled = _spelled(session, table)
    for row in rows:
        mine = found[row.cause_id]
        for target in codes.get(row.key, ()):
            mine.setdefault(row.key, _Candidate()).reasons.append(f"Same code in {target}")
        for value, key in spelled.get(match_key(row.key), {}).items():
            reason = f"Used for {key}, the same but for its spelling"
            mine.setdefault(value, _Candidate()).reasons.append(reason)
        for use in party_merge.known_as(session, table.company_id, table.name, row.cause_id):
            mine.setdefault(use.value, _Candidate()).reasons.append(f"{use.reason}: {use.key}")
    return found


def _compared(entry: FileCode, who: Identity, *, party: bool) -> _Candidate:
    """What an entry of a list and the words of a source agree and differ in."""
    one = _Candidate(name=entry.name if entry.name != entry.code else "")
    same_code = match_key(entry.code) == match_key(who.key)
    if same_code:
        one.reasons.append("Same code" if entry.code == who.key else "Same code, spelled otherwise")
    if not party:
        return one
    _numbers(one, tin_key(entry.tin), tin_key(who.tin), SAME_TIN, OTHER_TIN)
    ours, theirs = registration_key(who.registration), registration_key(entry.registration)
    _numbers(one, theirs, ours, SAME_REGISTRATION, OTHER_REGISTRATION)
    if not who.name:
        return one
    if name_key(entry.name) == name_key(who.name):
        one.reasons.append("Same name")
    elif short_name_key(entry.name) == short_name_key(who.name):
        words = "Same name apart from Sdn Bhd"
        (one.reasons if one.strong or same_code else one.hints).append(words)
    elif one.reasons:
        one.against.append(f"another name, {entry.name}")
    return one


def _numbers(one: _Candidate, theirs: str, ours: str, same: str, other: str) -> None:
    if ours and theirs:
        (one.reasons if ours == theirs else one.against).append(same if ours == theirs else other)


def _chosen(found: Candidates) -> tuple[str, str]:
    """The one value that fits and "", or "" and why none is chosen."""
    spoken = {value: one for value, one in found.items() if one.reasons}
    rival = [v for v, one in spoken.items() if one.strong or not one.other_number]
    if len(rival) > 1:
        return "", f"{len(rival)} values fit: {', '.join(sorted(rival)[:3])}"
    if not rival:
        return "", _nearly(found)
    one = spoken[rival[0]]
    if one.against:
        return "", f"{one.reasons[0]} as {rival[0]}, but {' and '.join(one.against)}"
    return rival[0], ""


def _nearly(found: Candidates) -> str:
    """What nearly fits."""
    for value, one in found.items():
        if one.reasons:
            return f"{one.reasons[0]} as {value}, but {' and '.join(one.against)}"
        but = " and ".join(one.against) or "no number tells them"
        return f"{one.hints[0]} as {value}, but {but}"
    return NOTHING


def _told_codes(
    session: Session, told: Purpose, keys: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Key -> the targets that told a code which is exactly it."""
    targets = {one.snapshot_id: one.target for one in told.lists}
    rows = session.execute(
        select(SnapshotItem.snapshot_id, SnapshotItem.code).where(
            bulk.among(SnapshotItem.snapshot_id, sorted(targets)),
            bulk.among(SnapshotItem.code, list(keys)),
            SnapshotItem.to_revision.is_(None),
        )
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows if targets else ():
        found[row.code].append(targets[row.snapshot_id])
    return {code: tuple(sorted(names)) for code, names in found.items()}


def _spelled(session: Session, table: MappingTable) -> dict[str, dict[str, str]]:
    """What all spellings of a key share -> its values in use, each with a key that has it."""
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None), MappingEntry.num.is_(None))
        .order_by(MappingEntry.key)
    )
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        found[match_key(row.key)].setdefault(row.value, row.key)
    return found


def _had_before(session: Session, table: MappingTable, keys: Collection[str]) -> set[str]:
    """The keys that ever had an entry: what was posted with it is looked at alone."""
    query = select(MappingEntry.key).where(
        MappingEntry.table_id == table.id, bulk.among(MappingEntry.key, list(keys))
    )
    return set(session.scalars(query))


def _shared(
    session: Session, table: MappingTable, matches: Sequence[Match], told: Purpose
) -> dict[int, str]:
    """Parties whose value another key has already, or would have with them; another spelling of
    the key is no other.
    """
    if not told.of_parties or not matches:
        return {}
    have = choices.keys_of(session, table, list({one.value for one in matches}))
    wrong: dict[int, str] = {}
    for one in matches:
        taken = [key for key in have[one.value][0] if match_key(key) != match_key(one.row.key)]
        if taken:
            why = f"{one.reasons[0]} as {taken[0]}, which is {one.value} already"
            wrong[one.row.cause_id] = why
    free = [one for one in matches if one.row.cause_id not in wrong]
    for one in free:
        others = [
            other.row.key
            for other in free
            if other.value == one.value and match_key(other.row.key) != match_key(one.row.key)
        ]
        if others:
            wrong[one.row.cause_id] = f"{', '.join(others[:3])} would be {one.value}, too"
    return wrong


def _unlisted(
    session: Session, table: MappingTable, matches: Sequence[Match], told: Purpose
) -> dict[int, str]:
    """Values that a target which told all its codes does not list, or that are in no list of it and
    were never posted.
    """
    if not matches:
        return {}
    values = list({one.value for one in matches})
    wrong: dict[str, str] = {}
    for told_list in (one for one in told.lists if one.complete):
        named = choices.Purpose((told_list,))
        has = _told_codes(session, named, values)
        wrong |= {v: f"{told_list.target} does not list {v}" for v in values if v not in has}
    posted = choices.accepted(session, table, values)
    for file in told.files:
        listed = file_codes.listed(session, file, values)
        for value in values:
            entry = listed.get(value)
            if entry is None and value not in posted:
                wrong[value] = f"{value} is not in the list of {file.target} of {file.as_of}"
            elif entry is not None and not entry.active:
                wrong[value] = f"{value} is inactive in {file.target} by the list of {file.as_of}"
    return {one.row.cause_id: wrong[one.value] for one in matches if one.value in wrong}
