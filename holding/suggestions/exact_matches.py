"""Which missing values have exactly one value that fits, why, and why the others are left out.

Here: the candidates of each missing value (from a target's lists, another spelling in use, the
other side of a check), and the verdict on it. Not here: what an entry of a list agrees and differs
in (match_evidence.py), the lists (choices.py, holding/code_lists), what accepting does
(bulk_acceptance.py).

Nothing is exact that anything contradicts: a number, a name, a value that another party has.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.code_lists import file_codes
from holding.code_lists.file_codes import Identity
from holding.mappings.entries import table_of
from holding.mappings.fixes import Missing, missing
from holding.parties import party_merge
from holding.store import bulk
from holding.suggestions import choices, said_identities
from holding.suggestions.choices import Purpose
from holding.suggestions.match_evidence import Candidate, chosen, compared, same_word
from holding.tables import MappingEntry, MappingTable, SnapshotItem
from holding.tables.row_states import ListKind
from rules.values.cause_keys import UNITS
from rules.values.spelling import match_key

MOST: Final = 100
"""So many missing values are looked at, those with the most money."""
OWN: Final = "It has, or had, a value of its own"


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


def exact_matches(session: Session, company_id: int) -> Matches:
    """The missing values of all maps, those with the most money first; units are left to people."""
    every = [row for row in missing(session, company_id, most=None) if row.table != UNITS]
    rows = every[:MOST]
    names = dict.fromkeys(row.table for row in rows)
    purposes = {name: choices.purpose(session, company_id, name) for name in names}
    parties = {name for name, told in purposes.items() if told.of_parties}
    said = said_identities.said_identities(session, company_id, rows, parties)
    verdicts: dict[int, Match | LeftOut] = {}
    for name in names:
        table = table_of(session, company_id, name)
        mine = [row for row in rows if row.table == name]
        if table is not None:
            verdicts |= _of_table(session, table, mine, said, purposes[name])
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
    told: Purpose,
) -> dict[int, Match | LeftOut]:
    found = _candidates(session, table, rows, said, told)
    had = _had_before(session, table, [row.key for row in rows])
    verdicts: dict[int, Match | LeftOut] = {}
    for row in rows:
        one, who = said[row.cause_id], said[row.cause_id].newest
        why = one.torn or (OWN if row.key in had else "")
        value, left = ("", why) if why else chosen(found[row.cause_id])
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
) -> dict[int, dict[str, Candidate]]:
    """Cause -> value -> what speaks for it and against it."""
    spelled = _spelled(session, table, rows)
    known = {
        row.cause_id: party_merge.known_as(session, table.company_id, table.name, row.cause_id)
        for row in rows
    }
    used = {key: {use.value for use in uses} | set(spelled[key]) for key, uses in known.items()}
    found = _of_files(session, told, {key: one.newest for key, one in said.items()}, used)
    codes = _told_codes(session, told, [row.key for row in rows])
    for row in rows:
        mine = found[row.cause_id]
        for target in codes.get(row.key, ()):
            mine.setdefault(row.key, Candidate()).reasons.append(f"Same code in {target}")
        for use in known[row.cause_id]:
            mine.setdefault(use.value, Candidate()).reasons.append(f"{use.reason}: {use.key}")
        for value, key in spelled[row.cause_id].items():
            reason = f"Used for {key}, the same but for its spelling"
            hint = f"Spelled like {key}, which is known"
            mine.setdefault(value, Candidate()).spelled(row.key, key, reason, hint)
    return found


def _of_files(
    session: Session,
    told: Purpose,
    asked: Mapping[int, Identity],
    used: Mapping[int, Collection[str]],
) -> dict[int, dict[str, Candidate]]:
    """The same by the lists from files alone: of each cause in `used` the entries that something
    speaks for, and those of the values in use that it names, whatever they say.
    """
    found: dict[int, dict[str, Candidate]] = {cause_id: {} for cause_id in used}
    every = sorted({value for values in used.values() for value in values})
    for file in told.files:
        fitting = file_codes.fitting(session, file, [asked[cause_id] for cause_id in used])
        entries = file_codes.listed(session, file, every) | {one.code: one for one in fitting}
        for cause_id, mine in found.items():
            for code in sorted(entries):
                party = file.kind != ListKind.ITEM
                one = compared(entries[code], asked[cause_id], party=party, by_id=file.by_id)
                if one.reasons or one.hints or code in used[cause_id]:
                    mine[code] = mine[code].joined(one) if code in mine else one
    return found


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


def _spelled(
    session: Session, table: MappingTable, rows: Sequence[Missing]
) -> dict[int, dict[str, str]]:
    """Cause -> the values in use of keys that share its letters and digits, each with such a key;
    with the one that differs least.
    """
    entries = session.execute(
        select(MappingEntry.key, MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None), MappingEntry.num.is_(None))
        .order_by(MappingEntry.key)
    )
    alike: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        alike[match_key(entry.key)].append((entry.value, entry.key))
    found: dict[int, dict[str, str]] = {}
    for row in rows:
        pairs = alike.get(match_key(row.key), [])
        mine = dict(reversed(pairs))
        same = {value: key for value, key in pairs if same_word(key, row.key)}
        found[row.cause_id] = mine | same
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
